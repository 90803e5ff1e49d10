/**
 * The statement that accepts a break by a person's word: what was reported is posted in place of what was posted or held.
 *
 * One commit: the reversals, the new entry, the final record, the payouts, and the break that is closed. It is a compare-and-set on the
 * break's state, and its entries count on from those there are, so that two who accept at once post once. Entries are dated with the
 * break's report: that is where the money is from.
 *
 * @module
 */

import { payoutsOf, percentOf, shardOf } from './settle-segment.ts';

/** $1 break, $2 operator, $3 reason, $4 milliseconds since 1970, $5 the break's subject. One row; its `id` is null when nothing was done: `open` is 0, or what it is of stands no more. */
export function acceptBreak(columns: string): string {
  return `with owned as materialized (
  select low, high from owned_ranges where ${shardOf('$5::uuid')} between low and high for share),
accepted as materialized (
  select b.*, (reported ->> 'net')::bigint as net, (reported ->> 'fee')::bigint as fee, (reported ->> 'tax')::bigint as tax,
    reported ->> 'currency' as currency
  from settlement_breaks b cross join owned where b.id = $1 and b.state = 'open'),
prior as materialized (select e.* from ledger_entries e where e.subject_id = $5::uuid),
live as materialized (
  select p.* from prior p where p.kind <> 'reversal' and not exists (select from prior r where r.reverses = p.entry)),
-- Posted by its run already: it is as the report has it.
posted as materialized (
  select from live l join accepted a on l.run_id = a.run_id and l.line = a.line where l.kind = 'settlement'),
-- What was held or posted for this very row, or, of a row for which nothing was, for its movement of money. When that has been taken back
-- or replaced since, the row's word is over.
standing as materialized (
  select from live l join accepted a on l.run_id = a.run_id and l.line = a.line
  union all
  select from live l join accepted a on l.movement_id = a.reported ->> 'movementId'
  where not exists (select from prior p where p.kind <> 'reversal' and p.run_id = a.run_id and p.line = a.line)),
-- What was posted for the payment, or held for this row or for its movement of money.
replaced as materialized (
  select l.*, (select max(entry) from prior) + row_number() over (order by l.entry) as next
  from live l join accepted a on l.kind = 'settlement' or (l.run_id = a.run_id and l.line = a.line) or l.movement_id = a.reported ->> 'movementId'
  where not exists (select from posted) and exists (select from standing)),
settlement as materialized (
  select a.*, net + fee + tax as gross, ${percentOf('(net + fee + tax)', 'coalesce(merchant_fee, 0)')}::bigint as kept,
    coalesce((select max(next) from replaced), (select max(entry) from prior), 0) + 1 as entry
  from accepted a where not exists (select from posted) and exists (select from standing)),
entries as (
  insert into ledger_entries (subject_id, entry, kind, reverses, transaction_id, merchant_id, processor, processor_account, currency,
    processor_receivable, processor_fees, processor_tax, merchant_payable, merchant_fees, suspense,
    day, run_id, line, movement_id, settlement_id, utr, posted_at)
  select r.subject_id, r.next, 'reversal', r.entry, r.transaction_id, r.merchant_id, r.processor, r.processor_account, r.currency,
    -r.processor_receivable, -r.processor_fees, -r.processor_tax, -r.merchant_payable, -r.merchant_fees, -r.suspense,
    a.day, a.run_id, a.line, r.movement_id, r.settlement_id, r.utr, to_timestamp($4::float8 / 1000)
  from replaced r cross join accepted a
  union all
  select subject_id, entry, 'settlement', null, transaction_id, merchant_id, processor, account, currency,
    net, fee, tax, kept - gross, -kept, 0,
    day, run_id, line, reported ->> 'movementId', reported ->> 'settlementId', reported ->> 'utr', to_timestamp($4::float8 / 1000)
  from settlement
  order by 2
  returning day, processor, merchant_id, currency, processor_fees, processor_tax, merchant_payable, merchant_fees),
final_record as (
  insert into payment_ledger (transaction_id, sequence, payment_intent_id, merchant_id, customer_id, amount, currency, final_status,
    settled_at, reconciled_at, run_id)
  select s.transaction_id, coalesce((select max(sequence) from payment_ledger l where l.transaction_id = $5::uuid), 0) + 1,
    t.payment_intent_id, t.merchant_id, t.customer_id, s.gross, s.currency, 'SUCCESS',
    to_timestamp((s.reported ->> 'settledAt')::bigint / 1000.0), to_timestamp($4::float8 / 1000), s.run_id
  from settlement s join transactions t on t.transaction_id = $5::uuid),
${payoutsOf('entries')},
closed as (
  update settlement_breaks b set state = 'accepted', closed_by = $2, reason = $3, closed_at = to_timestamp($4::float8 / 1000)
  from accepted a where b.id = a.id and b.state = 'open' and exists (select from standing)
  returning ${columns})
select (select count(*)::int from owned) as fence, (select count(*)::int from accepted) as open, c.* from (values (1)) as one left join closed c on true`;
}
