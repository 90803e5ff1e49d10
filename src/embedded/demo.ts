/**
 * Demo: the merchant `merchant_demo` and its account at the sandbox bank.
 *
 * `sandbox/accounts.json` is the bank's side of the account and is written first; the same secrets then go, sealed, into the
 * merchant's preferences. `demo.json` is written last. Whatever of the three is lost is made anew at the next start: with
 * `demo.json` a new API key, since only a digest of the old one exists.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type MerchantServices, sandboxMerchant, writeMerchant } from '../setup/merchant.ts';
import type { ProcessorAccount } from '../storage/control.ts';
import { readJson, writeDurably } from './private-file.ts';

/** The demo merchant's id. */
export const DEMO_MERCHANT_ID = 'merchant_demo';

/** `data/demo.json`. */
export interface DemoFile {
  readonly merchantId: string;
  readonly secretKey: string;
  readonly webhookSecret: string;
  readonly apiUrl: string;
  readonly checkoutUrl: string;
  readonly opsUrl: string;
  readonly sandboxUrl: string;
}

/** Where the parts of this run are reached. */
export type DemoUrls = Pick<DemoFile, 'apiUrl' | 'checkoutUrl' | 'opsUrl' | 'sandboxUrl'>;

/** The bank's file of accounts. */
export interface SandboxAccounts {
  readonly file: string;
  readonly account: ProcessorAccount;
}

/** Reads or makes the bank's side of the account; the callback address follows the ports of this run. */
export function ensureSandboxAccounts(dataDir: string, apiUrl: string): SandboxAccounts {
  const folder = join(dataDir, 'sandbox');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'accounts.json');
  const found = firstAccount(readJson(file));
  // New secrets here leave the merchant's sealed copy stale. Without demo.json the merchant is written again, whenever that may be.
  if (found === undefined) rmSync(join(dataDir, 'demo.json'), { force: true });
  const account = found ?? {
    account: 'acct_demo',
    secretKey: `bank_sk_${randomBytes(24).toString('hex')}`,
    webhookSecret: `bank_whsec_${randomBytes(32).toString('hex')}`,
    previousWebhookSecret: null,
  };
  const { previousWebhookSecret: _, ...bankSide } = account;
  writeDurably(file, `${JSON.stringify([{ ...bankSide, callbackUrl: `${apiUrl}/webhooks/sandbox` }])}\n`);
  return { file, account };
}

/**
 * Reads or makes the demo merchant. `open` gives access to the control database and the config token; it is called only
 * when something must be written.
 */
export async function ensureDemo(
  dataDir: string,
  urls: DemoUrls,
  accounts: SandboxAccounts,
  isKnown: () => Promise<boolean>,
  open: () => Promise<MerchantServices & { close(): Promise<void> }>,
  now: Date,
): Promise<DemoFile> {
  const file = join(dataDir, 'demo.json');
  const found = asDemoFile(readJson(file));
  if (found !== undefined && (await isKnown())) {
    const demo = { ...found, ...urls };
    writeDurably(file, `${JSON.stringify(demo, null, 2)}\n`);
    return demo;
  }
  const services = await open();
  try {
    const merchant = sandboxMerchant(DEMO_MERCHANT_ID, 'Demo shop', accounts.account);
    const secrets = await writeMerchant(services, merchant, now);
    const demo = { merchantId: DEMO_MERCHANT_ID, ...secrets, ...urls };
    writeDurably(file, `${JSON.stringify(demo, null, 2)}\n`);
    return demo;
  } finally {
    await services.close();
  }
}

function firstAccount(value: unknown): ProcessorAccount | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  if (typeof first !== 'object' || first === null) return undefined;
  const { account, secretKey, webhookSecret } = first as Record<string, unknown>;
  if (typeof account !== 'string' || typeof secretKey !== 'string' || typeof webhookSecret !== 'string')
    return undefined;
  return { account, secretKey, webhookSecret, previousWebhookSecret: null };
}

function asDemoFile(
  value: unknown,
): Pick<DemoFile, 'merchantId' | 'secretKey' | 'webhookSecret'> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { merchantId, secretKey, webhookSecret } = value as Record<string, unknown>;
  if (merchantId !== DEMO_MERCHANT_ID || typeof secretKey !== 'string' || typeof webhookSecret !== 'string') {
    return undefined;
  }
  return { merchantId, secretKey, webhookSecret };
}
