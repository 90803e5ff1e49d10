/**
 * The relay over a pretended queue and a pretended producer.
 *
 * @module
 */

import type { Message } from 'kafkajs';
import { expect, test, vi } from 'vitest';
import { showIntentId, showTransactionId, transactionIdOf } from '../../domain/ids.ts';
import type { MerchantEvent } from '../../domain/merchant-event.ts';
import { createMetrics } from '../../metrics/metrics.ts';
import { createMetricRegistry } from '../../metrics/registry.ts';
import type { RelayQueue, WaitingCallback, WaitingEvent } from '../../storage/relay-queue.ts';
import { aTransaction } from '../testing/pretended-shards.ts';
import { createRelay } from './relay.ts';

const TOPICS = { callbacks: 'callbacks', statuses: 'statuses' };

function anEvent(sequence: number, transactionId: string | null, paymentIntentId: string): WaitingEvent {
  const event = {
    eventId: 'e'.repeat(32),
    sequence,
    transactionId,
    paymentIntentId,
    orderId: 'o',
  } as MerchantEvent;
  return { paymentIntentId, sequence, eventId: event.eventId, event };
}

function aWaiting(id: string, transactionId: string | null): WaitingCallback {
  return { processor: 'SANDBOX', eventId: id, transactionId, word: 'null', receivedAt: 1_700_000_000_000 };
}

const REGISTRY = createMetricRegistry('test');
const METRICS = createMetrics(REGISTRY);

/** A relay of one queue; `refuse`: sends of so many messages or more fail. */
function world({
  callbacks = [] as WaitingCallback[],
  events = [] as WaitingEvent[],
  held = true,
  others = [] as RelayQueue[],
} = {}) {
  const state = {
    ...{ callbacks, events, held },
    refuseFrom: Number.POSITIVE_INFINITY,
    refusedTopic: '',
    tries: 0,
  };
  const sent: Array<{ topic: string; key: string; value: string }> = [];
  const released: string[] = [];
  const queue: RelayQueue = {
    hold: async () => state.held,
    release: async (holder) => void released.push(holder),
    callbacks: async (limit) => state.callbacks.slice(0, limit),
    callbacksRelayed: async (done) => {
      state.callbacks = state.callbacks.filter((one) => !done.includes(one));
    },
    events: async (limit) => state.events.slice(0, limit),
    eventsRelayed: async (done) => {
      state.events = state.events.filter((one) => !done.includes(one));
    },
    backlog: async () => ({ callbacks: state.callbacks.length, events: state.events.length }),
    close: async () => undefined,
  };
  const relay = createRelay({
    queues: [queue, ...others],
    topics: TOPICS,
    producer: {
      async send(topic, messages: Message[]) {
        state.tries++;
        if (messages.length >= state.refuseFrom || topic === state.refusedTopic) throw new Error('away');
        sent.push(...messages.map(({ key, value }) => ({ topic, key: String(key), value: String(value) })));
      },
    },
    valueOf: ({ sequence }) => Buffer.from(`event ${sequence}`),
    holder: 'me',
    log: () => undefined,
    metrics: METRICS,
    timers: globalThis,
    everyMs: 1,
  });
  relay.start();
  return { relay, state, sent, released };
}

test('events go in their order, keyed by transaction or intent, and leave the queue; what is gone leaves it unsent', async () => {
  const transactionId = aTransaction();
  const intentId = `${transactionId.slice(0, 31)}0`;
  const gone: WaitingEvent = { paymentIntentId: intentId, sequence: 4, eventId: 'f'.repeat(32), event: null };
  const { relay, state, sent } = world({
    events: [
      anEvent(1, transactionId, intentId),
      anEvent(2, transactionIdOf(intentId, 2), intentId),
      anEvent(3, null, intentId),
      gone,
    ],
  });
  await vi.waitFor(() => expect(state.events).toEqual([]), { timeout: 10_000 });
  await relay.stop();
  const [first, second] = [showTransactionId(transactionId), showTransactionId(transactionIdOf(intentId, 2))];
  expect(sent).toEqual([
    { topic: 'statuses', key: first, value: 'event 1' },
    { topic: 'statuses', key: second, value: 'event 2' },
    { topic: 'statuses', key: showIntentId(intentId), value: 'event 3' },
  ]);
});

test('callbacks are put there as they would have been, and leave the queue only when they were acknowledged', async () => {
  const transactionId = aTransaction();
  const { relay, state, sent } = world();
  state.refuseFrom = 1;
  state.callbacks = [aWaiting('cb_1', transactionId), aWaiting('cb_2', null)];
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([sent.length, state.callbacks.length]).toEqual([0, 2]);
  state.refuseFrom = Number.POSITIVE_INFINITY;
  await vi.waitFor(() => expect(state.callbacks).toEqual([]), { timeout: 10_000 });
  await relay.stop();
  expect(sent.map(({ topic, key }) => [topic, key])).toEqual([
    ['callbacks', showTransactionId(transactionId)],
    ['callbacks', 'cb_2'],
  ]);
  expect(JSON.parse(sent[0]!.value)).toMatchObject({ callbackId: 'cb_1', status: null, word: null });
});

test('a page that is more than brokers take is halved until they take it', async () => {
  const { relay, state } = world();
  state.refuseFrom = 100;
  state.callbacks = Array.from({ length: 300 }, (_, i) => aWaiting(`cb_${i}`, null));
  await vi.waitFor(() => expect(state.callbacks).toEqual([]), { timeout: 10_000 });
  await relay.stop();
});

test('a topic that takes nothing keeps the other waiting for nothing', async () => {
  const transactionId = aTransaction();
  const events = [anEvent(1, transactionId, `${transactionId.slice(0, 31)}0`)];
  const { relay, state, sent } = world();
  state.refusedTopic = TOPICS.callbacks;
  state.callbacks = [aWaiting('cb_1', null)];
  state.events = events;
  await vi.waitFor(() => expect(state.events).toEqual([]), { timeout: 10_000 });
  await relay.stop();
  expect(sent.map(({ topic }) => topic)).toEqual(['statuses']);
});

test('after a long absence of brokers what has gathered goes by whole pages again', async () => {
  const { relay, state, sent } = world();
  state.refuseFrom = 1;
  state.callbacks = Array.from({ length: 5000 }, (_, i) => aWaiting(`cb_${i}`, null));
  await vi.waitFor(() => expect(state.tries).toBeGreaterThan(8), { timeout: 10_000 });
  const before = state.tries;
  state.refuseFrom = Number.POSITIVE_INFINITY;
  await vi.waitFor(() => expect(state.callbacks).toEqual([]), { timeout: 10_000 });
  await relay.stop();
  expect(sent).toHaveLength(5000);
  expect(state.tries - before).toBeLessThan(25);
});

test('who does not hold the lease sends nothing, and who stops gives it up', async () => {
  const { relay, state, sent, released } = world({ held: false, callbacks: [aWaiting('cb_1', null)] });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sent).toEqual([]);
  state.held = true;
  await vi.waitFor(() => expect(sent).toHaveLength(1), { timeout: 10_000 });
  await relay.stop();
  expect(released).toEqual(['me']);
});

test('a database that is away leaves the figures of the others true', async () => {
  const away = (): Promise<never> => Promise.reject(new Error('away'));
  const gone: RelayQueue = {
    ...{ hold: away, release: away, callbacks: away, callbacksRelayed: away },
    ...{ events: away, eventsRelayed: away, backlog: away, close: away },
  };
  const { relay } = world({ held: false, callbacks: [aWaiting('cb_1', null)], others: [gone] });
  await expect(relay.look()).rejects.toThrow('away');
  const [figures] = await Promise.all([REGISTRY.collect(), relay.stop()]);
  expect(JSON.stringify(figures)).toContain('"value":1,"labels":{"database":"0","topic":"callbacks"');
});
