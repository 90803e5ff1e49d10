/**
 * Sandbox: the room of the bank in a box. Field by field: MAPPING.md.
 *
 * @module
 */

import type { Connector } from '../connector.ts';
import { threeTimesNotFound } from '../not-found.ts';
import { readSandboxCallback, SIGNATURE_HEADERS } from './callback.ts';
import type { SandboxConfig } from './config.ts';
import { createSandboxQuery } from './query.ts';
import { createSandboxSettlements } from './settlements.ts';

/** What every thread may know of this processor; its charge is in `charge.ts`. */
export function createSandbox(config: SandboxConfig): Connector {
  return {
    name: config.name,
    query: createSandboxQuery(config),
    readCallback: readSandboxCallback(config.name),
    notFound: threeTimesNotFound(config),
    upi: true,
    settlements: createSandboxSettlements(config),
    dayAheadMs: 0,
    signatureHeaders: SIGNATURE_HEADERS,
    returnFields: [],
  };
}
