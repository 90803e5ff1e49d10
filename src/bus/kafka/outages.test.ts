/**
 * The bus on Kafka when brokers, gateways or messages fail: on one broker, over pretended shards.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, pause } from '../../../test/support/eventually.ts';
import { type KafkaServers, startKafka } from '../../../test/support/kafka.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import type { ProcessorCallback } from '../../domain/callback.ts';
import { refusal } from '../../domain/outcomes.ts';
import { createMetrics, type Metrics } from '../../metrics/metrics.ts';
import { createMetricRegistry } from '../../metrics/registry.ts';
import type { ApplyCallback, Bus, CallbackBus } from '../bus.ts';
import { openTestBus, settingsOf } from '../testing/kafka-world.ts';
import {
  aCallback,
  aCorrection,
  aTransaction,
  createPretendedShards,
  type PretendedShards,
} from '../testing/pretended-shards.ts';
import { callbackMessage } from './callback-message.ts';
import { createKafka } from './connect.ts';
import { openInspection, type ParkedMessage } from './inspect.ts';
import { createKafkaProducer } from './producer.ts';
import { topicsOf } from './topics.ts';

let servers: KafkaServers;
let metrics: Metrics;
interface World {
  shards: PretendedShards;
  publisher: CallbackBus;
  /** Events of the log. */
  said: string[];
  /** Another gateway's consumer. */
  consumer(apply?: ApplyCallback): Promise<Bus>;
  close(): Promise<void>;
}

function world(prefix: string): World {
  const shards = createPretendedShards();
  const said: string[] = [];
  const common = { prefix, metrics, apply: shards.apply, onLog: (event: string) => said.push(event) };
  const publisher = openTestBus(servers, common);
  const open: CallbackBus[] = [publisher];
  return {
    shards,
    publisher,
    said,
    async consumer(apply = shards.apply) {
      const bus = openTestBus(servers, { ...common, correct: shards.correct, unmatched: shards.unmatched });
      open.push(bus);
      await bus.consume(apply);
      return bus;
    },
    close: async () => {
      await Promise.all(open.map((bus) => bus.close()));
    },
  };
}

/** Publishes, some at a time, until it is told to stop; resolves to those that were answered as durable. */
function stream(bus: CallbackBus): {
  answered: ProcessorCallback[];
  latest(): number;
  stop(): Promise<void>;
} {
  const answered: ProcessorCallback[] = [];
  let slowestMs = 0;
  let stopped = false;
  const streaming = Promise.all(
    Array.from({ length: 20 }, async () => {
      while (!stopped) {
        const callback = aCallback(aTransaction(answered.length % 1024));
        const before = performance.now();
        const answer = await bus.publish(callback);
        slowestMs = Math.max(slowestMs, performance.now() - before);
        if (answer.ok) answered.push(callback);
        await pause(2);
      }
    }),
  );
  return {
    answered,
    latest: () => slowestMs,
    async stop() {
      stopped = true;
      await streaming;
    },
  };
}

/** Kafka takes callbacks now. */
async function isUsed(bus: CallbackBus): Promise<void> {
  expect(await bus.publish(aCallback())).toEqual({ ok: true, verdict: null });
}

function missing(shards: PretendedShards, callbacks: readonly ProcessorCallback[]): number {
  return callbacks.filter(({ callbackId }) => !shards.rows.has(callbackId)).length;
}

describe.skipIf(!canRun('kafka', 'the bus on Kafka under outages is'))('the bus on Kafka', () => {
  beforeAll(async () => {
    servers = await startKafka();
    metrics = createMetrics(createMetricRegistry('test'));
  }, 120_000);
  afterAll(() => servers?.stop());

  test('a broker killed in the middle loses nothing; who starts without it goes past it, marks that, and uses it when it is there', async () => {
    const { shards, publisher, consumer, close } = world('killed');
    const background = await consumer();
    const { answered, stop } = stream(publisher);
    await eventually(() => expect(shards.applied.length).toBeGreaterThan(300));
    await servers.broker(0).kill();
    const soFar = answered.length;
    await eventually(() => expect(answered.length).toBeGreaterThan(soFar + 100));
    expect(shards.toRelay.size).toBeGreaterThan(0);

    const late = world('absent');
    await late.consumer();
    const callbacks = Array.from({ length: 20 }, () => aCallback());
    for (const callback of callbacks)
      expect(await late.publisher.publish(callback)).toEqual({ ok: true, verdict: 'applied' });
    expect([...late.shards.toRelay]).toEqual(callbacks.map(({ callbackId }) => callbackId));
    await expect(late.publisher.ping()).rejects.toThrow();

    const correction = aCorrection();
    shards.waiting.add(correction.id);
    expect(await background.publishCorrection(correction)).toEqual({ ok: true, closed: true });
    expect(shards.corrected).toEqual([correction.id]);

    await servers.broker(0).again();
    await eventually(() => isUsed(publisher));
    await stop();
    await eventually(() => expect(missing(shards, answered)).toBe(0));
    await eventually(async () =>
      expect(await background.publishCorrection(aCorrection())).toEqual({ ok: true, closed: false }),
    );
    await eventually(() => isUsed(late.publisher));
    const last = aCallback();
    await late.publisher.publish(last);
    await eventually(() => expect(late.shards.rows.has(last.callbackId)).toBe(true));
    await late.publisher.ping();
    await Promise.all([close(), late.close()]);
  }, 120_000);

  test('a broker that is paused costs a few callbacks the deadline and the others nothing, and loses nothing', async () => {
    const { shards, publisher, consumer, close } = world('paused');
    await consumer();
    const { answered, latest, stop } = stream(publisher);
    await eventually(() => expect(shards.applied.length).toBeGreaterThan(100));
    servers.broker(0).pause();
    await eventually(() => expect(shards.toRelay.size).toBeGreaterThan(300));
    servers.broker(0).resume();
    await eventually(() => isUsed(publisher));
    await stop();
    await eventually(() => expect(missing(shards, answered)).toBe(0), { withinMs: 30_000 });
    // The deadline is 500 ms; the machine is busy.
    expect(latest()).toBeLessThan(1500);
    await close();
  }, 120_000);

  test('a consumer killed between the commit in the database and the offset leaves a duplicate, and nothing is lost', async () => {
    const { shards, publisher, consumer, close } = world('torn');
    await eventually(() => isUsed(publisher));
    const entry = join(import.meta.dirname, '../testing/consume-and-die.ts');
    const child = execFile(process.execPath, [entry, servers.brokers.join(), 'torn']);
    const [line] = (await once(child.stdout!, 'data')) as [string];
    await once(child, 'exit');
    const committed = line.trim();
    shards.rows.set(committed, 'applied');
    const verdicts: unknown[] = [];
    await consumer(async (callback) => {
      const applied = await shards.apply(callback);
      verdicts.push([callback.callbackId, applied]);
      return applied;
    });
    await eventually(() => expect(verdicts).toContainEqual([committed, { ok: true, verdict: 'duplicate' }]));
    await close();
  }, 120_000);

  test('two consumers that come and go under load lose nothing, and keep each transaction’s order', async () => {
    const { shards, publisher, consumer, close } = world('rebalanced');
    const first = await consumer();
    const transactionId = aTransaction();
    const own: string[] = [];
    const { answered, stop } = stream(publisher);
    const inOrder = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const callback = aCallback(transactionId);
        await publisher.publish(callback);
        own.push(callback.callbackId);
      }
    };
    await eventually(() => expect(shards.applied.length).toBeGreaterThan(100));
    await Promise.all([consumer(), inOrder(100)]);
    await Promise.all([first.close(), inOrder(100)]);
    await Promise.all([consumer(), inOrder(100)]);
    await stop();
    await eventually(() => expect(missing(shards, answered)).toBe(0), { withinMs: 30_000 });
    await eventually(() => expect(shards.applied.filter((id) => own.includes(id))).toEqual(own));
    await close();
  }, 120_000);

  test('a shard that is away holds back its own partition only, for as long as it takes', async () => {
    const { shards, publisher, consumer, close } = world('away');
    await consumer();
    await eventually(() => isUsed(publisher));
    const [gone, here] = [aTransaction(0), aTransaction(1023)];
    shards.away(({ transactionId }) => transactionId === gone);
    const held = Array.from({ length: 20 }, () => aCallback(gone));
    for (const callback of held) await publisher.publish(callback);
    const others = Array.from({ length: 20 }, () => aCallback(here));
    for (const callback of others) await publisher.publish(callback);
    await eventually(() => expect(missing(shards, others)).toBe(0));
    // Tried again and again, which nothing counts as a reason to pass over it.
    const calls = shards.calls();
    await eventually(() => expect(shards.calls()).toBeGreaterThan(calls + 3));
    expect(missing(shards, held)).toBe(20);
    shards.away(null);
    await eventually(() => expect(missing(shards, held)).toBe(0));
    expect(shards.applied.slice(-20)).toEqual(held.map(({ callbackId }) => callbackId));
    await close();
  }, 120_000);

  test('a shard that is silent keeps its own partition waiting only, and what it had begun is applied once and committed', async () => {
    const { shards, publisher, consumer, close } = world('silent');
    await eventually(() => isUsed(publisher));
    const [silent, here] = [aTransaction(0), aTransaction(1023)];
    const { promise: heard, resolve: hear } = Promise.withResolvers<void>();
    const before = shards.calls();
    await consumer(async (callback) => {
      if (callback.transactionId === silent) await heard;
      return await shards.apply(callback);
    });
    const waiting = Array.from({ length: 20 }, () => aCallback(silent));
    for (const callback of waiting) await publisher.publish(callback);
    for (let round = 0; round < 3; round++) {
      const others = Array.from({ length: 20 }, () => aCallback(here));
      for (const callback of others) await publisher.publish(callback);
      await eventually(() => expect(missing(shards, others)).toBe(0));
    }
    expect(missing(shards, waiting)).toBe(20);
    hear();
    const inspection = openInspection(settingsOf(servers, 'silent'), 'test', () => undefined);
    await eventually(async () => expect((await inspection.lags()).every(({ lag }) => lag === 0)).toBe(true));
    // And the one that was published to see whether Kafka is used.
    expect(shards.calls() - before).toBe(60 + 20 + 1);
    expect(shards.applied.slice(-20)).toEqual(waiting.map(({ callbackId }) => callbackId));
    await Promise.all([close(), inspection.close()]);
  }, 120_000);

  test('more parked messages than one fetch holds are listed, each once', async () => {
    const { publisher, close } = world('many');
    await eventually(() => isUsed(publisher));
    const settings = settingsOf(servers, 'many');
    const producer = createKafkaProducer(createKafka(settings, 'test', () => undefined));
    const inspection = openInspection(settings, 'test', () => undefined);
    const { parked } = topicsOf(settings);
    // The parked topic is the last that is made.
    await eventually(() => producer.send(parked, [{ key: 'cb_0', value: 'x'.repeat(500_000) }]));
    for (let i = 1; i < 5; i++) await producer.send(parked, [{ key: `cb_${i}`, value: 'x'.repeat(500_000) }]);
    const found: string[] = [];
    await inspection.readParked(({ key }) => found.push(key), { replay: false });
    expect(found).toEqual(['cb_0', 'cb_1', 'cb_2', 'cb_3', 'cb_4']);
    expect(await inspection.parkedWaiting()).toBe(5);
    await Promise.all([close(), producer.close(), inspection.close()]);
  }, 120_000);

  test('what cannot be applied is parked with its reason and passed over, listed, and applied when it is sent again', async () => {
    const { shards, publisher, consumer, said, close } = world('parked');
    await eventually(() => isUsed(publisher));
    const settings = settingsOf(servers, 'parked');
    const topics = topicsOf(settings);
    const inspection = openInspection(settings, 'test', () => undefined);
    const producer = createKafkaProducer(createKafka(settings, 'test', () => undefined));

    const transactionId = aTransaction();
    const [poisoned, breaking, after] = [
      aCallback(transactionId),
      aCallback(transactionId),
      aCallback(transactionId),
    ];
    const { key, headers } = callbackMessage(after);
    const bad = [
      { key: key ?? null, value: '{', headers: headers ?? {} },
      { key: key ?? null, value: '{"processor":"NOBODY"}', headers: headers ?? {} },
      { key: key ?? null, value: callbackMessage(after).value, headers: { 'sluice-version': '99' } },
    ];
    await producer.send(topics.callbacks, bad);
    const nobodys = { key: key ?? null, value: '[]', headers: headers ?? {} };
    await eventually(() => producer.send(topics.settlements, [nobodys]));
    for (const callback of [poisoned, breaking, after]) await publisher.publish(callback);
    let mended = false;
    const apply: ApplyCallback = async (callback) => {
      if (!mended && callback.callbackId === poisoned.callbackId)
        return { ok: false, refusal: refusal('invalid_request', '') };
      if (!mended && callback.callbackId === breaking.callbackId) throw new Error('broken');
      return await shards.apply(callback);
    };
    await consumer(apply);
    await eventually(() => expect(shards.rows.has(after.callbackId)).toBe(true));
    const list = async (replay: boolean): Promise<ParkedMessage[]> => {
      const found: ParkedMessage[] = [];
      await inspection.readParked((message) => found.push(message), { replay });
      return found;
    };
    const reasons = ['not_json', 'wrong_shape', 'version_unknown', 'invalid_request', 'apply_failed'];
    await eventually(async () => expect(await inspection.parkedWaiting()).toBe(6));
    const listed = await list(false);
    const reasonsOf = (topic: string): string[] =>
      listed.filter((one) => one.topic === topic).map(({ reason }) => reason);
    expect(reasonsOf(topics.callbacks)).toEqual(reasons);
    expect(reasonsOf(topics.settlements)).toEqual(['wrong_shape']);
    expect(new Set(listed.map(({ key: of }) => of))).toEqual(new Set([key]));
    expect(said.filter((event) => event === 'bus_message_parked')).toHaveLength(6);

    mended = true;
    expect(await list(true)).toHaveLength(6);
    await eventually(() => expect(shards.rows.get(poisoned.callbackId)).toBe('applied'));
    await eventually(() => expect(shards.rows.get(breaking.callbackId)).toBe('applied'));
    // The four that nobody can read are parked anew, each with the topic it is from.
    await eventually(async () => expect(await inspection.parkedWaiting()).toBe(4));
    const anew = await list(false);
    expect(anew.filter(({ topic }) => topic === topics.settlements)).toHaveLength(1);
    await eventually(async () => expect((await inspection.lags()).every(({ lag }) => lag === 0)).toBe(true));
    await Promise.all([close(), producer.close(), inspection.close()]);
  }, 120_000);
});
