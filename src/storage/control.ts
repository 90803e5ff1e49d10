/**
 * Door of the control database: merchants, API keys, preferences, shard map.
 *
 * @module
 */

import type { ProcessorName } from '../domain/processor-word.ts';
import type { WebhookEndpoint } from './webhook-endpoints.ts';

/** Redirect origins a merchant may have. */
export const REDIRECT_ORIGINS_MAX = 64;

export type Mode = 'test' | 'live';

/** Whose key it is. */
export interface MerchantAuth {
  merchantId: string;
  name: string;
  mode: Mode;
  /** Logical shards the merchant spreads over; 1 unless it is large. */
  spread: number;
  /** Where its shoppers may be sent after checkout, as browsers write origins. */
  redirectOrigins: readonly string[];
}

/** Requirements 7.6, `merchant_preferences`; its config is with the accounts ({@link SealedAccount}). */
export interface MerchantPreferences {
  merchantId: string;
  /** For shoppers. */
  merchantName: string;
  preferredProcessor: ProcessorName;
  preferredAccount: string;
  /** Both null: charges go nowhere else. */
  fallbackProcessor: ProcessorName | null;
  fallbackAccount: string | null;
  /** Decimal text, e.g. `1.50`. */
  transactionFeePercent: string;
}

/** An account a merchant has or had at a processor, with its credentials still sealed. */
export interface SealedAccount {
  merchantId: string;
  processor: ProcessorName;
  account: string;
  /** {@link ProcessorAccount} as JSON, sealed by the config token under `accountContext`. */
  sealedConfig: Uint8Array;
}

/** What a processor keeps of each payment of an account, by its contract with the merchant. */
export interface ContractFee {
  /** Percent of the amount: decimal text, e.g. `2.00`. */
  feePercent: string;
  /** Percent of the fee. */
  feeTaxPercent: string;
}

/** An account and its contract; null: none is known, and what the processor reports as its fee is not compared. */
export interface AccountContract {
  processor: ProcessorName;
  account: string;
  contract: ContractFee | null;
}

/** What a merchant has at its processor; lives in memory only, sealed everywhere else. */
export interface ProcessorAccount {
  account: string;
  secretKey: string;
  webhookSecret: string;
  /** Still accepted during rotation. */
  previousWebhookSecret: string | null;
  /** When that is over, in milliseconds since 1970. Without it, never: of accounts that were rotated before there was an end. */
  previousWebhookSecretUntil?: number;
}

/** What callbacks of an account may be signed with at `now`: two during rotation. An empty one is none: with it everybody could sign. */
export function webhookSecretsAt(account: ProcessorAccount, now: number): string[] {
  const {
    webhookSecret,
    previousWebhookSecret,
    previousWebhookSecretUntil = Number.POSITIVE_INFINITY,
  } = account;
  const previous = now < previousWebhookSecretUntil ? previousWebhookSecret : null;
  return [webhookSecret, previous].filter((secret) => secret !== null && secret !== '') as string[];
}

/**
 * The context an account's config is sealed under, so that no row can be swapped for another merchant's or processor's; of one merchant
 * at one processor, the sealed account names itself.
 */
export function accountContext(merchantId: string, processor: ProcessorName): string {
  return `merchant_preferences/${merchantId}/${processor}`;
}

/** A range of logical shards and the database it lives in. */
export interface ShardRange {
  /** First logical shard. */
  low: number;
  /** Last logical shard, inclusive. */
  high: number;
  /** Index into SLUICE_SHARD_DATABASE_URLS. */
  database: number;
}

/** The control database cannot be heard: what is cached is no longer used. */
export class ControlUnavailable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ControlUnavailable';
  }
}

/**
 * Cached reads. Entries are dropped when a NOTIFY names them; a heartbeat each second proves the line is
 * alive, and after five seconds of silence nothing cached is used and reads go to SQL, or reject with
 * {@link ControlUnavailable}.
 */
export interface ControlReader {
  /** @param digest SHA-256 of the whole key, hex */
  merchantByKeyDigest(digest: string): Promise<MerchantAuth | undefined>;
  preferences(merchantId: string): Promise<MerchantPreferences | undefined>;
  /** An account the merchant has or had. */
  account(merchantId: string, processor: ProcessorName, account: string): Promise<SealedAccount | undefined>;
  /** The accounts of every merchant with this id at this processor (at most 32), or, when `account` is null, one each of the processor's first 32. */
  accountsAt(processor: ProcessorName, account: string | null): Promise<SealedAccount[]>;
  /** The accounts of all merchants, one merchant of each, by processor and account: the first so many after this one. Not cached. */
  accountsAfter(
    after: Pick<SealedAccount, 'processor' | 'account'> | null,
    limit: number,
  ): Promise<SealedAccount[]>;
  /** All of a merchant's endpoints, disabled ones too, oldest first; none for a merchant that is not there. */
  webhookEndpoints(merchantId: string): Promise<readonly WebhookEndpoint[]>;
  shardMap(): Promise<ShardRange[]>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The writes of operators' commands. */
export interface ControlAdmin {
  putMerchant(merchant: {
    merchantId: string;
    name: string;
    mode: Mode;
    redirectOrigins: readonly string[];
    createdAt: Date;
  }): Promise<void>;
  putApiKey(key: { merchantId: string; digest: Uint8Array; prefix: string; createdAt: Date }): Promise<void>;
  /** Writes an account whether or not it is there. Accounts are never taken away: attempts of theirs may be asked about. */
  putAccount(account: SealedAccount): Promise<void>;
  findAccount(
    merchantId: string,
    processor: ProcessorName,
    account: string,
  ): Promise<SealedAccount | undefined>;
  /** Writes an account's contract, or (null) forgets it; false when the merchant has no such account. */
  putContract(merchantId: string, contract: AccountContract): Promise<boolean>;
  /** The contracts of all accounts a merchant has or had, by processor and account. */
  findContracts(merchantId: string): Promise<AccountContract[]>;
  /** Other merchants' accounts with this id at this processor (at most 32). */
  findOthersAt(merchantId: string, processor: ProcessorName, account: string): Promise<SealedAccount[]>;
  /** Whose accounts are there already. */
  putPreferences(preferences: Omit<MerchantPreferences, 'merchantName'>): Promise<void>;
  findPreferences(merchantId: string): Promise<MerchantPreferences | undefined>;
  findMerchant(merchantId: string): Promise<MerchantAuth | undefined>;
  /** Registers and forgets redirect origins; resolves with those there are then, or undefined when the merchant is not there. */
  changeRedirectOrigins(
    merchantId: string,
    change: { add: readonly string[]; remove: readonly string[] },
  ): Promise<readonly string[] | undefined>;
  /** Writes an endpoint whether or not it is there; one that is keeps its event types and stays disabled if it is. */
  putWebhookEndpoint(
    endpoint: Pick<WebhookEndpoint, 'endpointId' | 'merchantId' | 'url' | 'sealedSecret'> & {
      createdAt: Date;
    },
  ): Promise<void>;
  /** Gives an endpoint another URL and leaves its secret. False when it is not there. */
  moveWebhookEndpoint(endpointId: string, url: string): Promise<boolean>;
  putShardMap(ranges: readonly ShardRange[]): Promise<void>;
  /** The shard map as it is, whether or not it is whole; empty in a new installation. */
  findShardMap(): Promise<ShardRange[]>;
  close(): Promise<void>;
}
