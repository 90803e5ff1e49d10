/**
 * Faults ordered by the operator: the next so many requests or callbacks that match go wrong in a chosen way.
 *
 * Kept in memory only. The first fault that matches is taken and counted down; a fault with no condition matches all.
 * @module
 */
import { BIN_LENGTH } from './card-numbers.ts';
import { isRecord, type Refusal } from './json.ts';

export type FaultStep = 'order' | 'charge' | 'query' | 'callback' | 'challenge' | 'settlement';
/** What a fault does stands in README.md, per step. */
export type FaultKind =
  | 'drop'
  | 'dropBefore'
  | 'delay'
  | 'error500'
  | 'error503'
  | 'html502'
  | 'html504'
  | 'reset'
  | 'otherReference'
  | 'bookLate'
  | 'callbackFirst'
  | 'noReturn'
  | 'forgeReturn'
  | 'decideLate'
  | 'notFound'
  | 'duplicate'
  | 'reorder'
  | 'forge'
  | 'forgeSignature'
  | 'forgeAccount'
  | 'forgeAmount'
  | 'leaveOut'
  | 'twice'
  | 'otherAmount'
  | 'otherFee'
  | 'otherCurrency'
  | 'takeBack'
  | 'addUnknown'
  | 'settleDeclined';

/** What is ordered. `card` is a prefix of the card number. */
export interface FaultOrder {
  readonly step: FaultStep;
  readonly fault: FaultKind;
  readonly card?: string;
  readonly reference?: string;
  readonly amount?: number;
  /** For `delay`, `bookLate` and `decideLate`: how long, in ms. */
  readonly ms: number;
  /** For `otherAmount` and `otherFee`: how much more, in minor units. @default 100 */
  readonly by?: number;
  /** How many times it strikes. */
  readonly count: number;
}

/** What a fault is matched against. `card` is the number at a charge, its first eight digits later; empty for UPI. */
export interface FaultFacts {
  readonly card: string;
  readonly reference: string;
  readonly amount: number;
}

/** How many faults may wait at once. */
export const FAULTS_MAX = 1000;
/** Longest delay that can be ordered, ms. */
export const DELAY_MAX_MS = 600_000;
const COUNT_MAX = 1_000_000_000;
const BY_MAX = 1_000_000_000;

/** The faults of each step. */
export const FAULT_KINDS: Readonly<Record<FaultStep, readonly FaultKind[]>> = {
  order: ['drop', 'dropBefore', 'delay', 'error500', 'error503', 'html502', 'html504', 'reset'],
  charge: [
    'drop',
    'dropBefore',
    'delay',
    'error500',
    'error503',
    'html502',
    'html504',
    'reset',
    'otherReference',
    'bookLate',
    'callbackFirst',
  ],
  query: ['drop', 'delay', 'error500', 'html502', 'reset', 'otherReference', 'notFound'],
  callback: [
    'drop',
    'delay',
    'duplicate',
    'reorder',
    'forge',
    'forgeSignature',
    'forgeAccount',
    'forgeAmount',
  ],
  challenge: ['callbackFirst', 'noReturn', 'forgeReturn', 'delay', 'drop', 'decideLate'],
  settlement: [
    'leaveOut',
    'twice',
    'otherAmount',
    'otherFee',
    'otherCurrency',
    'takeBack',
    'addUnknown',
    'settleDeclined',
  ],
};
/** Faults of the shopper's way back, which neither a UPI app nor the API has. */
export const OF_THE_RETURN: readonly FaultKind[] = ['noReturn', 'forgeReturn'];
const MORE_BY: readonly FaultKind[] = ['otherAmount', 'otherFee'];
const fields: ReadonlySet<string> = new Set([
  'card',
  'reference',
  'amount',
  'step',
  'fault',
  'ms',
  'by',
  'count',
]);

export class Faults {
  #waiting: { readonly id: string; readonly order: FaultOrder; left: number }[] = [];
  readonly #struck = new Map<string, number>();
  #lastId = 0;

  /** Adds a fault and returns its id, or null when {@link FAULTS_MAX} are waiting. */
  add(order: FaultOrder): string | null {
    if (this.#waiting.length >= FAULTS_MAX) return null;
    this.#lastId += 1;
    const id = `fault_${this.#lastId}`;
    this.#waiting.push({ id, order, left: order.count });
    return id;
  }

  /**
   * Takes the first fault that matches, or undefined.
   * @param powerless kinds that could do nothing here; they go on waiting
   */
  take(step: FaultStep, facts: FaultFacts, powerless: readonly FaultKind[] = []): FaultOrder | undefined {
    const index = this.#waiting.findIndex(
      ({ order }) => order.step === step && !powerless.includes(order.fault) && matches(order, facts),
    );
    const found = this.#waiting[index];
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left === 0) this.#waiting.splice(index, 1);
    const name = `${step} ${found.order.fault}`;
    this.#struck.set(name, (this.#struck.get(name) ?? 0) + 1);
    return found.order;
  }

  /** How many orders wait, and how often each fault has struck since the start, by `step fault`. */
  tally(): { readonly waiting: number; readonly struck: Readonly<Record<string, number>> } {
    return { waiting: this.#waiting.length, struck: Object.fromEntries(this.#struck) };
  }

  /** Removes every fault, or those ordered for an amount, and returns how many there were. */
  clear(amount?: number): number {
    const before = this.#waiting.length;
    this.#waiting = amount === undefined ? [] : this.#waiting.filter(({ order }) => order.amount !== amount);
    return before - this.#waiting.length;
  }
}

/** Checks the body of `POST /_bank/faults`. Unknown fields are refused: a misspelt condition would match everything. */
export function readFault(body: unknown): { readonly ok: true; readonly order: FaultOrder } | Refusal {
  if (!isRecord(body)) return refuse('body', 'the body must be a JSON object');
  const unknown = Object.keys(body).find((field) => !fields.has(field));
  if (unknown !== undefined) return refuse(unknown, `${unknown} is not a field of a fault`);
  const { step, fault, card, reference, amount, ms = 0, by, count = 1 } = body;
  if (!isStep(step)) return refuse('step', `step must be one of ${Object.keys(FAULT_KINDS).join(', ')}`);
  const kind = FAULT_KINDS[step].find((known) => known === fault);
  if (kind === undefined)
    return refuse('fault', `fault of a ${step} must be ${FAULT_KINDS[step].join(', ')}`);
  if (card !== undefined && (typeof card !== 'string' || !/^[0-9]{1,19}$/.test(card))) {
    return refuse('card', 'card must be the first digits of a card number');
  }
  if (card !== undefined && step === 'order') return refuse('card', 'an order has no card yet');
  if (card !== undefined && step !== 'charge' && card.length > BIN_LENGTH) {
    return refuse('card', `card may have ${BIN_LENGTH} digits at most here: the book keeps no more`);
  }
  if (reference !== undefined && typeof reference !== 'string')
    return refuse('reference', 'a string is needed');
  if (amount !== undefined && typeof amount !== 'number') return refuse('amount', 'a number is needed');
  const msMin = kind === 'delay' ? 1 : 0;
  if (!isIntegerWithin(ms, msMin, DELAY_MAX_MS)) {
    return refuse('ms', `ms must be from ${msMin} to ${DELAY_MAX_MS}`);
  }
  if (by !== undefined && !MORE_BY.includes(kind)) return refuse('by', `by is for ${MORE_BY.join(', ')}`);
  if (by !== undefined && !isIntegerWithin(by, 1, BY_MAX))
    return refuse('by', `by must be from 1 to ${BY_MAX}`);
  if (!isIntegerWithin(count, 1, COUNT_MAX)) return refuse('count', `count must be from 1 to ${COUNT_MAX}`);
  return {
    ok: true,
    order: {
      step,
      fault: kind,
      ...(card === undefined ? {} : { card }),
      ...(reference === undefined ? {} : { reference }),
      ...(amount === undefined ? {} : { amount }),
      ms,
      ...(by === undefined ? {} : { by }),
      count,
    },
  };
}

function isStep(value: unknown): value is FaultStep {
  return typeof value === 'string' && Object.hasOwn(FAULT_KINDS, value);
}

/** Whether `value` is an integer from `min` to `max`. */
export function isIntegerWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function matches(order: FaultOrder, facts: FaultFacts): boolean {
  return (
    (order.card === undefined || facts.card.startsWith(order.card)) &&
    (order.reference === undefined || order.reference === facts.reference) &&
    (order.amount === undefined || order.amount === facts.amount)
  );
}

function refuse(field: string, detail: string): Refusal {
  return { ok: false, code: 'fault_invalid', field, detail };
}
