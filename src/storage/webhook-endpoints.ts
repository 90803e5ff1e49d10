/**
 * Door: where merchants want to hear of their payments. In the control database; read through the caches of `control.ts`
 * (`ControlReader.webhookEndpoints`), written by the merchants' API and by a 410.
 *
 * A write of the API comes with the answer it will have and, where the caller named one, with its idempotency key: both are
 * committed with the change, so that a repeated request meets the answer of the first.
 *
 * @module
 */

import type { EndpointDisabledReason } from '../domain/merchant-event.ts';
import type { PaymentEventType } from '../domain/transaction.ts';

/** Endpoints a merchant may have. */
export const ENDPOINTS_MAX = 16;

/** One endpoint, its secrets still sealed by the config token under {@link endpointContext}. */
export interface WebhookEndpoint {
  /** 32 hex digits; shown as `we_…`. */
  endpointId: string;
  merchantId: string;
  url: string;
  /** Null: every type. */
  eventTypes: readonly PaymentEventType[] | null;
  /** `whsec_…`, sealed. */
  sealedSecret: Uint8Array;
  /** Signed with as well until `previousSecretUntil` (ms since 1970). */
  sealedPreviousSecret: Uint8Array | null;
  previousSecretUntil: number | null;
  /** Milliseconds since 1970; null while it hears. */
  disabledAt: number | null;
  disabledReason: EndpointDisabledReason | null;
  createdAt: number;
}

/** An endpoint as the store read it: `revision` is the compare of the next write. */
export interface StoredEndpoint extends WebhookEndpoint {
  revision: number;
}

/** The idempotency key a request came with, and the answer it is to have. */
export interface KeyedAnswer {
  merchantId: string;
  /** Method and path, at most 200 characters. */
  endpoint: string;
  key: string;
  /** SHA-256 of the request's body, 64 hex digits. */
  bodyHash: string;
  /** Sealed by the config token: it may hold a secret. */
  sealedAnswer: Uint8Array;
  /** Milliseconds since 1970. */
  createdAt: number;
}

/** What is stored under an idempotency key. */
export type StoredAnswer = Pick<KeyedAnswer, 'bodyHash' | 'sealedAnswer'>;

/**
 * What came of a write: done, or nothing was changed because
 * - `answered`: the key is taken; by the same request or by another, as its body hash tells
 * - `full`: the merchant has {@link ENDPOINTS_MAX} endpoints
 * - `changed`: the row is not the one that was read any more, or is gone
 */
export type EndpointWrite =
  | { outcome: 'done' }
  | { outcome: 'answered'; stored: StoredAnswer }
  | { outcome: 'full' }
  | { outcome: 'changed' };

/** All methods reject with `ControlUnavailable` when the database cannot be reached. */
export interface WebhookEndpointStore {
  /** Makes an endpoint; of many at once none is one too many. */
  create(endpoint: WebhookEndpoint, answer: KeyedAnswer | null): Promise<EndpointWrite>;
  /** Oldest first, as the database has them. */
  list(merchantId: string): Promise<StoredEndpoint[]>;
  find(merchantId: string, endpointId: string): Promise<StoredEndpoint | undefined>;
  /** Writes all that may change of an endpoint if it is still the one that was read. */
  update(endpoint: StoredEndpoint, answer: KeyedAnswer | null): Promise<EndpointWrite>;
  /** Gives an endpoint another secret if it is still the one that was read; the one it had is signed with until `previousSecretUntil`. */
  rotate(
    endpoint: StoredEndpoint,
    secret: { sealedSecret: Uint8Array; previousSecretUntil: number | null },
    answer: KeyedAnswer | null,
  ): Promise<EndpointWrite>;
  /** False when the merchant has no such endpoint. */
  remove(merchantId: string, endpointId: string): Promise<boolean>;
  /** Disables an endpoint that hears at this URL. False: it is gone, has another URL or was disabled already, and why stays as it was. */
  disable(
    endpoint: Pick<WebhookEndpoint, 'endpointId' | 'url'>,
    reason: EndpointDisabledReason,
    now: number,
  ): Promise<boolean>;
  /** The answer kept under an idempotency key. */
  answered(key: Pick<KeyedAnswer, 'merchantId' | 'endpoint' | 'key'>): Promise<StoredAnswer | undefined>;
  /** Keeps the answer of a request that changed no endpoint, unless there is one. */
  keepAnswer(answer: KeyedAnswer): Promise<EndpointWrite>;
  /** Deletes the keys that are older than a day, at most 100,000 a call; tells how many. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

/** The context an endpoint's secret is sealed under, so that no row can be swapped for another. */
export function endpointContext(endpointId: string): string {
  return `webhook_endpoints/${endpointId}`;
}
