/**
 * Charges stuck on the way: the caller has no answer, and the bank books them only later.
 *
 * Kept in memory only. They are on their way to the bank, so an outage of the bank does not lose them; its stop does.
 * @module
 */
import type { Book } from './book.ts';
import type { Callbacks } from './callbacks.ts';
import type { Challenges } from './challenges.ts';
import type { Changes } from './changes.ts';
import type { Delays } from './delays.ts';
import type { Dialect, Order } from './dialect.ts';

export class LateBookings {
  readonly #book: Book;
  readonly #callbacks: Callbacks;
  readonly #challenges: Challenges;
  readonly #changes: Changes;
  readonly #delays: Delays;
  readonly #clock: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(parts: {
    readonly book: Book;
    readonly callbacks: Callbacks;
    readonly challenges: Challenges;
    readonly changes: Changes;
    readonly delays: Delays;
    readonly clock: () => number;
  }) {
    this.#book = parts.book;
    this.#callbacks = parts.callbacks;
    this.#challenges = parts.challenges;
    this.#changes = parts.changes;
    this.#delays = parts.delays;
    this.#clock = parts.clock;
  }

  /** Books the order after `ms`; until then queries do not find it. */
  add(dialect: Dialect, account: string, order: Order, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#bookNow(dialect, account, order);
    }, ms);
    this.#timers.add(timer);
  }

  /** Forgets them all. Nothing may be added afterwards. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #bookNow(dialect: Dialect, account: string, order: Order): void {
    const now = this.#clock();
    const decision = dialect.decide(order, now);
    const { challengeMs } = this.#delays.order;
    const { kind, charge } = this.#book.place({ dialect, account, order, decision, now, challengeMs });
    if (kind !== 'booked') return;
    this.#challenges.watch(charge);
    this.#changes.watch(charge);
    if (charge.callback === 'due') this.#callbacks.send(charge, now + this.#delays.next().callbackMs);
  }
}
