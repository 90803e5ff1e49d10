/**
 * The ledger: the intents of every account, each with the attempts the book has of it.
 *
 * An intent that was born with an attempt is only there when the attempt is: what never reached the bank, or not yet, has
 * never been. What was attached to an intent and not tried is held in memory and lost by a restart, for it is card data.
 * @module
 */
import type { Book, Charge } from '../book.ts';
import type { Records } from '../records.ts';
import { factsOf, type Intent, type IntentRecord, methodOf, referenceOf, type Standing } from './intents.ts';
import type { OrderedMethod } from './payment-method.ts';

interface Attached {
  readonly ordered: OrderedMethod;
  readonly method: ReturnType<typeof methodOf>;
}

export class Ledger {
  readonly #book: Book;
  readonly #records: Records<IntentRecord>;
  readonly #attached = new Map<string, Attached>();
  /** Intents that a request is working on. */
  readonly #locked = new Set<string>();

  constructor(book: Book, records: Records<IntentRecord>) {
    this.#book = book;
    this.#records = records;
  }

  /** Adds an intent. Resolves when it is on disk. */
  async add(intent: Intent, confirmed: boolean, attached: OrderedMethod | undefined): Promise<void> {
    if (attached !== undefined) {
      this.#attached.set(intent.id, { ordered: attached, method: methodOf(attached) });
    }
    const reference = referenceOf(intent);
    await this.#records.put(intent.id, { intent, reference, confirmed, canceled: null });
  }

  /** How an intent stands; undefined when the account has none of that id. */
  find(account: string, id: string): Standing | undefined {
    const record = this.#records.get(id);
    return record?.intent.account === account ? this.#standingOf(record) : undefined;
  }

  /** The attempts of an intent, oldest first. */
  attemptsOf({ id, account, metadata }: Pick<Intent, 'id' | 'account' | 'metadata'>): Charge[] {
    const reference = this.#records.get(id)?.reference ?? referenceOf({ id, metadata });
    const charges = this.#book.findByReference(account, reference);
    return charges.filter((charge) => factsOf(charge).intent.id === id);
  }

  /** Every intent of an account, newest first. */
  all(account: string): Standing[] {
    const standings: Standing[] = [];
    for (const record of this.#records.values()) {
      const standing = record.intent.account === account ? this.#standingOf(record) : undefined;
      if (standing !== undefined) standings.push(standing);
    }
    return standings.reverse();
  }

  /** The intents of an account that were never tried. */
  *untried(account: string): Generator<IntentRecord> {
    for (const record of this.#records.values()) {
      const ofAccount = record.intent.account === account && !record.confirmed;
      if (ofAccount && this.attemptsOf(record.intent).length === 0) yield record;
    }
  }

  /** What is attached to an intent and not tried. */
  attachedTo(id: string): OrderedMethod | undefined {
    return this.#attached.get(id)?.ordered;
  }

  /** Cancels an intent that has no attempt. Resolves when that is on disk. */
  async cancelUntried(id: string, canceled: NonNullable<IntentRecord['canceled']>): Promise<void> {
    const record = this.#records.get(id);
    if (record !== undefined) await this.#records.put(id, { ...record, canceled });
  }

  /** Works on an intent alone; null, and nothing is done, when another request does. */
  async alone(id: string, work: () => Promise<void>): Promise<true | null> {
    if (this.#locked.has(id)) return null;
    this.#locked.add(id);
    try {
      await work();
    } finally {
      this.#locked.delete(id);
    }
    return true;
  }

  #standingOf({ intent, confirmed, canceled }: IntentRecord): Standing | undefined {
    const attempt = this.attemptsOf(intent).at(-1);
    if (attempt === undefined && confirmed) return undefined;
    const attached = this.#attached.get(intent.id)?.method;
    return { intent: attempt === undefined ? intent : factsOf(attempt).intent, attempt, attached, canceled };
  }
}
