/**
 * Challenges: charges that wait for the shopper, on the bank's page or in the UPI app, until somebody decides or time is up.
 *
 * Nothing of it is kept but the book: a charge that waits is read back at start with its moment of expiry, and a decision on
 * its way is forgotten by a stop, so that the charge expires in time.
 * @module
 */
import type { Charge } from './book.ts';
import type { Changes } from './changes.ts';
import type { Choice } from './dialect.ts';
import type { Dialects } from './dialects.ts';

export class Challenges {
  readonly #dialects: Dialects;
  readonly #changes: Changes;
  readonly #clock: () => number;
  readonly #expiries = new Map<Charge, NodeJS.Timeout>();
  readonly #onTheirWay = new Set<NodeJS.Timeout>();

  constructor(parts: {
    readonly dialects: Dialects;
    readonly changes: Changes;
    readonly clock: () => number;
  }) {
    this.#dialects = parts.dialects;
    this.#changes = parts.changes;
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

  /**
   * Decides the charge and owes the callback; false, and nothing, when it was decided before: two clicks decide once. Who
   * comes too late has not come. Wait for `charge.written` before showing it.
   */
  decide(charge: Charge, choice: Choice): boolean {
    clearTimeout(this.#expiries.get(charge));
    this.#expiries.delete(charge);
    if (charge.status !== 'requires_action') return false;
    const now = this.#clock();
    const tooLate = charge.expiresAt !== undefined && now >= charge.expiresAt;
    const decision = this.#dialects.of(charge).decideAsked(charge, tooLate ? 'expire' : choice, now);
    const done = this.#changes.decide(charge, decision);
    this.watch(charge); // After a wrong one-time password it waits on.
    return done;
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
