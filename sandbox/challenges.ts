/**
 * Challenges: charges that wait for the shopper, on the bank's page or in the UPI app, until somebody decides or time is up.
 *
 * Nothing of it is kept but the book: a charge that waits is read back at start with its moment of expiry, and a decision on
 * its way is forgotten by a stop, so that the charge expires in time.
 * @module
 */
import type { Choice } from './bank.ts';
import type { Book, Charge } from './book.ts';
import type { Callbacks } from './callbacks.ts';
import type { Delays } from './delays.ts';

export class Challenges {
  readonly #book: Book;
  readonly #callbacks: Callbacks;
  readonly #delays: Delays;
  readonly #clock: () => number;
  readonly #expiries = new Map<Charge, NodeJS.Timeout>();
  readonly #onTheirWay = new Set<NodeJS.Timeout>();

  constructor(parts: {
    readonly book: Book;
    readonly callbacks: Callbacks;
    readonly delays: Delays;
    readonly clock: () => number;
  }) {
    this.#book = parts.book;
    this.#callbacks = parts.callbacks;
    this.#delays = parts.delays;
    this.#clock = parts.clock;
  }

  /** Lets the charge expire in its time, if it waits for the shopper at all. */
  watch(charge: Charge): void {
    if (charge.status !== 'requires_action' || charge.expiresAt === undefined) return;
    const leftMs = Math.max(0, charge.expiresAt - this.#clock());
    this.#expiries.set(
      charge,
      setTimeout(() => this.decide(charge, 'expire'), leftMs),
    );
  }

  /** Decides the charge and owes the callback; nothing when it was decided before. Wait for `charge.written` before showing it. */
  decide(charge: Charge, choice: Choice): void {
    clearTimeout(this.#expiries.get(charge));
    this.#expiries.delete(charge);
    const now = this.#clock();
    if (!this.#book.decideAsked(charge, choice, now)) return;
    if (charge.callback === 'due') this.#callbacks.send(charge, now + this.#delays.order.callbackMs);
  }

  /** Decides the charge after `ms`, unless it is decided before. */
  decideLate(charge: Charge, choice: Choice, ms: number): void {
    const timer = setTimeout(() => {
      this.#onTheirWay.delete(timer);
      this.decide(charge, choice);
    }, ms);
    this.#onTheirWay.add(timer);
  }

  /** Forgets them all; the book has those that wait. Nothing may be watched afterwards. */
  stop(): void {
    for (const timer of this.#expiries.values()) clearTimeout(timer);
    for (const timer of this.#onTheirWay) clearTimeout(timer);
  }
}
