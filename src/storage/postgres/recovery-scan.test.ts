import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { attemptFor, callback, created, freshIntent, started } from '../../../test/support/facts.ts';
import type { Fact } from '../../domain/facts.ts';
import { firstIdAt, transactionIdOf } from '../../domain/ids.ts';
import type { TransactionStatus } from '../../domain/transaction.ts';
import type { RecoveryScan, WalkedAttempt } from '../recovery-scan.ts';
import { StorageError } from '../storage.ts';
import { createRecoveryScan } from './recovery-scan.ts';
import { createShardStore } from './shard-store.ts';

let cluster: Cluster;
let owner: pg.Client;
let scan: RecoveryScan;
let now: number;

beforeAll(async () => {
  cluster = await startCluster(1);
  owner = new pg.Client(cluster.owner.shards[0]);
  await owner.connect();
  scan = createRecoveryScan(cluster.services.shards[0]!);
});
afterAll(async () => {
  await scan?.close();
  await owner?.end();
  await cluster?.stop();
});
beforeEach(async () => {
  now = Date.now();
  await owner.query('truncate payment_intents, transactions, processor_callbacks, recovery_progress');
});

async function commit(facts: Fact[]): Promise<void> {
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'test',
    ownShard: 0,
  });
  await store.commit(facts);
  await store.close();
}

/** Intents 1 ms apart from now on; those with a status have a first attempt in it. */
async function putPayments(statuses: ReadonlyArray<TransactionStatus | null>): Promise<string[]> {
  const intents = statuses.map((_, i) => freshIntent({ createdAt: now - 1000 + i }));
  await commit(intents.map((intent) => created(intent)));
  const paid = intents.filter((_, i) => statuses[i] !== null);
  await commit(paid.map((intent) => started(attemptFor(intent))));
  for (const [i, status] of statuses.entries()) {
    if (status !== null) {
      await owner.query('update transactions set status = $1 where payment_intent_id = $2', [
        status,
        intents[i]!.paymentIntentId,
      ]);
    }
  }
  return intents.map(({ paymentIntentId }) => paymentIntentId);
}

const FIRST = '0'.repeat(32);

test('a walk over attempts finds every open one and those FAILED for good, in windows, and ends', async () => {
  const ids = await putPayments([
    'SENT',
    'SUCCESS',
    'FAILED',
    'PROCESSING',
    'SUCCESS',
    'REQUIRES_ACTION',
    'FAILED',
  ]);
  const at = new Date(now);
  await owner.query('update transactions set completed_at = $1, reopenable = payment_intent_id = $2', [
    at,
    ids[6],
  ]);
  const found: WalkedAttempt[] = [];
  let after: string | null = FIRST;
  let calls = 0;
  while (after !== null) {
    const page: Awaited<ReturnType<RecoveryScan['unsettledAttempts']>> = await scan.unsettledAttempts(
      after,
      firstIdAt(now + 1000),
      2,
    );
    found.push(...page.rows);
    after = page.next;
    calls++;
  }
  expect(found.map(({ transactionId }) => transactionId)).toEqual(
    [0, 2, 3, 5].map((i) => transactionIdOf(ids[i]!, 1)),
  );
  const createdAt = now - 1000 + 2;
  expect(found[1]).toEqual({
    transactionId: transactionIdOf(ids[2]!, 1),
    status: 'FAILED',
    createdAt,
    completedAt: now,
  });
  expect(calls).toBe(4);
});

test('a window is open at both ends', async () => {
  const ids = (await putPayments(['SENT', 'SENT', 'SENT'])).map((id) => transactionIdOf(id, 1));
  const page = await scan.unsettledAttempts(ids[0]!, ids[2]!, 10);
  expect(page.rows.map(({ transactionId }) => transactionId)).toEqual([ids[1]]);
  expect(page.next).toBeNull();
});

test('pending intents are those without an open attempt', async () => {
  const ids = await putPayments([null, 'SENT', 'FAILED', null]);
  await owner.query("update payment_intents set status = 'SUCCESS' where payment_intent_id = $1", [ids[3]]);
  expect(await scan.pendingIntents(FIRST, firstIdAt(now + 1000), 10)).toEqual({
    rows: [ids[0], ids[2]],
    next: null,
  });
  expect(await scan.pendingIntents(FIRST, firstIdAt(now + 1000), 2)).toEqual({
    rows: [ids[0]],
    next: ids[1],
  });
});

test('callbacks without a transaction come oldest first, until they are matched', async () => {
  const late = callback({ eventId: 'evt_late', verdict: 'unmatched', receivedAt: now });
  const early = callback({ eventId: 'evt_early', verdict: 'unmatched', receivedAt: now - 1000 });
  await commit([late, early, callback({ eventId: 'evt_known', verdict: 'ignored', receivedAt: now })]);
  const found = await scan.unmatchedCallbacks(10);
  expect(found.map(({ eventId }) => eventId)).toEqual(['evt_early', 'evt_late']);
  expect(found[0]).toEqual({
    processor: early.processor,
    eventId: 'evt_early',
    transactionId: early.transactionId,
    word: expect.any(String),
    receivedAt: early.receivedAt,
  });
  expect(JSON.parse(found[0]!.word)).toEqual(JSON.parse(early.word));
  await commit([{ ...early, verdict: 'ignored' }]);
  expect((await scan.unmatchedCallbacks(10)).map(({ eventId }) => eventId)).toEqual(['evt_late']);
});

test('progress only grows', async () => {
  const [one, two] = [firstIdAt(now), firstIdAt(now + 1)];
  expect(await scan.readProgress('open-attempts')).toBeNull();
  await scan.writeProgress('open-attempts', two);
  await scan.writeProgress('open-attempts', one);
  expect(await scan.readProgress('open-attempts')).toBe(two);
  expect(await scan.readProgress('pending-intents')).toBeNull();
});

test('walks read the primary key in order: no sort, no sequential scan, no other partition', async () => {
  await putPayments(['SENT', 'SUCCESS']);
  for (const table of ['transactions', 'payment_intents']) {
    const key = table === 'transactions' ? 'transaction_id' : 'payment_intent_id';
    const client = new pg.Client({
      connectionString: cluster.services.shards[0]!,
      options: '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off',
    });
    await client.connect();
    await client.query(
      `prepare walk (uuid, uuid, int) as select * from ${table} where ${key} > $1 and ${key} < $2 order by ${key} limit $3`,
    );
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, costs off) execute walk ('${firstIdAt(now - 2000)}', '${firstIdAt(now + 2000)}', 10)`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    await client.end();
    expect(plan).toMatch(/Index Scan/);
    expect(plan).toMatch(/Subplans Removed: \d/);
    expect(plan).not.toMatch(/Seq Scan|Sort/);
  }
});

test('a scan without a connection is refused as unavailable', async () => {
  const nowhere = createRecoveryScan('postgres://nobody@127.0.0.1:1/none');
  await expect(nowhere.readProgress('open-attempts')).rejects.toSatisfy(
    (error) => error instanceof StorageError && error.kind === 'unavailable',
  );
  await nowhere.close();
});
