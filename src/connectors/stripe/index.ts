/**
 * Stripe: the room of PaymentIntents. Field by field: MAPPING.md.
 *
 * @module
 */

import type { Connector } from '../connector.ts';
import { threeTimesNotFound } from '../not-found.ts';
import { readStripeCallback, SIGNATURE_HEADERS } from './callback.ts';
import type { StripeConfig } from './config.ts';
import { createStripeQuery } from './query.ts';
import { createStripeSettlements } from './settlements.ts';

/** What every thread may know of this processor; its charge is in `charge.ts`. */
export function createStripe(config: StripeConfig): Connector {
  return {
    name: 'STRIPE',
    query: createStripeQuery(config),
    readCallback: readStripeCallback,
    notFound: threeTimesNotFound(config),
    upi: true,
    settlements: createStripeSettlements(config),
    dayAheadMs: 0,
    signatureHeaders: SIGNATURE_HEADERS,
    returnFields: [],
  };
}
