import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { attemptFor, callback, created, freshIntent, moved, started } from '../../../test/support/facts.ts';
import type { Fact } from '../../domain/facts.ts';
import { firstIdAt, makeId } from '../../domain/ids.ts';
import type { OperatorDesk } from '../operator-desk.ts';
import { openOperatorDesk } from './operator-desk.ts';
import { createRecoveryScan } from './recovery-scan.ts';
import { createShardStore } from './shard-store.ts';

const MINUTE = 60_000;

let cluster: Cluster;
let owner: pg.Client;
let desk: OperatorDesk;
let now: number;

beforeAll(async () => {
  cluster = await startCluster(1);
  owner = new pg.Client(cluster.owner.shards[0]);
  await owner.connect();
  desk = await openOperatorDesk(cluster.services.shards[0]!);
});
afterAll(async () => {
  await desk?.close();
  await owner?.end();
  await cluster?.stop();
});
beforeEach(async () => {
  now = Date.now();
  await owner.query(
    'truncate payment_intents, transactions, outbox, webhook_deliveries, processor_callbacks, incidents, operator_audit, recovery_progress',
  );
});

async function commit(...batches: Fact[][]): Promise<void> {
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'test',
    ownShard: 0,
  });
  for (const facts of batches)
    expect((await store.commit(facts)).every(({ effective }) => effective)).toBe(true);
  await store.close();
}

async function all<Item>(pages: AsyncIterable<readonly Item[]>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}

/** An open attempt whose intent is so old; the attempt itself began when told. */
async function openAttempt(intentAgeMs: number, ageMs = intentAgeMs): Promise<string> {
  const intent = freshIntent({ createdAt: now - intentAgeMs });
  const attempt = attemptFor(intent, 1, { createdAt: now - ageMs });
  await commit([created(intent)], [started(attempt)]);
  return attempt.transactionId;
}

test('attempts older than asked are listed from the watermark on, whatever the age of their intent', async () => {
  const passed = await openAttempt(50 * MINUTE);
  const old = await openAttempt(40 * MINUTE);
  await openAttempt(30 * MINUTE, 5 * MINUTE);
  const listed = async () =>
    (await all(desk.openAttempts(now - 15 * MINUTE))).map(({ transactionId }) => transactionId);
  expect(await listed()).toEqual([passed, old]);
  const scan = createRecoveryScan(cluster.services.shards[0]!);
  await scan.writeProgress('open-attempts', firstIdAt(now - 45 * MINUTE));
  await scan.close();
  expect(await listed()).toEqual([old]);
  await commit([moved((await all(desk.openAttempts(now)))[0]!)]);
  expect(await listed()).toEqual([]);
});

test('more rows than a page are all listed, and final ones are not', async () => {
  await owner.query(
    `insert into transactions (transaction_id, payment_intent_id, attempt, merchant_id, amount, currency, status, outcome, leg,
       processor, processor_account, reopenable, revision, sender_nonce, send_before, evidence, created_at, updated_at)
     select id, id, 1, 'merchant_1', 100, 'INR', case when n % 1000 = 0 then 'SENT' else 'SUCCESS' end, 'unknown', 1,
       'SANDBOX', 'acct', false, 1, 'n', now(), '[]', now() - interval '1 hour', now()
     from (select n, (left($1, 20) || lpad(to_hex(n), 12, '0'))::uuid as id from generate_series(1, 12000) n) rows`,
    [makeId(now - 60 * MINUTE, 7, randomBytes(8))],
  );
  expect(await all(desk.openAttempts(now - 15 * MINUTE))).toHaveLength(12);
});

test('callbacks that went nowhere are listed page by page, oldest first, each once', async () => {
  const callbacks = Array.from({ length: 1200 }, (_, i) =>
    callback({
      ...{ eventId: `cb_${String(i).padStart(5, '0')}`, verdict: 'quarantined', reason: 'amount_mismatch' },
      // Many of the same moment.
      receivedAt: now - 10_000 + Math.floor(i / 700),
    }),
  );
  const old = callback({ verdict: 'quarantined', receivedAt: now - 60 * MINUTE });
  await commit([...callbacks, old, callback({ verdict: 'unmatched' }), callback()]);
  const listed = await all(desk.callbacks('quarantined', now - 10_000));
  expect(listed.map(({ callbackId }) => callbackId)).toEqual(callbacks.map(({ eventId }) => eventId));
  expect(listed[0]).toMatchObject({
    processor: 'SANDBOX',
    verdict: 'quarantined',
    reason: 'amount_mismatch',
    said: 'charged',
  });
  expect(await all(desk.callbacks('unmatched', now - 10_000))).toHaveLength(1);
});

test('callbacks that were not believed are found by their own index', async () => {
  const { rows } = await owner.query<{ indexname: string }>(
    "select indexname from pg_indexes where tablename like 'processor_callbacks_2%' and indexdef like '%quarantined%'",
  );
  expect(rows.length).toBeGreaterThan(0);
});

test('incidents are listed until they are acknowledged', async () => {
  const [first, second] = [await openAttempt(MINUTE), await openAttempt(MINUTE)];
  const incident = { kind: 'incident-noted', incident: 'second_charge', detail: 'twice', at: now } as const;
  await commit([{ ...incident, transactionId: first }], [{ ...incident, transactionId: second }]);
  const listed = async () => (await all(desk.incidents())).map(({ transactionId }) => transactionId);
  expect(await listed()).toEqual([first, second]);
  await commit([
    {
      kind: 'operator-audited',
      ...{ transactionId: first, operator: 'asha', action: 'incident_acknowledged', reason: 'refunded' },
      ...{ moves: false, at: now },
    },
  ]);
  expect(await listed()).toEqual([second]);
  expect((await desk.incidentsOf(`${first.slice(0, 31)}0`))[0]!.acknowledgedAt).not.toBeNull();
});

test('a story has its events, also one whose id was made long after its word', async () => {
  const intent = freshIntent({ createdAt: now - 120 * MINUTE });
  const attempt = attemptFor(intent, 1);
  const paid = moved(attempt, { at: now - 119 * MINUTE });
  const eventId = makeId(now - 30 * MINUTE, 7, randomBytes(8));
  await commit([created(intent)], [started(attempt)], [{ ...paid, event: { ...paid.event!, eventId } }]);
  await owner.query(
    `insert into webhook_deliveries (endpoint_id, event_id, merchant_id, state, tries, replays, next_at, log, created_at, updated_at)
     values (gen_random_uuid(), $1, 'merchant_amazon', 'delivered', 2, 0, null, '[{"status": 204}]', now(), now())`,
    [eventId],
  );
  const story = (await desk.story(intent.paymentIntentId))!;
  expect(story.attempts).toMatchObject([{ transactionId: attempt.transactionId, status: 'SUCCESS' }]);
  expect(story.events).toMatchObject([
    { eventId, type: 'payment.succeeded', sequence: 1, deliveries: [{ state: 'delivered', tries: 2 }] },
  ]);
  expect(await desk.story(freshIntent().paymentIntentId)).toBeNull();
});
