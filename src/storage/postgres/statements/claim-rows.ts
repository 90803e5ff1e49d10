/**
 * The statements that find the owners of rows without our reference, by the processor's id of the charge.
 *
 * No index knows that id (one would be written for every payment), so the payments of some weeks are read; where all rows have our reference
 * nothing is read.
 *
 * @module
 */

import { type IdRange, shardOf, tablesOf, within } from './settle-segment.ts';

const CLAIMABLE = `kind = 'payment' and transaction_id is null and processor_txn_id is not null`;

/**
 * Gives rows to the transactions of this database: $1 processor, $2 account of the scope or null. Returns their lines, and of how many
 * transactions each is. Under their own subjects they stay until `takeRows`.
 */
export function claimRows(runId: number, ids: IdRange): string {
  const { rows } = tablesOf(runId);
  return `with claimable as materialized (
  select line, processor_txn_id, coalesce(account, $2::text) as at_account from ${rows} where ${CLAIMABLE}),
owned as materialized (select low, high from owned_ranges),
known as (
  select c.line, (array_agg(t.transaction_id))[1] as transaction_id, count(*)::int as owners
  from claimable c join transactions t
    on t.processor_txn_id = c.processor_txn_id and t.processor = $1 and ${within('t.transaction_id', [ids])}
  where (c.at_account is null or t.processor_account = c.at_account)
    and exists (select from owned where ${shardOf('t.transaction_id')} between low and high)
  group by c.line)
update ${rows} r set transaction_id = k.transaction_id
-- Not by the index, which knows a line to the nearest thousands only: one look through the rows, whatever the planner believes in.
from known k where r.line + 0 = k.line returning r.line, k.owners`;
}

/** Leaves rows that several transactions have ($1: their lines) to nobody: whose money it is a person must say. */
export function leaveRows(runId: number): string {
  return `update ${tablesOf(runId).rows} set transaction_id = null where transaction_id <> subject_id and line = any ($1::int[])`;
}

/** Takes the rows that are given to this database's transactions. */
export function takeRows(runId: number): string {
  return `update ${tablesOf(runId).rows} set subject_id = transaction_id where transaction_id <> subject_id`;
}

/** Drops the rows that others have ($1: their lines) and those of nobody that are not this database's own. */
export function forgetRows(runId: number): string {
  const { rows } = tablesOf(runId);
  return `delete from ${rows} where ${CLAIMABLE}
  and (line = any ($1::int[]) or not exists (
    select from owned_ranges where ${shardOf('subject_id')} between low and high))`;
}
