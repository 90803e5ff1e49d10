/**
 * The webhook queue and log over one real database: what one writes the other reads.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { attemptFor, created, declined, freshIntent, moved, started } from '../../../test/support/facts.ts';
import type { DeliveryTry } from '../../domain/merchant-event.ts';
import type { PaymentIntent } from '../../domain/payment-intent.ts';
import { type ShardStore, StorageError } from '../storage.ts';
import type { DeliveryRecord, WebhookLog, WebhookQueue } from '../webhook-deliveries.ts';
import { createShardStore } from './shard-store.ts';
import { createWebhookLog } from './webhook-log.ts';
import { createWebhookQueue } from './webhook-queue.ts';

const HOLDER = 'gateway-1';
const OTHER = 'gateway-2';

let cluster: Cluster;
let owner: pg.Client;
let store: ShardStore;
let queue: WebhookQueue;
let log: WebhookLog;

beforeAll(async () => {
  cluster = await startCluster(1);
  const url = cluster.services.shards[0]!;
  owner = new pg.Client(cluster.owner.shards[0]!);
  await owner.connect();
  store = createShardStore({ connectionString: url, applicationName: 'test', ownShard: 7 });
  queue = createWebhookQueue(url);
  log = createWebhookLog(url);
});
afterAll(async () => {
  await Promise.all([store, queue, log].map((one) => one?.close()));
  await owner?.end();
  await cluster?.stop();
});
beforeEach(async () => {
  await owner.query('delete from webhook_deliveries; delete from outbox; delete from job_leases');
});

/** A payment that has succeeded; tells its event's id. */
async function paid(over: Partial<PaymentIntent> = {}): Promise<{ intent: PaymentIntent; eventId: string }> {
  const intent = freshIntent(over);
  const attempt = attemptFor(intent);
  await store.commit([created(intent)]);
  await store.commit([started(attempt)]);
  const success = moved(attempt, { said: 'charged' });
  await store.commit([success]);
  return { intent, eventId: success.event!.eventId };
}

function endpoint(): string {
  return randomBytes(16).toString('hex');
}

function tried(at: number, status: number | null = 500): DeliveryTry {
  return { at, durationMs: 12, status, failure: status === 200 ? null : 'http_status' };
}

function waiting(eventId: string, endpointId: string, over: Partial<DeliveryRecord> = {}): DeliveryRecord {
  return {
    ...{ eventId, endpointId, expectedTries: null, replays: 0, state: 'waiting', tries: 1 },
    ...{ nextAt: 5000, lastTry: tried(1000), ...over },
  };
}

async function marks(eventId: string): Promise<{ dispatched: boolean; delivered: boolean }> {
  const { rows } = await owner.query(
    'select dispatched_at is not null as dispatched, delivered_at is not null as delivered from outbox where event_id = $1',
    [eventId],
  );
  return rows[0];
}

describe('the lease', () => {
  test('one holds it and may hold on; another gets it when it is given back or over', async () => {
    expect(await queue.hold(HOLDER, 60_000)).toBe(true);
    expect(await queue.hold(OTHER, 60_000)).toBe(false);
    expect(await queue.hold(HOLDER, 60_000)).toBe(true);
    await queue.release(OTHER);
    expect(await queue.hold(OTHER, 60_000)).toBe(false);
    await queue.release(HOLDER);
    expect(await queue.hold(OTHER, 0)).toBe(true);
    expect(await queue.hold(HOLDER, 60_000)).toBe(true);
  });

  test('who has lost it writes nothing', async () => {
    const { eventId } = await paid();
    const at = endpoint();
    expect(await queue.record(HOLDER, [eventId], [waiting(eventId, at)])).toBe(false);
    await queue.hold(OTHER, 60_000);
    expect(await queue.record(HOLDER, [eventId], [waiting(eventId, at)])).toBe(false);
    expect(await log.find(at, eventId)).toBeUndefined();
    expect(await marks(eventId)).toEqual({ dispatched: false, delivered: false });
  });

  test('two that ask at once: one gets it', async () => {
    const second = createWebhookQueue(cluster.services.shards[0]!);
    try {
      const got = await Promise.all([queue.hold(HOLDER, 60_000), second.hold(OTHER, 60_000)]);
      expect(got.toSorted()).toEqual([false, true]);
    } finally {
      await second.close();
    }
  });
});

describe('the queue', () => {
  beforeEach(async () => {
    await queue.hold(HOLDER, 600_000);
  });

  test('a new event comes whole and oldest first until it is dispatched', async () => {
    const first = await paid({ customerId: 'user_1' });
    const { intent } = first;
    const second = await paid();
    const events = await queue.newEvents(10);
    expect(events.map(({ eventId }) => eventId)).toEqual([first.eventId, second.eventId].toSorted());
    const event = events.find(({ eventId }) => eventId === first.eventId)!;
    expect(event).toMatchObject({
      ...{ merchantId: intent.merchantId, type: 'payment.succeeded', status: 'SUCCESS', sequence: 1 },
      ...{ paymentIntentId: intent.paymentIntentId, transactionId: attemptFor(intent).transactionId },
      ...{ orderId: intent.orderId, customerId: 'user_1', amount: intent.amount, currency: intent.currency },
      failureCode: null,
    });
    expect(await queue.newEvents(1)).toHaveLength(1);
    expect((await queue.backlog()).undispatched).toBe(2);
    await queue.record(HOLDER, [first.eventId], []);
    expect((await queue.newEvents(10)).map(({ eventId }) => eventId)).toEqual([second.eventId]);
    expect(await marks(first.eventId)).toEqual({ dispatched: true, delivered: false });
  });

  test('a failure tells its code', async () => {
    const intent = freshIntent();
    const attempt = attemptFor(intent);
    await store.commit([created(intent)]);
    await store.commit([started(attempt)]);
    await store.commit([declined(attempt)]);
    expect(await queue.newEvents(1)).toMatchObject([
      { type: 'payment.attempt_failed', status: 'FAILED', failureCode: 'card_declined' },
    ]);
  });

  test('a delivery is due at its time, and its try goes on only from where it stood', async () => {
    const { eventId } = await paid();
    const at = endpoint();
    expect(await queue.record(HOLDER, [eventId], [waiting(eventId, at)])).toBe(true);
    expect(await queue.due(4999, 10)).toEqual([]);
    const [due] = await queue.due(5000, 10);
    expect(due).toMatchObject({ endpointId: at, tries: 1, replays: 0, event: { eventId } });
    const delivered = waiting(eventId, at, {
      ...{ expectedTries: 1, state: 'delivered', tries: 2, nextAt: null, lastTry: tried(5000, 200) },
    });
    await queue.record(HOLDER, [], [{ ...delivered, expectedTries: 2 }]);
    expect(await log.find(at, eventId)).toMatchObject({ state: 'waiting', tries: 1 });
    await queue.record(HOLDER, [], [delivered]);
    expect(await log.find(at, eventId)).toMatchObject({
      ...{ state: 'delivered', tries: 2, nextAt: null, log: [tried(1000), tried(5000, 200)] },
    });
    expect(await marks(eventId)).toEqual({ dispatched: true, delivered: true });
    expect(await queue.due(Date.now(), 10)).toEqual([]);
  });

  test('a first record for a row that is there changes nothing but the marks', async () => {
    const { eventId } = await paid();
    const at = endpoint();
    await queue.record(HOLDER, [eventId], [waiting(eventId, at)]);
    await queue.record(HOLDER, [eventId], [waiting(eventId, at, { state: 'dead', nextAt: null })]);
    expect(await log.find(at, eventId)).toMatchObject({ state: 'waiting', tries: 1 });
  });

  test('the log keeps the last 32 tries', async () => {
    const { eventId } = await paid();
    const at = endpoint();
    await queue.record(HOLDER, [eventId], [waiting(eventId, at, { lastTry: tried(1) })]);
    for (let n = 1; n < 34; n++) {
      const record = waiting(eventId, at, { expectedTries: n, tries: n + 1, lastTry: tried(n + 1) });
      await queue.record(HOLDER, [], [record]);
    }
    const found = await log.find(at, eventId);
    expect(found!.log.map(({ at }) => at)).toEqual(Array.from({ length: 32 }, (_, n) => n + 3));
  });

  test('what the deliverer had under way does not undo a replay, even of a row that has had no try', async () => {
    const { eventId, intent } = await paid();
    const at = { endpointId: endpoint(), merchantId: intent.merchantId };
    await queue.record(HOLDER, [eventId], [waiting(eventId, at.endpointId, { tries: 0, lastTry: null })]);
    const [due] = await queue.due(5000, 1);
    expect(await log.replayOne(at, eventId, 7000)).toBe(true);
    const stale = waiting(eventId, at.endpointId, {
      ...{ expectedTries: due!.tries, replays: due!.replays, state: 'dead', nextAt: null },
    });
    await queue.record(HOLDER, [], [stale]);
    expect(await log.find(at.endpointId, eventId)).toMatchObject({
      state: 'waiting',
      tries: 0,
      nextAt: 7000,
    });
    expect(await queue.due(7000, 1)).toMatchObject([{ tries: 0, replays: 1 }]);
  });

  test('records and replays of the same rows at once all end, and no try after a replay is lost', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => paid()));
    const at = endpoint();
    const ids = made.map(({ eventId }) => eventId);
    await queue.record(
      HOLDER,
      ids,
      ids.map((id) => waiting(id, at)),
    );
    for (let round = 0; round < 10; round++) {
      const due = await queue.due(10_000, 100);
      expect(due).toHaveLength(20);
      await Promise.all([
        queue.record(
          HOLDER,
          [],
          due.map(({ event, tries, replays }) =>
            waiting(event.eventId, at, { expectedTries: tries, replays, tries: tries + 1 }),
          ),
        ),
        log.replayRange(
          at,
          { from: 0, to: Date.now() + 1000, after: null, states: ['waiting'], limit: 100 },
          9000,
        ),
      ]);
    }
    expect(await queue.due(9000, 100)).toMatchObject(ids.map(() => ({ tries: 0, replays: 10 })));
  });

  test('a database that is gone is an error of storage', async () => {
    const lost = createWebhookQueue('postgres://127.0.0.1:1/none');
    await expect(lost.newEvents(1)).rejects.toBeInstanceOf(StorageError);
    await lost.close();
  });
});

describe('the log', () => {
  beforeEach(async () => {
    await queue.hold(HOLDER, 600_000);
  });

  async function threeOfAnEndpoint(): Promise<{ at: string; ids: string[]; merchantId: string }> {
    const at = endpoint();
    const made = [await paid(), await paid(), await paid()];
    const ids = made.map(({ eventId }) => eventId).toSorted();
    const over: Array<Partial<DeliveryRecord>> = [
      { state: 'dead', nextAt: null },
      { state: 'delivered', nextAt: null, lastTry: tried(1000, 200) },
      {},
    ];
    await queue.record(
      HOLDER,
      ids,
      ids.map((id, n) => waiting(id, at, over[n])),
    );
    return { at, ids, merchantId: made[0]!.intent.merchantId };
  }

  test('lists an endpoint newest first, by state, and page by page', async () => {
    const { at, ids } = await threeOfAnEndpoint();
    await threeOfAnEndpoint();
    const listed = async (query: Partial<Parameters<WebhookLog['list']>[1]>) =>
      (await log.list(at, { state: null, before: null, limit: 10, ...query })).map(
        ({ event }) => event.eventId,
      );
    expect(await listed({})).toEqual(ids.toReversed());
    expect(await listed({ limit: 2 })).toEqual([ids[2], ids[1]]);
    expect(await listed({ before: ids[1]! })).toEqual([ids[0]]);
    expect(await listed({ state: 'dead' })).toEqual([ids[0]]);
    expect(await listed({ state: 'delivered' })).toEqual([ids[1]]);
    expect(await listed({ state: 'waiting' })).toEqual([ids[2]]);
  });

  test("an event is its merchant's only", async () => {
    const { eventId, intent } = await paid();
    expect(await log.event(intent.merchantId, eventId)).toMatchObject({ eventId, orderId: intent.orderId });
    expect(await log.event('merchant_other', eventId)).toBeUndefined();
  });

  test('an event nobody told an endpoint of is due there when replayed; another merchant has no say', async () => {
    const { eventId, intent } = await paid();
    const endpointId = endpoint();
    expect(await log.replayOne({ endpointId, merchantId: 'merchant_other' }, eventId, 7000)).toBe(false);
    expect(await log.replayOne({ endpointId, merchantId: intent.merchantId }, eventId, 7000)).toBe(true);
    expect(await log.replayOne({ endpointId, merchantId: 'merchant_other' }, eventId, 8000)).toBe(false);
    expect(await queue.due(7000, 1)).toMatchObject([{ endpointId, tries: 0, replays: 0 }]);
  });

  test('a range is replayed oldest first, in steps, and its states only', async () => {
    const { at, ids } = await threeOfAnEndpoint();
    const range = { from: 0, to: Date.now() + 1000, after: null, limit: 1 };
    const first = await log.replayRange(at, { ...range, states: ['dead', 'waiting'] }, 3000);
    expect(first).toEqual({ replayed: 1, next: ids[0] });
    const rest = await log.replayRange(
      at,
      { ...range, after: first.next, limit: 10, states: ['dead', 'waiting'] },
      3000,
    );
    expect(rest).toEqual({ replayed: 1, next: null });
    expect(await queue.due(3000, 10)).toHaveLength(2);
    expect(await log.find(at, ids[1]!)).toMatchObject({ state: 'delivered' });
    const all = await log.replayRange(at, { ...range, limit: 10, states: ['delivered'] }, 3000);
    expect(all.replayed).toBe(1);
    expect(await log.find(at, ids[1]!)).toMatchObject({ state: 'waiting', log: [tried(1000, 200)] });
    const none = await log.replayRange(at, { ...range, to: 1, limit: 10, states: ['waiting'] }, 3000);
    expect(none).toEqual({ replayed: 0, next: null });
  });
});
