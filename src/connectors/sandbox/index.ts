/**
 * Sandbox: the room of the bank in a box. Field by field: MAPPING.md.
 *
 * @module
 */

import type { Connector } from '../connector.ts';
import { readSandboxCallback } from './callback.ts';
import type { SandboxConfig } from './config.ts';
import { createSandboxQuery } from './query.ts';

/** What every thread may know of this processor; its charge is in `charge.ts`. */
export function createSandbox(config: SandboxConfig): Connector {
  return { name: 'SANDBOX', query: createSandboxQuery(config), readCallback: readSandboxCallback };
}
