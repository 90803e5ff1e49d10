/**
 * Merchant: makes a merchant with its key, its account at a processor, its redirect origins and, if wanted, its first webhook endpoint.
 *
 * Secrets are returned once and stored only as digest (the API key) or sealed by the config token (all
 * others). The same function serves `sluice merchant create` and the embedded profile's demo merchant.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { keyModeFault } from '../connectors/accounts.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { originFault } from '../domain/redirect-url.ts';
import type { ConfigSecrets } from '../hsm/hsm.ts';
import {
  accountContext,
  type ContractFee,
  type ControlAdmin,
  type Mode,
  type ProcessorAccount,
  REDIRECT_ORIGINS_MAX,
} from '../storage/control.ts';
import { endpointContext } from '../storage/webhook-endpoints.ts';
import { checkWebhookUrl } from '../webhooks/address.ts';
import { accountConflict, credentialsFault } from './credentials.ts';

/** A merchant to be made. */
export interface NewMerchant {
  /** 3 to 64 of a-z, 0-9 and underscore. */
  readonly merchantId: string;
  readonly name: string;
  readonly mode: Mode;
  readonly preferredProcessor: ProcessorName;
  readonly fallbackProcessor: ProcessorName | null;
  /** Decimal text with at most two places, 0.00 to 100.00. */
  readonly transactionFeePercent: string;
  readonly account: ProcessorAccount;
  /** Its account at the fallback processor; null exactly when there is none. */
  readonly fallbackAccount: ProcessorAccount | null;
  /** What the processors keep by contract. @default not known, or as it was */
  readonly contract?: ContractFee | undefined;
  readonly fallbackContract?: ContractFee | undefined;
  /** Where its shoppers may be sent after checkout, as browsers write origins: `https://shop.example`. http in test mode only. */
  readonly redirectOrigins: readonly string[];
  /** Its first webhook endpoint, which hears every event; null: it makes its own by the API. */
  readonly webhookUrl: string | null;
}

/** The redirect origins of sandbox merchants that were given no others: those of the examples. */
export const EXAMPLE_ORIGINS: readonly string[] = ['https://amazon.com', 'https://shop.example'];

/** What the banks in a box keep of every payment in rupees, whichever processor they speak as. */
const SANDBOX_CONTRACT: ContractFee = { feePercent: '2.00', feeTaxPercent: '18.00' };

/** A test merchant of the sandbox bank, as the demo, load runs and tests have them. */
export function sandboxMerchant(
  merchantId: string,
  name: string,
  account: ProcessorAccount,
  more: Partial<Pick<NewMerchant, 'redirectOrigins' | 'webhookUrl'>> = {},
): NewMerchant {
  return {
    merchantId,
    name,
    mode: 'test',
    preferredProcessor: 'SANDBOX',
    fallbackProcessor: null,
    transactionFeePercent: '2.00',
    account,
    fallbackAccount: null,
    contract: SANDBOX_CONTRACT,
    fallbackContract: SANDBOX_CONTRACT,
    redirectOrigins: EXAMPLE_ORIGINS,
    webhookUrl: null,
    ...more,
  };
}

/** Where merchants are written. */
export interface MerchantServices {
  readonly control: ControlAdmin;
  readonly secrets: ConfigSecrets;
}

/** The secrets, shown once. */
export interface MerchantSecrets {
  /** `sk_test_…` or `sk_live_…`. */
  readonly secretKey: string;
  /** Of the first webhook endpoint: `whsec_` and base64 of 32 bytes. Null when it has none. */
  readonly webhookSecret: string | null;
}

/** The secrets of the new merchant, or why there is none. */
export type CreatedMerchant =
  | ({ readonly ok: true } & MerchantSecrets)
  | { readonly ok: false; readonly code: 'merchant_invalid' | 'merchant_exists'; readonly detail: string }
  | {
      readonly ok: false;
      readonly code: 'account_conflict';
      readonly part: 'account' | 'fallbackAccount';
      readonly detail: string;
    };

const MERCHANT_ID = /^[a-z0-9_]{3,64}$/;
const FEE_PERCENT = /^(100(\.0{1,2})?|\d{1,2}(\.\d{1,2})?)$/;

/** Decimal text with at most two places, 0.00 to 100.00. */
export function isFeePercent(text: string): boolean {
  return FEE_PERCENT.test(text);
}

/** The id of the endpoint a merchant is made with: the same at each writing, so that a merchant written twice has it once. */
export function firstEndpointId(merchantId: string): string {
  return createHash('sha256').update(`first webhook endpoint of ${merchantId}`).digest('hex').slice(0, 32);
}

/** A secret for webhook signatures: `whsec_` and base64 of 32 random bytes (Standard Webhooks). */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** Makes the merchant unless it exists. */
export async function createMerchant(
  services: MerchantServices,
  merchant: NewMerchant,
  now: Date,
): Promise<CreatedMerchant> {
  const fault = merchantFault(merchant);
  if (fault !== undefined) return { ok: false, code: 'merchant_invalid', detail: fault };
  if ((await services.control.findMerchant(merchant.merchantId)) !== undefined) {
    return { ok: false, code: 'merchant_exists', detail: `merchant ${merchant.merchantId} exists already` };
  }
  const { merchantId, preferredProcessor, fallbackProcessor, account, fallbackAccount } = merchant;
  const conflict = await accountConflict(services, merchantId, preferredProcessor, account, now.getTime());
  if (conflict !== undefined)
    return { ok: false, code: 'account_conflict', part: 'account', detail: conflict };
  if (fallbackProcessor !== null && fallbackAccount !== null) {
    const second = await accountConflict(
      services,
      merchantId,
      fallbackProcessor,
      fallbackAccount,
      now.getTime(),
    );
    if (second !== undefined)
      return { ok: false, code: 'account_conflict', part: 'fallbackAccount', detail: second };
  }
  return { ok: true, ...(await writeMerchant(services, merchant, now)) };
}

/**
 * Writes the merchant whether or not it exists, with a new key and new secrets; older keys stay valid. Asks nobody else's credentials:
 * it is for merchants of an installation's own sandbox bank, which all have that bank's one account, also when it was made anew.
 */
export async function writeMerchant(
  services: MerchantServices,
  merchant: NewMerchant,
  now: Date,
): Promise<MerchantSecrets> {
  const { control } = services;
  const { merchantId, mode, preferredProcessor, fallbackProcessor, transactionFeePercent, account } =
    merchant;
  const { fallbackAccount, redirectOrigins, webhookUrl } = merchant;
  const prefix = mode === 'live' ? 'sk_live_' : 'sk_test_';
  const secretKey = prefix + randomBytes(24).toString('hex');
  await control.putMerchant({ merchantId, name: merchant.name, mode, redirectOrigins, createdAt: now });
  for (const [processor, own, contract] of [
    [preferredProcessor, account, merchant.contract],
    [fallbackProcessor, fallbackAccount, merchant.fallbackContract],
  ] as const) {
    if (processor === null || own === null) continue;
    await putAccount(services, merchantId, processor, own);
    if (contract !== undefined) {
      await control.putContract(merchantId, { processor, account: own.account, contract });
    }
  }
  await control.putPreferences({
    merchantId,
    preferredProcessor,
    preferredAccount: account.account,
    fallbackProcessor,
    fallbackAccount: fallbackAccount?.account ?? null,
    transactionFeePercent,
  });
  const webhookSecret = webhookUrl === null ? null : newWebhookSecret();
  if (webhookUrl !== null && webhookSecret !== null) {
    await putFirstEndpoint(services, merchantId, { url: webhookUrl, secret: webhookSecret }, now);
  }
  // The key comes last: with it the merchant can be used, and then all else is there.
  const digest = createHash('sha256').update(secretKey).digest();
  await control.putApiKey({ merchantId, digest, prefix, createdAt: now });
  return { secretKey, webhookSecret };
}

/** Seals and writes an account of the merchant, whether or not it is there. */
export async function putAccount(
  { control, secrets }: MerchantServices,
  merchantId: string,
  processor: ProcessorName,
  account: ProcessorAccount,
): Promise<void> {
  const text = Buffer.from(JSON.stringify(account));
  const sealedConfig = await secrets.seal(text, accountContext(merchantId, processor));
  await control.putAccount({ merchantId, processor, account: account.account, sealedConfig });
}

/** Writes the merchant's first endpoint whether or not it is there, with this secret. */
export async function putFirstEndpoint(
  { control, secrets }: MerchantServices,
  merchantId: string,
  { url, secret }: { url: string; secret: string },
  now: Date,
): Promise<void> {
  const endpointId = firstEndpointId(merchantId);
  const sealedSecret = await secrets.seal(Buffer.from(secret), endpointContext(endpointId));
  await control.putWebhookEndpoint({ endpointId, merchantId, url, sealedSecret, createdAt: now });
}

function merchantFault(merchant: NewMerchant): string | undefined {
  if (!MERCHANT_ID.test(merchant.merchantId)) return 'the id must be 3 to 64 of a-z, 0-9 and underscore';
  if (!/^\P{Cc}{1,200}$/u.test(merchant.name))
    return 'the name must have 1 to 200 characters and no control characters';
  if (!isFeePercent(merchant.transactionFeePercent))
    return 'the fee must be a percentage with at most two places';
  for (const contract of [merchant.contract, merchant.fallbackContract]) {
    const isFee = contract === undefined || Object.values(contract).every(isFeePercent);
    if (!isFee) return 'a fee of a contract must be a percentage with at most two places';
  }
  if (merchant.fallbackProcessor === merchant.preferredProcessor)
    return 'the fallback must be another processor';
  if ((merchant.fallbackProcessor === null) !== (merchant.fallbackAccount === null))
    return 'a fallback needs an account there';
  for (const [processor, account] of [
    [merchant.preferredProcessor, merchant.account],
    [merchant.fallbackProcessor, merchant.fallbackAccount],
  ] as const) {
    if (processor === null || account === null) continue;
    const fault = credentialsFault(account) ?? keyModeFault(processor, account, merchant.mode);
    if (fault !== undefined) return `of its account, ${fault}`;
  }
  if (merchant.mode === 'live' && [merchant.preferredProcessor, merchant.fallbackProcessor].some(isSandbox))
    return 'the sandbox takes no live merchants';
  return addressFault(merchant);
}

/** A bank in a box: its money is none. */
export function isSandbox(processor: ProcessorName | null): boolean {
  return processor === 'SANDBOX' || processor === 'SANDBOX_B';
}

function addressFault({ mode, redirectOrigins, webhookUrl }: NewMerchant): string | undefined {
  if (redirectOrigins.length > REDIRECT_ORIGINS_MAX)
    return `a merchant may have ${REDIRECT_ORIGINS_MAX} redirect origins`;
  for (const origin of redirectOrigins) {
    const fault = originFault(origin, mode === 'test');
    if (fault !== null) return `the redirect origin ${JSON.stringify(origin)} ${fault}`;
  }
  if (webhookUrl === null) return undefined;
  // Whether it may be of a private network is for every delivery to ask.
  const verdict = checkWebhookUrl(webhookUrl, { allowPrivate: mode === 'test' });
  return verdict.ok ? undefined : `the webhook URL ${verdict.reason}`;
}
