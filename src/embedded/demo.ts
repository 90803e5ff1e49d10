/**
 * Demo: the merchant `merchant_demo`, its account at the sandbox bank, and its shop there.
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
import type { ConfigSecrets } from '../hsm/hsm.ts';
import {
  EXAMPLE_ORIGINS,
  firstEndpointId,
  putFirstEndpoint,
  sandboxMerchant,
  writeMerchant,
} from '../setup/merchant.ts';
import type { ControlAdmin, ProcessorAccount } from '../storage/control.ts';
import { readJson, writeDurably } from './private-file.ts';

/** The demo merchant's id. */
export const DEMO_MERCHANT_ID = 'merchant_demo';

/** The folders of the banks in a box, in the data folder. */
export const SANDBOX_FOLDERS = { SANDBOX: 'sandbox', SANDBOX_B: 'sandbox-b' } as const;

/** `data/demo.json`. */
export interface DemoFile {
  readonly merchantId: string;
  readonly secretKey: string;
  /** Of its endpoint at the sandbox's shop. */
  readonly webhookSecret: string;
  readonly apiUrl: string;
  readonly checkoutUrl: string;
  readonly opsUrl: string;
  readonly sandboxUrl: string;
  /** The second bank in a box; runs of versions before this one had none. */
  readonly sandboxBUrl: string;
}

/** Where the parts of this run are reached. */
export type DemoUrls = Pick<DemoFile, 'apiUrl' | 'checkoutUrl' | 'opsUrl' | 'sandboxUrl' | 'sandboxBUrl'>;

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
 * Reads or makes the demo merchant. Its endpoint and its redirect origin follow the ports of this run; its secrets stay.
 * `openSecrets` gives access to the config token and is called only when something must be sealed.
 */
export async function ensureDemo(
  dataDir: string,
  urls: DemoUrls,
  accounts: SandboxAccounts,
  control: ControlAdmin,
  openSecrets: () => Promise<ConfigSecrets>,
  now: Date,
): Promise<DemoFile> {
  const file = join(dataDir, 'demo.json');
  const found = asDemoFile(readJson(file));
  const demo =
    found !== undefined && (await control.findMerchant(DEMO_MERCHANT_ID)) !== undefined
      ? { ...found, ...urls }
      : await makeDemo(urls, accounts, control, openSecrets, now);
  if (found !== undefined) await followPorts(found, demo, control, openSecrets, now);
  writeDurably(file, `${JSON.stringify(demo, null, 2)}\n`);
  return demo;
}

async function makeDemo(
  urls: DemoUrls,
  { account }: SandboxAccounts,
  control: ControlAdmin,
  openSecrets: () => Promise<ConfigSecrets>,
  now: Date,
): Promise<DemoFile> {
  const merchant = sandboxMerchant(DEMO_MERCHANT_ID, 'Millrace', account, {
    redirectOrigins: [originOf(urls.sandboxUrl), ...EXAMPLE_ORIGINS],
    webhookUrl: shopWebhookUrl(urls.sandboxUrl),
  });
  const secrets = await openSecrets();
  try {
    const { secretKey, webhookSecret } = await writeMerchant({ control, secrets }, merchant, now);
    return { merchantId: DEMO_MERCHANT_ID, secretKey, webhookSecret: webhookSecret!, ...urls };
  } finally {
    await secrets.close();
  }
}

/** A run of an older version left no endpoint and no origin; one on other ports left those of its own. */
async function followPorts(
  before: KeptDemo,
  { sandboxUrl, webhookSecret }: DemoFile,
  control: ControlAdmin,
  openSecrets: () => Promise<ConfigSecrets>,
  now: Date,
): Promise<void> {
  const [origin, url] = [originOf(sandboxUrl), shopWebhookUrl(sandboxUrl)];
  const old = before.sandboxUrl === null ? origin : originOf(before.sandboxUrl);
  await control.changeRedirectOrigins(DEMO_MERCHANT_ID, {
    add: [origin, ...EXAMPLE_ORIGINS],
    remove: old === origin ? [] : [old],
  });
  if (await control.moveWebhookEndpoint(firstEndpointId(DEMO_MERCHANT_ID), url)) return;
  const secrets = await openSecrets();
  try {
    await putFirstEndpoint({ control, secrets }, DEMO_MERCHANT_ID, { url, secret: webhookSecret }, now);
  } finally {
    await secrets.close();
  }
}

/** Where the demo shop of the sandbox hears of its payments. */
function shopWebhookUrl(sandboxUrl: string): string {
  return `${sandboxUrl}/shop/webhooks`;
}

function originOf(url: string): string {
  return new URL(url).origin;
}

function firstAccount(value: unknown): ProcessorAccount | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  if (typeof first !== 'object' || first === null) return undefined;
  const { account, secretKey, webhookSecret } = first as Record<string, unknown>;
  if (typeof account !== 'string' || typeof secretKey !== 'string' || typeof webhookSecret !== 'string')
    return undefined;
  return { account, secretKey, webhookSecret, previousWebhookSecret: null };
}

/** What of `demo.json` outlives a run, and where its shop was then. */
interface KeptDemo extends Pick<DemoFile, 'merchantId' | 'secretKey' | 'webhookSecret'> {
  readonly sandboxUrl: string | null;
}

function asDemoFile(value: unknown): KeptDemo | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { merchantId, secretKey, webhookSecret, sandboxUrl } = value as Record<string, unknown>;
  if (merchantId !== DEMO_MERCHANT_ID || typeof secretKey !== 'string' || typeof webhookSecret !== 'string') {
    return undefined;
  }
  const known = typeof sandboxUrl === 'string' && URL.canParse(sandboxUrl);
  return { merchantId, secretKey, webhookSecret, sandboxUrl: known ? sandboxUrl : null };
}
