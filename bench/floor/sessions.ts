/**
 * Sessions of the floor: in memory, with a lifetime. The cheapest place they may be in: losing them costs a retry, never money.
 *
 * @module
 */

import { newSessionId } from '../rival/ids.ts';

const TTL_MS = 600_000;
const SWEEP_MS = 1000;

export class Sessions {
  /** Oldest first, since all live equally long. */
  readonly #sessions = new Map<string, { readonly intentId: string; readonly expiresMs: number }>();
  readonly #sweep = setInterval(() => this.#forgetExpired(), SWEEP_MS);

  open(intentId: string): { sessionId: string; expiresMs: number } {
    const sessionId = newSessionId();
    const expiresMs = Date.now() + TTL_MS;
    this.#sessions.set(sessionId, { intentId, expiresMs });
    return { sessionId, expiresMs };
  }

  /** The intent of a session, or null when it is unknown or over. */
  intentOf(sessionId: string): string | null {
    const session = this.#sessions.get(sessionId);
    return session !== undefined && session.expiresMs > Date.now() ? session.intentId : null;
  }

  close(): void {
    clearInterval(this.#sweep);
  }

  #forgetExpired(): void {
    const now = Date.now();
    for (const [sessionId, { expiresMs }] of this.#sessions) {
      if (expiresMs > now) return;
      this.#sessions.delete(sessionId);
    }
  }
}
