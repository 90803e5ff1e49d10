/**
 * The demo merchant is found again, and whatever of it is lost is made anew and fits together.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  createMerchant,
  EXAMPLE_ORIGINS,
  firstEndpointId,
  type MerchantServices,
  type NewMerchant,
} from '../setup/merchant.ts';
import type { MerchantAuth } from '../storage/control.ts';
import { endpointContext } from '../storage/webhook-endpoints.ts';
import { DEMO_MERCHANT_ID, type DemoFile, ensureDemo, TILLS, type TillName } from './demo.ts';
import { ensureSandboxAccounts } from './sandbox-accounts.ts';

const URLS = {
  apiUrl: 'http://a',
  checkoutUrl: 'http://c',
  opsUrl: 'http://o',
  sandboxUrl: 'http://s',
  sandboxBUrl: 'http://b',
};
const ENDPOINT = firstEndpointId(DEMO_MERCHANT_ID);
const NOW = new Date('2026-11-24T00:00:00Z');

let dataDir: string;
let merchants: Map<string, MerchantAuth>;
/** Of the keys of each merchant, oldest first. */
let digests: Map<string, string[]>;
let sealed: Map<string, string>;
let preferred: Map<string, string>;
let endpoints: Map<string, string>;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
  merchants = new Map();
  digests = new Map();
  sealed = new Map();
  preferred = new Map();
  endpoints = new Map();
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

/** A control database and config token in memory; what was sealed is kept by its context. */
const services: MerchantServices = {
  control: {
    putMerchant: async ({ merchantId, name, mode, redirectOrigins }) =>
      void merchants.set(merchantId, { merchantId, name, mode, spread: 1, redirectOrigins }),
    putApiKey: async ({ merchantId, digest }) =>
      void digests.set(merchantId, [...keysOf(merchantId), Buffer.from(digest).toString('hex')]),
    putAccount: async () => undefined,
    findAccount: async () => undefined,
    putContract: async () => true,
    findContracts: async () => [],
    findOthersAt: async () => [],
    putPreferences: async ({ merchantId, preferredProcessor }) =>
      void preferred.set(merchantId, preferredProcessor),
    findPreferences: async () => undefined,
    findMerchant: async (merchantId) => merchants.get(merchantId),
    changeRedirectOrigins: async (merchantId, { add, remove }) => {
      const merchant = merchants.get(merchantId);
      if (merchant === undefined) return undefined;
      const origins = new Set([...merchant.redirectOrigins, ...add].filter((one) => !remove.includes(one)));
      merchants.set(merchantId, { ...merchant, redirectOrigins: [...origins] });
      return [...origins];
    },
    findShardMap: async () => [],
    putWebhookEndpoint: async ({ endpointId, url }) => void endpoints.set(endpointId, url),
    moveWebhookEndpoint: async (endpointId, url) => {
      if (!endpoints.has(endpointId)) return false;
      endpoints.set(endpointId, url);
      return true;
    },
    putShardMap: async () => undefined,
    close: async () => undefined,
  },
  secrets: {
    seal: async (plain, context) => {
      sealed.set(context, Buffer.from(plain).toString());
      return plain;
    },
    open: async (bytes) => bytes,
    close: async () => undefined,
  },
};

function keysOf(merchantId: string): string[] {
  return digests.get(merchantId) ?? [];
}

function start(sandboxUrl = URLS.sandboxUrl): Promise<DemoFile> {
  const accounts = ensureSandboxAccounts(dataDir, 'SANDBOX', URLS.apiUrl);
  return ensureDemo(
    dataDir,
    { ...URLS, sandboxUrl },
    accounts,
    services.control,
    async () => services.secrets,
    NOW,
  );
}

/** The bank's side of an account. */
function bankAccount(dialect?: string): Record<string, string> {
  const accounts = JSON.parse(readFileSync(join(dataDir, 'sandbox/accounts.json'), 'utf8'));
  return accounts.find((account: Record<string, string>) => account.dialect === dialect);
}

const TILL_NAMES = Object.keys(TILLS) as TillName[];

function expectWhole(demo: DemoFile): void {
  expect(JSON.parse(readFileSync(join(dataDir, 'demo.json'), 'utf8'))).toEqual(demo);
  const { merchantId, secretKey, webhookSecret, sandboxUrl } = demo;
  const url = `${sandboxUrl}/shop/webhooks`;
  expectMerchant({ merchantId, secretKey, webhookSecret, url, sandboxUrl });
  expectAccount(DEMO_MERCHANT_ID, 'SANDBOX', bankAccount());
  expect(Object.keys(demo.tills)).toEqual(TILL_NAMES);
  for (const till of TILL_NAMES) {
    const { merchantId: id, key, hookSecret, account } = demo.tills[till]!;
    expect([id, account]).toEqual([`merchant_demo_${till}`, bankAccount(till).account]);
    expectMerchant({
      merchantId: id,
      secretKey: key,
      webhookSecret: hookSecret,
      url: `${url}/${till}`,
      sandboxUrl,
    });
    expectAccount(id, TILLS[till], bankAccount(till));
    expect(preferred.get(id)).toBe(TILLS[till]);
  }
}

/** A merchant whose key, endpoint and redirect origin are what the shop has of it. */
function expectMerchant(shop: {
  merchantId: string;
  secretKey: string;
  webhookSecret: string;
  url: string;
  sandboxUrl: string;
}): void {
  const { merchantId } = shop;
  const endpoint = firstEndpointId(merchantId);
  expect(keysOf(merchantId).at(-1)).toBe(createHash('sha256').update(shop.secretKey).digest('hex'));
  expect(sealed.get(endpointContext(endpoint))).toBe(shop.webhookSecret);
  expect(endpoints.get(endpoint)).toBe(shop.url);
  expect(merchants.get(merchantId)?.redirectOrigins.toSorted()).toEqual(
    [shop.sandboxUrl, ...EXAMPLE_ORIGINS].toSorted(),
  );
}

/** The merchant's sealed credentials are the bank's own. */
function expectAccount(merchantId: string, processor: string, bank: Record<string, string>): void {
  const account = JSON.parse(sealed.get(`merchant_preferences/${merchantId}/${processor}`) ?? '{}');
  expect(account).toMatchObject({
    account: bank.account,
    secretKey: expect.stringContaining(bank.secretKey!),
  });
}

it('is made once and found again', async () => {
  const first = await start();
  expectWhole(first);
  expect(first.secretKey).toMatch(/^sk_test_[0-9a-f]{48}$/);
  expect(statSync(join(dataDir, 'demo.json')).mode & 0o777).toBe(0o600);
  expect(bankAccount().callbackUrl).toBe('http://a/webhooks/sandbox');
  expect(await start()).toEqual(first);
  expect(keysOf(DEMO_MERCHANT_ID)).toHaveLength(1);
});

it.each(['demo.json', 'sandbox/accounts.json', 'the merchant'])(
  'is whole again after %s was lost',
  async (lost) => {
    const first = await start();
    if (lost === 'the merchant') merchants.clear();
    else rmSync(join(dataDir, lost));
    const second = await start();
    expect(second.secretKey).not.toBe(first.secretKey);
    expectWhole(second);
  },
);

it('keeps its secrets and follows the ports of a later run', async () => {
  const first = await start();
  const second = await start('http://127.0.0.1:9500');
  expectWhole(second);
  expect(second).toEqual({ ...first, sandboxUrl: 'http://127.0.0.1:9500' });
});

it('gets its endpoint and its origins when an older version made it, with the secret it had', async () => {
  const first = await start();
  endpoints.clear();
  sealed.delete(endpointContext(ENDPOINT));
  merchants.set(DEMO_MERCHANT_ID, { ...merchants.get(DEMO_MERCHANT_ID)!, redirectOrigins: [] });
  expect(await start()).toEqual(first);
  expectWhole(first);
});

it('of the version before, which had one bank, is found again and names the second', async () => {
  const first = await start();
  const { sandboxBUrl: _, ...before } = first;
  writeFileSync(join(dataDir, 'demo.json'), JSON.stringify(before));
  expect(await start()).toEqual(first);
  expectWhole(first);
  expect(keysOf(DEMO_MERCHANT_ID)).toHaveLength(1);
});

it('of the version before, which had no tills, gets them at the next start and keeps its own secrets', async () => {
  const first = await start();
  const { tills, ...before } = first;
  writeFileSync(join(dataDir, 'demo.json'), JSON.stringify(before));
  writeFileSync(join(dataDir, 'sandbox/accounts.json'), JSON.stringify([bankAccount()]));
  for (const till of TILL_NAMES) merchants.delete(`merchant_demo_${till}`);
  const second = await start();
  expectWhole(second);
  expect(second).toMatchObject(before);
  expect(second.tills.razorpay!.key).not.toBe(tills.razorpay!.key);
  expect(await start()).toEqual(second);
});

it('a till whose account the bank has made anew gets it, and no other till changes', async () => {
  const first = await start();
  const { account } = bankAccount('payu');
  const file = join(dataDir, 'sandbox/accounts.json');
  const accounts: Record<string, string>[] = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify(accounts.filter(({ dialect }) => dialect !== 'payu')));
  const second = await start();
  expectWhole(second);
  expect(second.tills.payu!.account).not.toBe(account);
  expect({ ...second, tills: { ...second.tills, payu: first.tills.payu } }).toEqual(first);
});

it('people who read the key of demo.json with sed get one', async () => {
  const { secretKey } = await start();
  const text = readFileSync(join(dataDir, 'demo.json'), 'utf8');
  expect(text.match(/"secretKey": "[^"]*"/g)).toEqual([`"secretKey": "${secretKey}"`]);
});

it('the second bank has an account and secrets of its own, which stay, and posts its callbacks to its own address', async () => {
  const first = await start();
  const made = ensureSandboxAccounts(dataDir, 'SANDBOX_B', 'http://a');
  expect(made.account.account).toBe('acct_demo_b');
  expect(made.account.secretKey).not.toBe(bankAccount().secretKey);
  const again = ensureSandboxAccounts(dataDir, 'SANDBOX_B', 'http://other');
  expect(again).toEqual(made);
  expect(JSON.parse(readFileSync(made.file, 'utf8'))).toEqual([
    {
      account: 'acct_demo_b',
      secretKey: made.account.secretKey,
      webhookSecret: made.account.webhookSecret,
      callbackUrl: 'http://other/webhooks/sandbox_b',
    },
  ]);
  expect(statSync(made.file).mode & 0o777).toBe(0o600);
  // The demo merchant has no account there, so nothing of it is made anew.
  expect(await start()).toEqual(first);
});

it('is whole after new bank secrets were written and the start was cut short', async () => {
  await start();
  rmSync(join(dataDir, 'sandbox/accounts.json'));
  ensureSandboxAccounts(dataDir, 'SANDBOX', URLS.apiUrl);
  expectWhole(await start());
});

const ACCOUNT = {
  account: 'acct_1',
  secretKey: 'bank_sk_1',
  webhookSecret: 'bank_whsec_1',
  previousWebhookSecret: null,
};

it.each([
  [{ account: { ...ACCOUNT, webhookSecret: '' } }, 'merchant_invalid'],
  [{ account: { ...ACCOUNT, webhookSecret: 'seven77' } }, 'merchant_invalid'],
  [{ account: { ...ACCOUNT, secretKey: 'bank_sk_1\n' } }, 'merchant_invalid'],
  [{ account: { ...ACCOUNT, account: ' ' } }, 'merchant_invalid'],
  [
    { fallbackProcessor: 'SANDBOX_B' as const, fallbackAccount: { ...ACCOUNT, secretKey: '' } },
    'merchant_invalid',
  ],
  [{ merchantId: 'Shop 1' }, 'merchant_invalid'],
  [{ name: 'a\nb' }, 'merchant_invalid'],
  [{ transactionFeePercent: '1.234' }, 'merchant_invalid'],
  [{ transactionFeePercent: '101' }, 'merchant_invalid'],
  [{ fallbackProcessor: 'SANDBOX' as const }, 'merchant_invalid'],
  [{ mode: 'live' as const }, 'merchant_invalid'],
  [{ merchantId: DEMO_MERCHANT_ID }, 'merchant_exists'],
  [{ redirectOrigins: ['https://shop.example/'] }, 'merchant_invalid'],
  [{ redirectOrigins: ['ftp://shop.example'] }, 'merchant_invalid'],
  [{ webhookUrl: 'shop.example' }, 'merchant_invalid'],
])('createMerchant refuses %o', async (change, code) => {
  await start();
  const account = ACCOUNT;
  const merchant: NewMerchant = {
    merchantId: 'merchant_1',
    name: 'Shop',
    mode: 'test',
    preferredProcessor: 'SANDBOX',
    fallbackProcessor: null,
    transactionFeePercent: '2.50',
    account,
    fallbackAccount: null,
    redirectOrigins: [],
    webhookUrl: null,
  };
  expect(await createMerchant(services, { ...merchant, ...change }, NOW)).toMatchObject({ ok: false, code });
  expect(await createMerchant(services, merchant, NOW)).toMatchObject({ ok: true });
});
