/**
 * Reconcile: a processor's report against our transactions, from its first byte to the ledger.
 *
 * Rows are staged in the database of their transaction, and nothing is posted before the whole report is there. Then each database
 * compares and posts its rows segment by segment, all databases at once. A run that was cut short is begun again with the same report: the
 * rows are staged anew, and segments that are done stay as they are.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { utcDayOf } from '../domain/day.ts';
import { makeId, shardOfId, shardOfMerchant, timeOfId } from '../domain/ids.ts';
import {
  type ClassTotal,
  SETTLEMENT_CLASSES,
  type SettlementRow,
  type SettlementScope,
} from '../domain/settlement.ts';
import type { BadLine, SettlementReport, SettlementRun, SettlementRuns } from '../storage/settlement-runs.ts';
import type { DayRange, RowLoad, SettlementStore, ShardRun, StagedRow } from '../storage/settlement-store.ts';
import { type ReadRow, type Report, ReportRefused } from './report.ts';

export interface ReconcileServices {
  runs: SettlementRuns;
  /** One for each shard database, in their order. */
  stores: readonly SettlementStore[];
  /** Which of them has a logical shard. */
  databaseOf(shard: number): number;
  now(): number;
  onProgress(progress: Progress): void;
}

/** How far a run has come: bytes of the report, then rows compared. */
export interface Progress {
  phase: 'reading' | 'comparing';
  done: number;
  total: number;
  /** Rows read so far. */
  rows: number;
}

export interface ReconcileRequest {
  scope: SettlementScope;
  report: Report;
  /** Days after a payment's until when its processor should have settled it. */
  deadlineDays: number;
  startedBy: string;
  /** Rows compared and posted in one commit, over all databases; the same whenever a report is gone on with. Default 250,000. */
  segmentLines?: number;
}

/** The run, and whether there was anything to do: `again` is a report that was done before. */
export interface Reconciled {
  run: SettlementRun;
  again: boolean;
}

/** Rows of the report that are compared and posted in one commit, over all databases. */
const SEGMENT_LINES = 250_000;
/** Bad lines beyond this are a report in another format. */
const BAD_LINES_MAX = 10_000;
/** How far back our transactions are looked for that no report has had, when the scope has had no run yet. */
const LOOK_BACK_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Reconciles a report. Rejects with {@link ReportRefused} when it is not whole (nothing is posted then), with StorageError when a database cannot be had. */
export async function reconcile(services: ReconcileServices, request: ReconcileRequest): Promise<Reconciled> {
  const { runs, stores } = services;
  const { scope, report, startedBy, segmentLines = SEGMENT_LINES } = request;
  const run = await runs.begin(
    { scope, source: report.name, digest: report.digest, startedBy },
    services.now(),
  );
  if (run.state === 'done') {
    // The run before may have ended between its last word and this.
    await closeAll(services, run.runId);
    return { run, again: true };
  }
  const shardRun: ShardRun = { runId: run.runId, scope, now: services.now() };
  const read = await stage(services, shardRun, report);
  await claim(services, shardRun);
  const absent = await absentDays(services, request);
  const totals = await settleAll(services, shardRun, read, segmentLines, absent);
  const balances = merged(await Promise.all(stores.map((store) => store.balances(run.runId))));
  const { rows, notYetSettled, badLines } = read;
  const closedTo = absent.due;
  const found: SettlementReport = { rows, notYetSettled, badLines, totals, balances, closedTo };
  const finishedAt = services.now();
  await runs.finish(run.runId, found, finishedAt);
  await closeAll(services, run.runId);
  return { run: { ...run, state: 'done', report: found, finishedAt }, again: false };
}

function closeAll({ stores }: ReconcileServices, runId: number): Promise<unknown> {
  return Promise.all(stores.map((store) => store.close(runId)));
}

interface Read {
  rows: number;
  notYetSettled: number;
  badLines: number;
  lastLine: number;
}

/** Loads the whole report into the databases of its transactions. A report that is refused leaves nothing. */
async function stage(services: ReconcileServices, run: ShardRun, report: Report): Promise<Read> {
  const { runs, stores, onProgress } = services;
  // One after the other: of two processes on one report each would have a database that the other waits for.
  for (const store of stores)
    await store.learnTerms(run, runs.merchantFees(), runs.accountFees(run.scope.processor));
  const loads = await Promise.all(stores.map((store) => store.load(run)));
  const read: Read = { rows: 0, notYetSettled: 0, badLines: 0, lastLine: 0 };
  let done = 0;
  try {
    for await (const batch of report.rows((bytes) => {
      done = bytes;
    })) {
      await write(services, run, loads, batch, read);
      onProgress({ phase: 'reading', done, total: report.sizeBytes, rows: read.rows });
    }
    await Promise.all(loads.map((load) => load.finish()));
    return read;
  } catch (error) {
    await Promise.allSettled(loads.map((load) => load.abort()));
    if (error instanceof ReportRefused && !(await hasCommitted(services, run)))
      await runs.withdraw(run.runId);
    throw error;
  }
}

/** A run that was cut short, and is read as another format now or from a disk that fails, may have posted: its number stays. */
async function hasCommitted({ stores }: ReconcileServices, { runId }: ShardRun): Promise<boolean> {
  return (await Promise.all(stores.map((store) => store.hasCommitted(runId)))).includes(true);
}

/** Gives each row of a batch to the database it belongs to; a row whose transaction only its processor's id can tell goes to all. */
async function write(
  { runs, stores, databaseOf }: ReconcileServices,
  { runId, scope }: ShardRun,
  loads: readonly RowLoad[],
  batch: readonly ReadRow[],
  read: Read,
): Promise<void> {
  const parts: StagedRow[][] = stores.map(() => []);
  const bad: BadLine[] = [];
  for (const one of batch) {
    read.lastLine = one.line;
    if (!one.ok) {
      bad.push({ line: one.line, detail: one.detail });
      continue;
    }
    const { line } = one;
    if (one.row === null) {
      read.notYetSettled++;
      continue;
    }
    read.rows++;
    const row = ownedBy(scope, one.row);
    const subjectId = row.transactionId ?? subjectOf(scope, row);
    const staged = { line, subjectId, row };
    if (isClaimable(row)) for (const part of parts) part.push(staged);
    else parts[databaseOf(shardOfId(subjectId))]!.push(staged);
  }
  read.badLines += bad.length;
  if (read.badLines > BAD_LINES_MAX) {
    throw new ReportRefused(
      'too_many_bad_lines',
      `more than ${BAD_LINES_MAX} rows cannot be read, the first of this batch: ${bad[0]!.detail}`,
    );
  }
  await Promise.all([
    ...loads.map((load, index) => (parts[index]!.length === 0 ? undefined : load.write(parts[index]!))),
    bad.length === 0 ? undefined : runs.setAside(runId, bad),
  ]);
}

/** No id of ours is older: 2020-01-01. */
const FIRST_ID_AT = Date.UTC(2020, 0, 1);
/** No time of a settlement is later. */
const LAST_TIME = Date.UTC(2100, 0, 1);
/** Days of processors are ahead of UTC's, and clocks of gateways of each other. */
const AHEAD_MS = 2 * DAY_MS;

/**
 * A reference is what somebody has written at the processor. One that looks like ours but is of a time at which we made none is none of
 * ours: or each would have the ledger make the month it names.
 */
function ownedBy({ day }: SettlementScope, row: SettlementRow): SettlementRow {
  const { transactionId } = row;
  if (transactionId === null) return row;
  const at = timeOfId(transactionId);
  return at >= FIRST_ID_AT && at < Date.parse(day) + AHEAD_MS ? row : { ...row, transactionId: null };
}

/** Its reference is none of ours, and its processor's id of the charge may be. */
function isClaimable({ kind, transactionId, processorTxnId }: SettlementRow): boolean {
  return kind === 'payment' && transactionId === null && processorTxnId !== null;
}

/** The moment of a row that tells none: not its report's day, since the same movement may be in the reports of two days. */
const NO_TIME = 0;

/**
 * What stands for a row without a transaction: the same for the same movement of money, whichever report it is in, so that it is held in
 * suspense once.
 */
export function subjectOf(scope: SettlementScope, row: SettlementRow): string {
  const { movementId, kind, processorTxnId, reference, settlementId, amount, net, currency } = row;
  const name =
    movementId === null
      ? JSON.stringify([
          scope.processor,
          kind,
          processorTxnId,
          reference,
          settlementId,
          amount,
          net,
          currency,
        ])
      : JSON.stringify([scope.processor, movementId]);
  const at = row.settledAt ?? NO_TIME;
  return makeId(
    at >= FIRST_ID_AT && at < LAST_TIME ? at : NO_TIME,
    shardOfMerchant(name),
    createHash('sha256').update(name).digest(),
  );
}

/**
 * Each database takes the rows whose transaction it has; what nobody has stays in the one its subject belongs to. So does what several
 * transactions have: none of them is given another's money.
 */
async function claim({ stores }: ReconcileServices, run: ShardRun): Promise<void> {
  const found = await Promise.all(stores.map((store) => store.claimByProcessorId(run)));
  const lines = Int32Array.from(found.flat()).sort();
  const claimed: number[] = [];
  const contested: number[] = [];
  for (const [at, line] of lines.entries()) {
    if (line === lines[at - 1]) continue;
    (line === lines[at + 1] ? contested : claimed).push(line);
  }
  await Promise.all(stores.map((store) => store.forgetUnclaimed(run, { claimed, contested })));
}

/**
 * Compares and posts, all databases at once: the report's segments, then what of ours no report has had. Of databases one may fail; what
 * the others have done stands, and the next run goes on.
 */
async function settleAll(
  { stores, onProgress }: ReconcileServices,
  run: ShardRun,
  read: Read,
  segmentLines: number,
  { days, due }: { days: DayRange; due: string },
): Promise<ClassTotal[]> {
  const segments = Array.from({ length: Math.ceil(read.lastLine / segmentLines) }, (_, number) => ({
    number,
    from: number * segmentLines + 1,
    to: (number + 1) * segmentLines + 1,
  }));
  const total = segments.length * stores.length;
  let done = 0;
  const each = stores.map(async (store) => {
    const found: ClassTotal[] = [];
    for (const segment of segments) {
      found.push(...(await store.settle(run, segment)));
      onProgress({ phase: 'comparing', done: ++done, total, rows: read.rows });
    }
    found.push(...(await store.settleAbsent(run, days, due)));
    return found;
  });
  const settled = await Promise.allSettled(each);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return sumTotals(settled.flatMap((one) => (one as PromiseFulfilledResult<ClassTotal[]>).value));
}

/**
 * The days whose payments this report closes: from after those that runs before closed, whatever deadline they had, to the last that
 * should have been settled by now. Payments after that, up to the report's day, are told as not due.
 */
async function absentDays(
  { runs }: ReconcileServices,
  { scope, deadlineDays }: ReconcileRequest,
): Promise<{ days: DayRange; due: string }> {
  const due = dayAfter(scope.day, -deadlineDays);
  const closedTo = (await runs.closedTo(scope)) ?? dayAfter(due, -LOOK_BACK_DAYS);
  const from = dayAfter(closedTo, 1);
  return { days: { from, to: scope.day }, due };
}

/** A day as `YYYY-MM-DD`, some days on. */
function dayAfter(day: string, days: number): string {
  return utcDayOf(Date.parse(day) + days * DAY_MS);
}

/** One total for each class and currency, in the order classes are told. */
export function sumTotals(totals: readonly ClassTotal[]): ClassTotal[] {
  const sums = new Map<string, ClassTotal>();
  for (const one of totals) {
    const key = `${SETTLEMENT_CLASSES.indexOf(one.class).toString().padStart(2, '0')} ${one.currency}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? one : added(sum, one));
  }
  return [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

function added(a: ClassTotal, b: ClassTotal): ClassTotal {
  const plus = (name: 'amount' | 'fee' | 'tax' | 'net'): string => String(BigInt(a[name]) + BigInt(b[name]));
  return {
    ...a,
    count: a.count + b.count,
    amount: plus('amount'),
    fee: plus('fee'),
    tax: plus('tax'),
    net: plus('net'),
  };
}

type Balance = SettlementReport['balances'][number];

/** The balances of all databases as one. */
function merged(balances: readonly Balance[][]): Balance[] {
  const byCurrency = new Map<string, Balance>();
  for (const one of balances.flat()) {
    const sum = byCurrency.get(one.currency);
    byCurrency.set(one.currency, sum === undefined ? one : addedBalance(sum, one));
  }
  return [...byCurrency.values()].toSorted((a, b) => (a.currency < b.currency ? -1 : 1));
}

function addedBalance(a: Balance, b: Balance): Balance {
  const accounts = Object.fromEntries(
    Object.keys({ ...a.accounts, ...b.accounts }).map((account) => [
      account,
      String(BigInt(a.accounts[account] ?? 0) + BigInt(b.accounts[account] ?? 0)),
    ]),
  );
  return { currency: a.currency, accounts, sum: String(BigInt(a.sum) + BigInt(b.sum)) };
}
