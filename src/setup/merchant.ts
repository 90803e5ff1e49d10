/**
 * Merchant: makes a merchant with its key, its webhook secret and its account at a processor.
 *
 * Secrets are returned once and stored only as digest (the API key) or sealed by the config token (all
 * others). The same function serves `sluice merchant create` and the embedded profile's demo merchant.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import type { ProcessorName } from '../domain/transaction.ts';
import type { ConfigSecrets } from '../hsm/hsm.ts';
import {
  type ControlAdmin,
  type Mode,
  type ProcessorAccount,
  preferencesContext,
} from '../storage/control.ts';

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
}

/** A test merchant of the sandbox bank, as the demo, load runs and tests have them. */
export function sandboxMerchant(merchantId: string, name: string, account: ProcessorAccount): NewMerchant {
  return {
    merchantId,
    name,
    mode: 'test',
    preferredProcessor: 'SANDBOX',
    fallbackProcessor: null,
    transactionFeePercent: '2.00',
    account,
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
  /** `whsec_` and base64 of 32 bytes. */
  readonly webhookSecret: string;
}

/** The secrets of the new merchant, or why there is none. */
export type CreatedMerchant =
  | ({ readonly ok: true } & MerchantSecrets)
  | { readonly ok: false; readonly code: 'merchant_invalid' | 'merchant_exists'; readonly detail: string };

const MERCHANT_ID = /^[a-z0-9_]{3,64}$/;
const FEE_PERCENT = /^(100(\.0{1,2})?|\d{1,2}(\.\d{1,2})?)$/;

/** The context the merchant's webhook secret is sealed under. */
export function webhookSecretContext(merchantId: string): string {
  return `merchants/${merchantId}/webhook`;
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
  return { ok: true, ...(await writeMerchant(services, merchant, now)) };
}

/** Writes the merchant whether or not it exists, with a new key and new secrets; older keys stay valid. */
export async function writeMerchant(
  services: MerchantServices,
  merchant: NewMerchant,
  now: Date,
): Promise<MerchantSecrets> {
  const { control, secrets } = services;
  const { merchantId, mode, preferredProcessor, fallbackProcessor, transactionFeePercent, account } =
    merchant;
  const prefix = mode === 'live' ? 'sk_live_' : 'sk_test_';
  const secretKey = prefix + randomBytes(24).toString('hex');
  const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`;
  const webhookSecretSealed = await secrets.seal(
    Buffer.from(webhookSecret),
    webhookSecretContext(merchantId),
  );
  const accountText = Buffer.from(JSON.stringify(account));
  const sealedConfig = await secrets.seal(accountText, preferencesContext(merchantId, preferredProcessor));
  await control.putMerchant({ merchantId, name: merchant.name, mode, webhookSecretSealed, createdAt: now });
  await control.putPreferences({
    merchantId,
    preferredProcessor,
    fallbackProcessor,
    transactionFeePercent,
    sealedConfig,
    processorAccount: account.account,
  });
  // The key comes last: with it the merchant can be used, and then all else is there.
  const digest = createHash('sha256').update(secretKey).digest();
  await control.putApiKey({ merchantId, digest, prefix, createdAt: now });
  return { secretKey, webhookSecret };
}

function merchantFault(merchant: NewMerchant): string | undefined {
  if (!MERCHANT_ID.test(merchant.merchantId)) return 'the id must be 3 to 64 of a-z, 0-9 and underscore';
  if (!/^\P{Cc}{1,200}$/u.test(merchant.name))
    return 'the name must have 1 to 200 characters and no control characters';
  if (!FEE_PERCENT.test(merchant.transactionFeePercent))
    return 'the fee must be a percentage with at most two places';
  if (merchant.fallbackProcessor === merchant.preferredProcessor)
    return 'the fallback must be another processor';
  if (merchant.mode === 'live' && merchant.preferredProcessor === 'SANDBOX')
    return 'the sandbox takes no live merchants';
  return undefined;
}
