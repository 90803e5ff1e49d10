/**
 * Reconcile, over real databases: which rows are whose, which days are closed, and what becomes of a run that is cut short.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../test/support/cluster.ts';
import { makeId, transactionIdOf } from '../domain/ids.ts';
import type { SettlementRow, SettlementScope } from '../domain/settlement.ts';
import { createSettlementRuns } from '../storage/postgres/settlement-runs.ts';
import { createSettlementStores } from '../storage/postgres/settlement-store.ts';
import {
  aPayment,
  insertPayments,
  rowOf,
  type StoredPayment,
} from '../storage/postgres/testing/settlement-rows.ts';
import type { SettlementRuns } from '../storage/settlement-runs.ts';
import type { SettlementStore } from '../storage/settlement-store.ts';
import { databaseOf } from '../storage/shard-map.ts';
import { type Reconciled, type ReconcileServices, reconcile } from './reconcile.ts';
import { type Report, ReportRefused } from './report.ts';

const DAY = '2026-01-20';
/** Logical shards of the two databases. */
const [HERE, THERE] = [7, 700];

let cluster: Cluster;
let owners: pg.Client[];
let runs: SettlementRuns;
let stores: SettlementStore[];
beforeAll(async () => {
  cluster = await startCluster(2);
  owners = cluster.owner.shards.map((url) => new pg.Client(url));
  for (const owner of owners) {
    await owner.connect();
    await owner.query(`select sluice_ensure_partitions('2026-01-01', '2026-01-24')`);
  }
  runs = createSettlementRuns(cluster.services.control);
  stores = newStores();
});
afterAll(async () => {
  await Promise.all([
    runs?.close(),
    ...(stores ?? []).map((store) => store.end()),
    ...(owners ?? []).map((owner) => owner.end()),
  ]);
  await cluster?.stop();
});

function newStores(): SettlementStore[] {
  return createSettlementStores(cluster.services.shards);
}

let reports = 0;
/** A report that is another than all before. @param refusal what it turns out to be at its end */
function reportOf(rows: readonly SettlementRow[], refusal?: ReportRefused): Report {
  const digest = createHash('sha256').update(String(++reports)).digest('hex');
  return {
    ...{ name: 'report.csv', digest, sizeBytes: 1 },
    async *rows() {
      yield rows.map((row, at) => ({ line: at + 1, ok: true as const, row }));
      if (refusal !== undefined) throw refusal;
    },
  };
}

function run(
  report: Report,
  { deadlineDays = 3, ...scope }: Partial<SettlementScope> & { deadlineDays?: number } = {},
  services: Partial<ReconcileServices> = {},
): Promise<Reconciled> {
  return reconcile(
    {
      ...{ runs, stores, now: Date.now, onProgress: () => undefined },
      databaseOf: (shard) => databaseOf(cluster.ranges, shard),
      ...services,
    },
    {
      scope: { processor: 'SANDBOX', account: null, day: '2026-01-21', ...scope },
      ...{ report, deadlineDays, startedBy: 'asha' },
    },
  );
}

function counts({ run: { report } }: Reconciled): Record<string, number> {
  return Object.fromEntries(report!.totals.map((total) => [total.class, total.count]));
}

async function paid(shard: number, over: Partial<StoredPayment> = {}, day = DAY): Promise<StoredPayment> {
  const payment = aPayment(day, shard, over);
  await insertPayments(owners[shard === HERE ? 0 : 1]!, [payment]);
  return payment;
}

async function entries(database: number): Promise<Array<{ kind: string; transaction_id: string | null }>> {
  const { rows } = await owners[database]!.query(
    'select kind, transaction_id from ledger_entries order by 1',
  );
  return rows;
}

test('a charge that transactions of two databases name is nobody’s, once; an account tells whose it is', async () => {
  const scope = { processor: 'PAYU', account: 'acct_1' } as const;
  const victim = await paid(HERE, { ...scope, processorTxnId: 'mihpay_1' });
  await paid(THERE, { ...scope, account: 'acct_2', processorTxnId: 'mihpay_1', merchantId: 'm_2' });
  const row = rowOf(victim, { transactionId: null, reference: 'order 7' });
  expect(counts(await run(reportOf([row]), { processor: 'PAYU' }))).toMatchObject({ unknown_here: 1 });
  const held = [...(await entries(0)), ...(await entries(1))];
  expect(held).toEqual([{ kind: 'suspense', transaction_id: null }]);
  const told = rowOf(victim, { transactionId: null, reference: 'order 8', movementId: 'mv_8' });
  expect(counts(await run(reportOf([told]), scope))).toMatchObject({ matched: 1 });
});

test('a run that has posted keeps its number when the same report is refused later', async () => {
  const one = await paid(HERE);
  const report = reportOf([rowOf(one)]);
  const cut = newStores();
  const last = { ...cut[1]!, settle: () => Promise.reject(new Error('cut short')) };
  await expect(run(report, {}, { stores: [cut[0]!, last] })).rejects.toThrow('cut short');
  await Promise.all(cut.map((store) => store.end()));
  const [begun] = await runs.list(1);
  const refused = { ...reportOf([], new ReportRefused('unreadable', 'EIO')), digest: report.digest };
  await expect(run(refused)).rejects.toThrow(ReportRefused);
  const done = await run(report);
  expect(done.run.runId).toBe(begun!.runId);
  expect(counts(done)).toMatchObject({ matched: 1 });
  const early = reportOf([rowOf(one)], new ReportRefused('truncated', 'it is cut off'));
  await expect(run(early)).rejects.toThrow(ReportRefused);
  expect((await runs.list(1))[0]!.runId).toBe(done.run.runId);
});

test('no day is skipped when the deadline becomes shorter, or reports of one account become those of all', async () => {
  const scope = { processor: 'STRIPE', account: 'acct_1' } as const;
  const missing = await paid(HERE, scope, '2026-01-09');
  const on = (day: string, deadlineDays: number, account: string | null = scope.account) =>
    run(reportOf([]), { ...scope, account, day, deadlineDays });
  expect(counts(await on('2026-01-10', 3))).toEqual({ not_due: 1 });
  expect(counts(await on('2026-01-11', 1))).toEqual({ missing_there: 1 });
  const [brk] = await stores[0]!.breaks({ classes: ['missing_there'], limit: 10 });
  expect(brk).toMatchObject({ transactionId: missing.transactionId });
  await paid(THERE, scope, '2026-01-11');
  expect(counts(await on('2026-01-23', 3, null))).toEqual({ missing_there: 1 });
});

test('a reference that looks like ours and is of no time of ours is nobody’s, and makes no month of the ledger', async () => {
  const one = aPayment(DAY, HERE);
  const at = (time: number): SettlementRow => {
    const transactionId = transactionIdOf(makeId(time, HERE, Buffer.alloc(8, 5)), 1);
    return rowOf(one, { transactionId, movementId: `mv_${time}`, settledAt: time, processorTxnId: null });
  };
  const rows = [at(2 ** 48 - 1), at(Date.UTC(2031, 5, 1)), at(Date.UTC(1991, 1, 1))];
  expect(counts(await run(reportOf(rows), { processor: 'SANDBOX_B' }))).toEqual({ unknown_here: 3 });
  const { rows: months } = await owners[0]!.query(
    "select from pg_class where relname in ('ledger_entries_199102', 'ledger_entries_108890')",
  );
  expect(months).toEqual([]);
});
