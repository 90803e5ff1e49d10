/**
 * Order: what the shop noted of one purchase, and what it concludes from that.
 *
 * An order is a list of notes in the order in which they were made; nothing in it is changed. Its state is computed from them,
 * and rests on two things alone: webhooks whose signature was right, and what the gateway answered to a GET with the shop's key.
 * That the shopper's browser came back proves nothing: anybody can type that address.
 * @module
 */
import type { DialectName } from '../dialect.ts';
import type { ShopCurrency } from './catalogue.ts';
import { type TillName, tillOf } from './tills.ts';

/** One call of Sluice's API: what was asked and answered. The key is not in it. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly idempotencyKey: string | null;
  readonly request: unknown;
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  readonly answer: unknown;
  readonly requestId: string | null;
  readonly durationMs: number;
}

/** A webhook of Sluice as it arrived. Kept only of orders the shop knows. */
export interface WebhookNote {
  readonly kind: 'webhook';
  /** When it arrived, ms. */
  readonly at: number;
  /** `webhook-id`: the same on every try. */
  readonly id: string;
  /** What the shop answered: 204, or 503 when it was made to fail. Only what got 204 counts. */
  readonly answered: 204 | 503;
  readonly type: string;
  readonly sequence: number;
  readonly transactionId: string | null;
  readonly failureCode: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the shop notes. Times in ms, amounts in minor units. */
export type Note =
  | {
      readonly kind: 'ordered';
      readonly at: number;
      readonly productId: string;
      readonly scenarioId: string;
      /** Orders of before there were tills have none: the plain one. */
      readonly till?: TillName;
      readonly amount: number;
      readonly currency: ShopCurrency;
    }
  | {
      readonly kind: 'intent';
      readonly at: number;
      readonly exchanges: readonly Exchange[];
      readonly paymentIntentId: string | null;
    }
  | {
      readonly kind: 'armed';
      readonly at: number;
      readonly step: string;
      readonly fault: string;
      readonly taken: boolean;
    }
  | {
      readonly kind: 'session';
      readonly at: number;
      readonly exchanges: readonly Exchange[];
      readonly redirectUrl: string | null;
      readonly expiresAt: string | null;
    }
  | { readonly kind: 'returned'; readonly at: number; readonly to: 'success' | 'cancel' }
  | WebhookNote
  /** The gateway was asked for a transaction and had a final word. */
  | {
      readonly kind: 'looked';
      readonly at: number;
      readonly transactionId: string;
      readonly status: 'SUCCESS' | 'FAILED';
      readonly failureCode: string | null;
    }
  /** The bank posted a callback to the gateway; status 0 when no answer came. */
  | {
      readonly kind: 'callback';
      readonly at: number;
      readonly reference: string;
      readonly eventId: string;
      /** How it was said; callbacks of before there were dialects do not have it: plain. */
      readonly dialect?: DialectName;
      readonly says: string;
      readonly status: number;
    }
  | { readonly kind: 'replayed'; readonly at: number; readonly exchanges: readonly Exchange[] }
  | { readonly kind: 'failing'; readonly at: number; readonly untilAt: number };

/** What the shop knows of the money. `refused`: this card was not charged, another may follow. */
export type OrderWord = 'open' | 'paid' | 'refused' | 'failed' | 'reversed';

export interface OrderState {
  readonly word: OrderWord;
  /** What it rests on; null while nothing was heard. */
  readonly by: 'webhook' | 'api' | null;
  readonly at: number | null;
  /** The processor's reason for the last refusal. */
  readonly failureCode: string | null;
}

/** What a webhook did to the order. */
export type WebhookVerdict = 'first' | 'again' | 'late' | 'not_ours' | 'not_taken';

/** More are not kept of one order, but for what Sluice tells for the first time: a payment has a dozen of those, the rest is repeats. */
export const NOTES_MAX = 200;

export class Order {
  readonly orderId: string;
  readonly productId: string;
  readonly scenarioId: string;
  readonly till: TillName;
  readonly amount: number;
  readonly currency: ShopCurrency;
  readonly createdAt: number;
  readonly #notes: Note[] = [];

  constructor(orderId: string, ordered: Extract<Note, { kind: 'ordered' }>) {
    this.orderId = orderId;
    this.productId = ordered.productId;
    this.scenarioId = ordered.scenarioId;
    this.till = tillOf(ordered.till).name;
    this.amount = ordered.amount;
    this.currency = ordered.currency;
    this.createdAt = ordered.at;
    this.#notes.push(ordered);
  }

  get notes(): readonly Note[] {
    return this.#notes;
  }

  /** Whether a note is kept. What is acknowledged to Sluice and is news always is. */
  hasRoomFor(note: Note): boolean {
    if (this.#notes.length < NOTES_MAX) return true;
    return note.kind === 'webhook' && note.answered === 204 && !this.#hasTaken(note.id);
  }

  add(note: Note): void {
    if (this.hasRoomFor(note)) this.#notes.push(note);
  }

  /** The newest note of a kind. */
  last<Kind extends Note['kind']>(kind: Kind): Extract<Note, { kind: Kind }> | undefined {
    return this.#notes.findLast((note): note is Extract<Note, { kind: Kind }> => note.kind === kind);
  }

  /** Null until the gateway has given it. */
  get paymentIntentId(): string | null {
    const noted = this.#notes.find((note) => note.kind === 'intent' && note.paymentIntentId !== null);
    return noted?.kind === 'intent' ? noted.paymentIntentId : null;
  }

  /** Whether this webhook was recorded and acknowledged before. */
  #hasTaken(webhookId: string): boolean {
    return this.#notes.some(
      (note) => note.kind === 'webhook' && note.id === webhookId && note.answered === 204,
    );
  }

  /** What is known of the money now. */
  get state(): OrderState {
    return judge(this).state;
  }

  /** What each webhook did, by its note. */
  get verdicts(): ReadonlyMap<WebhookNote, WebhookVerdict> {
    return judge(this).verdicts;
  }
}

/**
 * Goes through the notes once. Webhooks may come twice and in any order: the first of an id counts, and only if its sequence is
 * higher than every one before. What was paid stays paid until it is reversed: a refusal that arrives after the shop was told so by a
 * GET is older, whatever number it has.
 */
function judge(order: Order): { state: OrderState; verdicts: ReadonlyMap<WebhookNote, WebhookVerdict> } {
  let state: OrderState = { word: 'open', by: null, at: null, failureCode: null };
  const verdicts = new Map<WebhookNote, WebhookVerdict>();
  const taken = new Set<string>();
  let sequence = 0;
  for (const note of order.notes) {
    if (note.kind === 'webhook') {
      const verdict = verdictOf(order, note, taken, sequence);
      verdicts.set(note, verdict);
      if (verdict === 'not_taken') continue;
      taken.add(note.id);
      if (verdict !== 'first') continue;
      sequence = note.sequence;
      const word = wordOf(note.type);
      if (word === null) continue;
      if (state.word === 'paid' && word !== 'paid' && word !== 'reversed') {
        verdicts.set(note, 'late');
        continue;
      }
      // What a GET told stays the shop's source; the webhook that says the same later adds nothing to it.
      if (word !== state.word) state = { word, by: 'webhook', at: note.at, failureCode: note.failureCode };
    } else if (note.kind === 'looked') {
      if (note.status === 'SUCCESS' && state.word !== 'paid' && state.word !== 'reversed') {
        state = { word: 'paid', by: 'api', at: note.at, failureCode: null };
      } else if (note.status === 'FAILED' && state.word === 'open') {
        state = { word: 'refused', by: 'api', at: note.at, failureCode: note.failureCode };
      }
    } else if (note.kind === 'session' && note.redirectUrl !== null && state.word === 'refused') {
      state = { word: 'open', by: null, at: null, failureCode: null };
    }
  }
  return { state, verdicts };
}

function verdictOf(
  order: Order,
  note: WebhookNote,
  taken: ReadonlySet<string>,
  sequence: number,
): WebhookVerdict {
  if (note.answered !== 204) return 'not_taken';
  if (taken.has(note.id)) return 'again';
  if (note.amount !== order.amount || note.currency !== order.currency) return 'not_ours';
  return note.sequence > sequence ? 'first' : 'late';
}

function wordOf(type: string): OrderWord | null {
  switch (type) {
    case 'payment.succeeded':
    case 'payment.recovered':
      return 'paid';
    case 'payment.attempt_failed':
      return 'refused';
    case 'payment.failed':
      return 'failed';
    case 'payment.reversed':
      return 'reversed';
    default:
      return null;
  }
}
