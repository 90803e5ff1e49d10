/**
 * The statement that commits a turn, composed of the kinds of facts the turn has.
 *
 * One kind is one fragment: common table expressions over `unnest` of its columns, and the columns of its result. Which
 * kinds a turn has is a mask of ten bits; a statement is composed once per mask and prepared under the mask's name.
 *
 * Rules every fragment keeps:
 * - it writes only across `fence`, a row that is there when every logical shard from the batch's first to its last is this
 *   database's own; their ranges are locked FOR SHARE;
 * - every join of a payment table is by primary key, with the bounds of the batch's ids beside it, so that partitions
 *   prune (`= any` does not) and nested loops over the primary key are the only plan;
 * - membership is asked of a hashed subplan (`in`, never at the top of a condition), so that no batch costs its square;
 * - rows come sorted by key, so two gateways lock in one order;
 * - dependent rows come from RETURNING, so a change that was not effective leaves no trace.
 *
 * @module
 */

/** One parameter of the statement: the cast it wears. */
type Column = readonly [name: string, cast: string];

export const KINDS = [
  'keys',
  'intents',
  'firstAttempts',
  'nextAttempts',
  'reversals',
  'moves',
  'expiries',
  'callbacks',
  'incidents',
  'audits',
] as const;
export type Kind = (typeof KINDS)[number];

/** Bit of a kind in the mask. */
export const BIT: Readonly<Record<Kind, number>> = {
  keys: 1,
  intents: 2,
  firstAttempts: 4,
  nextAttempts: 8,
  moves: 16,
  expiries: 32,
  callbacks: 64,
  incidents: 128,
  audits: 256,
  reversals: 512,
};

/** Columns of each kind in the order of their parameters. */
export const COLUMNS = {
  keys: [
    ['merchant_id', 'text[]'],
    ['endpoint', 'text[]'],
    ['key', 'text[]'],
    ['body_hash', 'bytea[]'],
    ['effect_id', 'uuid[]'],
    ['answer', 'text[]'],
    // The effect is an attempt of this batch.
    ['of_attempt', 'bool[]'],
  ],
  intents: [
    ['id', 'uuid[]'],
    ['merchant_id', 'text[]'],
    ['customer_id', 'text[]'],
    ['order_id', 'text[]'],
    ['amount', 'int8[]'],
    ['currency', 'text[]'],
    ['metadata', 'jsonb[]'],
    ['at', 'float8[]'],
    ['keyed', 'bool[]'],
  ],
  firstAttempts: attemptColumns(),
  nextAttempts: [...attemptColumns(), ['previous_id', 'uuid[]']],
  // Of each move that takes a success back: its attempt, and the ids its intent can have.
  reversals: [
    ['id', 'uuid[]'],
    ['intent_id', 'uuid[]'],
    ['last_id', 'uuid[]'],
  ],
  moves: [
    ['id', 'uuid[]'],
    ['expected_status', 'text[]'],
    ['expected_revision', 'int4[]'],
    ['status', 'text[]'],
    ['outcome', 'text[]'],
    ['leg', 'int2[]'],
    ['processor', 'text[]'],
    ['processor_account', 'text[]'],
    // Null: as it was.
    ['routing', 'jsonb[]'],
    ['processor_txn_id', 'text[]'],
    ['payment_method_type', 'text[]'],
    ['next_action', 'jsonb[]'],
    ['failure_code', 'text[]'],
    ['reopenable', 'bool[]'],
    ['revision', 'int4[]'],
    ['evidence', 'jsonb[]'],
    ['at', 'float8[]'],
    ['completed_at', 'float8[]'],
    ['event_id', 'uuid[]'],
    ['event_type', 'text[]'],
    ['intent_status', 'text[]'],
  ],
  expiries: [
    ['id', 'uuid[]'],
    ['last_id', 'uuid[]'],
    ['event_id', 'uuid[]'],
    ['event_type', 'text[]'],
    ['at', 'float8[]'],
  ],
  callbacks: [
    ['processor', 'text[]'],
    ['event_id', 'text[]'],
    ['transaction_id', 'uuid[]'],
    ['verdict', 'text[]'],
    ['reason', 'text[]'],
    ['word', 'jsonb[]'],
    ['moves', 'bool[]'],
    ['relay', 'bool[]'],
    ['at', 'float8[]'],
  ],
  incidents: [
    ['transaction_id', 'uuid[]'],
    ['intent_id', 'uuid[]'],
    ['kind', 'text[]'],
    ['detail', 'text[]'],
    ['at', 'float8[]'],
  ],
  audits: [
    ['transaction_id', 'uuid[]'],
    ['operator', 'text[]'],
    ['action', 'text[]'],
    ['reason', 'text[]'],
    ['moves', 'bool[]'],
    ['at', 'float8[]'],
  ],
} as const satisfies Record<Kind, readonly Column[]>;

function attemptColumns() {
  return [
    ['id', 'uuid[]'],
    ['intent_id', 'uuid[]'],
    ['attempt', 'int2[]'],
    ['merchant_id', 'text[]'],
    ['processor', 'text[]'],
    ['processor_account', 'text[]'],
    ['routing', 'jsonb[]'],
    ['payment_method_type', 'text[]'],
    ['token', 'text[]'],
    ['sender_nonce', 'text[]'],
    ['send_before', 'float8[]'],
    ['card_brand', 'text[]'],
    ['card_masked', 'text[]'],
    ['card_expiry_month', 'int2[]'],
    ['card_expiry_year', 'int2[]'],
    ['card_fingerprint', 'text[]'],
    ['success_url', 'text[]'],
    ['cancel_url', 'text[]'],
    ['session_expires_at', 'float8[]'],
    ['at', 'float8[]'],
    ['keyed', 'bool[]'],
  ] as const satisfies readonly Column[];
}

/** Parameters every statement begins with: first and last logical shard, first and last id of the batch. */
export const COMMON_PARAMETERS = 4;

/** An intent may be paid for a day by the database's clock (design 7). */
const PAYABLE = `i.status = 'PENDING' and i.created_at > now() - interval '24 hours'`;
/** Older by more than any statement lasts, so that no attempt begun in time is missed. */
const EXPIRED = `i.status = 'PENDING' and i.created_at < now() - interval '24 hours 5 minutes'`;
/**
 * Whether a move `m` changes the status of its intent: a failure only gives way to a success, and what is paid stays paid, unless the
 * success was taken back and no other attempt stands for it.
 */
function movesIntent(intent: string, mask: number): string {
  const unpaid =
    (mask & BIT.reversals) === 0
      ? ''
      : `or ${intent}.status = 'SUCCESS' and m.reversed and (m.payment_intent_id in (select payment_intent_id from still_paid)) is not true`;
  return `(${intent}.status = 'PENDING' and m.intent_status is not null or ${intent}.status = 'FAILED' and m.intent_status = 'SUCCESS' ${unpaid})`;
}
const TODAY = `(now() at time zone 'utc')::date`;
const FIRST_MINUTE = `(now() at time zone 'utc')::time < '00:01'`;

interface Fragment {
  ctes: string;
  /** Columns of the result. */
  results: string[];
}

const statements = new Map<number, { name: string; text: string }>();

/** The statement of a mask, with the name it is prepared under. */
export function statementOf(mask: number): { name: string; text: string } {
  const known = statements.get(mask);
  if (known !== undefined) return known;
  const made = { name: `commit_turn_${mask}`, text: compose(mask) };
  statements.set(mask, made);
  return made;
}

function compose(mask: number): string {
  let next = COMMON_PARAMETERS + 1;
  const fragments: Fragment[] = [];
  for (const kind of KINDS) {
    if ((mask & BIT[kind]) === 0) continue;
    const columns: readonly Column[] = COLUMNS[kind];
    const parameters = columns.map(([, cast]) => `$${next++}::${cast}`).join(', ');
    const names = columns.map(([name]) => name).join(', ');
    fragments.push(FRAGMENTS[kind](`unnest(${parameters}) as u(${names})`, mask));
  }
  const results = [
    '(select count(*)::int from fence) as fence',
    '$3::uuid as first_id',
    '$4::uuid as last_id',
  ];
  results.push(...fragments.flatMap((fragment) => fragment.results));
  if ((mask & BIT.keys) !== 0 && (mask & (BIT.firstAttempts | BIT.nextAttempts)) !== 0)
    results.push(halfway(mask));
  return `with owned as materialized (select low, high from owned_ranges where high >= $1 and low <= $2 for share),
fence as materialized (
  select from owned having coalesce(sum(least(high, $2) - greatest(low, $1) + 1), 0) = $2::int - $1::int + 1),
${fragments.map((fragment) => fragment.ctes).join(',\n')}
select ${results.join(',\n')}`;
}

/**
 * Where ids of the batch lie: beside every join, so that partitions prune. The upper bound is written so that it prunes and is
 * neither an index condition nor half of a range: the planner takes a range of unknown bounds for one row in two hundred
 * and would, while tables are small, read all of it for every row of the batch instead of looking the row up.
 */
export function inBounds(column: string, first: string, last: string): string {
  return `${column} >= ${first}::uuid and ${column} <= all (array[${last}::uuid])`;
}

function inBatch(column: string): string {
  return inBounds(column, '$3', '$4');
}

/** Always true of a batch's own rows, and said for the planner: taken for few rows, they are what it starts from. */
function few(column: string): string {
  return `${column} between $3::uuid and $4::uuid`;
}

/** A keyed row is written only with its key. Without keys in the batch nothing is keyed. */
function withKey(id: string, mask: number): string {
  return (mask & BIT.keys) === 0 ? '' : `and (not u.keyed or ${id} in (select effect_id from claimed))`;
}

const FRAGMENTS: Readonly<Record<Kind, (unnest: string, mask: number) => Fragment>> = {
  /**
   * A claim also looks at yesterday, and in a day's first minute claims yesterday's partition first: a claim that began
   * before midnight and is not committed yet is waited for there. It looks at tomorrow too, where a claim is that was made
   * before this database's clock was set back over midnight.
   */
  keys: (unnest) => ({
    ctes: `key_rows as materialized (select u.* from ${unnest} cross join fence),
claimed_yesterday as (
  insert into idempotency_keys (day, merchant_id, endpoint, key, body_hash, effect_id, answer, created_at)
  select ${TODAY} - 1, u.merchant_id, u.endpoint, u.key, u.body_hash, u.effect_id, u.answer, now()
  from key_rows u where ${FIRST_MINUTE}
  on conflict do nothing returning effect_id),
claimed as (
  insert into idempotency_keys (day, merchant_id, endpoint, key, body_hash, effect_id, answer, created_at)
  select ${TODAY}, u.merchant_id, u.endpoint, u.key, u.body_hash, u.effect_id, u.answer, now()
  from key_rows u
  where (not ${FIRST_MINUTE} or u.effect_id = any (array(select effect_id from claimed_yesterday)))
    ${unclaimedOn(`${TODAY} - 1`)}
    ${unclaimedOn(`${TODAY} + 1`)}
  on conflict do nothing returning effect_id)`,
    results: [effectiveIds('claimed', 'claimed', 'effect_id')],
  }),

  intents: (unnest, mask) => ({
    ctes: `new_intents as (
  insert into payment_intents (payment_intent_id, merchant_id, customer_id, order_id, amount, currency, status, metadata, created_at, updated_at)
  select u.id, u.merchant_id, u.customer_id, u.order_id, u.amount, u.currency, 'PENDING', u.metadata, to_timestamp(u.at), to_timestamp(u.at)
  from ${unnest} cross join fence
  where true ${withKey('u.id', mask)}
  on conflict do nothing returning payment_intent_id)`,
    results: [effectiveIds('intents', 'new_intents', 'payment_intent_id')],
  }),

  firstAttempts: (unnest, mask) => attempts('first', unnest, mask, '', ''),

  /** Attempt n needs attempt n-1 closed and reopenable, and holds it so until the commit. */
  nextAttempts: (unnest, mask) =>
    attempts(
      'next',
      unnest,
      mask,
      `join transactions p on p.transaction_id = u.previous_id and ${inBatch('p.transaction_id')} and p.status = 'FAILED' and p.reopenable`,
      'for share of p',
    ),

  /**
   * The other attempts of payments of which one is taken back, as they were before this statement. A success that another gateway is
   * committing changes the intent too: whichever of the two comes second is run again on a snapshot of its own (40001).
   */
  reversals: (unnest) => ({
    ctes: `siblings as materialized (
  select u.intent_id, t.transaction_id, t.status
  from ${unnest} cross join fence
  join transactions t on t.transaction_id between u.intent_id and u.last_id and ${inBatch('t.transaction_id')} and t.transaction_id <> u.id
  where ${few('u.id')})`,
    results: [],
  }),

  /**
   * One change of an intent per turn moves its status and counts its events. Of two attempts of one intent that end in one turn,
   * success is the one that counts, and its event has the last number. A last attempt that fails after an earlier one was charged late
   * leaves the intent paid: then only the attempt has failed. Events travel in arrays, so that none is looked up again.
   */
  moves: (unnest, mask) => ({
    ctes: `moved as (
  update transactions t set status = u.status, outcome = u.outcome, leg = u.leg, processor = u.processor,
    processor_account = u.processor_account, routing = coalesce(u.routing, t.routing), processor_txn_id = u.processor_txn_id,
    payment_method_type = u.payment_method_type, next_action = u.next_action, failure_code = u.failure_code,
    reopenable = u.reopenable, revision = u.revision, evidence = u.evidence, updated_at = to_timestamp(u.at),
    completed_at = to_timestamp(u.completed_at)
  from ${unnest} cross join fence
  where ${few('u.id')} and t.transaction_id = u.id and ${inBatch('t.transaction_id')}
    and t.status = u.expected_status and t.revision = u.expected_revision
  returning t.transaction_id, t.payment_intent_id, t.status, t.failure_code, t.payment_method_type, t.updated_at, u.event_id, u.event_type, u.intent_status),
${stillPaid(mask)}changed_intents as (
  update payment_intents i set event_sequence = i.event_sequence + m.events,
    status = case when ${movesIntent('i', mask)} then m.intent_status else i.status end,
    payment_method_type = case when ${movesIntent('i', mask)} then m.method_types[cardinality(m.method_types)] else i.payment_method_type end,
    updated_at = case when ${movesIntent('i', mask)} then m.changed_at[cardinality(m.changed_at)] else i.updated_at end
  from (
    select payment_intent_id, count(event_id)::int as events, max(intent_status) as intent_status,
      bool_or(event_type = 'payment.reversed') as reversed,
      array_agg(transaction_id order by intent_status nulls first, transaction_id) as transaction_ids,
      array_agg(event_id order by intent_status nulls first, transaction_id) as event_ids,
      array_agg(event_type order by intent_status nulls first, transaction_id) as event_types,
      array_agg(status order by intent_status nulls first, transaction_id) as statuses,
      array_agg(failure_code order by intent_status nulls first, transaction_id) as failure_codes,
      array_agg(payment_method_type order by intent_status nulls first, transaction_id) as method_types,
      array_agg(updated_at order by intent_status nulls first, transaction_id) as changed_at
    from moved where event_id is not null or intent_status is not null
    group by payment_intent_id) m
  where i.payment_intent_id = m.payment_intent_id and ${inBatch('i.payment_intent_id')}
  returning i.payment_intent_id, i.merchant_id, i.event_sequence - m.events as told_before, m.transaction_ids, m.event_ids,
    m.event_types, m.statuses, m.failure_codes, m.changed_at,
    case when ${movesIntent('old', mask)} then m.transaction_ids[cardinality(m.transaction_ids)] end as moved_by),
final_intents as (select moved_by as transaction_id from changed_intents where moved_by is not null),
moved_events as (
  insert into outbox (event_id, merchant_id, payment_intent_id, transaction_id, type, status, failure_code, sequence, created_at)
  select e.event_id, c.merchant_id, c.payment_intent_id, e.transaction_id,
    case when e.event_type = 'payment.failed' and e.transaction_id is distinct from c.moved_by
      then 'payment.attempt_failed' else e.event_type end,
    e.status, e.failure_code, c.told_before + e.number, e.changed_at
  from changed_intents c cross join lateral (
    select u.*, row_number() over (order by place) as number
    from unnest(c.transaction_ids, c.event_ids, c.event_types, c.statuses, c.failure_codes, c.changed_at) with ordinality
      as u(transaction_id, event_id, event_type, status, failure_code, changed_at, place)
    where u.event_id is not null) e
  returning payment_intent_id, sequence, event_id),
moved_to_relay as (${toRelay('moved_events')}),
second_successes as (
  insert into incidents (transaction_id, payment_intent_id, kind, detail)
  select m.transaction_id, m.payment_intent_id, 'second_success', 'another attempt of this payment was charged before' from moved m
  where (select count(*) from final_intents) < (select count(*) from moved where intent_status is not null)
    and m.intent_status = 'SUCCESS' and m.transaction_id <> all (array(select transaction_id from final_intents))
  on conflict (transaction_id, kind) do nothing
  returning transaction_id)`,
    results: [
      effectiveIds('moves', 'moved', 'transaction_id'),
      effectiveIds('second_successes', 'second_successes', 'transaction_id'),
    ],
  }),

  /** An intent whose attempt moves in this very statement does not expire in it: one statement changes a row once. */
  expiries: (unnest, mask) => ({
    ctes: `expired as (
  update payment_intents i set status = 'FAILED', updated_at = to_timestamp(u.at), event_sequence = i.event_sequence + 1
  from ${unnest} cross join fence
  where ${few('u.id')} and i.payment_intent_id = u.id and ${inBatch('i.payment_intent_id')} and ${EXPIRED}
    and not exists (
      select from transactions t
      where t.transaction_id between u.id and u.last_id and ${inBatch('t.transaction_id')}
        and t.status not in ('SUCCESS', 'FAILED'))
    ${(mask & BIT.moves) === 0 ? '' : 'and (u.id in (select payment_intent_id from moved)) is not true'}
  returning i.payment_intent_id, i.merchant_id, i.event_sequence, i.updated_at, u.event_id, u.event_type),
expired_events as (
  insert into outbox (event_id, merchant_id, payment_intent_id, type, status, failure_code, sequence, created_at)
  select e.event_id, e.merchant_id, e.payment_intent_id, e.event_type, 'FAILED', 'intent_expired', e.event_sequence, e.updated_at
  from expired e
  returning payment_intent_id, sequence, event_id),
expired_to_relay as (${toRelay('expired_events')})`,
    results: [effectiveIds('expiries', 'expired', 'payment_intent_id')],
  }),

  callbacks: (unnest, mask) => ({
    ctes: `recorded as (
  insert into processor_callbacks as c (day, processor, event_id, transaction_id, verdict, reason, word, relay, received_at)
  select (to_timestamp(u.at) at time zone 'utc')::date, u.processor, u.event_id, u.transaction_id, u.verdict, u.reason, u.word, u.relay, to_timestamp(u.at)
  from ${unnest} cross join fence
  where not u.moves ${(mask & BIT.moves) === 0 ? '' : 'or u.transaction_id in (select transaction_id from moved)'}
  on conflict (day, processor, event_id) do update set verdict = excluded.verdict, reason = excluded.reason
  where c.verdict = 'unmatched' and excluded.verdict <> 'unmatched')`,
    results: [],
  }),

  incidents: (unnest) => ({
    ctes: `noted as (
  insert into incidents (transaction_id, payment_intent_id, kind, detail, at)
  select u.transaction_id, u.intent_id, u.kind, u.detail, to_timestamp(u.at) from ${unnest} cross join fence
  on conflict (transaction_id, kind) do nothing returning transaction_id, kind)`,
    results: [`(select string_agg(transaction_id::text || kind, ',') from noted) as noted`],
  }),

  audits: (unnest, mask) => ({
    ctes: `audited as (
  insert into operator_audit (transaction_id, operator, action, reason, at)
  select u.transaction_id, u.operator, u.action, u.reason, to_timestamp(u.at) from ${unnest} cross join fence
  where not u.moves ${(mask & BIT.moves) === 0 ? '' : 'or u.transaction_id in (select transaction_id from moved)'}),
acknowledged as (
  update incidents i set acknowledged_at = now() from ${unnest} cross join fence
  where u.action = 'incident_acknowledged' and i.transaction_id = u.transaction_id and i.acknowledged_at is null)`,
    results: [],
  }),
};

/**
 * Intents with a success that no move of this turn has made: one that stands in the rows, or is only learnt of. What this turn makes a
 * success decides by itself.
 */
function stillPaid(mask: number): string {
  if ((mask & BIT.reversals) === 0) return '';
  return `still_paid as materialized (
  select intent_id as payment_intent_id from siblings
  where status = 'SUCCESS' and (transaction_id in (select transaction_id from moved)) is not true
  union all
  select payment_intent_id from moved where status = 'SUCCESS' and intent_status is null),
`;
}

/** Where Kafka is configured (the connection says so, decision 0014) each event is also to be put on its topic. */
function toRelay(events: string): string {
  return `insert into status_relay (payment_intent_id, sequence, event_id)
  select payment_intent_id, sequence, event_id from ${events} where current_setting('sluice.relay', true) = 'on'`;
}

/** One day a condition, so that partitions prune. */
function unclaimedOn(day: string): string {
  return `and not exists (
      select from idempotency_keys k
      where k.day = ${day} and k.merchant_id = u.merchant_id and k.endpoint = u.endpoint and k.key = u.key
        and k.created_at > now() - interval '24 hours')`;
}

/** Attempts take amount, currency and customer from the intent's row: what the shopper was told cannot differ. */
function attempts(
  which: 'first' | 'next',
  unnest: string,
  mask: number,
  previous: string,
  lock: string,
): Fragment {
  return {
    ctes: `${which}_attempts as materialized (
  select u.*, i.customer_id, i.amount, i.currency, i.order_id
  from ${unnest} cross join fence
  join payment_intents i on i.payment_intent_id = u.intent_id and ${inBatch('i.payment_intent_id')}
  ${previous}
  where ${few('u.id')} and ${PAYABLE} and i.merchant_id = u.merchant_id ${withKey('u.id', mask)}
  ${lock}),
new_${which}_attempts as (
  insert into transactions (transaction_id, payment_intent_id, attempt, merchant_id, customer_id, amount, currency, status,
    outcome, leg, processor, processor_account, routing, payment_method_type, token, reopenable, revision, sender_nonce, send_before, card_brand,
    card_masked, card_expiry_month, card_expiry_year, card_fingerprint, success_url, cancel_url, session_expires_at,
    evidence, created_at, updated_at)
  select u.id, u.intent_id, u.attempt, u.merchant_id, u.customer_id, u.amount, u.currency, 'SENT',
    'unknown', 1, u.processor, u.processor_account, u.routing, u.payment_method_type, u.token, false, 1, u.sender_nonce, to_timestamp(u.send_before), u.card_brand,
    u.card_masked, u.card_expiry_month, u.card_expiry_year, u.card_fingerprint, u.success_url, u.cancel_url, to_timestamp(u.session_expires_at),
    '[]'::jsonb, to_timestamp(u.at), to_timestamp(u.at)
  from ${which}_attempts u
  on conflict do nothing returning transaction_id, sender_nonce)`,
    results: [
      `(select json_agg(json_build_array(u.id, u.amount, u.currency, u.customer_id, u.order_id)) from ${which}_attempts u) as ${which}_read`,
      `(select string_agg(transaction_id::text || sender_nonce, ',') from new_${which}_attempts) as ${which}_started`,
    ],
  };
}

/** A key must not be claimed without its attempt: then the whole statement is undone and the batch is split. */
function halfway(mask: number): string {
  const started = (['first', 'next'] as const)
    .filter((which) => (mask & BIT[`${which}Attempts`]) !== 0)
    .map((which) => `and (k.effect_id in (select transaction_id from new_${which}_attempts)) is not true`);
  return `(select bool_or(sluice_halfway()) from key_rows k
  where k.of_attempt and (k.effect_id in (select effect_id from claimed)) is true ${started.join(' ')}) as halfway`;
}

/** The ids that were effective. */
function effectiveIds(name: string, cte: string, id: string): string {
  return `(select string_agg(${id}::text, ',') from ${cte}) as ${name}`;
}
