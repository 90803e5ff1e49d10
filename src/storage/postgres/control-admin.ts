/**
 * Control admin: the writes of operators' commands to the control database.
 *
 * @module
 */

import type pg from 'pg';
import type { ControlAdmin, MerchantAuth } from '../control.ts';
import { connectOnce } from './connection.ts';

const PUT_MERCHANT = `
  insert into merchants (merchant_id, name, mode, webhook_secret_sealed, created_at) values ($1, $2, $3, $4, $5)
  on conflict (merchant_id) do update set name = excluded.name, webhook_secret_sealed = excluded.webhook_secret_sealed
  where merchants.mode = excluded.mode`;

const PUT_API_KEY = `
  insert into api_keys (digest, merchant_id, prefix, created_at) values ($1, $2, $3, $4) on conflict (digest) do nothing`;

const PUT_PREFERENCES = `
  insert into merchant_preferences (merchant_id, preferred_processor, fallback_processor, transaction_fee_percent, processor_account, config)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (merchant_id) do update set preferred_processor = excluded.preferred_processor,
    fallback_processor = excluded.fallback_processor, transaction_fee_percent = excluded.transaction_fee_percent,
    processor_account = excluded.processor_account, config = excluded.config`;

const FIND_MERCHANT = `
  select merchant_id as "merchantId", name, mode, spread from merchants where merchant_id = $1`;

/** Ranges that are placed are never moved by this: moving one is an operation of its own. */
const PUT_SHARD_RANGE = `
  insert into shard_map (low, high, database)
  select low, high, database from unnest($1::int[], $2::int[], $3::int[]) as u(low, high, database)
  where not exists (select from shard_map)`;

/** Connects with the first command. */
export function createControlAdmin(connectionString: string): ControlAdmin {
  let connecting: Promise<pg.Client> | undefined;
  const run = async <Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> => {
    connecting ??= connectOnce({ connectionString, applicationName: 'sluice admin' });
    const client = await connecting;
    return (await client.query<Row>(text, values)).rows;
  };
  return {
    async putMerchant({ merchantId, name, mode, webhookSecretSealed, createdAt }) {
      await run(PUT_MERCHANT, [merchantId, name, mode, Buffer.from(webhookSecretSealed), createdAt]);
    },
    async putApiKey({ merchantId, digest, prefix, createdAt }) {
      await run(PUT_API_KEY, [Buffer.from(digest), merchantId, prefix, createdAt]);
    },
    async putPreferences(preferences) {
      await run(PUT_PREFERENCES, [
        preferences.merchantId,
        preferences.preferredProcessor,
        preferences.fallbackProcessor,
        preferences.transactionFeePercent,
        preferences.processorAccount,
        Buffer.from(preferences.sealedConfig),
      ]);
    },
    async findMerchant(merchantId) {
      return (await run<MerchantAuth & pg.QueryResultRow>(FIND_MERCHANT, [merchantId]))[0];
    },
    async putShardMap(ranges) {
      await run(PUT_SHARD_RANGE, [
        ranges.map(({ low }) => low),
        ranges.map(({ high }) => high),
        ranges.map(({ database }) => database),
      ]);
    },
    async close() {
      await (await connecting)?.end();
    },
  };
}
