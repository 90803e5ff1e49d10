/**
 * Accounts: a merchant's credentials at its processor and the secrets of its webhook endpoints, opened from their seal once and kept
 * in this thread's memory.
 *
 * @module
 */

import type { AccountSecrets } from '../callbacks/verify.ts';
import type { Options } from '../config/options.ts';
import { keyModeFault } from '../connectors/accounts.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type ConfigSecrets, openConfigSecrets } from '../hsm/config-secrets.ts';
import {
  accountContext,
  type ControlReader,
  type ProcessorAccount,
  type SealedAccount,
  webhookSecretsAt,
} from '../storage/control.ts';
import { endpointContext, type WebhookEndpoint } from '../storage/webhook-endpoints.ts';

/** A processor and the merchant's account there. */
export interface AccountPlace {
  processor: ProcessorName;
  account: ProcessorAccount;
}

/** Where charges go, and where one goes whose first processor was provably not reached. */
export interface MerchantRoute {
  preferred: AccountPlace;
  fallback: AccountPlace | null;
}

export interface Accounts {
  /** Where a merchant's charges go; null when it has no preferences. Rejects when control data or HSM cannot be had. */
  routeOf(merchantId: string): Promise<MerchantRoute | null>;
  /** The very account an attempt was charged at, whatever the preferences are now; null when the merchant never had it. */
  accountOf(merchantId: string, processor: ProcessorName, account: string): Promise<ProcessorAccount | null>;
  /** The account with the secrets its callbacks may be signed with at `now`; when none is named, the processor's first 32 accounts. */
  webhookSecrets(processor: ProcessorName, account: string | null, now: number): Promise<AccountSecrets[]>;
  /** What a webhook to this endpoint is signed with at `now`, newest first. Rejects when the HSM cannot be had. */
  endpointSecrets(endpoint: WebhookEndpoint, now: number): Promise<string[]>;
  /** The open config token, for what else this thread seals. */
  readonly secrets: ConfigSecrets;
  close(): Promise<void>;
}

/** Opens the config token in a small pool of this thread. */
export async function openAccounts(options: Options, control: ControlReader): Promise<Accounts> {
  const { module, config } = options.hsm;
  const secrets = await openConfigSecrets({
    module,
    tokenLabel: config.tokenLabel,
    pinFile: config.pinFile!,
    threads: 1,
    pageCardsMax: 1,
    callTimeoutMs: 5000,
    mode: options.mode,
  });
  /** By the row they were read in: the reader hands out the same one until it changes. */
  const opened = new WeakMap<SealedAccount, Promise<ProcessorAccount>>();
  const openedEndpoints = new WeakMap<WebhookEndpoint, Promise<EndpointSecrets>>();

  function open(sealed: SealedAccount): Promise<ProcessorAccount> {
    const known = opened.get(sealed);
    if (known !== undefined) return known;
    const { merchantId, processor, account, sealedConfig } = sealed;
    const opening = secrets.open(sealedConfig, accountContext(merchantId, processor)).then((bytes) => {
      const config = JSON.parse(Buffer.from(bytes).toString()) as ProcessorAccount;
      // Of one merchant's accounts at one processor the seal's context is the same: a row under another's name is not used.
      if (config.account !== account)
        throw new Error(`the sealed account of ${merchantId} is not ${account}`);
      return config;
    });
    opened.set(sealed, opening);
    opening.catch(() => opened.delete(sealed));
    return opening;
  }

  async function placeOf(
    merchantId: string,
    processor: ProcessorName,
    account: string,
  ): Promise<AccountPlace> {
    const sealed = await control.account(merchantId, processor, account);
    if (sealed === undefined) throw new Error(`${merchantId} has no account ${account} at ${processor}`);
    const opened = await open(sealed);
    // Whenever it was put there: what nobody may lose money by is asked before every charge.
    const fault = keyModeFault(processor, opened, options.mode);
    if (fault !== undefined) throw new Error(`of ${merchantId}, ${fault}`);
    return { processor, account: opened };
  }

  async function openEndpoint(endpoint: WebhookEndpoint): Promise<EndpointSecrets> {
    const { endpointId, sealedSecret, sealedPreviousSecret } = endpoint;
    const context = endpointContext(endpointId);
    const textOf = async (sealed: Uint8Array): Promise<string> =>
      Buffer.from(await secrets.open(sealed, context)).toString();
    const previous = sealedPreviousSecret === null ? null : await textOf(sealedPreviousSecret);
    return { secret: await textOf(sealedSecret), previous };
  }

  return {
    async routeOf(merchantId) {
      const preferences = await control.preferences(merchantId);
      if (preferences === undefined) return null;
      const { preferredProcessor, preferredAccount, fallbackProcessor, fallbackAccount } = preferences;
      const preferred = await placeOf(merchantId, preferredProcessor, preferredAccount);
      if (fallbackProcessor === null || fallbackAccount === null) return { preferred, fallback: null };
      return { preferred, fallback: await placeOf(merchantId, fallbackProcessor, fallbackAccount) };
    },
    async accountOf(merchantId, processor, account) {
      const sealed = await control.account(merchantId, processor, account);
      return sealed === undefined ? null : open(sealed);
    },
    async webhookSecrets(processor, account, now) {
      const found = await control.accountsAt(processor, account);
      const accounts = await Promise.all(found.map(open));
      return accounts.map((opened) => ({ account: opened.account, secrets: webhookSecretsAt(opened, now) }));
    },
    async endpointSecrets(endpoint, now) {
      let opening = openedEndpoints.get(endpoint);
      if (opening === undefined) {
        opening = openEndpoint(endpoint);
        openedEndpoints.set(endpoint, opening);
        opening.catch(() => openedEndpoints.delete(endpoint));
      }
      const { secret, previous } = await opening;
      const inRotation = previous !== null && (endpoint.previousSecretUntil ?? 0) > now;
      return inRotation ? [secret, previous] : [secret];
    },
    secrets,
    close: () => secrets.close(),
  };
}

/** An endpoint's secrets as text, `whsec_…`. */
interface EndpointSecrets {
  secret: string;
  previous: string | null;
}
