/**
 * Bank side: what the counter of the shop may do at the bank it shares a process with.
 *
 * A real merchant has nothing of the kind. It is how the story can show what the bank knew, and how faults are ordered.
 * @module
 */
import type { Book, Charge } from '../book.ts';
import type { Callbacks } from '../callbacks.ts';
import type { Faults } from '../faults.ts';
import { referenceOf, referencesOf } from './reference.ts';
import type { ScenarioFault } from './scenario.ts';

/** A charge as the story tells it: nothing of the card. */
export type BookEntry = Pick<
  Charge,
  | 'id'
  | 'dialect'
  | 'reference'
  | 'method'
  | 'status'
  | 'word'
  | 'declineCode'
  | 'createdAt'
  | 'decidedAt'
  | 'expiresAt'
  | 'callback'
>;

export class BankSide {
  readonly #book: Book;
  readonly #faults: Faults;
  readonly #callbacks: Callbacks;

  constructor(parts: { readonly book: Book; readonly faults: Faults; readonly callbacks: Callbacks }) {
    this.#book = parts.book;
    this.#faults = parts.faults;
    this.#callbacks = parts.callbacks;
  }

  /** Orders a fault for the first attempt of a payment. False: the bank has as many waiting as it takes. */
  arm(paymentIntentId: string, { step, fault, ms = 0 }: ScenarioFault): boolean {
    const reference = referenceOf(paymentIntentId, 1);
    return this.#faults.add({ step, fault, reference, ms, count: 1 }) !== null;
  }

  /** What the book has of a payment, all attempts. */
  async chargesOf(paymentIntentId: string): Promise<BookEntry[]> {
    const charges = referencesOf(paymentIntentId).flatMap((one) => this.#book.findEverywhere(one));
    await Promise.all(charges.map(({ written }) => written));
    return charges;
  }

  /** Posts the callbacks of a payment once more, and resolves to how many there were to post. */
  async replayCallbacks(paymentIntentId: string): Promise<number> {
    const charges = referencesOf(paymentIntentId)
      .flatMap((one) => this.#book.findEverywhere(one))
      // There is no callback about a charge that asks the shopper.
      .filter(({ status }) => status !== 'requires_action');
    for (const charge of charges) await this.#callbacks.replay(charge);
    return charges.length;
  }
}
