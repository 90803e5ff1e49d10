/**
 * A transaction: one attempt to charge one card for one intent. States, moves and guards, in one table.
 *
 * A processor speaks in words ({@link ProcessorWord}): in its answer to the charge, in a callback, in a reply
 * to our query. `moveAttempt` holds the only rules by which a word changes an attempt; every caller (answer,
 * callback, recovery, operator, settlement) goes through it, so no order of words can end in two different states.
 *
 * @module
 */

import type { IntentId, TransactionId } from './ids.ts';
import { ATTEMPTS_MAX } from './ids.ts';
import type {
  NextAction,
  PaymentMethodType,
  ProcessorName,
  ProcessorWord,
  Said,
  WordSource,
} from './processor-word.ts';
import { fallbackReason, type RoutedLeg, type Routing } from './routing.ts';

/** Durable states of an attempt (design 7). */
export type TransactionStatus = 'SENT' | 'PROCESSING' | 'REQUIRES_ACTION' | 'SUCCESS' | 'FAILED';
/** What the API shows (requirements 5.4). */
export type PublicStatus = 'PENDING' | 'PROCESSING' | 'SUCCESS' | 'FAILED';
/** What is known of the charge itself. */
export type AttemptOutcome = 'not_sent' | 'unknown' | 'action_required' | 'declined' | 'charged';
/** The merchant's events (design 11); `payment.reversed`: told to have succeeded, and the processor's report took it back. */
export type PaymentEventType =
  | 'payment.succeeded'
  | 'payment.failed'
  | 'payment.attempt_failed'
  | 'payment.recovered'
  | 'payment.reversed';

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
  routing: Routing;
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
  /** Null: it is paid by UPI. */
  card: ShownCard | null;
  paymentMethodType: PaymentMethodType | null;
  /** While REQUIRES_ACTION. */
  nextAction: NextAction | null;
  successUrl: string | null;
  cancelUrl: string | null;
  sessionExpiresAt: number | null;
  evidence: Evidence[];
  createdAt: number;
  updatedAt: number;
  completedAt: number | null;
}

export type Verdict = 'applied' | 'duplicate' | 'ignored' | 'quarantined';

/**
 * What must never happen and did; an operator is to look:
 * - `second_success`: two attempts of one intent were charged
 * - `earlier_leg_charged`: a leg that was proven not charged was charged
 * - `second_charge`: both legs of one attempt were charged
 * - `quarantined_charge`: a charge under our reference with another amount, currency, account or id
 */
export type IncidentKind = 'second_success' | 'earlier_leg_charged' | 'second_charge' | 'quarantined_charge';

export type AttemptMove =
  | { verdict: 'applied'; attempt: Attempt; event: PaymentEventType | null; incidents: IncidentKind[] }
  | { verdict: 'duplicate' | 'ignored' | 'quarantined'; reason: string; incidents: IncidentKind[] };

/** `noted`: the state stays, and the evidence has a line more. */
type Cell = TransactionStatus | 'duplicate' | 'ignored' | 'noted';

/** Rows: where the attempt stands. Columns: what was said. The one transition table. */
const MOVES: Readonly<Record<TransactionStatus, Readonly<Record<Said, Cell>>>> = {
  // biome-ignore format: a table is read in columns
  SENT:            { charged: 'SUCCESS',   declined: 'FAILED',    accepted: 'PROCESSING', action_required: 'REQUIRES_ACTION', not_sent: 'FAILED',    unknown: 'PROCESSING', never_arrived: 'FAILED',    not_found: 'noted',   no_answer: 'noted' },
  // biome-ignore format: a table is read in columns
  PROCESSING:      { charged: 'SUCCESS',   declined: 'FAILED',    accepted: 'duplicate',  action_required: 'REQUIRES_ACTION', not_sent: 'ignored',   unknown: 'duplicate',  never_arrived: 'FAILED',    not_found: 'noted',   no_answer: 'noted' },
  // biome-ignore format: a table is read in columns
  REQUIRES_ACTION: { charged: 'SUCCESS',   declined: 'FAILED',    accepted: 'PROCESSING', action_required: 'duplicate',       not_sent: 'ignored',   unknown: 'duplicate',  never_arrived: 'ignored',   not_found: 'noted',   no_answer: 'noted' },
  // biome-ignore format: a table is read in columns
  SUCCESS:         { charged: 'duplicate', declined: 'ignored',   accepted: 'ignored',    action_required: 'ignored',         not_sent: 'ignored',   unknown: 'ignored',    never_arrived: 'ignored',   not_found: 'ignored', no_answer: 'ignored' },
  // biome-ignore format: a table is read in columns
  FAILED:          { charged: 'SUCCESS',   declined: 'duplicate', accepted: 'ignored',    action_required: 'ignored',         not_sent: 'duplicate', unknown: 'ignored',    never_arrived: 'duplicate', not_found: 'ignored', no_answer: 'ignored' },
};

/**
 * What a processor's word does to an attempt. Pure: the attempt handed in is not changed.
 * A word that names another amount, currency, account, processor or processor id is quarantined, whatever it says.
 */
export function moveAttempt(attempt: Attempt, word: ProcessorWord): AttemptMove {
  const spoken = legOf(attempt, word);
  const mismatch = typeof spoken === 'string' ? spoken : mismatchOf(attempt, word, spoken);
  if (typeof spoken === 'string' || mismatch !== null) {
    const incidents: IncidentKind[] = word.said === 'charged' ? ['quarantined_charge'] : [];
    return { verdict: 'quarantined', reason: mismatch!, incidents };
  }
  if (isRepeatedRow(attempt, word)) return still('duplicate', 'this row of a report was heard before');
  if (spoken.leg !== attempt.leg) return moveByOtherLeg(attempt, word, spoken);
  if (word.said === 'never_arrived' && isKnownToProcessor(attempt)) {
    return still('ignored', 'the processor has known this charge before');
  }
  const cell = cellOf(attempt, word);
  if (cell === 'noted') return note(attempt, word);
  if (cell === 'duplicate' || cell === 'ignored') {
    return learn(attempt, word) ?? still(cell, `${word.said} while ${attempt.status}`);
  }
  const next = afterWord(attempt, word, cell);
  return { verdict: 'applied', attempt: next, event: eventOf(attempt, next), incidents: [] };
}

/** The processor of its leg has named the charge, or said that it has it: PayU names none before it is over. */
export function isKnownToProcessor({ processorTxnId, evidence, leg }: Attempt): boolean {
  return processorTxnId !== null || evidence.some((line) => line.leg === leg && HAS_IT.has(line.said));
}

const HAS_IT: ReadonlySet<Said> = new Set(['accepted', 'action_required']);

/** The table's cell, but for some words that it cannot tell from others. */
function cellOf(attempt: Attempt, word: ProcessorWord): Cell {
  if (isLeftToSender(attempt, word)) return 'noted';
  // Nothing else takes a success back. What had failed before stands by the report from then on: else the status would depend on whether
  // the charge was heard of before its correction or after it.
  if (failsByReport(word)) return attempt.status === 'FAILED' ? 'noted' : 'FAILED';
  if (word.said === 'charged' && isFailedByReport(attempt) && !LAST_WORD.has(word.source)) return 'ignored';
  return asksAnew(attempt, word) ? 'REQUIRES_ACTION' : MOVES[attempt.status][word.said];
}

/**
 * A decline for which the sender may go to the second processor, or a callback that says no more than that the first has the charge:
 * while the sender still may, nobody who heard it elsewhere takes the attempt out of its hands, or the race of callback and answer would
 * decide whether there is a second leg. A sender that is gone is recovery's to outlive.
 */
function isLeftToSender(attempt: Attempt, { said, source, elsewhere, at }: ProcessorWord): boolean {
  const mayFallBack = attempt.status === 'SENT' && attempt.leg === 1 && attempt.routing.fallback !== null;
  const bySender = source === 'answer' || source === 'operator';
  const takesOver =
    (said === 'declined' && elsewhere && !bySender) || (said === 'accepted' && source === 'callback');
  return mayFallBack && takesOver && at <= attempt.sendBefore;
}

/** A row of a processor's report that says that nothing was paid. */
function failsByReport({ source, said }: Pick<Evidence, 'source' | 'said'>): boolean {
  return source === 'settlement' && said === 'declined';
}

/** It is FAILED and a report says so, whatever had failed it first: a charge of it was taken back, or never became money. */
export function isFailedByReport({ status, evidence }: Pick<Attempt, 'status' | 'evidence'>): boolean {
  return status === 'FAILED' && evidence.some(failsByReport);
}

/** A row of a report is known by its detail. Heard again, it changes nothing, whatever other reports have said since. */
function isRepeatedRow({ evidence }: Attempt, { source, said, detail }: ProcessorWord): boolean {
  return (
    source === 'settlement' &&
    evidence.some((line) => line.source === source && line.said === said && line.detail === detail)
  );
}

/** The bank wants another step of the shopper than the one we show. The answer to the charge is the oldest of words and brings none. */
function asksAnew({ status, nextAction }: Attempt, word: ProcessorWord): boolean {
  if (status !== 'REQUIRES_ACTION' || word.said !== 'action_required' || word.source === 'answer')
    return false;
  return word.nextAction !== null && !isSameStep(nextAction, word.nextAction);
}

function isSameStep(shown: NextAction | null, wanted: NextAction): boolean {
  return shown !== null && addressOf(shown) === addressOf(wanted) && shown.expiresAt === wanted.expiresAt;
}

function addressOf(action: NextAction): string {
  switch (action.kind) {
    case 'redirect':
      return action.url;
    case 'form':
      return JSON.stringify([action.url, action.fields]);
    case 'otp':
      return action.submitUrl;
    case 'upi':
      return action.link;
  }
}

function still(verdict: 'duplicate' | 'ignored', reason: string): AttemptMove {
  return { verdict, reason, incidents: [] };
}

/** The leg a word speaks of, or what of the word is no leg's. */
function legOf(attempt: Attempt, word: ProcessorWord): RoutedLeg | string {
  const { legs } = attempt.routing;
  const there = legs.filter(
    ({ processor, leg }) => processor === word.processor && (word.leg === null || word.leg === leg),
  );
  if (there.length === 0) return 'processor_mismatch';
  const own = there.findLast(
    ({ processorAccount }) => word.processorAccount === null || word.processorAccount === processorAccount,
  );
  return own ?? 'account_mismatch';
}

function mismatchOf(attempt: Attempt, word: ProcessorWord, { leg }: RoutedLeg): string | null {
  if (word.amount !== null && word.amount !== attempt.amount) return 'amount_mismatch';
  if (word.currency !== null && word.currency !== attempt.currency) return 'currency_mismatch';
  const processorTxnId = leg === attempt.leg ? attempt.processorTxnId : null;
  if (word.processorTxnId !== null && processorTxnId !== null && word.processorTxnId !== processorTxnId) {
    return 'processor_txn_id_mismatch';
  }
  return null;
}

/**
 * A word of a leg the attempt no longer stands on. That leg was proven not charged before the next one began, so only one word of it
 * matters: that it was charged all the same. Then the shopper has paid, and somebody must look.
 */
function moveByOtherLeg(attempt: Attempt, word: ProcessorWord, leg: RoutedLeg): AttemptMove {
  if (word.said !== 'charged') return still('ignored', `a word of leg ${leg.leg}`);
  const incidents: IncidentKind[] = leg.leg < attempt.leg ? ['earlier_leg_charged'] : [];
  if (attempt.status === 'SUCCESS') {
    return {
      verdict: 'ignored',
      reason: 'both legs were charged',
      incidents: [...incidents, 'second_charge'],
    };
  }
  // What was moved to FAILED by a report stays so; where a report only agreed that this leg had failed, it has said nothing of the other.
  if (attempt.failureCode === SETTLEMENT_FAILED && !LAST_WORD.has(word.source))
    return { verdict: 'ignored', reason: 'a report has failed it', incidents };
  const { processor, processorAccount } = leg;
  const there = { ...attempt, leg: leg.leg, processor, processorAccount, processorTxnId: null };
  const next = afterWord(there, word, 'SUCCESS');
  return { verdict: 'applied', attempt: next, event: eventOf(attempt, next), incidents };
}

/** A word that moves nothing is kept once, not at each repeat. The rows of reports are told apart by their details. */
function note(attempt: Attempt, word: ProcessorWord): AttemptMove {
  const last = attempt.evidence.at(-1);
  if (word.source !== 'settlement' && last?.said === word.said && last.source === word.source)
    return still('duplicate', `${word.said} again`);
  if (isFull(attempt, word)) return still('ignored', 'enough was noted');
  return { verdict: 'applied', attempt: changedBy(attempt, word), event: null, incidents: [] };
}

/**
 * What a word that moves nothing still teaches: the processor's id, the kind of card. Null: nothing. Else which of two equal words
 * came first would decide what is known of the charge.
 */
function learn(attempt: Attempt, word: ProcessorWord): AttemptMove | null {
  const named = attempt.processorTxnId === null && word.processorTxnId !== null;
  const typed = attempt.paymentMethodType === null && word.paymentMethodType !== null;
  if (!named && !typed) return null;
  return { verdict: 'applied', attempt: changedBy(attempt, word), event: null, incidents: [] };
}

/** Lines of evidence beyond which only what ends an attempt, or its leg, and the rows of reports, by which they are known, add another. */
const EVIDENCE_MAX = 24;

function isFull({ evidence }: Attempt, { source }: ProcessorWord): boolean {
  return evidence.length >= EVIDENCE_MAX && source !== 'settlement';
}

/** What every word changes that is not without effect. */
function changedBy(attempt: Attempt, word: ProcessorWord): Attempt {
  return {
    ...attempt,
    processorTxnId: attempt.processorTxnId ?? word.processorTxnId,
    paymentMethodType: word.paymentMethodType ?? attempt.paymentMethodType,
    revision: attempt.revision + 1,
    evidence: isFull(attempt, word) ? attempt.evidence : evidenceWith(attempt, word),
    updatedAt: word.at,
  };
}

function evidenceWith(attempt: Attempt, word: ProcessorWord): Evidence[] {
  const { at, source, said, detail } = word;
  return [...attempt.evidence, { at, source, said, leg: attempt.leg, detail }];
}

function afterWord(attempt: Attempt, word: ProcessorWord, status: TransactionStatus): Attempt {
  const final = isFinal(status);
  const changed = changedBy(attempt, word);
  return {
    ...changed,
    status,
    outcome: OUTCOMES[word.said as keyof typeof OUTCOMES],
    failureCode: status === 'FAILED' ? failureCodeOf(word) : null,
    reopenable: status === 'FAILED' && reopens(word),
    nextAction: status === 'REQUIRES_ACTION' ? word.nextAction : null,
    evidence: final ? evidenceWith(attempt, word) : changed.evidence,
    completedAt: final ? word.at : null,
  };
}

const OUTCOMES: Readonly<Record<Exclude<Said, 'not_found' | 'no_answer'>, AttemptOutcome>> = {
  charged: 'charged',
  declined: 'declined',
  accepted: 'unknown',
  action_required: 'action_required',
  not_sent: 'not_sent',
  unknown: 'unknown',
  never_arrived: 'not_sent',
};

/** The failure code of what a processor's report has moved to FAILED. */
export const SETTLEMENT_FAILED = 'settlement_failed';

function failureCodeOf({ source, said, failureCode }: ProcessorWord): string {
  if (source === 'settlement') return SETTLEMENT_FAILED;
  return failureCode ?? FAILURE_CODES[said] ?? 'declined';
}

const FAILURE_CODES: Readonly<Partial<Record<Said, string>>> = {
  not_sent: 'processor_unreachable',
  never_arrived: 'processor_never_received',
};

/**
 * Only the sender's own proof, or a decline that closes the reference, whoever heard it: no late charge can follow either. What
 * recovery closes because nobody knows it, and what an operator or a report closes, stays closed (design 7, decision 0009).
 */
function reopens(word: ProcessorWord): boolean {
  if (word.said === 'not_sent') return word.source === 'answer';
  return word.said === 'declined' && word.referenceClosed && !LAST_WORD.has(word.source);
}

/**
 * What these close stays closed. What a report has failed is over for all others: their words may be older than it, however late they
 * come, and a replayed one would undo the correction.
 */
const LAST_WORD: ReadonlySet<WordSource> = new Set(['operator', 'settlement']);

/**
 * The same attempt on its second leg, by the word that proves the first was not charged; null: the word proves no such thing, or the
 * attempt is not where it could fall back. Committed (commit B2) before a byte goes to the second processor.
 */
export function fallBack(attempt: Attempt, word: ProcessorWord, now: number): Attempt | null {
  const { fallback, legs } = attempt.routing;
  const reason = fallbackReason(word);
  if (fallback === null || reason === null || attempt.status !== 'SENT' || attempt.leg !== 1) return null;
  const spoken = legOf(attempt, word);
  if (typeof spoken === 'string' || spoken.leg !== 1) return null;
  return {
    ...attempt,
    ...fallback,
    leg: 2,
    // What the first processor named is its own.
    processorTxnId: null,
    paymentMethodType: word.paymentMethodType ?? attempt.paymentMethodType,
    routing: { fallback, legs: [...legs, { leg: 2, ...fallback, reason, at: now }] },
    revision: attempt.revision + 1,
    evidence: evidenceWith(attempt, word),
    updatedAt: now,
  };
}

function eventOf(before: Attempt, after: Attempt): PaymentEventType | null {
  if (after.status === 'SUCCESS')
    return before.status === 'FAILED' ? 'payment.recovered' : 'payment.succeeded';
  if (before.status === 'SUCCESS') return 'payment.reversed';
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
