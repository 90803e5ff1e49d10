/**
 * Settlement runs: the runs of an installation in the control database, and the terms they compare by.
 *
 * One connection, opened with the first call and anew after it broke. Every write may be repeated: a run is found again by its report.
 *
 * @module
 */

import pg from 'pg';
import type { AccountFee, BadLine, MerchantFee, SettlementRun, SettlementRuns } from '../settlement-runs.ts';
import { StorageError } from '../storage.ts';
import { bareArray, quotedArray } from './array-literal.ts';
import { connectOnce } from './connection.ts';
import { storageErrorOf } from './errors.ts';
import { createInTurn } from './in-turn.ts';

const PAGE_ROWS = 5000;

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

const RUN_COLUMNS = `run_id as "runId", json_build_object('processor', processor, 'account', account, 'day', day) as scope, source,
  encode(digest, 'hex') as digest, state, report, ${ms('started_at')} as "startedAt", ${ms('finished_at')} as "finishedAt",
  started_by as "startedBy"`;

/** The update changes nothing; it makes a run that is there already come back. */
const BEGIN = `insert into settlement_runs (processor, account, day, source, digest, state, started_at, started_by)
values ($1, $2, $3::date, $4, decode($5, 'hex'), 'running', to_timestamp($6::float8 / 1000), $7)
on conflict (processor, coalesce(account, ''), day, digest) do update set state = settlement_runs.state
returning ${RUN_COLUMNS}`;

const SET_ASIDE = `insert into settlement_bad_lines (run_id, line, detail)
select $1::int, u.line, u.detail from unnest($2::int[], $3::text[]) as u(line, detail)
on conflict (run_id, line) do nothing`;

const BAD_LINES = 'select line, detail from settlement_bad_lines where run_id = $1 order by line limit $2';

const FINISH = `update settlement_runs set state = 'done', report = $2::jsonb, finished_at = to_timestamp($3::float8 / 1000)
where run_id = $1 and state = 'running'`;

/** A run that is done stays. */
const WITHDRAW = `with bad as (
  delete from settlement_bad_lines b using settlement_runs r where b.run_id = $1 and r.run_id = b.run_id and r.state = 'running')
delete from settlement_runs where run_id = $1 and state = 'running'`;

const FIND = `select ${RUN_COLUMNS} from settlement_runs where run_id = $1`;

const LIST = `select ${RUN_COLUMNS} from settlement_runs order by run_id desc limit $1`;

const CLOSED_TO = `with closed as (
  select account, max(report ->> 'closedTo') as day from settlement_runs
  where processor = $1 and day < $3::date and state = 'done' group by account)
select coalesce(
  max(day) filter (where account is not distinct from $2),
  max(day) filter (where account is null),
  min(day) filter (where $2::text is null)) as day
from closed`;

/** A scope's day may have several reports: it is done since the last. */
const DONE_SINCE = `select json_build_object('processor', processor, 'account', account, 'day', day) as scope,
  max(${ms('finished_at')}) as "finishedAt"
from settlement_runs where state = 'done' and day >= $1::date group by processor, account, day`;

const MERCHANT_FEES = `select merchant_id as "merchantId", transaction_fee_percent::text as percent from merchant_preferences
where merchant_id > $1 order by merchant_id limit ${PAGE_ROWS}`;

const ACCOUNT_FEES = `select merchant_id as "merchantId", account, fee_percent::text as percent, fee_tax_percent::text as "taxPercent"
from processor_accounts
where processor = $1 and fee_percent is not null and (merchant_id, account) > ($2, $3)
order by merchant_id, account limit ${PAGE_ROWS}`;

export function createSettlementRuns(connectionString: string): SettlementRuns {
  let opening: Promise<pg.Client> | undefined;
  const inTurn = createInTurn();

  function client(): Promise<pg.Client> {
    opening ??= connectOnce({ connectionString, applicationName: 'sluice settlement runs' }, forget);
    return opening;
  }

  function forget(): void {
    opening = undefined;
  }

  async function rowsOf<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return (await inTurn(async () => (await client()).query<Row>(text, [...values]))).rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError) throw storageErrorOf(error);
      forget();
      throw new StorageError('uncertain', 'the connection to the control database broke', error);
    }
  }

  async function setAside(runId: number, lines: readonly BadLine[]): Promise<void> {
    const numbers = bareArray(lines.map(({ line }) => line));
    await rowsOf(SET_ASIDE, [runId, numbers, quotedArray(lines.map(({ detail }) => detail))]);
  }

  async function* merchantFees(): AsyncGenerator<readonly MerchantFee[]> {
    for (let after = ''; ; ) {
      const rows = await rowsOf<MerchantFee>(MERCHANT_FEES, [after]);
      if (rows.length > 0) yield rows;
      if (rows.length < PAGE_ROWS) return;
      after = rows.at(-1)!.merchantId;
    }
  }

  async function* accountFees(
    processor: Parameters<SettlementRuns['accountFees']>[0],
  ): AsyncGenerator<readonly AccountFee[]> {
    for (let after = ['', '']; ; ) {
      const rows = await rowsOf<AccountFee>(ACCOUNT_FEES, [processor, ...after]);
      if (rows.length > 0) yield rows;
      if (rows.length < PAGE_ROWS) return;
      const last = rows.at(-1)!;
      after = [last.merchantId, last.account];
    }
  }

  return {
    async begin({ scope, source, digest, startedBy }, now) {
      const { processor, account, day } = scope;
      const [run] = await rowsOf<SettlementRun>(BEGIN, [
        ...[processor, account, day, source, digest, now, startedBy],
      ]);
      return run!;
    },
    setAside,
    badLines: (runId, limit) => rowsOf<BadLine>(BAD_LINES, [runId, limit]),
    async finish(runId, report, now) {
      await rowsOf(FINISH, [runId, JSON.stringify(report), now]);
    },
    async withdraw(runId) {
      await rowsOf(WITHDRAW, [runId]);
    },
    async find(runId) {
      return (await rowsOf<SettlementRun>(FIND, [runId]))[0];
    },
    list: (limit) => rowsOf<SettlementRun>(LIST, [limit]),
    async closedTo({ processor, account, day }) {
      const [row] = await rowsOf<{ day: string | null }>(CLOSED_TO, [processor, account, day]);
      return row!.day ?? undefined;
    },
    doneSince: (day) => rowsOf(DONE_SINCE, [day]),
    merchantFees,
    accountFees,
    async close() {
      const open = await opening?.catch(() => undefined);
      forget();
      await open?.end();
    },
  };
}
