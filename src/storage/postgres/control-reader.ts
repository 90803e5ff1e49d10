/**
 * Control reader: cached reads of the control database, for every request's API key and every charge's processor.
 *
 * The database tells each change by NOTIFY on the reader's one connection, and each second the reader notifies itself:
 * notifications come in the order of their commits, so its own beat proves that every change committed before the
 * beat was sent has been heard. What is cached is used for five seconds after the last proven beat and no longer; then
 * reads go to SQL, and reject when that cannot be reached either. So a revoked key is refused at once while the line is
 * good, and five seconds later at most when it is not.
 *
 * What is not there is remembered for one second, apart from what is, so that a flood of guessed keys neither asks SQL
 * each time nor drives out a merchant's.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import {
  type ControlReader,
  ControlUnavailable,
  type MerchantAuth,
  type MerchantPreferences,
  type SealedAccount,
  type ShardRange,
} from '../control.ts';
import { createLruCache } from '../lru-cache.ts';
import { shardMapFault } from '../shard-map.ts';
import { createConnection } from './connection.ts';
import { ENDPOINT_COLUMNS, type EndpointRow, endpointOf } from './webhook-endpoints.ts';

export interface ControlReaderOptions {
  connectionString: string;
  /** Entries of each cache. Default 10,000. */
  entriesMax?: number;
  /** Milliseconds after the last proven beat in which the caches may be used. Default 5000. */
  silenceMs?: number;
  /** Milliseconds between beats. Default 1000. */
  beatMs?: number;
  /** Monotonic milliseconds. Default `performance.now`. */
  monotonicMs?: () => number;
  /** Hears of every loss of the connection. */
  onLost?: (error: Error) => void;
}

/** What a merchant that is not there is remembered as, and how long. */
const ABSENT_MS = 1000;
/** Lookups under way; over it a read is refused. One takes about 150 µs. */
const LOOKUPS_MAX = 1024;
/** How long the first reads wait for the first connection. */
const FIRST_CONNECT_MS = 3000;
const ACCOUNT_MERCHANTS_MAX = 32;

const MERCHANT_BY_DIGEST = `
  select merchant_id as "merchantId", name, mode, spread, redirect_origins as "redirectOrigins"
  from api_keys join merchants using (merchant_id)
  where digest = decode($1, 'hex') and revoked_at is null`;

export const PREFERENCES_OF_MERCHANT = `
  select merchant_id as "merchantId", name as "merchantName", preferred_processor as "preferredProcessor",
         preferred_account as "preferredAccount", fallback_processor as "fallbackProcessor",
         fallback_account as "fallbackAccount", transaction_fee_percent as "transactionFeePercent"
  from merchant_preferences join merchants using (merchant_id) where merchant_id = $1`;

const ACCOUNT_COLUMNS = 'merchant_id as "merchantId", processor, account, config as "sealedConfig"';

export const ACCOUNT_OF_MERCHANT = `select ${ACCOUNT_COLUMNS} from processor_accounts
  where merchant_id = $1 and processor = $2 and account = $3`;

const ACCOUNTS_OF_ID = `select ${ACCOUNT_COLUMNS} from processor_accounts
  where processor = $1 and account = $2 order by merchant_id limit ${ACCOUNT_MERCHANTS_MAX}`;

export const OTHERS_OF_ACCOUNT = `select ${ACCOUNT_COLUMNS} from processor_accounts
  where processor = $2 and account = $3 and merchant_id <> $1
  order by merchant_id limit ${ACCOUNT_MERCHANTS_MAX}`;

/** One merchant of each account: merchants that share an account share its secrets. */
const ACCOUNTS_OF_PROCESSOR = `select distinct on (account) ${ACCOUNT_COLUMNS} from processor_accounts
  where processor = $1 order by account, merchant_id limit ${ACCOUNT_MERCHANTS_MAX}`;

const ACCOUNTS_AFTER = `select distinct on (processor, account) ${ACCOUNT_COLUMNS} from processor_accounts
  where (processor, account) > ($1, $2) order by processor, account, merchant_id limit $3`;

const ENDPOINTS_OF_MERCHANT = `select ${ENDPOINT_COLUMNS} from webhook_endpoints
  where merchant_id = $1 order by created_at, endpoint_id`;

export const SHARD_MAP = 'select low, high, database from shard_map order by low';

/** One kind of read with its cache. */
interface CachedRead<Value> {
  read(key: string): Promise<Value>;
  /** Drops what may have changed: of one merchant, or everything when its id is empty. */
  drop(merchantId: string): void;
}

/** Opens the connection in the background; the first reads wait for it up to three seconds. */
export function createControlReader(options: ControlReaderOptions): ControlReader {
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const line = createNotifiedLine(options, monotonicMs, dropAll);
  const { run } = line;
  const cached = { line, entriesMax: options.entriesMax ?? 10_000, monotonicMs };

  const merchants = cachedRead(cached, async (digest) => {
    const [row] = await run<MerchantAuth>('control-merchant', MERCHANT_BY_DIGEST, [digest]);
    return row;
  });
  const preferences = cachedRead(cached, async (merchantId) => {
    const [row] = await run<MerchantPreferences>('control-preferences', PREFERENCES_OF_MERCHANT, [
      merchantId,
    ]);
    return row;
  });
  const accounts = cachedRead(cached, async (key) => {
    const [row] = await run<SealedAccount>('control-account', ACCOUNT_OF_MERCHANT, JSON.parse(key));
    return row === undefined ? undefined : ownBytes(row);
  });
  // A change of any merchant may add it to an account's list: these are dropped as a whole.
  const accountLists = cachedRead(cached, async (key) => {
    const [processor, account] = JSON.parse(key) as [string, string | null];
    const rows =
      account === null
        ? await run<SealedAccount>('control-accounts', ACCOUNTS_OF_PROCESSOR, [processor])
        : await run<SealedAccount>('control-accounts-of-id', ACCOUNTS_OF_ID, [processor, account]);
    // Anybody may name an account in the address of a callback: one that nobody has drives out none.
    return rows.length === 0 ? undefined : { merchantId: '', rows: rows.map(ownBytes) };
  });

  // A merchant without endpoints is kept like any other: its list is empty.
  const endpoints = cachedRead(cached, async (merchantId) => {
    const rows = await run<EndpointRow>('control-endpoints', ENDPOINTS_OF_MERCHANT, [merchantId]);
    return { merchantId, endpoints: rows.map(endpointOf) };
  });

  function dropAll(merchantId: string): void {
    merchants.drop(merchantId);
    preferences.drop(merchantId);
    endpoints.drop(merchantId);
    accounts.drop(merchantId);
    accountLists.drop('');
  }

  return {
    merchantByKeyDigest: (digest) => merchants.read(digest),
    preferences: (merchantId) => preferences.read(merchantId),
    account: (merchantId, processor, account) =>
      accounts.read(JSON.stringify([merchantId, processor, account])),
    accountsAt: async (processor, account) =>
      (await accountLists.read(JSON.stringify([processor, account])))?.rows ?? [],
    accountsAfter: async (after, limit) => {
      const place = [after?.processor ?? '', after?.account ?? ''];
      const rows = await run<SealedAccount>('control-accounts-after', ACCOUNTS_AFTER, [...place, limit]);
      return rows.map(ownBytes);
    },
    webhookEndpoints: async (merchantId) => (await endpoints.read(merchantId))?.endpoints ?? [],
    shardMap: async () => {
      const ranges = await run<ShardRange>('control-shard-map', SHARD_MAP, []);
      const fault = shardMapFault(ranges);
      if (fault !== null) throw new Error(`the shard map of the control database is wrong: ${fault}`);
      return ranges;
    },
    ping: async () => {
      await run('control-ping', 'select 1', []);
    },
    close: () => line.close(),
  };
}

/** pg hands out slices of a shared pool of bytes; sent to another thread they would take the whole pool with them. */
export function ownBytes(row: SealedAccount): SealedAccount {
  return { ...row, sealedConfig: Uint8Array.from(row.sealedConfig) };
}

/** The connection with its notifications. */
interface NotifiedLine {
  run<Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]): Promise<Row[]>;
  /** True while every change of the last five seconds is known to have been heard. */
  heard(): boolean;
  /** Grows with each notification: what was read across one may be old. */
  changes(): number;
  close(): Promise<void>;
}

function createNotifiedLine(
  options: ControlReaderOptions,
  monotonicMs: () => number,
  onChange: (merchantId: string) => void,
): NotifiedLine {
  const silenceMs = options.silenceMs ?? 5000;
  const beatChannel = `sluice_beat_${randomBytes(8).toString('hex')}`;
  let changes = 0;
  /** When the newest beat that came back was sent. */
  let provenAt = Number.NEGATIVE_INFINITY;
  let beating = false;

  const link = createConnection({
    connectionString: options.connectionString,
    applicationName: 'sluice control reader',
    pipeline: true,
    onConnect: async (client) => {
      client.on('notification', hear);
      await client.query(`listen sluice_control; listen ${beatChannel}`);
      await client.query({ text: 'select pg_notify($1, $2)', values: [beatChannel, String(monotonicMs())] });
    },
    onLost: (error) => {
      // What changes from here on is not heard.
      provenAt = Number.NEGATIVE_INFINITY;
      change('');
      options.onLost?.(error);
    },
  });
  const connectedOnce = link.whenConnected(FIRST_CONNECT_MS);
  const beats = setInterval(() => void beat(), options.beatMs ?? 1000);

  function hear({ channel, payload }: pg.Notification): void {
    if (channel === beatChannel) provenAt = Math.max(provenAt, Number(payload));
    else change(payload ?? '');
  }

  function change(merchantId: string): void {
    changes += 1;
    onChange(merchantId);
  }

  async function beat(): Promise<void> {
    if (beating || !link.connected()) return;
    beating = true;
    try {
      await link.query({
        name: 'control-beat',
        text: 'select pg_notify($1, $2)',
        values: [beatChannel, String(monotonicMs())],
      });
    } catch (error) {
      // A lost connection has been told by the link; a beat the server refused proves nothing, and silence follows.
      options.onLost?.(error as Error);
    } finally {
      beating = false;
    }
  }

  async function run<Row extends pg.QueryResultRow>(
    name: string,
    text: string,
    values: unknown[],
  ): Promise<Row[]> {
    await connectedOnce;
    try {
      return (await link.query<Row>({ name, text, values })).rows;
    } catch (error) {
      throw new ControlUnavailable('the control database cannot be read', error);
    }
  }

  return {
    run,
    heard: () => monotonicMs() - provenAt <= silenceMs,
    changes: () => changes,
    close: async () => {
      clearInterval(beats);
      await link.close();
    },
  };
}

function cachedRead<Value extends { merchantId: string }>(
  { line, entriesMax, monotonicMs }: { line: NotifiedLine; entriesMax: number; monotonicMs: () => number },
  load: (key: string) => Promise<Value | undefined>,
): CachedRead<Value | undefined> {
  const present = createLruCache<Value>(entriesMax);
  /** Key → when its absence is forgotten. */
  const absent = createLruCache<number>(entriesMax);
  /** Lookups that a later read of the same key may join. */
  const joinable = new Map<string, Promise<Value | undefined>>();
  let underWay = 0;

  async function loadAndKeep(key: string): Promise<Value | undefined> {
    const changesBefore = line.changes();
    const value = await load(key);
    // What was read across a change may be from before it.
    if (line.changes() !== changesBefore) return value;
    if (value === undefined) absent.set(key, monotonicMs() + ABSENT_MS);
    else present.set(key, value);
    return value;
  }

  async function lookUp(key: string): Promise<Value | undefined> {
    if (underWay >= LOOKUPS_MAX) throw new ControlUnavailable(`${LOOKUPS_MAX} lookups are under way`);
    underWay += 1;
    const lookup = loadAndKeep(key);
    joinable.set(key, lookup);
    try {
      return await lookup;
    } finally {
      underWay -= 1;
      if (joinable.get(key) === lookup) joinable.delete(key);
    }
  }

  async function read(key: string): Promise<Value | undefined> {
    if (line.heard()) {
      const value = present.get(key);
      if (value !== undefined) return value;
      if ((absent.get(key) ?? 0) > monotonicMs()) return undefined;
    }
    return joinable.get(key) ?? lookUp(key);
  }

  function drop(merchantId: string): void {
    // Whoever begins to read after a change must not join a lookup from before it.
    joinable.clear();
    absent.clear();
    if (merchantId === '') present.clear();
    else present.dropWhere((value) => value.merchantId === merchantId);
  }

  return { read, drop };
}
