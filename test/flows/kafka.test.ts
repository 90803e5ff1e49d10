/**
 * A gateway on Kafka: what it decides is on `payment_status`, and Kafka may be away.
 *
 * @module
 */

import { createHmac, randomUUID } from 'node:crypto';
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sluice } from '../../src/cli/sluice.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { type KafkaServers, startKafka } from '../support/kafka.ts';
import { canRun } from '../support/required-servers.ts';
import { bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const PREFIX = 'flow.';

describe.skipIf(!canRun('kafka', 'a gateway on Kafka is'))('a gateway on Kafka', () => {
  let servers: KafkaServers;
  let world: World;
  let gateway: Gateway;
  let shop: Shop;
  let reader: { messages: KafkaMessage[]; close(): Promise<void> };

  beforeAll(async () => {
    // The bank's own callbacks come late: these tests send theirs.
    [servers, world] = await Promise.all([startKafka(), startWorld({ callbackDelayMs: 600_000 })]);
    gateway = await world.startGateway(kafkaEnv());
    shop = createShop(world, gateway);
    reader = await readAll(`${PREFIX}payment_status`);
  });
  afterAll(async () => {
    await reader?.close();
    await Promise.all([world?.stop(), servers?.stop()]);
  });

  function kafkaEnv(): Record<string, string> {
    const brokers = servers.brokers.join();
    return { SLUICE_KAFKA_BROKERS: brokers, SLUICE_KAFKA_PREFIX: PREFIX, SLUICE_KAFKA_PARTITIONS: '4' };
  }

  /** Reads a topic from its beginning, once it is there. */
  async function readAll(topic: string): Promise<typeof reader> {
    const kafka = new Kafka({ brokers: [...servers.brokers], logLevel: logLevel.NOTHING });
    const messages: KafkaMessage[] = [];
    const consumer = kafka.consumer({ groupId: `readers of ${topic}` });
    await consumer.connect();
    await eventually(() => consumer.subscribe({ topic, fromBeginning: true }));
    await consumer.run({ eachMessage: async ({ message }) => void messages.push(message) });
    return { messages, close: () => consumer.disconnect() };
  }

  /** The bank says that it charged; resolves with the answer's verdict. */
  async function say(transactionId: string): Promise<unknown> {
    const [line] = await eventually(async () => {
      const book = await bookOf(world, transactionId);
      expect(book).toHaveLength(1);
      return book;
    });
    const charge = { account: 'acct_demo', amount: 5000, currency: 'INR', status: 'succeeded' };
    const data = { id: line!.id, reference: transactionId, ...charge };
    const event = { event_id: `sbevt_${randomUUID()}`, type: 'charge.succeeded', created: Date.now(), data };
    const body = JSON.stringify(event);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', world.webhookSecret).update(`${timestamp}.${body}`).digest('hex');
    const headers = { 'x-sandbox-timestamp': timestamp, 'x-sandbox-signature': signature };
    const response = await fetch(`${gateway.apiUrl}/webhooks/sandbox`, { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    return ((await response.json()) as { verdict: unknown }).verdict;
  }

  async function statusOf(transactionId: string): Promise<KafkaMessage> {
    return await eventually(() => {
      const found = reader.messages.find(({ key }) => String(key) === transactionId);
      expect(found).toBeDefined();
      return found!;
    });
  }

  async function degraded(): Promise<unknown> {
    const response = await fetch(`${gateway.opsUrl}/readyz`);
    expect(response.status).toBe(200);
    return ((await response.json()) as { degraded: unknown }).degraded;
  }

  test('a callback goes over the topic, and what it decided is on another, as a webhook’s body', async () => {
    await eventually(async () => expect(await degraded()).toEqual([]));
    // One that Kafka does not acknowledge in half a second is applied at once, as on a machine that is busy.
    const { transactionId, paymentIntentId } = await eventually(async () => {
      const bought = await shop.buy(CARDS.processingForEver);
      expect(await say(bought.transactionId)).toBe(null);
      return bought;
    });
    await shop.becomes(transactionId, 'SUCCESS');
    const { value, headers } = await statusOf(transactionId);
    expect(JSON.parse(String(value))).toMatchObject({
      type: 'payment.succeeded',
      data: { transactionId, paymentIntentId, status: 'SUCCESS', amount: 5000, currency: 'INR', sequence: 1 },
    });
    expect(String(headers?.['sluice-version'])).toBe('1');
    expect(String(headers?.['sluice-event-id'])).toMatch(/^evt_[0-9a-f]{32}$/);
  });

  test('with Kafka dead payments go on, the gateway is ready and says so; all is relayed when it is back', async () => {
    const marked = 'select from processor_callbacks where relay';
    await eventually(async () => expect(await queryShards(world, marked)).toEqual([]));
    await servers.broker(0).kill();
    await eventually(async () => expect(await degraded()).toEqual(['bus']));
    const { transactionId } = await shop.buy(CARDS.processingForEver);
    expect(await say(transactionId)).toBe('applied');
    await shop.becomes(transactionId, 'SUCCESS');
    expect(await queryShards(world, marked)).toHaveLength(1);
    await servers.broker(0).again();
    await statusOf(transactionId);
    await eventually(async () => expect(await queryShards(world, marked)).toEqual([]));
    expect(await queryShards(world, 'select from status_relay')).toEqual([]);
    await eventually(async () => expect(await degraded()).toEqual([]));
    // A broker starts in it.
  }, 60_000);

  test('sluice bus tells how far behind the gateways are, and what is parked', async () => {
    const run = async (...words: string[]): Promise<string> => {
      let said = '';
      const out = (text: string): void => {
        said += text;
      };
      expect(await sluice(words, { env: kafkaEnv(), out, err: out })).toBe(0);
      return said;
    };
    await eventually(async () =>
      expect(JSON.parse(await run('bus', '--json'))).toEqual({
        lags: ['payment_callback_status', 'payment_processor_status'].flatMap((topic) =>
          [0, 1, 2, 3].map((partition) => ({ topic: `${PREFIX}${topic}`, partition, lag: 0 })),
        ),
        parked: 0,
      }),
    );
    expect(await run('bus')).toContain('not committed: 0, parked: 0');
    expect(await run('bus', 'parked')).toBe('parked: 0\n');
  });

  test('a stop with Kafka dead is a clean one', async () => {
    await servers.broker(0).kill();
    expect(await gateway.stop()).toBe(0);
  });
});
