/**
 * PayU: the room of PayU India's classic API. Field by field: MAPPING.md.
 *
 * @module
 */

import type { Connector } from '../connector.ts';
import { threeTimesNotFound } from '../not-found.ts';
import { readPayuCallback } from './callback.ts';
import type { PayuConfig } from './config.ts';
import { createPayuQuery } from './query.ts';
import { createPayuSettlements } from './settlements.ts';

const INDIA_AHEAD_MS = 5.5 * 60 * 60 * 1000;

/** What every thread may know of PayU; its charge is in `charge.ts`. */
export function createPayu(config: PayuConfig): Connector {
  return {
    name: 'PAYU',
    query: createPayuQuery(config),
    readCallback: readPayuCallback,
    // Three, over a minute at least where the proof's time is as long (reference 5).
    notFound: threeTimesNotFound(config, { count: 2, msMax: 30_000 }),
    upi: true,
    settlements: createPayuSettlements(config),
    dayAheadMs: INDIA_AHEAD_MS,
    // What signs a callback is in its body.
    signatureHeaders: [],
    returnFields: [],
  };
}
