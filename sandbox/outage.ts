/**
 * The bank away: every connection is cut and new ones are refused, then it listens again on the same port.
 *
 * The process lives on, so the book is not read anew; what was booked before an answer was cut off stays booked.
 * @module
 */
import type { Server } from 'node:http';

export class Outage {
  readonly #server: Server;
  readonly #listen: () => Promise<unknown>;
  readonly #onFailure: (error: Error) => void;
  #back: NodeJS.Timeout | null = null;

  /**
   * @param listen makes the server listen again where it did
   * @param onFailure told when that fails: the bank cannot be reached any more
   */
  constructor(server: Server, listen: () => Promise<unknown>, onFailure: (error: Error) => void) {
    this.#server = server;
    this.#listen = listen;
    this.#onFailure = onFailure;
  }

  /** Goes away for so many ms, unless it is away already. */
  begin(ms: number): void {
    if (this.#back !== null) return;
    this.#server.close();
    this.#server.closeAllConnections();
    this.#back = setTimeout(() => {
      this.#back = null;
      this.#listen().catch(this.#onFailure);
    }, ms);
  }

  /** The bank is being stopped: it does not come back. */
  stop(): void {
    if (this.#back !== null) clearTimeout(this.#back);
  }
}
