import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { type ControlAdmin, type ControlReader, ControlUnavailable } from '../control.ts';
import { createControlAdmin } from './control-admin.ts';
import { createControlReader } from './control-reader.ts';

let cluster: Cluster;
let owner: pg.Client;
let admin: ControlAdmin;
beforeAll(async () => {
  cluster = await startCluster(2);
  owner = new pg.Client(cluster.owner.control);
  await owner.connect();
  admin = createControlAdmin(cluster.services.control);
});
afterAll(async () => {
  await admin?.close();
  await owner?.end();
  await cluster?.stop();
});

const readers: ControlReader[] = [];
beforeEach(() => async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
});

function openReader(options: Partial<Parameters<typeof createControlReader>[0]> = {}): ControlReader {
  const reader = createControlReader({ connectionString: cluster.services.control, beatMs: 50, ...options });
  readers.push(reader);
  return reader;
}

async function putMerchant(merchantId: string, account = 'acct_1'): Promise<string> {
  const createdAt = new Date('2026-01-21T10:00:00Z');
  await admin.putMerchant({
    merchantId,
    name: 'A "shop"',
    mode: 'test',
    redirectOrigins: ['https://shop.example'],
    createdAt,
  });
  await admin.putAccount({ ...ACCOUNT, merchantId, account });
  await admin.putPreferences({
    merchantId,
    preferredProcessor: 'SANDBOX',
    preferredAccount: account,
    fallbackProcessor: null,
    fallbackAccount: null,
    transactionFeePercent: '1.50',
  });
  const digest = createHash('sha256').update(merchantId).digest();
  await admin.putApiKey({ merchantId, digest, prefix: 'sk_test_', createdAt });
  return digest.toString('hex');
}

const ACCOUNT = { processor: 'SANDBOX', sealedConfig: Uint8Array.of(1, 2, 255) } as const;

test('a merchant is found by its key and its id, with its preferences', async () => {
  const digest = await putMerchant('merchant_a');
  const reader = openReader();
  const merchant = {
    merchantId: 'merchant_a',
    name: 'A "shop"',
    mode: 'test',
    spread: 1,
    redirectOrigins: ['https://shop.example'],
  };
  const preferences = {
    merchantId: 'merchant_a',
    merchantName: 'A "shop"',
    preferredProcessor: 'SANDBOX',
    preferredAccount: 'acct_1',
    fallbackProcessor: null,
    fallbackAccount: null,
    transactionFeePercent: '1.50',
  };
  const account = { ...ACCOUNT, merchantId: 'merchant_a', account: 'acct_1' };
  for (const round of ['from SQL', 'from the cache']) {
    expect(await reader.merchantByKeyDigest(digest), round).toEqual(merchant);
    expect(await reader.preferences('merchant_a'), round).toEqual(preferences);
    expect(await reader.accountsAt('SANDBOX', 'acct_1'), round).toEqual([account]);
    expect(await reader.accountsAt('SANDBOX', 'acct_other'), round).toEqual([]);
    expect(await reader.accountsAt('STRIPE', null), round).toEqual([]);
  }
  expect(await admin.findMerchant('merchant_a')).toEqual(merchant);
  expect(await admin.findMerchant('merchant_none')).toBeUndefined();
  expect(await reader.preferences('merchant_none')).toBeUndefined();
  expect(await reader.merchantByKeyDigest('00'.repeat(32))).toBeUndefined();
});

test('redirect origins are added and removed at once by several, each one kept once', async () => {
  await putMerchant('merchant_origins');
  const change = (add: string[], remove: string[] = []) =>
    admin.changeRedirectOrigins('merchant_origins', { add, remove });
  const others = [createControlAdmin(cluster.services.control), createControlAdmin(cluster.services.control)];
  await Promise.all(
    others.map((other, n) =>
      other.changeRedirectOrigins('merchant_origins', { add: [`https://${n}.example`], remove: [] }),
    ),
  );
  await Promise.all(others.map((other) => other.close()));
  const all = ['https://0.example', 'https://1.example', 'https://shop.example'];
  expect(await change(['https://shop.example'])).toEqual(all);
  expect(await change([], ['https://0.example', 'https://none.example'])).toEqual(all.slice(1));
  expect(await admin.changeRedirectOrigins('merchant_none', { add: [], remove: [] })).toBeUndefined();
  await expect(change(Array.from({ length: 65 }, (_, n) => `https://${n}.example`))).rejects.toThrow(
    'merchants_redirect_origins_max',
  );
});

test('writes may be repeated: the newest values stay, the key stays', async () => {
  const digest = await putMerchant('merchant_twice');
  await putMerchant('merchant_twice', 'acct_new');
  const reader = openReader();
  expect(await reader.merchantByKeyDigest(digest)).toMatchObject({ merchantId: 'merchant_twice' });
  expect(await reader.accountsAt('SANDBOX', 'acct_new')).toHaveLength(1);
});

test('every account a merchant had is there still, new credentials of one take the place of the old, and both are heard', async () => {
  await putMerchant('merchant_moving');
  const reader = openReader();
  expect(await reader.account('merchant_moving', 'SANDBOX', 'acct_1')).toBeDefined();
  expect(await reader.account('merchant_moving', 'SANDBOX', 'acct_2')).toBeUndefined();
  await putMerchant('merchant_moving', 'acct_2');
  const rotated = Uint8Array.of(9);
  await admin.putAccount({
    ...ACCOUNT,
    merchantId: 'merchant_moving',
    account: 'acct_1',
    sealedConfig: rotated,
  });
  await vi.waitFor(async () => {
    expect(await reader.account('merchant_moving', 'SANDBOX', 'acct_1')).toMatchObject({
      sealedConfig: rotated,
    });
    expect(await reader.account('merchant_moving', 'SANDBOX', 'acct_2')).toMatchObject({
      sealedConfig: ACCOUNT.sealedConfig,
    });
    expect(await reader.preferences('merchant_moving')).toMatchObject({ preferredAccount: 'acct_2' });
  }, 800);
  expect(await admin.findAccount('merchant_moving', 'SANDBOX', 'acct_1')).toMatchObject({
    sealedConfig: rotated,
  });
  expect(await admin.findAccount('merchant_moving', 'SANDBOX_B', 'acct_1')).toBeUndefined();
});

test('preferences name accounts that are there, and a fallback with its account or neither', async () => {
  await putMerchant('merchant_strict');
  const preferences = {
    merchantId: 'merchant_strict',
    preferredProcessor: 'SANDBOX',
    preferredAccount: 'acct_1',
    fallbackProcessor: null,
    fallbackAccount: null,
    transactionFeePercent: '0.00',
  } as const;
  const refused = [
    [{ preferredAccount: 'acct_none' }, '23503'],
    [{ fallbackProcessor: 'SANDBOX_B' as const, fallbackAccount: 'acct_1' }, '23503'],
    [{ fallbackProcessor: 'SANDBOX' as const }, '23514'],
  ] as const;
  for (const [change, code] of refused) {
    await expect(admin.putPreferences({ ...preferences, ...change })).rejects.toMatchObject({ code });
  }
  expect(await admin.findPreferences('merchant_strict')).toMatchObject({ transactionFeePercent: '1.50' });
});

test('of many merchants of one account 32 are given, and of many accounts one merchant of each of 32', async () => {
  for (let n = 0; n < 40; n++) await putMerchant(`many_${String(n).padStart(2, '0')}`, 'acct_many');
  const reader = openReader();
  const ids = (await reader.accountsAt('SANDBOX', 'acct_many')).map(({ merchantId }) => merchantId);
  expect(ids).toEqual(Array.from({ length: 32 }, (_, n) => `many_${String(n).padStart(2, '0')}`));
  for (let n = 0; n < 40; n++) await putMerchant(`own_${n}`, `acct_own_${String(n).padStart(2, '0')}`);
  const each = await openReader().accountsAt('SANDBOX', null);
  expect(each).toHaveLength(32);
  expect(each.filter(({ merchantId }) => merchantId.startsWith('many_'))).toHaveLength(1);
});

test('all accounts are gone through page by page, one merchant of each', async () => {
  for (const account of ['acct_walk_1', 'acct_walk_2', 'acct_walk_3'])
    for (const merchant of ['a', 'b']) await putMerchant(`walk_${merchant}_${account}`, account);
  const reader = openReader();
  const found: string[] = [];
  let page = await reader.accountsAfter(null, 2);
  for (; page.length > 0; page = await reader.accountsAfter(page.at(-1)!, 2))
    found.push(...page.map(({ merchantId, account }) => `${merchantId} ${account}`));
  expect(new Set(found).size).toBe(found.length);
  expect(found.filter((one) => one.includes('walk'))).toEqual([
    'walk_a_acct_walk_1 acct_walk_1',
    'walk_a_acct_walk_2 acct_walk_2',
    'walk_a_acct_walk_3 acct_walk_3',
  ]);
});

test('a change is heard: a revoked key, a new name, new preferences, a new merchant', async () => {
  const digest = await putMerchant('merchant_changing');
  const reader = openReader();
  await reader.merchantByKeyDigest(digest);
  await reader.preferences('merchant_changing');
  expect(await reader.preferences('merchant_new')).toBeUndefined();
  await owner.query("update merchants set name = 'Other' where merchant_id = 'merchant_changing'");
  await admin.putAccount({
    ...ACCOUNT,
    merchantId: 'merchant_changing',
    processor: 'STRIPE',
    account: 'acct_s',
  });
  await owner.query(
    "update merchant_preferences set fallback_processor = 'STRIPE', fallback_account = 'acct_s' where merchant_id = 'merchant_changing'",
  );
  await putMerchant('merchant_new');
  await vi.waitFor(async () => {
    expect(await reader.merchantByKeyDigest(digest)).toMatchObject({ name: 'Other' });
    expect(await reader.preferences('merchant_changing')).toMatchObject({ fallbackProcessor: 'STRIPE' });
    expect(await reader.preferences('merchant_new')).toBeDefined();
  }, 800);
  await owner.query("update api_keys set revoked_at = now() where merchant_id = 'merchant_changing'");
  await vi.waitFor(async () => expect(await reader.merchantByKeyDigest(digest)).toBeUndefined(), 800);
});

test('while beats come back what is cached is used; five seconds unheard, every read goes to SQL', async () => {
  const digest = await putMerchant('merchant_cached');
  let now = 0;
  // Its one beat was sent at 0 by this clock; the other reader's go on.
  const unheard = openReader({ monotonicMs: () => now, beatMs: 600_000 });
  const heard = openReader({ beatMs: 50, silenceMs: 1500 });
  for (const reader of [unheard, heard]) {
    expect(await reader.merchantByKeyDigest(digest)).toMatchObject({ name: 'A "shop"' });
  }
  await changeUntold("update merchants set name = 'Untold' where merchant_id = 'merchant_cached'");
  now = 5000;
  expect(await unheard.merchantByKeyDigest(digest)).toMatchObject({ name: 'A "shop"' });
  now = 5001;
  expect(await unheard.merchantByKeyDigest(digest)).toMatchObject({ name: 'Untold' });
  for (const start = performance.now(); performance.now() - start < 3000; await heard.ping()) {
    expect(await heard.merchantByKeyDigest(digest)).toMatchObject({ name: 'A "shop"' });
  }
});

/** A change without its NOTIFY, to see what comes from a cache. */
async function changeUntold(statement: string): Promise<void> {
  await owner.query(
    `begin; alter table merchants disable trigger tell; ${statement}; alter table merchants enable trigger tell; commit`,
  );
}

test('the same lookup at the same time is one, and a flood of them is refused', async () => {
  const digest = await putMerchant('merchant_crowd');
  const reader = openReader();
  const merchants = await Promise.all(Array.from({ length: 5000 }, () => reader.merchantByKeyDigest(digest)));
  expect(new Set(merchants.map((merchant) => merchant?.merchantId))).toEqual(new Set(['merchant_crowd']));
  const guesses = await Promise.allSettled(
    Array.from({ length: 1500 }, () => reader.merchantByKeyDigest(randomBytes(32).toString('hex'))),
  );
  const refused = guesses.filter((guess) => guess.status === 'rejected');
  expect(refused).toHaveLength(1500 - 1024);
  expect(refused.every(({ reason }) => reason instanceof ControlUnavailable)).toBe(true);
});

test('accounts that nobody has, as anybody may name them in a callback’s address, drive out none that is there', async () => {
  await putMerchant('merchant_named', 'acct_named');
  const reader = openReader({ entriesMax: 4 });
  await reader.ping();
  const known = await reader.accountsAt('SANDBOX', 'acct_named');
  expect(known).toHaveLength(1);
  for (let i = 0; i < 8; i++) expect(await reader.accountsAt('SANDBOX', `acct_guess_${i}`)).toEqual([]);
  // The very row that was opened: another would be unsealed anew.
  expect((await reader.accountsAt('SANDBOX', 'acct_named'))[0]).toBe(known[0]);
});

test('a lost connection empties the caches; reads are refused until it is back, and then read anew', async () => {
  const digest = await putMerchant('merchant_lost');
  const lost: Error[] = [];
  const reader = openReader({ onLost: (error) => lost.push(error) });
  await reader.merchantByKeyDigest(digest);
  const superuser = new pg.Client(cluster.postgres.adminUrl('control'));
  await superuser.connect();
  await superuser.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sluice control reader'",
  );
  await superuser.end();
  await vi.waitFor(() => expect(lost.length).toBeGreaterThan(0), 5000);
  await expect(reader.merchantByKeyDigest(digest)).rejects.toThrow(ControlUnavailable);
  await owner.query("update merchants set name = 'Renamed meanwhile' where merchant_id = 'merchant_lost'");
  await vi.waitFor(
    async () => expect(await reader.merchantByKeyDigest(digest)).toMatchObject({ name: 'Renamed meanwhile' }),
    5000,
  );
});

test('the shard map is written once; a wrong one is refused', async () => {
  const reader = openReader();
  const placed = [
    { low: 0, high: 511, database: 0 },
    { low: 512, high: 1023, database: 1 },
  ];
  expect(await reader.shardMap()).toEqual(placed);
  await admin.putShardMap([{ low: 0, high: 1023, database: 0 }]);
  expect(await reader.shardMap()).toEqual(placed);
  await expect(admin.putShardMap([{ low: 0, high: 5, database: 0 }])).rejects.toThrow(RangeError);
  await owner.query('delete from shard_map where low = 512');
  await expect(reader.shardMap()).rejects.toThrow('logical shards 512..1023 are in no range');
});

test('two installers at once leave one whole map', async () => {
  await owner.query('delete from shard_map');
  const other = createControlAdmin(cluster.services.control);
  const halves = [511, 700].map((high) => [
    { low: 0, high, database: 0 },
    { low: high + 1, high: 1023, database: 1 },
  ]);
  await Promise.all([admin.putShardMap(halves[0]!), other.putShardMap(halves[1]!)]);
  await other.close();
  expect(halves).toContainEqual(await openReader().shardMap());
});

test('an administrator’s command on a database that is away is refused by name', async () => {
  const away = createControlAdmin('postgres://nobody@127.0.0.1:1/none');
  await expect(away.findMerchant('merchant_a')).rejects.toThrow(ControlUnavailable);
  await away.close();
});
