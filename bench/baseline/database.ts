/**
 * Database of the baseline: the tables and indexes of the requirements, a pool, and named statements.
 *
 * @module
 */

import { hash } from 'node:crypto';
import pg from 'pg';
import { MERCHANTS } from '../rival/merchants.ts';
import type { Place } from '../rival/parts.ts';

/** Of each worker. */
const CONNECTIONS_MAX = 16;

/** Section 7.1 and 7.6 of the requirements, and what they leave open: keys, callbacks, and what merchants are to be told. */
const SCHEMA = `
create table payment_intents (
  payment_intent_id uuid primary key, merchant_id varchar(100), customer_id varchar(100), order_id varchar(100),
  amount bigint, currency varchar(3), payment_method_type varchar(50), status varchar(20), metadata jsonb,
  created_at timestamptz, updated_at timestamptz);
create index idx_merchant on payment_intents (merchant_id);
create index idx_order on payment_intents (order_id);
create table transactions (
  transaction_id uuid primary key, payment_intent_id uuid, merchant_id varchar(100), customer_id varchar(100),
  amount bigint, currency varchar(3), status varchar(20), processor varchar(50), processor_txn_id varchar(100),
  token varchar(500), fingerprint varchar(64), created_at timestamptz, updated_at timestamptz, completed_at timestamptz);
create index idx_intent on transactions (payment_intent_id);
create index idx_status on transactions (status);
create table merchant_preferences (
  merchant_id varchar(100) primary key, preferred_processor varchar(50), fallback_processor varchar(50),
  transaction_fee_percent decimal(5, 2), config jsonb);
create table api_keys (digest bytea primary key, merchant_id varchar(100));
create table processor_callbacks (event_id varchar(100) primary key, transaction_id uuid, status varchar(20), received_at timestamptz);
create table outbox (event_id bigint generated always as identity primary key, transaction_id uuid, status varchar(20), created_at timestamptz, delivered_at timestamptz)`;

/** Runs a prepared statement on any connection of the pool. */
export type Query = <Row extends pg.QueryResultRow>(
  name: string,
  text: string,
  values: readonly unknown[],
) => Promise<Row[]>;

export interface Database {
  readonly query: Query;
  /** Everything `work` does is one transaction on one connection. */
  transaction(work: (query: Query) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Makes the tables and enters the merchants. */
export async function createTables({ databaseUrls }: Place): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrls.payments });
  await client.connect();
  await client.query(SCHEMA);
  const ids = MERCHANTS.map(({ merchantId }) => merchantId);
  const digests = MERCHANTS.map(({ secretKey }) => digestOf(secretKey));
  await client.query(
    `insert into merchant_preferences select id, 'SANDBOX', null, 2, '{}' from unnest($1::text[]) id`,
    [ids],
  );
  await client.query('insert into api_keys select * from unnest($1::bytea[], $2::text[])', [digests, ids]);
  await client.end();
}

/** Only digests are stored: a dump opens nothing. */
export function digestOf(secretKey: string): Buffer {
  return hash('sha256', secretKey, 'buffer');
}

export function openDatabase({ databaseUrls }: Place): Database {
  const pool = new pg.Pool({ connectionString: databaseUrls.payments, max: CONNECTIONS_MAX });
  const over =
    (runner: pg.Pool | pg.PoolClient): Query =>
    async (name, text, values) =>
      (await runner.query({ name, text, values: [...values] })).rows;
  return {
    query: over(pool),
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await work(over(client));
        await client.query('commit');
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    close: () => pool.end(),
  };
}
