/**
 * The statement that finds our transactions that succeeded and no report has had.
 *
 * Like a segment's it is one commit over sets. A transaction is had by a report when an entry of it stands in the ledger, or when since it
 * succeeded there is a final record or a break with its row: so one whose row differs is not missing, and one that succeeded after a report
 * had failed it is.
 *
 * @module
 */

import { type IdRange, shardOf, within } from './settle-segment.ts';

/** What stands for the segment in `settlement_progress`. */
export const ABSENT_SEGMENT = -1;

/** What was found if it is done: $1 run. */
export const SURVEY_ABSENT = `select totals as done from settlement_progress where run_id = $1::int and segment = ${ABSENT_SEGMENT}`;

const COMPLETED_ON = "(t.completed_at at time zone 'utc')::date";

/** $1 run, $2 first day, $3 last day, $4 last day that is due, $5 processor, $6 account or null, $7 day of the scope, $8 milliseconds since 1970. */
export function settleAbsent(ids: IdRange): string {
  return `with owned as materialized (select low, high from owned_ranges for share),
-- By ids alone, and by hashing: nearly all of a day's payments have an entry.
unposted as materialized (
  select t.transaction_id from transactions t
  where ${within('t.transaction_id', [ids])} and t.status = 'SUCCESS' and t.processor = $5
    and ($6::text is null or t.processor_account = $6) and ${COMPLETED_ON} between $2::date and $3::date
    and not exists (
      select from ledger_entries e where e.subject_id = t.transaction_id and e.kind <> 'reversal' and ${within('e.subject_id', [ids])}
        and (e.subject_id, e.entry) not in (
          select r.subject_id, r.reverses from ledger_entries r where r.kind = 'reversal' and ${within('r.subject_id', [ids])}))),
-- What is left is looked up by its key ("offset 0": no set is made of it), however much the ledger and the breaks have grown to.
absent as materialized (
  select t.*, t.day <= $4::date as due
  from unposted u cross join lateral (
    select t.transaction_id, t.merchant_id, t.processor_account, t.amount, t.currency, t.status, t.completed_at, ${COMPLETED_ON} as day
    from transactions t where t.transaction_id = u.transaction_id and ${within('t.transaction_id', [ids])} offset 0) t
  where exists (select from owned where ${shardOf('t.transaction_id')} between low and high)
    and not exists (
      select from payment_ledger l where l.transaction_id = t.transaction_id and l.reconciled_at >= t.completed_at
        and ${within('l.transaction_id', [ids])} offset 0)
    and not exists (
      select from settlement_breaks b
      where b.subject_id = t.transaction_id and b.line is not null and b.found_at >= t.completed_at offset 0)
    -- Told once, by the run that has its break, however the days of runs overlap.
    and not exists (
      select from settlement_breaks b where b.transaction_id = t.transaction_id and b.class = 'missing_there' offset 0)),
breaks as (
  insert into settlement_breaks (run_id, processor, account, day, class, state, detail, subject_id, transaction_id, merchant_id, ours, found_at)
  select $1::int, $5, processor_account, $7::date, 'missing_there', 'open',
    format('succeeded on %s with %s minor units of %s, and no report up to that of %s has had it', day, amount, currency, $7::date), transaction_id, transaction_id, merchant_id,
    jsonb_build_object('amount', amount, 'currency', currency, 'status', status), to_timestamp($8::float8 / 1000)
  from absent where due order by transaction_id
  on conflict (transaction_id) where class = 'missing_there' do nothing),
totals as materialized (
  select coalesce(jsonb_agg(jsonb_build_object('class', class, 'currency', currency, 'count', count, 'amount', amount::text, 'fee', '0',
    'tax', '0', 'net', '0')), '[]') as totals
  from (
    select case when due then 'missing_there' else 'not_due' end as class, currency, count(*) as count, sum(amount) as amount
    from absent group by 1, 2) t),
progress as (
  insert into settlement_progress (run_id, segment, totals, balances, at)
  select $1, ${ABSENT_SEGMENT}, totals, '{}', to_timestamp($8::float8 / 1000) from totals)
select totals from totals`;
}
