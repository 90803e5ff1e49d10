/**
 * What the sandbox room is told.
 *
 * @module
 */

import type { ReadAccountConfig, RoomConfig } from '../connector.ts';

export interface SandboxConfig extends RoomConfig {
  /** Which of the banks in a box it is. */
  name: 'SANDBOX' | 'SANDBOX_B';
  /** Cards of this BIN are sent to {@link REFUSED_ORIGIN}; false in live mode. */
  refusedCards: boolean;
}

/** An account as the bank has it too: `account`, `secretKey`, `webhookSecret`. */
export const readSandboxAccount: ReadAccountConfig = ({ account, secretKey, webhookSecret }) =>
  typeof account === 'string' && typeof secretKey === 'string' && typeof webhookSecret === 'string'
    ? { ok: true, config: { account, secretKey, webhookSecret } }
    : { ok: false, detail: 'account, secretKey and webhookSecret are needed' };

/** Nobody listens there: the documented test of "connection refused". */
export const REFUSED_ORIGIN = 'http://127.0.0.1:1';

/** BIN of the cards that are sent there, as ASCII digits. */
export const REFUSED_BIN: Uint8Array = new TextEncoder().encode('40000099');
