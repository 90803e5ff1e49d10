/**
 * Registry: one line per processor. What needs a card is in `charges.ts`.
 *
 * @module
 */

import type { Options } from '../config/options.ts';
import type { Connector } from './connector.ts';
import type { SandboxConfig } from './sandbox/config.ts';
import { createSandbox } from './sandbox/index.ts';

/** The banks in a box this version speaks with. */
export const SANDBOXES = ['SANDBOX', 'SANDBOX_B'] as const;

/** Every processor this version speaks with. */
export function connectors(options: Options): Connector[] {
  return SANDBOXES.map((name) => createSandbox(sandboxConfig(options, name)));
}

/** A sandbox room's part of the options. */
export function sandboxConfig(options: Options, name: (typeof SANDBOXES)[number]): SandboxConfig {
  const { mode, payment, processors } = options;
  return {
    name,
    baseUrl: processors[name].baseUrl,
    connectTimeoutMs: payment.processorConnectTimeoutMs,
    // Twice what one account may have under way: one that hangs leaves room for the others.
    connectionsMax: 2 * payment.processorInFlightMax,
    timeoutMs: payment.processorTimeoutMs,
    notFoundProofMs: payment.notFoundProofSeconds * 1000,
    // The documented test of a refused connection is the first bank's: the second takes over.
    refusedCards: mode === 'test' && name === 'SANDBOX',
  };
}
