/**
 * A transaction: one attempt to charge one card for one intent. States, moves and guards, in one table.
 *
 * A processor speaks in words ({@link ProcessorWord}): in its answer to the charge, in a callback, in a reply
 * to our query. `moveAttempt` holds the only rules by which a word changes an attempt; every caller (answer,
 * callback, recovery, operator) goes through it, so no order of words can end in two different states.
 *
 * @module
 */

import type { IntentId, TransactionId } from './ids.ts';
import { ATTEMPTS_MAX } from './ids.ts';

/** Durable states of an attempt (design 7). */
export type TransactionStatus = 'SENT' | 'PROCESSING' | 'REQUIRES_ACTION' | 'SUCCESS' | 'FAILED';
/** What the API shows (requirements 5.4). */
export type PublicStatus = 'PENDING' | 'PROCESSING' | 'SUCCESS' | 'FAILED';
/** What is known of the charge itself. */
export type AttemptOutcome = 'not_sent' | 'unknown' | 'action_required' | 'declined' | 'charged';
export type ProcessorName = 'RAZORPAY' | 'PAYU' | 'STRIPE' | 'SANDBOX';
/** The merchant's events (design 11). */
export type PaymentEventType =
  | 'payment.succeeded'
  | 'payment.failed'
  | 'payment.attempt_failed'
  | 'payment.recovered';

/** The card as it may be shown: nothing here opens it. */
export interface ShownCard {
  brand: string;
  /** First six and last four digits: `411111****1234`. */
  masked: string;
  expiryMonth: number;
  expiryYear: number;
  /** Keyed hash of the whole PAN, hex. */
  fingerprint: string;
  /** `tok_…`: page and slot in the vault. */
  token: string;
}

/** One line of what was sent, what came back, what a query said. */
export interface Evidence {
  /** Milliseconds since 1970. */
  at: number;
  source: WordSource;
  said: Said;
  leg: number;
  detail: string;
}

export interface Attempt {
  transactionId: TransactionId;
  paymentIntentId: IntentId;
  /** 1 to 5. */
  attempt: number;
  merchantId: string;
  customerId: string | null;
  amount: number;
  currency: string;
  status: TransactionStatus;
  outcome: AttemptOutcome;
  /** 1 for the first processor of this attempt, 2 after a fallback. */
  leg: number;
  processor: ProcessorName;
  /** The account at the processor that is charged. */
  processorAccount: string;
  processorTxnId: string | null;
  failureCode: string | null;
  /** FAILED in a way that allows another attempt on the same intent. */
  reopenable: boolean;
  /** Grows by one with each change of the row: the compare in compare-and-set. */
  revision: number;
  /** Random hex of the thread that committed the attempt: it alone sends the charge. */
  senderNonce: string;
  /** Milliseconds since 1970 after which the sender no longer sends. */
  sendBefore: number;
  card: ShownCard;
  successUrl: string | null;
  cancelUrl: string | null;
  sessionExpiresAt: number | null;
  evidence: Evidence[];
  createdAt: number;
  updatedAt: number;
  completedAt: number | null;
}

export type WordSource = 'answer' | 'callback' | 'query' | 'recovery';

/**
 * What was said of a charge:
 * - `charged`, `declined`: final words of the processor
 * - `accepted`: it has the charge and works on it
 * - `action_required`: the shopper must act (3-D Secure)
 * - `not_sent`: the sender's proof that no byte of the charge left
 * - `unknown`: sent, and no word came back
 * - `never_arrived`: recovery's proof that the processor does not know the reference long after it could be sent
 */
export type Said =
  | 'charged'
  | 'declined'
  | 'accepted'
  | 'action_required'
  | 'not_sent'
  | 'unknown'
  | 'never_arrived';

export interface ProcessorWord {
  source: WordSource;
  said: Said;
  /** Null when the source does not know of legs (a callback). */
  leg: number | null;
  processor: ProcessorName;
  /** Null when the source does not name it. */
  processorAccount: string | null;
  processorTxnId: string | null;
  /** Null when the source does not name it; else it must be the attempt's. */
  amount: number | null;
  currency: string | null;
  failureCode: string | null;
  /** Declined with a code the connector lists as "this reference can never be charged". */
  referenceClosed: boolean;
  at: number;
  detail: string;
}

export type Verdict = 'applied' | 'duplicate' | 'ignored' | 'quarantined';

export type AttemptMove =
  | { verdict: 'applied'; attempt: Attempt; event: PaymentEventType | null }
  | { verdict: 'duplicate' | 'ignored' | 'quarantined'; reason: string };

type Cell = TransactionStatus | 'duplicate' | 'ignored';

/** Rows: where the attempt stands. Columns: what was said. The one transition table. */
const MOVES: Readonly<Record<TransactionStatus, Readonly<Record<Said, Cell>>>> = {
  // biome-ignore format: a table is read in columns
  SENT:            { charged: 'SUCCESS',   declined: 'FAILED',    accepted: 'PROCESSING', action_required: 'REQUIRES_ACTION', not_sent: 'FAILED',    unknown: 'PROCESSING', never_arrived: 'FAILED' },
  // biome-ignore format: a table is read in columns
  PROCESSING:      { charged: 'SUCCESS',   declined: 'FAILED',    accepted: 'duplicate',  action_required: 'REQUIRES_ACTION', not_sent: 'ignored',   unknown: 'duplicate',  never_arrived: 'FAILED' },
  // biome-ignore format: a table is read in columns
  REQUIRES_ACTION: { charged: 'SUCCESS',   declined: 'FAILED',    accepted: 'PROCESSING', action_required: 'duplicate',       not_sent: 'ignored',   unknown: 'duplicate',  never_arrived: 'ignored' },
  // biome-ignore format: a table is read in columns
  SUCCESS:         { charged: 'duplicate', declined: 'ignored',   accepted: 'ignored',    action_required: 'ignored',         not_sent: 'ignored',   unknown: 'ignored',    never_arrived: 'ignored' },
  // biome-ignore format: a table is read in columns
  FAILED:          { charged: 'SUCCESS',   declined: 'duplicate', accepted: 'ignored',    action_required: 'ignored',         not_sent: 'duplicate', unknown: 'ignored',    never_arrived: 'duplicate' },
};

/**
 * What a processor's word does to an attempt. Pure: the attempt handed in is not changed.
 * A word that names another amount, currency, account, processor or processor id is quarantined, whatever it says.
 */
export function moveAttempt(attempt: Attempt, word: ProcessorWord): AttemptMove {
  const mismatch = mismatchOf(attempt, word);
  if (mismatch !== null) return { verdict: 'quarantined', reason: mismatch };
  if (word.said === 'never_arrived' && attempt.processorTxnId !== null) {
    return { verdict: 'ignored', reason: 'the processor has named this charge before' };
  }
  const cell = MOVES[attempt.status][word.said];
  if (cell === 'duplicate' || cell === 'ignored') {
    return { verdict: cell, reason: `${word.said} while ${attempt.status}` };
  }
  const next = afterWord(attempt, word, cell);
  return { verdict: 'applied', attempt: next, event: eventOf(attempt, next) };
}

function mismatchOf(attempt: Attempt, word: ProcessorWord): string | null {
  if (word.processor !== attempt.processor || (word.leg ?? attempt.leg) !== attempt.leg)
    return 'processor_mismatch';
  if (word.processorAccount !== null && word.processorAccount !== attempt.processorAccount)
    return 'account_mismatch';
  if (word.amount !== null && word.amount !== attempt.amount) return 'amount_mismatch';
  if (word.currency !== null && word.currency !== attempt.currency) return 'currency_mismatch';
  const { processorTxnId } = attempt;
  if (word.processorTxnId !== null && processorTxnId !== null && word.processorTxnId !== processorTxnId) {
    return 'processor_txn_id_mismatch';
  }
  return null;
}

function afterWord(attempt: Attempt, word: ProcessorWord, status: TransactionStatus): Attempt {
  const final = isFinal(status);
  return {
    ...attempt,
    status,
    outcome: OUTCOMES[word.said],
    processorTxnId: word.processorTxnId ?? attempt.processorTxnId,
    failureCode: status === 'FAILED' ? (word.failureCode ?? FAILURE_CODES[word.said] ?? 'declined') : null,
    reopenable: status === 'FAILED' && reopens(word),
    revision: attempt.revision + 1,
    evidence: [
      ...attempt.evidence,
      { at: word.at, source: word.source, said: word.said, leg: attempt.leg, detail: word.detail },
    ],
    updatedAt: word.at,
    completedAt: final ? word.at : null,
  };
}

const OUTCOMES: Readonly<Record<Said, AttemptOutcome>> = {
  charged: 'charged',
  declined: 'declined',
  accepted: 'unknown',
  action_required: 'action_required',
  not_sent: 'not_sent',
  unknown: 'unknown',
  never_arrived: 'not_sent',
};

const FAILURE_CODES: Readonly<Partial<Record<Said, string>>> = {
  not_sent: 'processor_unreachable',
  never_arrived: 'processor_never_received',
};

/** Recovery never reopens: only the sender's own proof, or a decline that closes the reference (design 7). */
function reopens(word: ProcessorWord): boolean {
  if (word.said === 'not_sent') return word.source === 'answer';
  return (
    word.said === 'declined' &&
    word.referenceClosed &&
    (word.source === 'answer' || word.source === 'callback')
  );
}

function eventOf(before: Attempt, after: Attempt): PaymentEventType | null {
  if (after.status === 'SUCCESS')
    return before.status === 'FAILED' ? 'payment.recovered' : 'payment.succeeded';
  if (after.status === 'FAILED') return closesIntent(after) ? 'payment.failed' : 'payment.attempt_failed';
  return null;
}

/** True when this FAILED attempt leaves its intent no further one. */
export function closesIntent(attempt: Attempt): boolean {
  return attempt.status === 'FAILED' && (!attempt.reopenable || attempt.attempt >= ATTEMPTS_MAX);
}

/** SUCCESS or FAILED. */
export function isFinal(status: TransactionStatus): status is 'SUCCESS' | 'FAILED' {
  return status === 'SUCCESS' || status === 'FAILED';
}

/** The four words the API shows. */
export function publicStatus(status: TransactionStatus): PublicStatus {
  return isFinal(status) ? status : 'PROCESSING';
}
