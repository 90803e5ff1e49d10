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
  /** Set from the moment it goes away until it listens again. */
  #back: NodeJS.Timeout | null = null;
  #returning: Promise<void> | null = null;
  #stopped = false;

  /**
   * @param listen makes the server listen again where it did
   * @param onFailure told when that fails: the bank cannot be reached any more
   */
  constructor(server: Server, listen: () => Promise<unknown>, onFailure: (error: Error) => void) {
    this.#server = server;
    this.#listen = listen;
    this.#onFailure = onFailure;
  }

  /** Goes away for so many ms, unless it is away already or stopped. */
  begin(ms: number): void {
    if (this.#stopped || this.#back !== null) return;
    this.#server.close();
    this.#server.closeAllConnections();
    this.#back = setTimeout(() => {
      this.#returning = this.#return();
    }, ms);
  }

  /** The bank is being stopped: it goes away no more, and does not come back. Resolves when the server may be closed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#back !== null) clearTimeout(this.#back);
    await this.#returning;
  }

  async #return(): Promise<void> {
    try {
      await this.#listen();
      this.#back = null;
    } catch (error) {
      this.#onFailure(error as Error);
    }
  }
}
