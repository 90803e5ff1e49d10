/**
 * Sandbox: the room of the bank in a box. Field by field: MAPPING.md.
 *
 * @module
 */

import type { Connector } from '../connector.ts';
import { readSandboxCallback } from './callback.ts';
import type { SandboxConfig } from './config.ts';
import { createSandboxQuery } from './query.ts';

/** Queries whose "not found" are proof together. */
const NOT_FOUND_QUERIES = 3;
const NOT_FOUND_GAP_MS_MIN = 1000;
const NOT_FOUND_GAP_MS_MAX = 60_000;

/** What every thread may know of this processor; its charge is in `charge.ts`. */
export function createSandbox(config: SandboxConfig): Connector {
  const { name, notFoundProofMs } = config;
  // A third of the proof's time between two, so that a bank that forgets what it booked for some seconds closes nothing.
  const gapMs = Math.ceil(notFoundProofMs / 3);
  return {
    name,
    query: createSandboxQuery(config),
    readCallback: readSandboxCallback(name),
    notFound: {
      queries: NOT_FOUND_QUERIES,
      proofMs: notFoundProofMs,
      gapMs: Math.min(Math.max(gapMs, NOT_FOUND_GAP_MS_MIN), NOT_FOUND_GAP_MS_MAX),
    },
    upi: true,
  };
}
