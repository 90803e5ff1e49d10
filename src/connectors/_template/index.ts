/**
 * Template: a room to copy. It speaks a small dialect of nobody's, is held to the contract of all rooms, and is in no table.
 *
 * Fill in: what its "not found" proves (`never`, where it forgets or lags), whether it takes UPI, and which fields of a browser's return its
 * query wants to see.
 *
 * @module
 */

import type { Connector } from '../connector.ts';
import { threeTimesNotFound } from '../not-found.ts';
import { readTemplateCallback, SIGNATURE_HEADERS } from './callback.ts';
import type { TemplateConfig } from './config.ts';
import { createTemplateQuery } from './query.ts';
import { createTemplateSettlements } from './settlements.ts';

/** What every thread may know of this processor; its charge is in `charge.ts`. */
export function createTemplate(config: TemplateConfig): Connector {
  return {
    name: config.name,
    query: createTemplateQuery(config),
    readCallback: readTemplateCallback(config),
    notFound: threeTimesNotFound(config),
    upi: false,
    settlements: createTemplateSettlements(config),
    dayAheadMs: 0,
    signatureHeaders: SIGNATURE_HEADERS,
    returnFields: [],
  };
}
