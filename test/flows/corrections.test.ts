/**
 * What a settlement report has shown to be otherwise is corrected by a gateway: through the payment's actor, once, with its line in the
 * audit and its webhook; and yesterday's reports are fetched by themselves.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settlementFormats } from '../../src/connectors/settlement-readers.ts';
import { shardOfId } from '../../src/domain/ids.ts';
import { openReport } from '../../src/reconciliation/open-report.ts';
import { reconcile } from '../../src/reconciliation/reconcile.ts';
import { createSettlementRuns } from '../../src/storage/postgres/settlement-runs.ts';
import { createSettlementStores } from '../../src/storage/postgres/settlement-store.ts';
import { databaseOf } from '../../src/storage/shard-map.ts';
import { query, queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { PROFILE } from '../support/profile.ts';
import { bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const TODAY = new Date().toISOString().slice(0, 10);

/** While its connection has the lock, no break is closed. */
const HOLD_CLOSING = `select pg_advisory_lock(42);
create function hold_closing() returns trigger language plpgsql as
  $$ begin perform pg_advisory_xact_lock(42); return new; end $$;
create trigger hold_closing before update on settlement_breaks for each row execute function hold_closing()`;
const CLOSING = "select from pg_locks where locktype = 'advisory' and objid = 42 and not granted";
const END_CLOSING =
  "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 42 and not granted";
const LET_CLOSE = `select pg_advisory_unlock(42);
drop trigger hold_closing on settlement_breaks;
drop function hold_closing()`;

let world: World;
let gateway: Gateway;
let shop: Shop;

beforeAll(async () => {
  world = await startWorld({ callbackDelayMs: 600_000 });
  // What is open stays so while these tests look at it, and the hour of the reports is over.
  gateway = await world.startGateway({ SLUICE_NOT_FOUND_PROOF_SECONDS: '600', SLUICE_RECONCILE_AT: '00:00' });
  shop = createShop(world, gateway);
});
afterAll(() => world?.stop());

interface Row {
  transactionId: string;
  status: 'settled' | 'failed';
}

/** Reconciles a report of the bank, as `sluice reconcile` does. */
async function report(name: string, rows: readonly Row[]): Promise<Map<string, number>> {
  const lines = await Promise.all(rows.map(lineOf));
  const net = rows.reduce((sum, { status }) => sum + (status === 'settled' ? 4882 : 5000), 0);
  const path = join(world.folder, `${name}.csv`);
  const header = 'transaction_id,processor_txn_id,kind,status,amount,fee,tax,net,currency,movement_id';
  writeFileSync(path, [header, ...lines, `trailer,${rows.length},${net}`, ''].join('\n'));
  const runs = createSettlementRuns(world.cluster.services.control);
  const stores = createSettlementStores(world.cluster.services.shards);
  const opened = await openReport(path, {
    formats: settlementFormats('SANDBOX'),
    spoolDirectory: world.folder,
  });
  try {
    const { run } = await reconcile(
      {
        ...{ runs, stores, now: Date.now, onProgress: () => undefined },
        databaseOf: (shard) => databaseOf(world.cluster.ranges, shard),
      },
      {
        scope: { processor: 'SANDBOX', account: 'acct_demo', day: TODAY },
        report: opened,
        deadlineDays: 3,
        startedBy: 'test',
      },
    );
    return new Map(run.report!.totals.map((total) => [total.class, total.count]));
  } finally {
    await Promise.all([opened.close(), runs.close(), ...stores.map((store) => store.end())]);
  }
}

async function lineOf({ transactionId, status }: Row): Promise<string> {
  const [charge] = await bookOf(world, transactionId);
  const money = status === 'settled' ? '5000,100,18,4882' : '5000,0,0,5000';
  return `${transactionId},${charge!.id},payment,${status},${money},INR,mov_${status}_${charge!.id}`;
}

async function breakOf(transactionId: string) {
  const text =
    'select id, state, closed_by, reason, detail from settlement_breaks where transaction_id = $1 order by id';
  const rows = await queryShards(world, text, [transactionId.slice('txn_'.length)]);
  return rows.at(-1)!;
}

async function isCorrected(transactionId: string): Promise<void> {
  await eventually(async () =>
    expect(await breakOf(transactionId)).toMatchObject({ state: 'corrected', closed_by: 'reconciliation' }),
  );
}

async function eventsOf(transactionId: string): Promise<string[]> {
  const text = 'select type from outbox where transaction_id = $1 order by sequence';
  const rows = await queryShards<{ type: string }>(world, text, [transactionId.slice('txn_'.length)]);
  return rows.map(({ type }) => type);
}

async function auditOf(transactionId: string) {
  const text = 'select operator, action, reason from operator_audit where transaction_id = $1';
  return await queryShards(world, text, [transactionId.slice('txn_'.length)]);
}

/** The bank works on it for ever, and has it in its book. */
async function open(): Promise<string> {
  const { transactionId } = await shop.buy(CARDS.processingForEver);
  await eventually(async () => expect(await bookOf(world, transactionId)).toHaveLength(1));
  return transactionId;
}

test('a success that failed there, a failure that was settled and an open payment are each corrected, audited and told', async () => {
  const [reversed, recovered, settled] = [
    (await shop.buy(CARDS.success)).transactionId,
    (await shop.buy(CARDS.declined)).transactionId,
    await open(),
  ] as const;
  await Promise.all([shop.becomes(reversed, 'SUCCESS'), shop.becomes(recovered, 'FAILED')]);
  const found = await report('three', [
    { transactionId: reversed, status: 'failed' },
    { transactionId: recovered, status: 'settled' },
    { transactionId: settled, status: 'settled' },
  ]);
  expect([...found]).toEqual([
    ['failed_there', 1],
    ['failed_here', 1],
    ['unknown_settled', 1],
  ]);
  const cases = [
    { id: reversed, kind: 'failed_there', status: 'FAILED', event: 'payment.reversed' },
    { id: recovered, kind: 'failed_here', status: 'SUCCESS', event: 'payment.recovered' },
    { id: settled, kind: 'unknown_settled', status: 'SUCCESS', event: 'payment.succeeded' },
  ];
  for (const { id, kind, status, event } of cases) {
    await isCorrected(id);
    expect((await shop.becomes(id, status)).body.failureCode ?? null).toBe(
      status === 'FAILED' ? 'settlement_failed' : null,
    );
    expect((await eventsOf(id)).at(-1)).toBe(event);
    expect(await auditOf(id)).toMatchObject([
      { operator: 'reconciliation', reason: expect.stringContaining(`${kind}: row `) },
    ]);
  }
  const metrics = await gateway.metrics();
  expect(metrics).toMatch(/sluice_reconcile_corrections_total\{[^}]*class="failed_there"[^}]*\} 1\b/);
  if (PROFILE.brokers > 0)
    expect(metrics).toMatch(/sluice_bus_published_total\{[^}]*way="kafka"[^}]*\} [1-9]/);
});

test('a gateway killed between the commit of a correction and its closing leaves it to the next, which makes it no second time', async () => {
  const { transactionId } = await shop.buy(CARDS.success);
  await shop.becomes(transactionId, 'SUCCESS');
  const events = await eventsOf(transactionId);
  const database = databaseOf(world.cluster.ranges, shardOfId(transactionId.slice('txn_'.length)));
  const holder = new pg.Client({ connectionString: world.cluster.owner.shards[database]! });
  await holder.connect();
  try {
    await holder.query(HOLD_CLOSING);
    await report('killed', [{ transactionId, status: 'failed' }]);
    await eventually(async () =>
      expect(await eventsOf(transactionId)).toEqual([...events, 'payment.reversed']),
    );
    await eventually(async () => expect((await holder.query(CLOSING)).rowCount).toBe(1));
    gateway.kill('SIGKILL');
    await gateway.ended;
    // What it had sent would be carried out all the same.
    await query(world.cluster.shardServers[database]!.adminUrl('postgres'), END_CLOSING);
  } finally {
    await holder.query(LET_CLOSE);
    await holder.end();
  }
  expect(await breakOf(transactionId)).toMatchObject({ state: 'correcting' });
  gateway = await gateway.again();
  await isCorrected(transactionId);
  expect(await eventsOf(transactionId)).toEqual([...events, 'payment.reversed']);
  expect(await auditOf(transactionId)).toHaveLength(1);
}, 60_000);

test('yesterday’s report of every account is fetched and reconciled once', async () => {
  const text = "select day::text, state from settlement_runs where source = 'api' and processor = 'SANDBOX'";
  const yesterday = new Date(Date.parse(TODAY) - 86_400_000).toISOString().slice(0, 10);
  await eventually(async () =>
    expect(await query(world.cluster.owner.control, text)).toEqual([{ day: yesterday, state: 'done' }]),
  );
  const log = gateway.log();
  expect(log).not.toContain('settlement_run_failed');
});
