/**
 * Door: where merchants want to hear of their payments. In the control database; read through the caches of `control.ts`
 * (`ControlReader.webhookEndpoints`), written by the merchants' API and by a 410.
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

/** The context an endpoint's secret is sealed under, so that no row can be swapped for another. */
export function endpointContext(endpointId: string): string {
  return `webhook_endpoints/${endpointId}`;
}
