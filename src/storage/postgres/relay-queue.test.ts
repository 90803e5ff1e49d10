/**
 * The relay queue over one real database.
 *
 * @module
 */

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import {
  attemptFor,
  callback,
  created,
  declined,
  expired,
  freshIntent,
  moved,
  started,
} from '../../../test/support/facts.ts';
import type { RelayQueue } from '../relay-queue.ts';
import type { ShardStore } from '../storage.ts';
import { createRelayQueue } from './relay-queue.ts';
import { createShardStore } from './shard-store.ts';

let cluster: Cluster;
let owner: pg.Client;
let store: ShardStore;
let queue: RelayQueue;

beforeAll(async () => {
  cluster = await startCluster(1);
  owner = new pg.Client(cluster.owner.shards[0]!);
  await owner.connect();
  const connectionString = cluster.services.shards[0]!;
  store = createShardStore({ connectionString, applicationName: 'test', ownShard: 7, relays: true });
  queue = createRelayQueue(connectionString);
});
afterAll(async () => {
  await Promise.all([store, queue].map((one) => one?.close()));
  await owner?.end();
  await cluster?.stop();
});
beforeEach(async () => {
  await owner.query('delete from status_relay; delete from processor_callbacks; delete from job_leases');
});

test('one holds the lease and may hold on; another gets it when it is given back or over', async () => {
  expect(await queue.hold('one', 60_000)).toBe(true);
  expect(await queue.hold('two', 60_000)).toBe(false);
  expect(await queue.hold('one', 60_000)).toBe(true);
  await queue.release('two');
  expect(await queue.hold('two', 60_000)).toBe(false);
  await queue.release('one');
  expect(await queue.hold('two', 0)).toBe(true);
  expect(await queue.hold('one', 60_000)).toBe(true);
});

test('each event waits from its commit on until it was relayed, a payment’s in the order of their number', async () => {
  const intent = freshIntent({ orderId: 'order 7', customerId: 'c_1' });
  const [first, second] = [attemptFor(intent), attemptFor(intent, 2)];
  await store.commit([created(intent)]);
  await store.commit([started(first)]);
  await store.commit([declined(first)]);
  await store.commit([started(second)]);
  const success = moved(second, { said: 'charged' });
  await store.commit([success]);

  const waiting = await queue.events(10);
  const { paymentIntentId, amount, currency } = intent;
  expect(waiting.map(({ event }) => event)).toMatchObject([
    { sequence: 1, transactionId: first.transactionId, type: 'payment.attempt_failed', status: 'FAILED' },
    {
      sequence: 2,
      transactionId: second.transactionId,
      type: 'payment.succeeded',
      amount,
      currency,
      orderId: 'order 7',
    },
  ]);
  expect(waiting[1]).toMatchObject({ paymentIntentId, sequence: 2, eventId: success.event!.eventId });
  expect(await queue.backlog()).toEqual({ callbacks: 0, events: 2 });
  expect((await queue.events(1)).map(({ sequence }) => sequence)).toEqual([1]);
  await queue.eventsRelayed(waiting.slice(0, 1));
  expect((await queue.events(10)).map(({ sequence }) => sequence)).toEqual([2]);
  await queue.eventsRelayed(waiting);
  expect(await queue.events(10)).toEqual([]);
});

test('an intent that nobody paid waits too, and what was not effective does not', async () => {
  const [unpaid, paid] = [freshIntent(), freshIntent()];
  const attempt = attemptFor(paid);
  await store.commit([created(unpaid), created(paid)]);
  await owner.query(
    "update payment_intents set created_at = now() - interval '25 hours' where payment_intent_id = $1",
    [unpaid.paymentIntentId],
  );
  await store.commit([started(attempt), expired(unpaid), expired(paid)]);
  const success = moved(attempt, { said: 'charged' });
  await store.commit([{ ...success, expected: { status: 'SENT', revision: 99 } }]);
  expect((await queue.events(10)).map(({ event }) => event)).toMatchObject([
    { paymentIntentId: unpaid.paymentIntentId, transactionId: null, failureCode: 'intent_expired' },
  ]);
});

test('where Kafka is not configured nothing waits', async () => {
  const connectionString = cluster.services.shards[0]!;
  const without = createShardStore({ connectionString, applicationName: 'test', ownShard: 7 });
  const intent = freshIntent();
  const attempt = attemptFor(intent);
  await without.commit([created(intent)]);
  await without.commit([started(attempt)]);
  await without.commit([
    moved(attempt, { said: 'charged' }),
    callback({ transactionId: attempt.transactionId }),
  ]);
  await without.close();
  expect(await queue.backlog()).toEqual({ callbacks: 0, events: 0 });
});

test('an event that retention has taken is told as gone and leaves the queue', async () => {
  const { paymentIntentId } = freshIntent();
  await owner.query('insert into status_relay values ($1, 1, gen_random_uuid())', [paymentIntentId]);
  const [gone] = await queue.events(10);
  expect(gone).toMatchObject({ paymentIntentId, sequence: 1, event: null });
  await queue.eventsRelayed([gone!]);
  expect(await queue.events(10)).toEqual([]);
});

test('a callback that came past the bus waits with all that is needed to put it there, oldest first', async () => {
  const now = Date.now();
  const [late, early, ordinary] = [
    callback({ relay: true, receivedAt: now }),
    callback({ relay: true, receivedAt: now - 5, transactionId: null, word: 'null', verdict: 'quarantined' }),
    callback(),
  ];
  await store.commit([late, ordinary]);
  await store.commit([early]);
  const waiting = await queue.callbacks(10);
  expect(waiting.map(({ eventId }) => eventId)).toEqual([early.eventId, late.eventId]);
  expect(waiting[0]).toMatchObject({ transactionId: null, word: 'null', receivedAt: early.receivedAt });
  expect({ ...waiting[1], word: JSON.parse(waiting[1]!.word) }).toEqual({
    processor: late.processor,
    eventId: late.eventId,
    transactionId: late.transactionId,
    word: JSON.parse(late.word),
    receivedAt: late.receivedAt,
  });
  expect(await queue.backlog()).toEqual({ callbacks: 2, events: 0 });
  await queue.callbacksRelayed(waiting.slice(0, 1));
  expect(await queue.callbacks(10)).toEqual(waiting.slice(1));
});

test('the mark stays as the first record has it, whatever comes after', async () => {
  const past = callback({ relay: true, verdict: 'unmatched' });
  await store.commit([past]);
  await store.commit([{ ...past, relay: false, verdict: 'applied' }]);
  expect(await queue.callbacks(10)).toHaveLength(1);
  await queue.callbacksRelayed(await queue.callbacks(10));
  await store.commit([past]);
  expect(await queue.callbacks(10)).toEqual([]);
});
