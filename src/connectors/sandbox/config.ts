/**
 * What the sandbox room is told.
 *
 * @module
 */

export interface SandboxConfig {
  /** Which of the banks in a box it is. */
  name: 'SANDBOX' | 'SANDBOX_B';
  /** `http://127.0.0.1:9400` */
  baseUrl: string;
  connectTimeoutMs: number;
  /** Charges under way at once, of all accounts together: one more is not sent. */
  connectionsMax: number;
  /** How long after the sender had to stop a "not found" begins to count. */
  notFoundProofMs: number;
  /** A processor's silence of this length is an unknown outcome. */
  timeoutMs: number;
  /** Cards of this BIN are sent to {@link REFUSED_ORIGIN}; false in live mode. */
  refusedCards: boolean;
}

/** Nobody listens there: the documented test of "connection refused". */
export const REFUSED_ORIGIN = 'http://127.0.0.1:1';

/** BIN of the cards that are sent there, as ASCII digits. */
export const REFUSED_BIN: Uint8Array = new TextEncoder().encode('40000099');
