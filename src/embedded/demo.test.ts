/**
 * The demo merchant is found again, and whatever of it is lost is made anew and fits together.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMerchant, type MerchantServices, type NewMerchant } from '../setup/merchant.ts';
import type { MerchantAuth } from '../storage/control.ts';
import { DEMO_MERCHANT_ID, type DemoFile, ensureDemo, ensureSandboxAccounts } from './demo.ts';

const URLS = { apiUrl: 'http://a', checkoutUrl: 'http://c', opsUrl: 'http://o', sandboxUrl: 'http://s' };
const NOW = new Date('2026-11-24T00:00:00Z');

let dataDir: string;
let merchants: Map<string, MerchantAuth>;
let digests: string[];
let sealed: Map<string, string>;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
  merchants = new Map();
  digests = [];
  sealed = new Map();
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

/** A control database and config token in memory; what was sealed is kept by its context. */
const services: MerchantServices & { close(): Promise<void> } = {
  control: {
    putMerchant: async ({ merchantId, name, mode }) =>
      void merchants.set(merchantId, { merchantId, name, mode, spread: 1 }),
    putApiKey: async ({ digest }) => void digests.push(Buffer.from(digest).toString('hex')),
    putPreferences: async () => undefined,
    findMerchant: async (merchantId) => merchants.get(merchantId),
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
  close: async () => undefined,
};

function start(): Promise<DemoFile> {
  const accounts = ensureSandboxAccounts(dataDir, URLS.apiUrl);
  const isKnown = async (): Promise<boolean> => merchants.has(DEMO_MERCHANT_ID);
  return ensureDemo(dataDir, URLS, accounts, isKnown, async () => services, NOW);
}

function bankAccount(): Record<string, string> {
  return JSON.parse(readFileSync(join(dataDir, 'sandbox/accounts.json'), 'utf8'))[0];
}

function expectWhole(demo: DemoFile): void {
  expect(JSON.parse(readFileSync(join(dataDir, 'demo.json'), 'utf8'))).toEqual(demo);
  expect(digests.at(-1)).toBe(createHash('sha256').update(demo.secretKey).digest('hex'));
  expect(sealed.get('merchants/merchant_demo/webhook')).toBe(demo.webhookSecret);
  const account = JSON.parse(sealed.get('merchant_preferences/merchant_demo/SANDBOX') ?? '{}');
  expect(account).toMatchObject({ account: bankAccount().account, secretKey: bankAccount().secretKey });
}

it('is made once and found again', async () => {
  const first = await start();
  expectWhole(first);
  expect(first.secretKey).toMatch(/^sk_test_[0-9a-f]{48}$/);
  expect(statSync(join(dataDir, 'demo.json')).mode & 0o777).toBe(0o600);
  expect(bankAccount().callbackUrl).toBe('http://a/webhooks/sandbox');
  expect(await start()).toEqual(first);
  expect(digests).toHaveLength(1);
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

it('is whole after new bank secrets were written and the start was cut short', async () => {
  await start();
  rmSync(join(dataDir, 'sandbox/accounts.json'));
  ensureSandboxAccounts(dataDir, URLS.apiUrl);
  expectWhole(await start());
});

it.each([
  [{ merchantId: 'Shop 1' }, 'merchant_invalid'],
  [{ name: 'a\nb' }, 'merchant_invalid'],
  [{ transactionFeePercent: '1.234' }, 'merchant_invalid'],
  [{ transactionFeePercent: '101' }, 'merchant_invalid'],
  [{ fallbackProcessor: 'SANDBOX' as const }, 'merchant_invalid'],
  [{ mode: 'live' as const }, 'merchant_invalid'],
  [{ merchantId: DEMO_MERCHANT_ID }, 'merchant_exists'],
])('createMerchant refuses %o', async (change, code) => {
  await start();
  const account = { account: 'acct_1', secretKey: 's', webhookSecret: 'w', previousWebhookSecret: null };
  const merchant: NewMerchant = {
    merchantId: 'merchant_1',
    name: 'Shop',
    mode: 'test',
    preferredProcessor: 'SANDBOX',
    fallbackProcessor: null,
    transactionFeePercent: '2.50',
    account,
  };
  expect(await createMerchant(services, { ...merchant, ...change }, NOW)).toMatchObject({ ok: false, code });
  expect(await createMerchant(services, merchant, NOW)).toMatchObject({ ok: true });
});
