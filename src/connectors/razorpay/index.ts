/**
 * Razorpay. Field by field: MAPPING.md.
 *
 * @module
 */

import type { Connector } from '../connector.ts';
import { threeTimesNotFound } from '../not-found.ts';
import { readRazorpayCallback, SIGNATURE_HEADERS } from './callback.ts';
import { CAPABILITIES } from './capabilities.ts';
import type { RazorpayConfig } from './config.ts';
import { createRazorpayQuery, RETURN_FIELDS } from './query.ts';
import { createRazorpaySettlements } from './settlements.ts';

const INDIA_AHEAD_MS = 5.5 * 60 * 60 * 1000;

/** What every thread may know of this processor; its charge is in `charge.ts`. */
export function createRazorpay(config: RazorpayConfig): Connector {
  return {
    name: 'RAZORPAY',
    query: createRazorpayQuery(config),
    readCallback: readRazorpayCallback,
    notFound: threeTimesNotFound(config),
    upi: CAPABILITIES.upi,
    settlements: createRazorpaySettlements(config),
    dayAheadMs: INDIA_AHEAD_MS,
    signatureHeaders: SIGNATURE_HEADERS,
    returnFields: RETURN_FIELDS,
  };
}
