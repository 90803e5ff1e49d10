/**
 * Control admin: the writes of operators' commands to the control database.
 *
 * One connection, opened with the first command and anew after it broke. A command whose connection breaks fails and is
 * given again by its operator: every write here may be repeated.
 *
 * @module
 */

import pg from 'pg';
import {
  type AccountContract,
  type ContractFee,
  type ControlAdmin,
  ControlUnavailable,
  type MerchantAuth,
  type MerchantPreferences,
  type SealedAccount,
  type ShardRange,
} from '../control.ts';
import { shardMapFault } from '../shard-map.ts';
import { connectOnce } from './connection.ts';
import {
  ACCOUNT_OF_MERCHANT,
  OTHERS_OF_ACCOUNT,
  ownBytes,
  PREFERENCES_OF_MERCHANT,
  SHARD_MAP,
} from './control-reader.ts';

/** A merchant's mode never changes: its keys and payments were made in it. */
const PUT_MERCHANT = `
  insert into merchants (merchant_id, name, mode, redirect_origins, created_at) values ($1, $2, $3, $4, $5)
  on conflict (merchant_id) do update
  set name = excluded.name, redirect_origins = excluded.redirect_origins
  where merchants.mode = excluded.mode`;

const PUT_API_KEY = `
  insert into api_keys (digest, merchant_id, prefix, created_at) values ($1, $2, $3, $4)
  on conflict (digest) do nothing`;

const PUT_ACCOUNT = `
  insert into processor_accounts (merchant_id, processor, account, config) values ($1, $2, $3, $4)
  on conflict (merchant_id, processor, account) do update set config = excluded.config`;

const PUT_CONTRACT = `
  update processor_accounts set fee_percent = $4, fee_tax_percent = $5
  where merchant_id = $1 and processor = $2 and account = $3 returning 1`;

const FIND_CONTRACTS = `
  select processor, account, fee_percent::text as "feePercent", fee_tax_percent::text as "feeTaxPercent"
  from processor_accounts where merchant_id = $1 order by processor, account`;

const PUT_PREFERENCES = `
  insert into merchant_preferences (
    merchant_id, preferred_processor, preferred_account, fallback_processor, fallback_account, transaction_fee_percent
  ) values ($1, $2, $3, $4, $5, $6)
  on conflict (merchant_id) do update
  set preferred_processor = excluded.preferred_processor, preferred_account = excluded.preferred_account,
      fallback_processor = excluded.fallback_processor, fallback_account = excluded.fallback_account,
      transaction_fee_percent = excluded.transaction_fee_percent`;

const FIND_MERCHANT = `
  select merchant_id as "merchantId", name, mode, spread, redirect_origins as "redirectOrigins"
  from merchants where merchant_id = $1`;

/** In one statement, so that two commands at once both count. */
const CHANGE_REDIRECT_ORIGINS = `
  update merchants set redirect_origins = array(
    select distinct origin from unnest(redirect_origins || $2::text[]) as origin
    where origin <> all ($3::text[]) order by origin)
  where merchant_id = $1 returning redirect_origins as "redirectOrigins"`;

const PUT_WEBHOOK_ENDPOINT = `
  insert into webhook_endpoints (endpoint_id, merchant_id, url, secret_sealed, created_at) values ($1, $2, $3, $4, $5)
  on conflict (endpoint_id) do update
  set url = excluded.url, secret_sealed = excluded.secret_sealed, previous_secret_sealed = null,
      previous_secret_until = null, revision = webhook_endpoints.revision + 1
  where webhook_endpoints.merchant_id = excluded.merchant_id`;

/** Told to the caches only when it is a change. */
const MOVE_WEBHOOK_ENDPOINT = `
  with moved as (
    update webhook_endpoints set url = $2, revision = revision + 1 where endpoint_id = $1 and url <> $2)
  select 1 from webhook_endpoints where endpoint_id = $1`;

/** Two installers at once: the second waits for the lock, then sees the map of the first. */
const LOCK_SHARD_MAP = 'lock table shard_map in share row exclusive mode';

const PUT_SHARD_MAP = `
  insert into shard_map (low, high, database)
  select * from unnest($1::int[], $2::int[], $3::int[]) where not exists (select from shard_map)`;

/**
 * Writes as the owner of the tables or as the service.
 *
 * All methods reject with {@link ControlUnavailable} when the database cannot be reached. `putShardMap` writes the map
 * of a new installation; where there is a map it stays as it is, since moving a range is an operation of its own.
 */
export function createControlAdmin(connectionString: string): ControlAdmin {
  let opening: Promise<pg.Client> | undefined;

  async function open(): Promise<pg.Client> {
    opening ??= connectOnce({ connectionString, applicationName: 'sluice admin' }, forget);
    try {
      return await opening;
    } catch (error) {
      forget();
      throw new ControlUnavailable('the control database cannot be reached', error);
    }
  }

  function forget(): void {
    opening = undefined;
  }

  async function run<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = await open();
    try {
      return (await client.query<Row>(text, values)).rows;
    } catch (error) {
      // The server's own refusals are the operator's to read.
      if (error instanceof pg.DatabaseError) throw error;
      forget();
      throw new ControlUnavailable('the connection to the control database broke', error);
    }
  }

  async function putShardMap(ranges: Parameters<ControlAdmin['putShardMap']>[0]): Promise<void> {
    const fault = shardMapFault(ranges);
    if (fault !== null) throw new RangeError(`shard map: ${fault}`);
    await run('begin');
    try {
      await run(LOCK_SHARD_MAP);
      await run(PUT_SHARD_MAP, [
        ranges.map(({ low }) => low),
        ranges.map(({ high }) => high),
        ranges.map(({ database }) => database),
      ]);
      await run('commit');
    } catch (error) {
      if (error instanceof pg.DatabaseError) await run('rollback');
      throw error;
    }
  }

  return {
    putMerchant: async ({ merchantId, name, mode, redirectOrigins, createdAt }) => {
      await run(PUT_MERCHANT, [merchantId, name, mode, redirectOrigins, createdAt]);
    },
    putApiKey: async ({ merchantId, digest, prefix, createdAt }) => {
      await run(PUT_API_KEY, [Buffer.from(digest), merchantId, prefix, createdAt]);
    },
    putAccount: async ({ merchantId, processor, account, sealedConfig }) => {
      await run(PUT_ACCOUNT, [merchantId, processor, account, Buffer.from(sealedConfig)]);
    },
    findAccount: async (merchantId, processor, account) => {
      const [row] = await run<SealedAccount>(ACCOUNT_OF_MERCHANT, [merchantId, processor, account]);
      return row === undefined ? undefined : ownBytes(row);
    },
    putContract: async (merchantId, { processor, account, contract }) => {
      const fees = [contract?.feePercent ?? null, contract?.feeTaxPercent ?? null];
      return (await run(PUT_CONTRACT, [merchantId, processor, account, ...fees])).length === 1;
    },
    findContracts: async (merchantId) =>
      (await run<ContractRow>(FIND_CONTRACTS, [merchantId])).map(contractOf),
    findOthersAt: async (merchantId, processor, account) =>
      (await run<SealedAccount>(OTHERS_OF_ACCOUNT, [merchantId, processor, account])).map(ownBytes),
    putPreferences: async (preferences) => {
      await run(PUT_PREFERENCES, [
        preferences.merchantId,
        preferences.preferredProcessor,
        preferences.preferredAccount,
        preferences.fallbackProcessor,
        preferences.fallbackAccount,
        preferences.transactionFeePercent,
      ]);
    },
    findPreferences: async (merchantId) =>
      (await run<MerchantPreferences>(PREFERENCES_OF_MERCHANT, [merchantId]))[0],
    findMerchant: async (merchantId) => (await run<MerchantAuth>(FIND_MERCHANT, [merchantId]))[0],
    changeRedirectOrigins: async (merchantId, { add, remove }) => {
      const [row] = await run<{ redirectOrigins: string[] }>(CHANGE_REDIRECT_ORIGINS, [
        merchantId,
        add,
        remove,
      ]);
      return row?.redirectOrigins;
    },
    putWebhookEndpoint: async ({ endpointId, merchantId, url, sealedSecret, createdAt }) => {
      await run(PUT_WEBHOOK_ENDPOINT, [endpointId, merchantId, url, Buffer.from(sealedSecret), createdAt]);
    },
    moveWebhookEndpoint: async (endpointId, url) =>
      (await run(MOVE_WEBHOOK_ENDPOINT, [endpointId, url])).length === 1,
    putShardMap,
    findShardMap: () => run<ShardRange>(SHARD_MAP),
    close: async () => {
      const client = opening;
      forget();
      // What never opened needs no closing.
      await client?.then((open) => open.end(), forget);
    },
  };
}

type ContractRow = Pick<AccountContract, 'processor' | 'account'> & {
  [Name in keyof ContractFee]: string | null;
};

function contractOf({ processor, account, feePercent, feeTaxPercent }: ContractRow): AccountContract {
  const contract = feePercent === null ? null : { feePercent, feeTaxPercent: feeTaxPercent ?? '0.00' };
  return { processor, account, contract };
}
