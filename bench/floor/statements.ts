/**
 * Statements of the floor: the durable points of a payment and one read, each over all rows of a turn at once.
 *
 * The tables hold what the durable points need and the answers show, no more; as in Sluice they have no index but the primary key, and
 * room on each page for the second version of a row.
 *
 * @module
 */

import { bareArray, hexArray, quotedArray } from '../../src/storage/postgres/array-literal.ts';
import type { Kind } from './group-commit.ts';

export const SCHEMA = `
create table payment_intents (
  payment_intent_id uuid primary key, merchant_id text not null, customer_id text, order_id text not null,
  amount bigint not null, currency text not null, status text not null,
  created_at timestamptz not null, updated_at timestamptz not null) with (fillfactor = 45);
create table transactions (
  transaction_id uuid primary key, payment_intent_id uuid not null, amount bigint not null, currency text not null,
  status text not null, processor_txn_id text, token text not null,
  created_at timestamptz not null, completed_at timestamptz) with (fillfactor = 45);
create table idempotency_keys (
  merchant_id text, endpoint text, key text, body_hash bytea not null, answer text not null, created_at timestamptz not null,
  primary key (merchant_id, endpoint, key));
create table outbox (
  event_id uuid primary key, transaction_id uuid not null, status text not null, created_at timestamptz not null,
  delivered_at timestamptz);
create table processor_callbacks (
  event_id text primary key, transaction_id uuid not null, status text not null, received_at timestamptz not null)`;

export const VAULT_SCHEMA = `
create table vault_pages (
  page_id uuid primary key, card_count int not null, sealed bytea not null, created_at timestamptz not null);
alter table vault_pages alter column sealed set storage external`;

/** Settings of a turn's session: plans are made once, for the primary keys, whatever the tables hold at that moment. */
export const SESSION_SETTINGS =
  '-c plan_cache_mode=force_generic_plan -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c enable_memoize=off -c synchronous_commit=on';

export interface KeyRow {
  readonly merchantId: string;
  readonly endpoint: string;
  readonly key: string;
  /** SHA-256, hex. */
  readonly bodyHash: string;
  readonly answer: string;
}

export const keys: Kind<KeyRow> = {
  name: 'keys',
  text: `insert into idempotency_keys (merchant_id, endpoint, key, body_hash, answer, created_at)
    select u.*, now() from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[]) u on conflict do nothing`,
  values: (rows) => [
    quotedArray(rows.map((row) => row.merchantId)),
    quotedArray(rows.map((row) => row.endpoint)),
    quotedArray(rows.map((row) => row.key)),
    hexArray(rows.map((row) => row.bodyHash)),
    quotedArray(rows.map((row) => row.answer)),
  ],
};

export interface IntentRow {
  readonly id: string;
  readonly merchantId: string;
  readonly customerId: string | null;
  readonly orderId: string;
  readonly amount: number;
  readonly currency: string;
}

export const intents: Kind<IntentRow> = {
  name: 'intents',
  text: `insert into payment_intents (payment_intent_id, merchant_id, customer_id, order_id, amount, currency, status, created_at, updated_at)
    select u.*, 'PENDING', now(), now() from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[]) u`,
  values: (rows) => [
    bareArray(rows.map((row) => row.id)),
    quotedArray(rows.map((row) => row.merchantId)),
    quotedArray(rows.map((row) => row.customerId)),
    quotedArray(rows.map((row) => row.orderId)),
    bareArray(rows.map((row) => row.amount)),
    quotedArray(rows.map((row) => row.currency)),
  ],
};

export interface AttemptRow {
  /** Of the intent; the transaction's is made of it. */
  readonly intentId: string;
  readonly transactionId: string;
  readonly token: string;
}

/** Gives back id, amount and currency of those that won the primary key: the claim on a charge. */
export const attempts: Kind<AttemptRow> = {
  name: 'attempts',
  claims: true,
  text: `insert into transactions (transaction_id, payment_intent_id, amount, currency, status, token, created_at)
    select u.id, i.payment_intent_id, i.amount, i.currency, 'SENT', u.token, now()
    from unnest($1::uuid[], $2::uuid[], $3::text[]) u (id, intent_id, token)
    join payment_intents i on i.payment_intent_id = u.intent_id and i.status = 'PENDING'
    on conflict do nothing returning transaction_id, amount, currency`,
  values: (rows) => [
    bareArray(rows.map((row) => row.transactionId)),
    bareArray(rows.map((row) => row.intentId)),
    quotedArray(rows.map((row) => row.token)),
  ],
};

export interface MoveRow {
  readonly transactionId: string;
  readonly status: 'SUCCESS' | 'FAILED';
  readonly processorTxnId: string;
}

/** Attempt, intent and outbox row in one. */
export const moves: Kind<MoveRow> = {
  name: 'moves',
  text: `with moved as (
      update transactions t set status = u.status, processor_txn_id = u.processor_txn_id, completed_at = now()
      from unnest($1::uuid[], $2::text[], $3::text[]) u (id, status, processor_txn_id)
      where t.transaction_id = u.id and t.status = 'SENT'
      returning t.transaction_id, t.payment_intent_id, t.status),
    final_intents as (
      update payment_intents i set status = m.status, updated_at = now() from moved m
      where i.payment_intent_id = m.payment_intent_id and i.status = 'PENDING')
    insert into outbox (event_id, transaction_id, status, created_at)
    select uuidv7(), transaction_id, status, now() from moved`,
  values: (rows) => [
    bareArray(rows.map((row) => row.transactionId)),
    quotedArray(rows.map((row) => row.status)),
    quotedArray(rows.map((row) => row.processorTxnId)),
  ],
};

export interface CallbackRow {
  readonly eventId: string;
  readonly transactionId: string;
  readonly status: string;
}

export const callbacks: Kind<CallbackRow> = {
  name: 'callbacks',
  text: `insert into processor_callbacks (event_id, transaction_id, status, received_at)
    select u.*, now() from unnest($1::text[], $2::uuid[], $3::text[]) u on conflict do nothing`,
  values: (rows) => [
    quotedArray(rows.map((row) => row.eventId)),
    bareArray(rows.map((row) => row.transactionId)),
    quotedArray(rows.map((row) => row.status)),
  ],
};

/** Gives back id, status, amount, currency and completion of those that are there; wants only the id. */
export const reads: Kind<string> = {
  name: 'reads',
  text: `select t.transaction_id, t.status, t.amount, t.currency, (extract(epoch from t.completed_at) * 1000)::int8
    from unnest($1::uuid[]) u (id) join transactions t on t.transaction_id = u.id`,
  values: (ids) => [bareArray(ids)],
};

/** An intent's status, for the driver's audit of payments that were never begun. */
export const intentReads: Kind<string> = {
  name: 'intent_reads',
  text: `select i.payment_intent_id, i.status, i.amount, i.currency
    from unnest($1::uuid[]) u (id) join payment_intents i on i.payment_intent_id = u.id`,
  values: (ids) => [bareArray(ids)],
};

export interface PageRow {
  readonly pageId: string;
  readonly cards: number;
  readonly sealed: Buffer;
}

export const pages: Kind<PageRow> = {
  name: 'pages',
  text: `insert into vault_pages (page_id, card_count, sealed, created_at)
    select u.*, now() from unnest($1::uuid[], $2::int[], $3::bytea[]) u`,
  values: (rows) => [
    bareArray(rows.map((row) => row.pageId)),
    bareArray(rows.map((row) => row.cards)),
    hexArray(rows.map((row) => row.sealed.toString('hex'))),
  ],
};
