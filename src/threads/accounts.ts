/**
 * Accounts: a merchant's credentials at its processor and the secrets of its webhook endpoints, opened from their seal once and kept
 * in this thread's memory.
 *
 * @module
 */

import type { AccountSecrets } from '../callbacks/verify.ts';
import type { Options } from '../config/options.ts';
import type { ProcessorName } from '../domain/transaction.ts';
import { openConfigSecrets } from '../hsm/config-secrets.ts';
import {
  type ControlReader,
  type MerchantPreferences,
  type ProcessorAccount,
  preferencesContext,
} from '../storage/control.ts';
import { endpointContext, type WebhookEndpoint } from '../storage/webhook-endpoints.ts';

export interface Accounts {
  /** Where a merchant's charges go; null when it has no preferences. Rejects when control data or HSM cannot be had. */
  routeOf(merchantId: string): Promise<{ processor: ProcessorName; account: ProcessorAccount } | null>;
  /** The account with the secrets its callbacks may be signed with; when none is named, the processor's first 32 accounts. */
  webhookSecrets(processor: ProcessorName, account: string | null): Promise<AccountSecrets[]>;
  /** What a webhook to this endpoint is signed with at `now`, newest first. Rejects when the HSM cannot be had. */
  endpointSecrets(endpoint: WebhookEndpoint, now: number): Promise<string[]>;
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
  const opened = new WeakMap<MerchantPreferences, Promise<ProcessorAccount>>();
  const openedEndpoints = new WeakMap<WebhookEndpoint, Promise<EndpointSecrets>>();

  function open(preferences: MerchantPreferences): Promise<ProcessorAccount> {
    const known = opened.get(preferences);
    if (known !== undefined) return known;
    const { merchantId, preferredProcessor, sealedConfig } = preferences;
    const opening = secrets
      .open(sealedConfig, preferencesContext(merchantId, preferredProcessor))
      .then((bytes) => JSON.parse(Buffer.from(bytes).toString()) as ProcessorAccount);
    opened.set(preferences, opening);
    opening.catch(() => opened.delete(preferences));
    return opening;
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
      return { processor: preferences.preferredProcessor, account: await open(preferences) };
    },
    async webhookSecrets(processor, account) {
      const found = await control.preferencesOfAccount(processor, account);
      const accounts = await Promise.all(found.map(open));
      return accounts.map(({ account, webhookSecret, previousWebhookSecret }) => ({
        account,
        secrets: [webhookSecret, previousWebhookSecret].filter((secret) => secret !== null),
      }));
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
    close: () => secrets.close(),
  };
}

/** An endpoint's secrets as text, `whsec_…`. */
interface EndpointSecrets {
  secret: string;
  previous: string | null;
}
