/**
 * Demo: the merchant `merchant_demo`, its account at the sandbox bank, and its shop there; and for each processor the bank speaks as,
 * one more merchant of the same shop: its till there.
 *
 * `sandbox/accounts.json` is the bank's side of the accounts and is written first; the same secrets then go, sealed, into the
 * merchants' preferences. `demo.json` is written last. Whatever of the three is lost is made anew at the next start: with
 * `demo.json` new API keys, since only digests of the old ones exist.
 *
 * @module
 */
import { join } from 'node:path';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { ConfigSecrets } from '../hsm/hsm.ts';
import {
  EXAMPLE_ORIGINS,
  firstEndpointId,
  type MerchantServices,
  putFirstEndpoint,
  sandboxMerchant,
  writeMerchant,
} from '../setup/merchant.ts';
import type { ControlAdmin, ProcessorAccount } from '../storage/control.ts';
import { readJson, writeDurably } from './private-file.ts';
import type { SandboxAccounts } from './sandbox-accounts.ts';

/** The demo merchant's id. */
export const DEMO_MERCHANT_ID = 'merchant_demo';

/** The tills beside the plain one: the last part of their merchant's id and of their endpoint's path, and who takes the money. */
export const TILLS = {
  razorpay: 'RAZORPAY',
  payu: 'PAYU',
  stripe: 'STRIPE',
} as const satisfies Record<string, ProcessorName>;

/** A till beside the plain one. */
export type TillName = keyof typeof TILLS;

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
  /** Of every processor this version charges at; files of versions before this one have none. */
  readonly tills: Readonly<Partial<Record<TillName, DemoTill>>>;
}

/** The merchant of a till. Its secrets have names of their own: people read those above with `sed`. */
export interface DemoTill {
  readonly merchantId: string;
  /** Its account at the processor. One that the bank has no more is no till. */
  readonly account: string;
  /** Its secret key. */
  readonly key: string;
  /** The webhook secret of its endpoint at the shop. */
  readonly hookSecret: string;
}

/** Where the parts of this run are reached. */
export type DemoUrls = Pick<DemoFile, 'apiUrl' | 'checkoutUrl' | 'opsUrl' | 'sandboxUrl' | 'sandboxBUrl'>;

/** One merchant of the shop, as this run wants it. */
interface ShopMerchant {
  readonly merchantId: string;
  readonly processor: ProcessorName;
  readonly account: ProcessorAccount;
  readonly shopOrigin: string;
  /** Where the shop was at the last run; null: it had none, or is as it was. */
  readonly oldOrigin: string | null;
  readonly webhookUrl: string;
}

/** What outlives a run. */
interface ShopSecrets {
  readonly secretKey: string;
  readonly webhookSecret: string;
}

/**
 * Reads or makes the demo merchant and its tills. Their endpoints and their redirect origin follow the ports of this run; their
 * secrets stay. `openSecrets` gives access to the config token and is called only when something must be sealed.
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
  const secrets = openedWhenUsed(openSecrets);
  try {
    const services = { control, secrets };
    const plain = merchantOf(urls, found, accounts.account);
    const demo: DemoFile = {
      merchantId: DEMO_MERCHANT_ID,
      ...(await ensureMerchant(services, plain, found, now)),
      ...urls,
      tills: await ensureTills(services, urls, found, accounts, now),
    };
    writeDurably(file, `${JSON.stringify(demo, null, 2)}\n`);
    return demo;
  } finally {
    await secrets.close();
  }
}

async function ensureTills(
  services: MerchantServices,
  urls: DemoUrls,
  found: KeptDemo | undefined,
  { ofProcessors }: SandboxAccounts,
  now: Date,
): Promise<DemoFile['tills']> {
  const tills: Partial<Record<TillName, DemoTill>> = {};
  for (const till of Object.keys(TILLS) as TillName[]) {
    const account = ofProcessors.get(TILLS[till]);
    if (account === undefined) continue;
    const merchant = merchantOf(urls, found, account, till);
    const kept = keptTill(found?.tills[till], account);
    const { secretKey, webhookSecret } = await ensureMerchant(services, merchant, kept, now);
    tills[till] = {
      merchantId: merchant.merchantId,
      account: account.account,
      key: secretKey,
      hookSecret: webhookSecret,
    };
  }
  return tills;
}

/** @param till undefined: the plain one */
function merchantOf(
  { sandboxUrl }: DemoUrls,
  found: KeptDemo | undefined,
  account: ProcessorAccount,
  till?: TillName,
): ShopMerchant {
  const shopOrigin = originOf(sandboxUrl);
  const before = found === undefined || found.sandboxUrl === null ? shopOrigin : originOf(found.sandboxUrl);
  return {
    merchantId: till === undefined ? DEMO_MERCHANT_ID : `${DEMO_MERCHANT_ID}_${till}`,
    processor: till === undefined ? 'SANDBOX' : TILLS[till],
    account,
    shopOrigin,
    oldOrigin: before === shopOrigin ? null : before,
    webhookUrl: `${sandboxUrl}/shop/webhooks${till === undefined ? '' : `/${till}`}`,
  };
}

/** Makes the merchant, or lets the one there is follow the ports of this run. */
async function ensureMerchant(
  services: MerchantServices,
  merchant: ShopMerchant,
  kept: ShopSecrets | undefined,
  now: Date,
): Promise<ShopSecrets> {
  const { merchantId } = merchant;
  if (kept === undefined || (await services.control.findMerchant(merchantId)) === undefined) {
    return await makeMerchant(services, merchant, now);
  }
  const { secretKey, webhookSecret } = kept;
  await followPorts(services, merchant, webhookSecret, now);
  return { secretKey, webhookSecret };
}

async function makeMerchant(
  services: MerchantServices,
  { merchantId, processor, account, shopOrigin, webhookUrl }: ShopMerchant,
  now: Date,
): Promise<ShopSecrets> {
  const merchant = sandboxMerchant(merchantId, 'Millrace', account, {
    redirectOrigins: [shopOrigin, ...EXAMPLE_ORIGINS],
    webhookUrl,
  });
  const written = await writeMerchant(services, { ...merchant, preferredProcessor: processor }, now);
  return { secretKey: written.secretKey, webhookSecret: written.webhookSecret! };
}

/** A run of an older version left no endpoint and no origin; one on other ports left those of its own. */
async function followPorts(
  services: MerchantServices,
  { merchantId, shopOrigin, oldOrigin, webhookUrl }: ShopMerchant,
  webhookSecret: string,
  now: Date,
): Promise<void> {
  await services.control.changeRedirectOrigins(merchantId, {
    add: [shopOrigin, ...EXAMPLE_ORIGINS],
    remove: oldOrigin === null ? [] : [oldOrigin],
  });
  if (await services.control.moveWebhookEndpoint(firstEndpointId(merchantId), webhookUrl)) return;
  await putFirstEndpoint(services, merchantId, { url: webhookUrl, secret: webhookSecret }, now);
}

/** The token is opened at the first seal, if there is one. */
function openedWhenUsed(open: () => Promise<ConfigSecrets>): ConfigSecrets {
  let opened: Promise<ConfigSecrets> | undefined;
  const secrets = (): Promise<ConfigSecrets> => {
    opened ??= open();
    return opened;
  };
  return {
    seal: async (plain, context) => await (await secrets()).seal(plain, context),
    open: async (bytes, context) => await (await secrets()).open(bytes, context),
    close: async () => await (await opened)?.close(),
  };
}

function originOf(url: string): string {
  return new URL(url).origin;
}

/** What of `demo.json` outlives a run, and where its shop was then. */
interface KeptDemo extends ShopSecrets {
  readonly sandboxUrl: string | null;
  readonly tills: Readonly<Partial<Record<TillName, unknown>>>;
}

function asDemoFile(value: unknown): KeptDemo | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { merchantId, secretKey, webhookSecret, sandboxUrl, tills } = value as Record<string, unknown>;
  if (merchantId !== DEMO_MERCHANT_ID || typeof secretKey !== 'string' || typeof webhookSecret !== 'string') {
    return undefined;
  }
  const known = typeof sandboxUrl === 'string' && URL.canParse(sandboxUrl);
  return { secretKey, webhookSecret, sandboxUrl: known ? sandboxUrl : null, tills: Object(tills ?? {}) };
}

/** The till's secrets, unless the bank has made its account anew since: then the merchant's sealed copy is stale. */
function keptTill(value: unknown, { account }: ProcessorAccount): ShopSecrets | undefined {
  const { account: known, key, hookSecret } = Object(value ?? {}) as Record<string, unknown>;
  if (known !== account || typeof key !== 'string' || typeof hookSecret !== 'string') return undefined;
  return { secretKey: key, webhookSecret: hookSecret };
}
