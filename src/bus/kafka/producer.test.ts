/**
 * The producer on three brokers of which one, or all, fall silent and keep their connections.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { type KafkaServers, startKafka } from '../../../test/support/kafka.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import { settingsOf } from '../testing/kafka-world.ts';
import { aCallback, aTransaction } from '../testing/pretended-shards.ts';
import { callbackMessage } from './callback-message.ts';
import { createKafka } from './connect.ts';
import { createKafkaProducer, type KafkaProducer } from './producer.ts';
import { ensureTopics, topicsOf } from './topics.ts';

describe.skipIf(!canRun('kafka', 'the producer is'))('producer', { timeout: 120_000 }, () => {
  let servers: KafkaServers;
  beforeAll(async () => {
    servers = await startKafka({ brokers: 3 });
  }, 120_000);
  afterAll(() => servers?.stop());

  /** One with topics of its own, that has sent to each partition once. */
  async function producerOf(name: string): Promise<{ producer: KafkaProducer; sendToAll(): Promise<void> }> {
    const settings = settingsOf(servers, name);
    const kafka = createKafka(settings, 'test', () => undefined);
    const admin = kafka.admin();
    await admin.connect();
    await ensureTopics(admin, settings);
    await admin.disconnect();
    const producer = createKafkaProducer(kafka);
    const toAll = Array.from({ length: 6 }, (_, i) => callbackMessage(aCallback(aTransaction(i * 171))));
    const sendToAll = (): Promise<void> => producer.send(topicsOf(settings).callbacks, toAll);
    await eventually(sendToAll);
    return { producer, sendToAll };
  }

  test('a broker that falls silent is done without once its partitions have other leaders', async () => {
    const { producer, sendToAll } = await producerOf('silent');
    servers.broker(2).pause();
    await expect(sendToAll()).rejects.toThrow();
    await eventually(sendToAll, { withinMs: 40_000 });
    servers.broker(2).resume();
    await producer.close();
  });

  test('after all of them were silent and are back, it sends again', async () => {
    const { producer, sendToAll } = await producerOf('allsilent');
    const brokers = [0, 1, 2].map((index) => servers.broker(index));
    for (const broker of brokers) broker.pause();
    for (let tries = 0; tries < 3; tries++) await expect(sendToAll()).rejects.toThrow();
    for (const broker of brokers) broker.resume();
    await eventually(sendToAll, { withinMs: 60_000 });
    await producer.close();
  });
});
