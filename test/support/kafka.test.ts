import { readFileSync } from 'node:fs';
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeCertificates } from './certificates.ts';
import { type KafkaOptions, type KafkaServers, startKafka } from './kafka.ts';
import { canRun } from './required-servers.ts';

const TOPIC = 'letters';

async function start(options: KafkaOptions): Promise<KafkaServers> {
  const servers = await startKafka(options);
  onTestFinished(() => servers.stop());
  return servers;
}

function connect(servers: KafkaServers, more: Partial<KafkaConfig> = {}): Kafka {
  return new Kafka({ brokers: [...servers.brokers], logLevel: logLevel.NOTHING, ...more });
}

/** Creates the topic, of one partition, and tells the node id of who leads it. */
async function makeTopic(kafka: Kafka): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: TOPIC, numPartitions: 1 }] });
  const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
  await admin.disconnect();
  return topics[0]!.partitions[0]!.leader;
}

async function write(kafka: Kafka, value: string): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: TOPIC, acks: -1, messages: [{ value }] });
  await producer.disconnect();
}

/** The first message of the topic. */
async function read(kafka: Kafka): Promise<string> {
  const consumer = kafka.consumer({ groupId: 'readers' });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  const first = await new Promise<string>((resolve, reject) => {
    consumer
      .run({ eachMessage: async ({ message }) => resolve(String(message.value)) })
      .catch((error: unknown) => reject(error));
  });
  await consumer.disconnect();
  return first;
}

describe.skipIf(!canRun('kafka', 'the Kafka of other tests is'))('kafka', { timeout: 90_000 }, () => {
  test('three brokers lose nothing with the one that leads, and take it back', async () => {
    const servers = await start({ brokers: 3 });
    const kafka = connect(servers);
    const leader = await makeTopic(kafka);
    await write(kafka, 'kept');
    await servers.broker(leader - 1).kill();
    expect(await read(kafka)).toBe('kept');
    await servers.broker(leader - 1).again();
  });

  test('one broker, by TLS 1.3 only, lets in its user by the password', async () => {
    const certificates = makeCertificates();
    onTestFinished(certificates.remove);
    const { server, ca } = certificates;
    const user = { name: 'sluice', password: 'in-tests-only' };
    const servers = await start({ tls: { ...server, ca, user } });
    const asks = (password: string, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string[]> => {
      const ssl = { ca: readFileSync(ca), maxVersion };
      const sasl = { mechanism: 'scram-sha-512', username: user.name, password } as const;
      return topicsOf(connect(servers, { ssl, sasl, retry: { retries: 0 } }));
    };
    expect(await asks(user.password, 'TLSv1.3')).toEqual([]);
    await expect(asks('another', 'TLSv1.3')).rejects.toThrow(/credentials/i);
    await expect(asks(user.password, 'TLSv1.2')).rejects.toThrow();
  });
});

async function topicsOf(kafka: Kafka): Promise<string[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await admin.listTopics();
  } finally {
    await admin.disconnect();
  }
}
