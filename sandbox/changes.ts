/**
 * Changes: what becomes of a charge after it was booked. Every later decision goes through here, is called back, and, where
 * its dialect says that it changes by itself, made anew when it is time.
 *
 * Nothing of it is kept but the book, which has the moment of each change that is still to come.
 * @module
 */
import type { Book, Charge } from './book.ts';
import type { Callbacks } from './callbacks.ts';
import type { Delays } from './delays.ts';
import type { Decision } from './dialect.ts';
import type { Dialects } from './dialects.ts';

/** Longest time a timer takes, ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Changes {
  readonly #dialects: Dialects;
  readonly #book: Book;
  readonly #callbacks: Callbacks;
  readonly #delays: Delays;
  readonly #clock: () => number;
  readonly #timers = new Map<Charge, NodeJS.Timeout>();

  constructor(parts: {
    readonly dialects: Dialects;
    readonly book: Book;
    readonly callbacks: Callbacks;
    readonly delays: Delays;
    readonly clock: () => number;
  }) {
    this.#dialects = parts.dialects;
    this.#book = parts.book;
    this.#callbacks = parts.callbacks;
    this.#delays = parts.delays;
    this.#clock = parts.clock;
  }

  /** Decides the charge anew in its time, if it changes by itself at all. */
  watch(charge: Charge): void {
    if (charge.changesAt === undefined) return;
    const leftMs = Math.max(0, charge.changesAt - this.#clock());
    this.#timers.set(
      charge,
      setTimeout(() => this.#change(charge), Math.min(leftMs, TIMER_MAX_MS)),
    );
  }

  /** Decides the charge, owes the callback and watches it; false when it is final. Wait for `charge.written` before showing it. */
  decide(charge: Charge, decision: Decision): boolean {
    const now = this.#clock();
    if (!this.#book.decide(charge, decision, now)) return false;
    clearTimeout(this.#timers.get(charge));
    this.#timers.delete(charge);
    this.watch(charge);
    if (charge.callback === 'due') this.#callbacks.send(charge, now + this.#delays.order.callbackMs);
    return true;
  }

  /** Forgets them all; the book has those that are still to come. Nothing may be watched afterwards. */
  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #change(charge: Charge): void {
    this.#timers.delete(charge);
    const now = this.#clock();
    if (charge.changesAt === undefined) return;
    if (now < charge.changesAt) {
      this.watch(charge);
      return;
    }
    const dialect = this.#dialects.of(charge);
    if (dialect.decideLater === undefined)
      throw new Error(`${dialect.name} does not say what ${charge.id} becomes`);
    this.decide(charge, dialect.decideLater(charge, now));
  }
}
