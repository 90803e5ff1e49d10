/**
 * Registry: one line per processor. What needs a card is in `charges.ts`.
 *
 * @module
 */

import type { Options } from '../config/options.ts';
import type { Connector } from './connector.ts';
import type { SandboxConfig } from './sandbox/config.ts';
import { createSandbox } from './sandbox/index.ts';

/** Every processor this version speaks with. */
export function connectors(options: Options): Connector[] {
  return [createSandbox(sandboxConfig(options))];
}

/** The sandbox room's part of the options. */
export function sandboxConfig(options: Options): SandboxConfig {
  return {
    baseUrl: options.processors.SANDBOX.baseUrl,
    timeoutMs: options.payment.processorTimeoutMs,
    refusedCards: options.mode === 'test',
  };
}
