/**
 * The statement that compares a segment of a report with our transactions, and posts it.
 *
 * One statement, so one snapshot and one commit: whatever it does, it does whole. It reads from top to bottom:
 * - `ruled`: rows, the transaction each is of, and whether it can be (`ours`). A row that is of none stands under a subject that is no
 *   transaction's
 * - `prior`, `live`, `holding`, `finals`, `failures`: what earlier segments and runs have made of the same subjects
 * - `chained`: rows of subjects that have several here, in the order of their lines
 * - `history`: of the rows before which something was said of their subject, what was said last (`had`); of most reports they are few
 * - `outdated`, `posted_before`: rows that were had before, and are known by more than their subject
 * - `again`: of a row whose outcome was said before, the row that said it of the same movement of money
 * - `classed`: what each row is, and what that means for the ledger (`post`) and the final record (`final`)
 * - `numbered`, `posting`: what is posted for it, and `released`: what was held of it for nobody
 * - the writes, and from what they return the sums
 *
 * Rows are sorted by subject once, and stay so: each page of payments and of the ledger is visited in order. What is read of them most
 * stands first in them: to read a column of a row that is kept is to walk over all before it. To keep a row costs by its columns: `classed`
 * has those that nearly all rows need, `posting` is not kept, and breaks, which are few, read their rows once more.
 *
 * Unlike a turn's statements it works on sets: the planner is free to hash and merge, on statistics of the staged rows and with the days of
 * the segment's ids as constants, so that other days are not touched.
 *
 * @module
 */

/** A run's own tables. */
export function tablesOf(runId: number): { rows: string; merchantFees: string; accountFees: string } {
  if (!Number.isSafeInteger(runId) || runId < 1) throw new RangeError(`not a run: ${runId}`);
  return {
    rows: `settlement_rows_${runId}`,
    merchantFees: `settlement_merchant_fees_${runId}`,
    accountFees: `settlement_account_fees_${runId}`,
  };
}

/** Ids from `low` to before `high`, 32 hex digits each. */
export interface IdRange {
  low: string;
  high: string;
}

/** Where ids may lie: one condition, in constants. */
export function within(column: string, ranges: readonly IdRange[]): string {
  const conditions = ranges.map(
    ({ low, high }) => `${column} >= '${low}'::uuid and ${column} < '${high}'::uuid`,
  );
  return conditions.length === 0 ? 'false' : `(${conditions.join(' or ')})`;
}

export const shardOf = (id: string): string =>
  `(((get_byte(uuid_send(${id}), 6) & 15) << 6) | (get_byte(uuid_send(${id}), 7) >> 2))`;

const dayOf = (id: string): string => `(uuid_extract_timestamp(${id}) at time zone 'utc')::date`;

/** A merchant's or a processor's share of an amount: half a minor unit is rounded up. Exact: all of it is numeric. */
const shareOf = (amount: string, rate: string): string => `round(${amount} * ${rate})`;

/** What a percent makes of one minor unit. */
const rateOf = (percent: string): string => `(${percent} * 0.01)`;

/** The share of an amount that a percent says. */
export const percentOf = (amount: string, percent: string): string => shareOf(amount, rateOf(percent));

/** What a segment is about, and what was found if it is done: $1 run, $2 segment, $3 first line, $4 line after the last. */
export function surveySegment(runId: number): string {
  const { rows } = tablesOf(runId);
  return `with staged as materialized (select subject_id from ${rows} where line >= $3::int and line < $4::int)
select (select totals from settlement_progress where run_id = $1::int and segment = $2::int) as done,
  array(select day::text from (select distinct ${dayOf('subject_id')} as day from staged) d order by day) as days,
  array(select distinct ${shardOf('subject_id')} from staged) as shards`;
}

/** The fence: a row that is there when every logical shard of these rows is this database's own. */
const FENCE = `owned as materialized (select low, high from owned_ranges for share),
fence as materialized (
  select from (values (1)) as one where not exists (
    select from unnest($8::int[]) as wanted(shard)
    where not exists (select from owned where wanted.shard between low and high)))`;

/** Whether two rows are of one movement of money: by the processor's id, or where one has none by the same money. */
const sameMovement = (a: string, b: string): string =>
  `(${a}.movement_id = ${b}.movement_id
      or ((${a}.movement_id is null or ${b}.movement_id is null) and ${sameMoney(a, b)}))`;

const sameMoney = (a: string, b: string): string =>
  `(${a}.net = ${b}.net and ${a}.fee = ${b}.fee and ${a}.tax = ${b}.tax and ${a}.currency = ${b}.currency)`;

/** What the comparing found beside the class, of which only breaks tell. */
const BREAKS_OWN = `status_here, held_run, again_run, again_line, again_gross, again_fee, again_tax, again_currency, otherwise,
    merchant_percent, due_fee, contract_tax_rate`;

/** The tax that the processor keeps by contract; null: it is not compared. */
const DUE_TAX = shareOf('due_fee', 'contract_tax_rate');

/** What a row's class has posted: the kind of its entry, or null. */
const POST = `case
    when outcome = 'failed' then case when class = 'failed_there' and had = 'settled' then 'reversal' end
    when class in ('matched', 'failed_here', 'unknown_settled') or (class = 'fee_differs' and otherwise is not true) then 'settlement'
    when again_run is null and class in ('amount_differs', 'currency_differs', 'unknown_here', 'twice') then 'suspense' end`;

/** What its class makes of the final record, or null. */
const FINAL = `case
    when outcome = 'failed' then case when class in ('matched', 'failed_there', 'unknown_settled') then 'FAILED' end
    when class in ('matched', 'failed_here', 'unknown_settled') or (class = 'fee_differs' and otherwise is not true) then 'SUCCESS' end`;

/** What is kept of a row once it has its class: what the ledger and the final record need of it, and what a break needs of the comparing. */
const CLASSED = `class, line, subject, ours, outcome, nth, had, entries, held_entry, finals, found_id, merchant_id, leg_account, at_account,
    currency, amount, gross, net, fee, tax, merchant_fee, payment_intent_id, customer_id, our_amount, our_currency, settled_at,
    movement_id, settlement_id, utr, ${BREAKS_OWN}`;

/** What is reported, as a break keeps it. */
const REPORTED = `jsonb_build_object('kind', kind, 'outcome', outcome, 'amount', amount, 'fee', fee, 'tax', tax, 'net', net,
    'currency', currency, 'movementId', movement_id, 'processorTxnId', processor_txn_id, 'reference', reference, 'account', at_account,
    'settledAt', settled_at, 'settlementId', settlement_id, 'utr', utr)`;

const OURS = `case when found_id is not null then
    jsonb_build_object('amount', our_amount, 'currency', our_currency, 'status', our_status) end`;

/** One sentence of what differs. Amounts are in minor units, and say so: beside them a person sees the main unit. */
const DETAIL = `case
    when otherwise then format('run %s has posted this movement with %s minor units of %s, a fee of %s and a tax of %s; this report has %s of %s, a fee of %s and a tax of %s',
      again_run, again_gross, again_currency, again_fee, again_tax, gross, currency, fee, tax)
    when class = 'twice' and again_run is not null then format('line %s of this report has the same movement already', again_line)
    when class = 'twice' and outcome = 'failed' then 'this report has taken the payment back already'
    when class = 'twice' then format('another movement of a payment that %s already; its %s minor units of %s are held',
      case when held_run = $1::int or held_run is null then 'this report has' else format('run %s has', held_run) end, gross, currency)
    when class = 'unknown_here' and kind <> 'payment' then format('of kind %s and not a payment: its %s minor units of %s are held', kind, gross, currency)
    when class = 'unknown_here' and found_id is not null then format('our transaction is at %s, account %s, and not at %s%s',
      found_processor, found_account, $4::text, case when at_account is null then '' else ', account ' || at_account end)
    when class = 'unknown_here' then 'no transaction of ours has its reference or the processor’s id of its charge'
    when class = 'currency_differs' then format('the report has %s minor units of %s, we have %s of %s', gross, currency, our_amount, our_currency)
    when class = 'amount_differs' then format('the report has %s minor units of %s, we have %s of %s', gross, currency, our_amount, our_currency)
    when class = 'fee_differs' then format('the processor has kept a fee of %s and a tax of %s minor units, its contract says %s and %s',
      fee, tax, due_fee, coalesce(${DUE_TAX}, tax))
    else format('%s here, and the report %s', status_here,
      case outcome when 'settled' then format('has settled it with %s minor units of %s', gross, currency) else 'takes it back' end) end`;

/**
 * $1 run, $2 first line, $3 line after the last, $4 processor, $5 account of the scope or null, $6 its day, $7 milliseconds since 1970,
 * $8 logical shards of the rows, $9 segment. One row: `fence` (0: nothing was changed) and `totals`.
 * @param ranges where the ids of the rows' subjects lie
 */
export function settleSegment(runId: number, ranges: readonly IdRange[]): string {
  const { rows, merchantFees, accountFees } = tablesOf(runId);
  return `with ${FENCE},
ruled as materialized (
  select leg_account is not null as ours,
    case when leg_account is null then overlay(subject_id::text placing '0' from 36)::uuid else found_id end as subject, f.*
  from (
    select s.*, t.transaction_id as found_id, t.payment_intent_id, t.merchant_id, t.customer_id, t.amount as our_amount,
      t.currency as our_currency, t.status as our_status, t.processor as found_processor, t.processor_account as found_account,
      case when t.transaction_id is null then null
        when t.processor = $4 and (s.at_account is null or t.processor_account = s.at_account) then t.processor_account
        else (
          select place ->> 'processorAccount' from jsonb_array_elements(t.routing -> 'legs') as places(place)
          where place ->> 'processor' = $4 and (s.at_account is null or place ->> 'processorAccount' = s.at_account) limit 1) end as leg_account
    from (
      select r.*, r.net + r.fee + r.tax as gross, coalesce(r.account, $5::text) as at_account
      from ${rows} r cross join fence where r.line >= $2::int and r.line < $3::int order by r.subject_id offset 0) s
    -- Looked up by its key: a day has many more payments than a segment has rows.
    left join lateral (
      select t.* from transactions t where s.kind = 'payment' and t.transaction_id = s.transaction_id and ${within('t.transaction_id', ranges)}
      offset 0) t on true
    offset 0) f),
-- In their order, and believed to be few: each is looked up by its key, whatever the ledger has grown to.
subjects as materialized (
  select distinct on (subject) subject, ours from (
    select subject, ours from ruled
    union all
    select transaction_id, false from ruled where not ours and kind = 'payment' and transaction_id is not null) s
  order by subject, ours desc),
prior as materialized (
  select e.subject_id, e.entry, e.kind, e.reverses, e.day, e.run_id, e.line, e.processor, e.movement_id, e.currency,
    e.processor_receivable as net, e.processor_fees as fee, e.processor_tax as tax, e.merchant_payable, e.merchant_fees, e.suspense
  from subjects s join ledger_entries e on e.subject_id = s.subject and ${within('e.subject_id', ranges)}),
live as materialized (
  select p.* from prior p
  -- A hashed subplan: a join would be planned for the few reversals the planner believes in.
  where p.kind <> 'reversal' and (p.subject_id, p.entry) not in (select r.subject_id, r.reverses from prior r where r.kind = 'reversal')),
numbers as materialized (select subject_id, max(entry) as entries from prior group by subject_id),
holding as materialized (
  select distinct on (subject_id) subject_id, entry, day, run_id from live order by subject_id, kind, entry),
finals as materialized (
  select distinct on (l.transaction_id) l.transaction_id, l.sequence, l.final_status, l.run_id
  from subjects s join payment_ledger l on s.ours and l.transaction_id = s.subject and ${within('l.transaction_id', ranges)}
  order by l.transaction_id, l.sequence desc),
failures as materialized (
  select b.subject_id, (b.reported ->> 'amount')::bigint as amount, b.reported ->> 'currency' as currency,
    max(b.run_id) filter (where b.run_id <> $1) as run_id, bool_or(b.run_id <> $1 and b.day = $6::date) as this_day
  from subjects s join settlement_breaks b on b.subject_id = s.subject
  where b.line is not null and b.reported ->> 'outcome' = 'failed' group by 1, 2, 3),
chained as materialized (
  select r.line, row_number() over chain as nth, count(*) filter (where r.outcome = 'settled') over chain as settled_so_far,
    lag(r.outcome) over chain as outcome_before
  from ruled r where r.subject in (select subject from ruled group by subject having count(*) > 1)
  window chain as (partition by r.subject order by r.line)),
history as materialized (
  select r.line, r.subject, r.outcome, r.movement_id, r.net, r.fee, r.tax, r.currency, c.nth, c.settled_so_far,
    n.entries, h.entry as held_entry, h.run_id as held_run, h.day as held_day, x.this_day, f.sequence as finals,
    -- An earlier run that has taken it back.
    case when f.final_status = 'FAILED' and f.run_id <> $1 then f.run_id else x.run_id end as failed_run,
    coalesce(c.outcome_before, case when h.subject_id is not null then 'settled'
      when f.final_status = 'FAILED' or (f.final_status is null and x.subject_id is not null) then 'failed' end) as had
  from ruled r left join numbers n on n.subject_id = r.subject left join holding h on h.subject_id = r.subject
    left join finals f on f.transaction_id = r.subject
    -- What was taken back with another amount was a break, and takes nothing back.
    left join failures x on x.subject_id = r.subject and x.amount = r.amount and x.currency = r.currency
    left join chained c on c.line = r.line
  where n.subject_id is not null or f.transaction_id is not null or x.subject_id is not null or c.line is not null),
again as materialized (
  select distinct on (c.line) c.line, p.run_id, p.line as first_line, p.net + p.fee + p.tax as gross, p.fee, p.tax, p.currency,
    p.run_id <> $1 and not ${sameMoney('c', 'p')} as otherwise
  from history c join (
    -- Two processors may each have charged it: that is not one movement, whatever they call it.
    select subject_id, run_id, line, movement_id, net, fee, tax, currency, case kind when 'suspense' then entry end as held_as from live
    where processor = $4
    union all
    select subject, $1::int, line, movement_id, net, fee, tax, currency, case had when 'settled' then -1 end
    from history where nth is not null and outcome = 'settled') p
    on p.subject_id = c.subject and (p.run_id <> $1 or p.line < c.line) and ${sameMovement('c', 'p')}
  -- Where the payment was taken back: what is held beside what was, as another movement, is held still.
  where c.outcome = 'settled' and (c.had = 'settled' or p.held_as <> coalesce(c.held_entry, 0))
  order by c.line, (p.run_id = $1), p.run_id desc, p.line),
-- Rows that a report of this very day has had, and of which one of a later day has said otherwise since: the older report has come again.
outdated as materialized (
  select c.line from history c join (
    select p.* from prior p where p.processor = $4 and p.run_id <> $1 and p.day = $6::date and p.kind <> 'reversal'
      and (p.subject_id, p.entry) in (select r.subject_id, r.reverses from prior r where r.kind = 'reversal' and r.day > $6::date)) p
    on p.subject_id = c.subject and ${sameMovement('c', 'p')} and ${sameMoney('c', 'p')}
  where c.nth is null and c.outcome = 'settled' and c.had = 'failed'
  union all
  select c.line from history c
  where c.nth is null and c.outcome = 'failed' and c.had = 'settled' and c.this_day and c.held_day > $6::date),
-- Rows that can be of no transaction here, and whose movement was posted for theirs: the report was had under another account's scope, or
-- the payment's day is gone.
posted_before as materialized (
  select r.line from ruled r join live p on p.subject_id = r.transaction_id and p.processor = $4 and p.run_id <> $1
    and p.movement_id = r.movement_id and ${sameMoney('r', 'p')}
  where not r.ours),
classed as materialized (
  select ${POST} as post, ${FINAL} as final, ${CLASSED} from (
  select case
    when again_run <> $1 then case
      when again_currency <> currency then 'currency_differs'
      when again_gross <> gross then 'amount_differs'
      when otherwise then 'fee_differs' else 'already_posted' end
    when again_run = $1 then 'twice'
    when is_outdated then 'already_posted'
    when had = outcome and outcome = 'failed' then
      case when coalesce(settled_so_far, 0) = 0 and failed_run is not null then 'already_posted' else 'twice' end
    when not ours then case when is_posted_before and outcome = 'settled' then 'already_posted' else 'unknown_here' end
    when had = outcome then 'twice'
    when currency <> our_currency then 'currency_differs'
    when gross <> our_amount then 'amount_differs'
    when status_here not in ('SUCCESS', 'FAILED') then 'unknown_settled'
    when outcome = 'failed' then case status_here when 'SUCCESS' then 'failed_there' else 'matched' end
    when status_here = 'FAILED' then 'failed_here'
    -- One minor unit of difference each is rounding.
    when abs(fee - due_fee) > 1 or abs(tax - ${DUE_TAX}) > 1 then 'fee_differs'
    else 'matched' end as class, j.*
  from (
    select r.*, h.nth, h.settled_so_far, coalesce(h.entries, 0) as entries, h.held_entry, h.held_run, coalesce(h.finals, 0) as finals,
      h.failed_run, h.had, a.run_id as again_run, a.first_line as again_line, a.gross as again_gross, a.fee as again_fee,
      a.tax as again_tax, a.currency as again_currency, a.otherwise, 
      -- Hashed subplans: joins would be planned for the one row the planner believes in.
      (r.line in (select line from posted_before)) is true as is_posted_before, (r.line in (select line from outdated)) is true as is_outdated,
      coalesce(m.percent, 0) as merchant_percent, coalesce(${shareOf('r.gross', 'm.rate')}, 0)::bigint as merchant_fee,
      -- What the processor keeps by contract; null: it is not compared.
      ${shareOf('r.gross', 'k.rate')} as due_fee, k.tax_rate as contract_tax_rate,
      case h.had when 'settled' then 'SUCCESS' when 'failed' then 'FAILED' else r.our_status end as status_here
    from ruled r left join history h on h.line = r.line left join again a on a.line = r.line
      left join (select merchant_id, percent, ${rateOf('percent')} as rate from ${merchantFees}) m on m.merchant_id = r.merchant_id
      left join (select merchant_id, account, ${rateOf('percent')} as rate, ${rateOf('tax_percent')} as tax_rate from ${accountFees}) k
        on k.merchant_id = r.merchant_id and k.account = r.leg_account
    offset 0) j
  offset 0) k),
-- Of subjects with several rows here: the numbers of what is made of them, and what is taken back.
numbered as materialized (
  select line as of_line, entry as new_entry, sequence as new_sequence, coalesce(
      -- What was posted when the payment was last said to be settled.
      max(entry) filter (where post <> 'reversal' and had is distinct from 'settled') over (
        partition by subject order by line rows between unbounded preceding and 1 preceding),
      held_entry) as reverses
  from (
    select line, subject, had, held_entry, post, entries + count(post) over chain as entry, finals + count(final) over chain as sequence
    from classed where nth is not null
    window chain as (partition by subject order by line)) c),
-- Not kept: it is read whole once, and of few rows otherwise.
posting as not materialized (
  select c.line, c.subject, c.nth, coalesce(n.new_entry, c.entries + 1) as entry, c.post, coalesce(n.reverses, c.held_entry) as reverses,
    case when c.ours then c.found_id end as transaction_id, case when c.ours then c.merchant_id end as merchant_id,
    coalesce(c.leg_account, c.at_account) as account, c.currency, c.net, c.fee, c.tax,
    case c.post when 'settlement' then c.merchant_fee - c.gross else 0 end as merchant_payable,
    case c.post when 'settlement' then - c.merchant_fee else 0 end as merchant_fees,
    case c.post when 'suspense' then - c.gross else 0 end as suspense, c.movement_id, c.settlement_id, c.utr
  from classed c left join numbered n on n.of_line = c.line where c.post is not null),
-- Movements that were held for nobody, since a report had them under another account's scope, and have their payment now.
held_apart as materialized (
  select b.id, b.subject_id, b.transaction_id, b.run_id, b.line, b.reported ->> 'movementId' as movement_id from settlement_breaks b
  where b.state = 'open' and b.class = 'unknown_here' and b.processor = $4 and b.transaction_id is not null),
-- Brought together by grouping, which is never planned as a loop in a loop.
owned_now as materialized (
  select h.id, h.subject_id, h.run_id, h.line, g.by_line
  from (
    select array_agg(id) filter (where id is not null) as ids, min(line) as by_line
    from (
      select transaction_id, movement_id, id, null::int as line from held_apart
      union all
      select transaction_id, movement_id, null, line from posting where post <> 'reversal' and exists (select from held_apart)) both_sides
    where movement_id is not null group by transaction_id, movement_id having min(line) is not null and count(id) > 0) g
  cross join lateral unnest(g.ids) as i(id) join settlement_breaks h on h.id = i.id),
released as materialized (
  select o.id, o.by_line, e.*, n.entries + coalesce(q.entries, 0) + row_number() over (partition by e.subject_id order by e.entry) as next
  from owned_now o join ledger_entries e on e.subject_id = o.subject_id and e.run_id = o.run_id and e.line = o.line and e.kind = 'suspense'
      and ${within('e.subject_id', ranges)}
    cross join lateral (select max(m.entry) as entries from ledger_entries m where m.subject_id = e.subject_id and ${within('m.subject_id', ranges)}) n
    left join (
      select subject, count(*) as entries from posting
      where exists (select from held_apart) and subject in (select subject_id from owned_now) group by subject) q on q.subject = e.subject_id
  where not exists (
    select from ledger_entries r where r.subject_id = e.subject_id and r.reverses = e.entry and ${within('r.subject_id', ranges)})),
entries as (
  insert into ledger_entries (subject_id, entry, kind, reverses, transaction_id, merchant_id, processor, processor_account, currency,
    processor_receivable, processor_fees, processor_tax, merchant_payable, merchant_fees, suspense,
    day, run_id, line, movement_id, settlement_id, utr, posted_at)
  select p.subject, p.entry, p.post, null, p.transaction_id, p.merchant_id, $4, p.account, p.currency,
    p.net, p.fee, p.tax, p.merchant_payable, p.merchant_fees, p.suspense,
    $6::date, $1, p.line, p.movement_id, p.settlement_id, p.utr, to_timestamp($7::float8 / 1000)
  from posting p where p.post <> 'reversal'
  union all
  select p.subject, p.entry, p.post, p.reverses, p.transaction_id, p.merchant_id, $4, p.account, coalesce(l.currency, q.currency),
    - coalesce(l.net, q.net), - coalesce(l.fee, q.fee), - coalesce(l.tax, q.tax), - coalesce(l.merchant_payable, q.merchant_payable),
    - coalesce(l.merchant_fees, q.merchant_fees), - coalesce(l.suspense, q.suspense),
    $6::date, $1, p.line, p.movement_id, p.settlement_id, p.utr, to_timestamp($7::float8 / 1000)
  from posting p left join live l on l.subject_id = p.subject and l.entry = p.reverses
    left join posting q on q.nth is not null and q.subject = p.subject and q.entry = p.reverses
  where p.post = 'reversal'
  union all
  select subject_id, next, 'reversal', entry, transaction_id, merchant_id, processor, processor_account, currency,
    - processor_receivable, - processor_fees, - processor_tax, - merchant_payable, - merchant_fees, - suspense,
    $6::date, $1, by_line, movement_id, settlement_id, utr, to_timestamp($7::float8 / 1000)
  from released
  returning day, processor, merchant_id, currency, processor_receivable, processor_fees, processor_tax, merchant_payable, merchant_fees, suspense),
final_records as (
  insert into payment_ledger (transaction_id, sequence, payment_intent_id, merchant_id, customer_id, amount, currency, final_status,
    settled_at, reconciled_at, run_id)
  select c.found_id, coalesce(n.new_sequence, c.finals + 1), c.payment_intent_id, c.merchant_id, c.customer_id,
    case c.outcome when 'settled' then c.gross else c.our_amount end, case c.outcome when 'settled' then c.currency else c.our_currency end,
    c.final, to_timestamp(c.settled_at::float8 / 1000), to_timestamp($7::float8 / 1000), $1
  from classed c left join numbered n on n.of_line = c.line where c.final is not null),
breaks as (
  insert into settlement_breaks (run_id, processor, account, day, class, state, detail, line, subject_id, transaction_id, merchant_id,
    merchant_fee, reported, ours, found_at)
  select $1, $4, coalesce(leg_account, at_account), $6::date, class,
    case when class in ('failed_there', 'failed_here', 'unknown_settled') then 'correcting' else 'open' end,
    ${DETAIL}, line, subject, found_id, merchant_id, merchant_percent, ${REPORTED}, ${OURS}, to_timestamp($7::float8 / 1000)
  from (select line, class, ${BREAKS_OWN} from classed where class not in ('matched', 'already_posted')) c join ruled using (line) order by line),
no_longer_missing as (
  update settlement_breaks b set state = 'settled', closed_at = to_timestamp($7::float8 / 1000), closed_by = 'reconciliation',
    reason = format('run %s has had it at line %s', $1::int, c.line)
  from (
    select b.id, min(c.line) as line from settlement_breaks b join ruled c on c.subject = b.transaction_id
    where b.class = 'missing_there' and b.state = 'open' and c.ours group by b.id
    union all
    select id, by_line from released) c
  where b.id = c.id and b.state = 'open'),
${payoutsOf('entries')},
totals as materialized (
  select coalesce(jsonb_agg(jsonb_build_object('class', class, 'currency', currency, 'count', count, 'amount', amount::text, 'fee', fee::text,
    'tax', tax::text, 'net', net::text)), '[]') as totals
  from (
    select class, currency, count(*) as count, sum(amount) as amount, sum(fee) as fee, sum(tax) as tax, sum(net) as net
    from classed group by class, currency) t),
progress as (
  insert into settlement_progress (run_id, segment, totals, balances, at)
  select $1, $9::int, totals, ${balancesOf('entries')}, to_timestamp($7::float8 / 1000) from totals cross join fence)
select (select count(*)::int from fence) as fence, totals from totals`;
}

/**
 * Adds to the merchants' payouts what entries change of them.
 * @param entries name of the common table expression that returns them
 */
export function payoutsOf(entries: string): string {
  return `payouts as (
  insert into merchant_payouts as m (day, merchant_id, processor, currency, payments, amount, processor_fees, processor_tax, merchant_fees, payable)
  select day, merchant_id, processor, currency, sum(sign(- merchant_payable - merchant_fees)), sum(- merchant_payable - merchant_fees),
    sum(processor_fees), sum(processor_tax), sum(- merchant_fees), sum(- merchant_payable)
  from ${entries} where merchant_payable + merchant_fees <> 0
  group by day, merchant_id, processor, currency order by day, merchant_id, processor, currency
  on conflict (day, merchant_id, processor, currency) do update set payments = m.payments + excluded.payments,
    amount = m.amount + excluded.amount, processor_fees = m.processor_fees + excluded.processor_fees,
    processor_tax = m.processor_tax + excluded.processor_tax, merchant_fees = m.merchant_fees + excluded.merchant_fees,
    payable = m.payable + excluded.payable)`;
}

/** Sums of entries by currency and account, as JSON. */
function balancesOf(entries: string): string {
  return `(select coalesce(jsonb_object_agg(currency, sums), '{}') from (
    select currency, jsonb_build_object('processor_receivable', sum(processor_receivable)::text, 'processor_fees', sum(processor_fees)::text,
      'processor_tax', sum(processor_tax)::text, 'merchant_payable', sum(merchant_payable)::text,
      'merchant_fees', sum(merchant_fees)::text, 'suspense', sum(suspense)::text) as sums
    from ${entries} group by currency) b)`;
}
