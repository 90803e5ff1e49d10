/**
 * Settlement store: one shard database's part of reconciliation, over one connection.
 *
 * What it changes it changes by single statements, so that no transaction is ever open while Node does something else. A run's rows are in a
 * table of its own, under an advisory lock that this connection holds until the run is closed: a second process on the same report waits,
 * and the lock of one that was killed is gone with its connection. When the connection breaks, so has the run: it is begun anew.
 *
 * @module
 */

import pg from 'pg';
import { firstIdAt } from '../../domain/ids.ts';
import type { ClassTotal } from '../../domain/settlement.ts';
import type { AccountFee, MerchantFee } from '../settlement-runs.ts';
import type {
  DayRange,
  MerchantPayout,
  RowLoad,
  Segment,
  SettlementStore,
  ShardRun,
} from '../settlement-store.ts';
import { StorageError } from '../storage.ts';
import { bareArray } from './array-literal.ts';
import { connectOnce } from './connection.ts';
import { storageErrorOf } from './errors.ts';
import { createInTurn } from './in-turn.ts';
import { createSettlementBreaks } from './settlement-breaks.ts';
import { copyText, createCopyLoad, createRowLoad } from './settlement-load.ts';
import { claimRows, forgetRows, leaveRows, takeRows } from './statements/claim-rows.ts';
import { SURVEY_ABSENT, settleAbsent } from './statements/settle-absent.ts';
import { type IdRange, settleSegment, surveySegment, tablesOf } from './statements/settle-segment.ts';

export interface SettlementStoreOptions {
  connectionString: string;
  /** Its number among the shard databases, from 1: part of the name of each of its breaks. */
  database: number;
}

/** One for each shard database, in their order. */
export function createSettlementStores(connectionStrings: readonly string[]): SettlementStore[] {
  return connectionStrings.map((connectionString, index) =>
    createSettlementStore({ connectionString, database: index + 1 }),
  );
}

/** Sets are hashed and merged, in the memory of a few hundred thousand rows, by plans for the very values. */
const SETTINGS = {
  work_mem: '128MB',
  plan_cache_mode: 'force_custom_plan',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // Each row is looked up by a key of its own: none comes twice.
  enable_memoize: 'off',
  synchronous_commit: 'on',
  // What another commit has changed meanwhile is not half seen: the statement is run again (decision 0007).
  default_transaction_isolation: 'repeatable\\ read',
};
/** One statement works on a segment, or looks at all payments of some days. */
const STATEMENT_TIMEOUT_MS = 15 * 60 * 1000;
/** A process that was killed has left its connection to the server, which ends it after its statement. */
const LOCK_TIMEOUT_MS = 60_000;
/** Who works on a run holds this lock with the run's number; the database's functions know it. */
const RUN_LOCK = 5_102_029;
const TRIES_MAX = 5;
const DAY_MS = 24 * 60 * 60 * 1000;
/** How long before its completion a payment may have begun, and before its settlement. */
const COMPLETED_AFTER_DAYS = 7;
const SETTLED_AFTER_DAYS = 35;
const PAGE_ROWS = 1000;

/** Connects with the first call, and again with the next call after the connection has broken. */
export function createSettlementStore(options: SettlementStoreOptions): SettlementStore {
  const line = createLine(options.connectionString);
  const { rowsOf } = line;
  /** The run this store works on, with the connection that has its lock. */
  let held: { runId: number; client: pg.Client } | null = null;
  const monthsMade = new Set<string>();

  /** The connection that holds the run. */
  async function clientOf(runId: number): Promise<pg.Client> {
    const client = await line.client();
    if (held?.runId === runId && held.client === client) return client;
    throw new StorageError(
      'unavailable',
      `run ${runId} has no rows here: the connection that loaded them has broken`,
    );
  }

  async function learnTerms(
    { runId }: ShardRun,
    fees: AsyncIterable<readonly MerchantFee[]>,
    contracts: AsyncIterable<readonly AccountFee[]>,
  ): Promise<void> {
    const { merchantFees, accountFees } = tablesOf(runId);
    await release();
    await rowsOf('select pg_advisory_lock($1, $2)', [RUN_LOCK, runId]);
    await rowsOf('select sluice_open_settlement($1)', [runId]);
    held = { runId, client: await line.client() };
    await copyAll(merchantFees, fees, ({ merchantId, percent }) => [merchantId, percent]);
    await copyAll(accountFees, contracts, ({ merchantId, account, percent, taxPercent }) => [
      ...[merchantId, account, percent, taxPercent],
    ]);
  }

  async function copyAll<Item>(
    table: string,
    batches: AsyncIterable<readonly Item[]>,
    valuesOf: (item: Item) => Array<string | null>,
  ): Promise<void> {
    const copy = createCopyLoad(await line.client(), table);
    for await (const batch of batches) {
      if (batch.length > 0) copy.write(batch.map((item) => valuesOf(item).map(copyText).join('\t')));
      await line.failing(copy.flushed());
    }
    await line.failing(copy.finish());
  }

  async function load({ runId }: ShardRun): Promise<RowLoad> {
    const copy = createCopyLoad(await clientOf(runId), tablesOf(runId).rows);
    const rows = createRowLoad(copy, {
      loaded: async () => {
        await rowsOf('select sluice_loaded_settlement($1)', [runId]);
      },
      dropped: () => close(runId),
    });
    return {
      write: (batch) => line.failing(rows.write(batch)),
      finish: () => line.failing(rows.finish()),
      abort: () => line.failing(rows.abort()),
    };
  }

  async function claimByProcessorId({ runId, scope }: ShardRun): Promise<number[]> {
    await clientOf(runId);
    const rows = await byHashing(() =>
      rowsOf<{ line: number; owners: number }>(
        claimRows(runId, idsOf(scope.day, -SETTLED_AFTER_DAYS, scope.day, 1)),
        [scope.processor, scope.account],
      ),
    );
    return rows.flatMap(({ line, owners }) => Array<number>(owners).fill(line));
  }

  async function forgetUnclaimed(
    { runId }: ShardRun,
    { claimed, contested }: { claimed: readonly number[]; contested: readonly number[] },
  ): Promise<void> {
    await clientOf(runId);
    if (contested.length > 0) await rowsOf(leaveRows(runId), [bareArray(contested)]);
    await rowsOf(forgetRows(runId), [bareArray(claimed)]);
    await rowsOf(takeRows(runId), []);
  }

  async function settle(run: ShardRun, segment: Segment): Promise<ClassTotal[]> {
    const { runId, scope, now } = run;
    await clientOf(runId);
    const [survey] = await rowsOf<{ done: ClassTotal[] | null; days: string[]; shards: number[] }>(
      surveySegment(runId),
      [runId, segment.number, segment.from, segment.to],
    );
    const { done, days, shards } = survey!;
    if (done !== null) return done;
    await makeMonths(days);
    return await line.again(async () => {
      const [settled] = await rowsOf<{ fence: number; totals: ClassTotal[] }>(
        settleSegment(runId, rangesOf(days)),
        [
          ...[runId, segment.from, segment.to, scope.processor, scope.account, scope.day, now],
          ...[bareArray(shards), segment.number],
        ],
      );
      if (settled!.fence === 0) throw fenced();
      return settled!.totals;
    });
  }

  /** Those of the ledger that these days need: a report may be of payments of any age. */
  async function makeMonths(days: readonly string[]): Promise<void> {
    for (const month of new Set(days.map((day) => day.slice(0, 7)))) {
      if (monthsMade.has(month)) continue;
      await ensureLedger(`${month}-01`, `${month}-01`);
      monthsMade.add(month);
    }
  }

  async function absent(run: ShardRun, { from, to }: DayRange, due: string): Promise<ClassTotal[]> {
    const { runId, scope, now } = run;
    const [survey] = await rowsOf<{ done: ClassTotal[] }>(SURVEY_ABSENT, [runId]);
    if (survey !== undefined) return survey.done;
    const ids = idsOf(from, -COMPLETED_AFTER_DAYS, to, 0);
    const values = [runId, from, to, due, scope.processor, scope.account, scope.day, now];
    const [settled] = await byHashing(() =>
      line.again(() => rowsOf<{ totals: ClassTotal[] }>(settleAbsent(ids), values)),
    );
    return settled!.totals;
  }

  /**
   * Of a statement that reads all payments of some days. What the planner knows of the ledger may be of before this run: where it believes
   * in one entry, it would go through all there are for each payment [measured: 50 s for 138,000 payments and 2,200 entries].
   */
  async function byHashing<Result>(work: () => Promise<Result>): Promise<Result> {
    await rowsOf('set enable_nestloop = off', []);
    try {
      return await work();
    } finally {
      // When the connection has broken the setting is gone with it, and who waits for the statement is told.
      await rowsOf('reset enable_nestloop', []).catch(() => undefined);
    }
  }

  async function hasCommitted(runId: number): Promise<boolean> {
    return (await rowsOf(COMMITTED, [runId])).length > 0;
  }

  async function balances(runId: number): ReturnType<SettlementStore['balances']> {
    const rows = await rowsOf<{ currency: string; accounts: Record<string, string>; sum: string }>(BALANCES, [
      runId,
    ]);
    return rows;
  }

  async function close(runId: number): Promise<void> {
    await rowsOf('select sluice_close_settlement($1)', [runId]);
    if (held?.runId === runId) await release();
  }

  /** Lets go of the run there is. With a connection that has broken its lock is gone already. */
  async function release(): Promise<void> {
    if (held === null) return;
    const { runId, client } = held;
    held = null;
    if (client === (await line.client()))
      await rowsOf('select pg_advisory_unlock($1, $2)', [RUN_LOCK, runId]);
  }

  async function* payouts({
    from,
    to,
    merchantId,
  }: Parameters<SettlementStore['payouts']>[0]): AsyncGenerator<readonly MerchantPayout[]> {
    let after = ['0001-01-01', '', '', ''];
    for (;;) {
      const rows = await rowsOf<MerchantPayout>(PAYOUTS, [from, to, merchantId ?? null, ...after]);
      if (rows.length > 0) yield rows;
      if (rows.length < PAGE_ROWS) return;
      const last = rows.at(-1)!;
      after = [last.day, last.merchantId, last.processor, last.currency];
    }
  }

  async function ensureLedger(from: string, to: string): Promise<void> {
    await rowsOf('select sluice_ensure_ledger($1::date, $2::date)', [from, to]);
  }

  return {
    learnTerms,
    load,
    claimByProcessorId,
    forgetUnclaimed,
    settle,
    settleAbsent: absent,
    hasCommitted,
    balances,
    close,
    ...createSettlementBreaks(line, options.database),
    payouts,
    ensureLedger,
    end: line.end,
  };
}

const COMMITTED = 'select from settlement_progress where run_id = $1::int limit 1';

const BALANCES = `with sums as (
  select c.key as currency, a.key as account, sum(a.value::numeric) as sum
  from settlement_progress p cross join lateral jsonb_each(p.balances) c cross join lateral jsonb_each_text(c.value) a
  where p.run_id = $1::int group by 1, 2)
select currency, jsonb_object_agg(account, sum::text) as accounts, sum(sum)::text as sum from sums group by currency order by currency`;

const PAYOUTS = `select day::text as day, merchant_id as "merchantId", processor, currency, payments::float8 as payments, amount::text as amount,
  processor_fees::text as "processorFees", processor_tax::text as "processorTax", merchant_fees::text as "merchantFees",
  payable::text as payable
from merchant_payouts
where day between $1::date and $2::date and ($3::text is null or merchant_id = $3)
  and (day, merchant_id, processor, currency) > ($4::date, $5, $6, $7)
order by merchant_payouts.day, merchant_id, processor, currency limit ${PAGE_ROWS}`;

function fenced(): StorageError {
  return new StorageError('fenced', 'rows of this segment are not in owned_ranges of this database');
}

/** The ids of some days: from one day with an offset to the end of another with its own. */
function idsOf(from: string, fromOffset: number, to: string, toOffset: number): IdRange {
  return {
    low: firstIdAt(Date.parse(from) + fromOffset * DAY_MS),
    high: firstIdAt(Date.parse(to) + (toOffset + 1) * DAY_MS),
  };
}

/** Days in order → the ids of them, neighbours as one range. */
function rangesOf(days: readonly string[]): IdRange[] {
  const ranges: IdRange[] = [];
  for (const day of days) {
    const ids = idsOf(day, 0, day, 0);
    const last = ranges.at(-1);
    if (last?.high === ids.low) last.high = ids.high;
    else ranges.push(ids);
  }
  return ranges;
}

/** The store's connection: one at a time, opened when it is needed. */
export interface SettlementLine {
  client(): Promise<pg.Client>;
  /** Rejects with StorageError, as all of these do. */
  rowsOf<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]>;
  /** What may fail with an error of PostgreSQL, failing with StorageError. */
  failing<Result>(work: Promise<Result>): Promise<Result>;
  /** Does it again when another commit came in between. */
  again<Result>(work: () => Promise<Result>): Promise<Result>;
  end(): Promise<void>;
}

function createLine(connectionString: string): SettlementLine {
  let open: Promise<pg.Client> | null = null;
  const inTurn = createInTurn();

  function client(): Promise<pg.Client> {
    if (open !== null) return open;
    const opening = connectOnce(
      {
        connectionString,
        applicationName: 'sluice settlement',
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        lockTimeoutMs: LOCK_TIMEOUT_MS,
        settings: SETTINGS,
      },
      () => {
        if (open === opening) open = null;
      },
    );
    opening.catch(() => {
      if (open === opening) open = null;
    });
    open = opening;
    return failing(opening);
  }

  async function failing<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw failureOf(error);
    }
  }

  async function rowsOf<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const done = await inTurn(async () => {
      const used = await client();
      return await failing(used.query<Row>(text, [...values]));
    });
    return done.rows;
  }

  async function again<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (tries === TRIES_MAX || !(error instanceof StorageError) || error.kind !== 'repeat') throw error;
      }
    }
  }

  async function end(): Promise<void> {
    const used = await open?.catch(() => null);
    open = null;
    await used?.end();
  }

  return { client, rowsOf, failing, again, end };
}

/** A statement that was under way when the connection broke may have been carried out. */
function failureOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  if (!(error instanceof pg.DatabaseError)) {
    return new StorageError('uncertain', 'the connection to a shard database broke', error);
  }
  // Every key that a commit makes here counts on from what it has read: another commit was faster.
  if (error.code === UNIQUE_VIOLATION) return new StorageError('repeat', `PostgreSQL answered ${error.code}`);
  return storageErrorOf(error);
}

const UNIQUE_VIOLATION = '23505';
