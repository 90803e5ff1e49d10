/**
 * Rules: what must hold between the records of one payment. Pure, so that each is checked with stories that are wrong.
 *
 * What the gateway's own rules say (when an intent is closed, which event a change has) is written here a second time, on
 * purpose: a judge that shares the code of the judged shares its mistakes.
 *
 * @module
 */

import {
  type IntentId,
  intentIdOf,
  showIntentId,
  showTransactionId,
  type TransactionId,
} from '../domain/ids.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { RoutedLeg } from '../domain/routing.ts';
import type { Evidence } from '../domain/transaction.ts';
import type {
  ScannedAttempt,
  ScannedEntry,
  ScannedEvent,
  ScannedFinal,
  ScannedIntent,
} from '../storage/payment-scan.ts';
import { judgeLedger } from './ledger-rules.ts';
import type { Told } from './told.ts';

interface Rule {
  /** What a finding of it is. */
  what: string;
  /** The record without which it cannot find anything. */
  needs?: 'book' | 'client log';
}

const rule = (what: string, needs?: Rule['needs']): Rule => ({ what, ...(needs !== undefined && { needs }) });

/** The rules, in the order they are told. */
export const RULES = {
  acknowledged_absent: rule('a client was told of it, and it is not in the databases', 'client log'),
  acknowledged_other: rule('a client was told of another payment than it asked for', 'client log'),
  final_taken_back: rule('a client was shown a final status that does not hold', 'client log'),
  second_success: rule('an intent with more than one charge, or more than one attempt that succeeded'),
  charge_without_attempt: rule('a charge in the book for which there is no attempt', 'book'),
  success_without_charge: rule('an attempt that succeeded, and the book has no charge for it', 'book'),
  charge_of_failed: rule('an attempt that failed, and the book has a charge for it', 'book'),
  amount_differs: rule('amount or currency differ between order, intent, attempt and charge'),
  account_differs: rule("a charge at another account or processor than its attempt's", 'book'),
  routing_differs: rule('an attempt that does not stand where its routing last led'),
  fallback_unproven: rule(
    'an attempt that went on to a second processor without proof that the first cannot have charged it',
  ),
  merchant_differs: rule("an attempt or event of another merchant than its intent's"),
  unknown_too_long: rule('an attempt without a final word past its deadline'),
  intent_not_closed: rule('an intent open long after its day, and no attempt under way'),
  intent_status: rule('an intent without the one status that follows from its attempts'),
  attempt_not_allowed: rule('an attempt after one that does not allow another'),
  event_missing: rule('a final attempt or an expired intent without its event in the outbox'),
  event_unfounded: rule('an event in the outbox that is there twice, or that nothing accounts for'),
  event_differs: rule('an event in the outbox whose status or sequence is not what its payment had with it'),
  ledger_unbalanced: rule('an entry of the ledger whose postings do not sum to zero'),
  ledger_differs: rule(
    "an entry of the ledger that is not of its attempt's amount, or a reversal that does not take back one entry",
  ),
  final_record_differs: rule(
    "a final record that does not agree with its attempt's status, or with the ledger",
  ),
} satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;

/** A charge of a book under one of our references. */
export interface BookedCharge {
  transactionId: TransactionId;
  /** Whose book it is; null: of nobody in particular. */
  processor: ProcessorName | null;
  /** Minor units. */
  amount: number;
  currency: string;
  /** Null: the book does not say. */
  account: string | null;
}

/** A line of a book under one of our references that took no money, or has not yet. */
export interface BookedRefusal {
  transactionId: TransactionId;
  processor: ProcessorName | null;
  account: string | null;
  /** Null: the book does not say, or it was not declined. */
  declineCode: string | null;
}

/** One payment, as every record has it. */
export interface Story {
  intentId: IntentId;
  /** One, or the story is wrong. */
  intents: readonly ScannedIntent[];
  /** Oldest first. */
  attempts: readonly ScannedAttempt[];
  events: readonly ScannedEvent[];
  /** Each subject's by their numbers. */
  entries: readonly ScannedEntry[];
  /** Each attempt's by their sequence. */
  finals: readonly ScannedFinal[];
  /** Null: there is no book to compare with. */
  charges: readonly BookedCharge[] | null;
  refusals: readonly BookedRefusal[];
  told: readonly Told[];
}

/** What the rules cannot know from a payment. */
export interface Terms {
  /** The only account whose charges the books have; null: they have those of all. */
  account: string | null;
  /** The only processors whose charges the books have; null: they have those of all. */
  processors: readonly ProcessorName[] | null;
  /** Milliseconds since 1970. */
  now: number;
  /** An attempt still open this many milliseconds after its `send_before` is stuck. */
  unknownAfterMs: number;
  /** Milliseconds since 1970: an intent for which nothing has happened since then is closed by now. */
  closedBefore: number;
}

export interface Finding {
  rule: RuleName;
  /** `pi_…`, `txn_…`, or the hex digits of what the ledger has under no transaction of ours. */
  id: string;
}

/** Attempts an intent may have. */
const ATTEMPTS_MAX = 5;
/** An intent that nobody paid is closed after a day. */
const INTENT_LIFETIME_MS = 24 * 60 * 60 * 1000;
/** … which recovery looks after an hour later: by then no attempt can appear. */
export const INTENT_CLOSED_AFTER_MS = INTENT_LIFETIME_MS + 60 * 60 * 1000;

/** What is wrong with a payment; each rule names each id once. */
export function judge(story: Story, terms: Terms): Finding[] {
  const findings: Finding[] = [];
  const find = (rule: RuleName, id: string): void => {
    if (!findings.some((one) => one.rule === rule && one.id === id)) findings.push({ rule, id });
  };
  judgeTold(story, find);
  judgeCharges(story, terms, find);
  for (const attempt of story.attempts) judgeRouting(attempt, story, find);
  judgeMerchants(story, find);
  judgeAttempts(story, terms, find);
  judgeIntent(story, terms, find);
  for (const attempt of story.attempts) judgeEventsOf(attempt, story, find);
  judgeOtherEvents(story, find);
  judgeSequence(story, find);
  judgeLedger(story, find);
  return findings;
}

/** Hears of a finding. */
export type Find = (rule: RuleName, id: string) => void;

interface Money {
  amount: number;
  currency: string;
}

function differ(a: Money, b: Money): boolean {
  return a.amount !== b.amount || a.currency !== b.currency;
}

/**
 * What was acknowledged is there, and what was shown final is so. A failure may turn into a late success, and a success may be taken back
 * by a report, of which the merchant is told.
 */
function judgeTold(story: Story, find: Find): void {
  const {
    told,
    intents: [intent],
    attempts,
  } = story;
  for (const one of told) {
    if (one.kind === 'intent') {
      if (intent === undefined) find('acknowledged_absent', showIntentId(one.intentId));
      else {
        if (one.orderId !== intent.orderId) find('acknowledged_other', showIntentId(one.intentId));
        if (differ(one, intent)) find('amount_differs', showIntentId(one.intentId));
      }
      continue;
    }
    const attempt = attempts.find(({ transactionId }) => transactionId === one.transactionId);
    const id = showTransactionId(one.transactionId);
    if (one.kind === 'pay' && one.askedFor !== intentIdOf(one.transactionId)) find('acknowledged_other', id);
    if (attempt === undefined) find('acknowledged_absent', id);
    else if (one.kind === 'read' && takesBack(one.status, attempt.status, hasBeenReversed(attempt, story)))
      find('final_taken_back', id);
  }
  judgeReads(story, find);
}

/** What was shown final stays so for everybody who asks after that. */
function judgeReads(story: Story, find: Find): void {
  const reads = story.told.filter((one) => one.kind === 'read');
  for (const shown of ['SUCCESS', 'FAILED'] as const) {
    const firstTold = new Map<TransactionId, number>();
    for (const { transactionId, status, toldAt } of reads) {
      if (status === shown)
        firstTold.set(transactionId, Math.min(toldAt, firstTold.get(transactionId) ?? toldAt));
    }
    for (const { transactionId, status, askedAt } of reads) {
      const mayBeReversed = hasBeenReversed({ transactionId }, story);
      if ((firstTold.get(transactionId) ?? askedAt) < askedAt && takesBack(shown, status, mayBeReversed))
        find('final_taken_back', showTransactionId(transactionId));
    }
  }
}

function takesBack(shown: string, now: string, mayBeReversed: boolean): boolean {
  if (shown === 'SUCCESS') return now !== 'SUCCESS' && !(mayBeReversed && now === 'FAILED');
  return shown === 'FAILED' && now !== 'FAILED' && now !== 'SUCCESS';
}

/** A report has taken its success back, whatever another has said of it since. */
function hasBeenReversed(
  { transactionId }: Pick<ScannedAttempt, 'transactionId'>,
  { events }: Story,
): boolean {
  return events.some((event) => event.transactionId === transactionId && event.type === 'payment.reversed');
}

/** At most one charge for an intent, for an attempt that succeeded, of its amount and at its account. */
function judgeCharges(
  { intentId, intents: [intent], attempts, charges }: Story,
  terms: Terms,
  find: Find,
): void {
  const succeeded = attempts.filter(({ status }) => status === 'SUCCESS');
  if (succeeded.length > 1) find('second_success', showIntentId(intentId));
  for (const attempt of attempts) {
    if (intent !== undefined && differ(attempt, intent))
      find('amount_differs', showTransactionId(attempt.transactionId));
  }
  if (charges === null) return;
  if (hasSecondCharge(charges, attempts)) find('second_success', showIntentId(intentId));
  for (const charge of charges) {
    const id = showTransactionId(charge.transactionId);
    const attempt = attempts.find(({ transactionId }) => transactionId === charge.transactionId);
    if (attempt === undefined) find('charge_without_attempt', id);
    // What a report has failed may well have been charged: the processor has taken it back.
    else if (attempt.status === 'FAILED' && !attempt.isFailedByReport) find('charge_of_failed', id);
    if (attempt !== undefined) judgeCharge(charge, attempt, find);
  }
  for (const attempt of succeeded) {
    const { transactionId } = attempt;
    if (isInBook(attempt, terms) && !charges.some((charge) => charge.transactionId === transactionId))
      find('success_without_charge', showTransactionId(transactionId));
  }
}

/** Of charges that were taken back the intent may have others beside, but no reference has two. */
function hasSecondCharge(charges: readonly BookedCharge[], attempts: readonly ScannedAttempt[]): boolean {
  const back = new Set(
    attempts.filter((attempt) => attempt.isFailedByReport).map(({ transactionId }) => transactionId),
  );
  const standing = charges.filter(({ transactionId }) => !back.has(transactionId));
  const references = new Set(charges.map(({ transactionId }) => transactionId));
  return standing.length > 1 || references.size < charges.length;
}

/** A charge is of its attempt's amount, at its account. */
export function judgeCharge(
  charge: Omit<BookedCharge, 'transactionId'>,
  attempt: ScannedAttempt,
  find: Find,
): void {
  const id = showTransactionId(attempt.transactionId);
  if (differ(charge, attempt)) find('amount_differs', id);
  if (!isAt(charge, attempt)) find('account_differs', id);
}

/** A place as a book names it: what it does not say may be anything. */
interface BookedPlace {
  processor: ProcessorName | null;
  account: string | null;
}

interface Place {
  processor: ProcessorName;
  processorAccount: string;
}

function isAt(booked: BookedPlace, place: Place): boolean {
  return (
    (booked.processor === null || booked.processor === place.processor) &&
    (booked.account === null || booked.account === place.processorAccount)
  );
}

/** Whether a book has the attempt's charge, if it was charged. */
export function isInBook(
  attempt: ScannedAttempt,
  { account, processors }: Pick<Terms, 'account' | 'processors'>,
): boolean {
  return (
    (account === null || account === attempt.processorAccount) &&
    (processors === null || processors.includes(attempt.processor))
  );
}

/** It stands where its routing led, and was led to a second processor by proof alone. */
function judgeRouting(attempt: ScannedAttempt, story: Story, find: Find): void {
  if (attempt.routed === null) return;
  const { legs, evidence } = attempt.routed;
  const id = showTransactionId(attempt.transactionId);
  const [first, second] = legs;
  const last = legs.at(-1);
  const inOrder = legs.length <= LEGS_MAX && legs.every(({ leg }, at) => leg === at + 1);
  if (last === undefined || !inOrder || last.leg !== attempt.leg || !isSamePlace(last, attempt))
    find('routing_differs', id);
  if (first === undefined || second === undefined) return;
  const heard = evidence.filter((line) => line.leg === 1 && !saysNothing(line, first));
  const isProven =
    heard.some((line) => isProof(line, second)) &&
    heard.every((line) => isProof(line, second) || agrees(line, second));
  if (!isProven || !isBookedAsProven(attempt.transactionId, first, second, story))
    find('fallback_unproven', id);
}

/** Processors one attempt may be sent to. */
const LEGS_MAX = 2;
/** What a query came back with when it came back with nothing: neither for nor against. */
const SAYS_NOTHING: readonly string[] = ['not_found', 'no_answer'];
/** Whose callbacks say no more than that there is something to ask about. */
const HINTS: readonly ProcessorName[] = ['PAYU'];
/** Reasons to go on, by which no byte has left for the first processor. */
const NOT_REACHED: readonly string[] = ['first_unreachable', 'first_busy', 'first_breaker_open'];
/** Decline codes by which a bank says that the trouble is its own, so that another may be asked. */
const OWN_TROUBLE: Readonly<Partial<Record<ProcessorName, readonly string[]>>> = {
  SANDBOX: ['acquirer_unavailable'],
  SANDBOX_B: ['acquirer_unavailable'],
  RAZORPAY: [
    'card_network_not_enabled',
    'card_type_invalid',
    'input_validation_failed',
    'international_transaction_not_allowed',
  ],
  PAYU: ['E200', 'E700', 'E720', 'E803', 'E902', 'E903'],
  STRIPE: ['processing_error'],
};

function isSamePlace(a: Place, b: Place): boolean {
  return a.processor === b.processor && a.processorAccount === b.processorAccount;
}

function saysNothing({ source, said }: Evidence, { processor }: Place): boolean {
  const isHint = source === 'callback' && said === 'accepted' && HINTS.includes(processor);
  return isHint || SAYS_NOTHING.includes(said);
}

/** Only the sender knows that nothing has left, and only the answer it got refuses what it sent. */
function isProof({ source, said }: Evidence, { reason }: RoutedLeg): boolean {
  if (source !== 'answer') return false;
  return said === 'not_sent'
    ? NOT_REACHED.includes(reason)
    : said === 'declined' && reason === 'first_refused';
}

/** The same decline by another way: it is noted, and left to the sender. */
function agrees({ said }: Evidence, { reason }: RoutedLeg): boolean {
  return said === 'declined' && reason === 'first_refused';
}

/** What the first processor has booked must bear out why it was left: nothing, or a decline for a trouble of its own. */
function isBookedAsProven(
  id: TransactionId,
  first: RoutedLeg,
  second: RoutedLeg,
  { charges, refusals }: Story,
): boolean {
  const atFirst = (line: BookedPlace & { transactionId: TransactionId }): boolean =>
    line.transactionId === id && isAt(line, first) && !isAt(line, second);
  if (charges?.some(atFirst)) return false;
  const codes = OWN_TROUBLE[first.processor] ?? [];
  return refusals
    .filter(atFirst)
    .every(({ declineCode }) => second.reason === 'first_refused' && codes.includes(declineCode ?? ''));
}

/** A payment is one merchant's. */
function judgeMerchants({ intents: [intent], attempts, events }: Story, find: Find): void {
  if (intent === undefined) return;
  for (const { merchantId, transactionId } of [...attempts, ...events]) {
    if (merchantId === intent.merchantId) continue;
    const id = transactionId === null ? showIntentId(intent.intentId) : showTransactionId(transactionId);
    find('merchant_differs', id);
  }
}

/** None is open for ever, and each but the first follows one that failed in a way that allows another. */
function judgeAttempts({ attempts, events }: Story, { now, unknownAfterMs }: Terms, find: Find): void {
  for (const [at, attempt] of attempts.entries()) {
    const id = showTransactionId(attempt.transactionId);
    if (isOpen(attempt) && now - attempt.sendBefore > unknownAfterMs) find('unknown_too_long', id);
    const previous = attempts[at - 1];
    const inOrder = numberOf(attempt) === at + 1 && numberOf(attempt) <= ATTEMPTS_MAX;
    if (!inOrder || (previous !== undefined && !allowsAnother(previous, events)))
      find('attempt_not_allowed', id);
  }
}

/** A success that came late may have allowed another attempt while it was a failure, also when it was taken back after that. */
function allowsAnother(
  { transactionId, status, reopenable }: ScannedAttempt,
  events: readonly ScannedEvent[],
): boolean {
  if (status === 'FAILED' && reopenable) return true;
  return (
    (status === 'SUCCESS' || status === 'FAILED') &&
    events.some((event) => event.transactionId === transactionId && event.type === 'payment.recovered')
  );
}

function isOpen({ status }: ScannedAttempt): boolean {
  return status !== 'SUCCESS' && status !== 'FAILED';
}

/** The attempt's number is the last hex digit of its id. */
function numberOf({ transactionId }: ScannedAttempt): number {
  return Number.parseInt(transactionId.slice(-1), 16);
}

function closesIntent(attempt: ScannedAttempt): boolean {
  return attempt.status === 'FAILED' && (!attempt.reopenable || numberOf(attempt) >= ATTEMPTS_MAX);
}

/** By an attempt that a report has taken back. */
function wasPaid({ events }: Story): boolean {
  return events.some(({ type }) => type === 'payment.reversed');
}

function isPaid({ attempts }: Story): boolean {
  return attempts.some(({ status }) => status === 'SUCCESS');
}

/** Paid, closed by its last attempt or a report, or open; what is open may be closed unpaid after a day. */
function judgeIntent(story: Story, { closedBefore }: Terms, find: Find): void {
  const { intentId, intents, attempts } = story;
  const [intent] = intents;
  if (intent === undefined ? attempts.length > 0 : intents.length > 1)
    find('intent_status', showIntentId(intentId));
  if (intent === undefined) return;
  const latest = attempts.at(-1);
  const closed = latest !== undefined && closesIntent(latest);
  const status = isPaid(story) ? 'SUCCESS' : closed || wasPaid(story) ? 'FAILED' : 'PENDING';
  if (intent.status !== status && !hasExpired(story)) find('intent_status', showIntentId(intentId));
  const underWay = latest !== undefined && isOpen(latest);
  const lastTouched = Math.max(intent.createdAt, latest?.updatedAt ?? 0);
  if (intent.status === 'PENDING' && status === 'PENDING' && !underWay && lastTouched < closedBefore)
    find('intent_not_closed', showIntentId(intentId));
}

/** FAILED for no other reason than that its day is over. */
function hasExpired(story: Story): boolean {
  const [intent] = story.intents;
  const latest = story.attempts.at(-1);
  if (intent === undefined || intent.status !== 'FAILED' || isPaid(story) || wasPaid(story)) return false;
  if (latest !== undefined && (isOpen(latest) || closesIntent(latest))) return false;
  // Times of the database are exact to microseconds, and arrive as fractions.
  return Math.round(intent.changedAfterMs) >= INTENT_LIFETIME_MS;
}

/**
 * Each final attempt has exactly its events. A failure that became a late success has both, or the success alone when both were
 * decided in one turn.
 */
function judgeEventsOf(attempt: ScannedAttempt, story: Story, find: Find): void {
  const events = story.events.filter(({ transactionId }) => transactionId === attempt.transactionId);
  const types = events.map(({ type }) => type);
  const id = showTransactionId(attempt.transactionId);
  if (types.includes('payment.reversed')) {
    judgeReversal(attempt, events, find);
    return;
  }
  if (!isOpen(attempt) && !events.every((event) => tells(event, events))) find('event_differs', id);
  const finals = types.filter((type) => finalTypesOf(attempt, story).includes(type));
  const failures = attempt.status === 'SUCCESS' ? types.filter((type) => FAILURES.includes(type)) : [];
  const failedBefore = finals.includes('payment.succeeded') ? 0 : 1;
  if (finals.length === 0 && !isOpen(attempt)) find('event_missing', id);
  if (types.length > Math.min(finals.length, 1) + Math.min(failures.length, failedBefore))
    find('event_unfounded', id);
}

/**
 * Events of an attempt that a report has taken back: one of its success before that, and another of one after it when a report gave it
 * back; the last is of what it is now.
 */
function judgeReversal(attempt: ScannedAttempt, events: readonly ScannedEvent[], find: Find): void {
  const id = showTransactionId(attempt.transactionId);
  const inOrder = events.toSorted((a, b) => a.sequence - b.sequence);
  if (inOrder.some(({ type, status }) => status !== (SUCCESSES.includes(type) ? 'SUCCESS' : 'FAILED')))
    find('event_differs', id);
  const path = inOrder.map(({ type }) => LETTERS[type] ?? '?').join('');
  if (!/^(S|F?R)(VR)*V?$/.test(path)) find('event_unfounded', id);
  const last = attempt.status === 'SUCCESS' ? 'R' : attempt.isFailedByReport ? 'V' : '';
  if (last === '' || !path.endsWith(last)) find('event_missing', id);
}

const LETTERS: Readonly<Record<string, string>> = {
  'payment.succeeded': 'S',
  'payment.failed': 'F',
  'payment.attempt_failed': 'F',
  'payment.recovered': 'R',
  'payment.reversed': 'V',
};

const SUCCESSES: readonly string[] = ['payment.succeeded', 'payment.recovered'];
const FAILURES: readonly string[] = ['payment.failed', 'payment.attempt_failed'];

/** Whether its status is that of its type, and a failure comes before the late success of the same attempt. */
function tells({ type, status, sequence }: ScannedEvent, ofAttempt: readonly ScannedEvent[]): boolean {
  if (!FAILURES.includes(type)) return status === 'SUCCESS';
  const afterSuccess = ofAttempt.some((other) => !FAILURES.includes(other.type) && other.sequence < sequence);
  return status === 'FAILED' && !afterSuccess;
}

/** The events of a payment are numbered 1, 2, 3, whichever attempt they are of: by that a merchant puts them in order. */
function judgeSequence({ intentId, events }: Story, find: Find): void {
  const numbers = events.map(({ sequence }) => sequence).sort((a, b) => a - b);
  if (numbers.some((number, at) => number !== at + 1)) find('event_differs', showIntentId(intentId));
}

/** Types of which a final attempt has one. */
function finalTypesOf(attempt: ScannedAttempt, story: Story): readonly string[] {
  if (attempt.status === 'SUCCESS') return SUCCESSES;
  if (attempt.status !== 'FAILED') return [];
  if (!closesIntent(attempt)) return ['payment.attempt_failed'];
  // An attempt that failed when another had been charged already did not close its intent.
  return isPaid(story) || wasPaid(story) ? FAILURES : ['payment.failed'];
}

/** Events of the intent itself, and those of attempts that are not there. */
function judgeOtherEvents(story: Story, find: Find): void {
  const { intentId, attempts, events } = story;
  const known = new Set(attempts.map(({ transactionId }) => transactionId));
  let ofIntent = 0;
  for (const { transactionId, type, status } of events) {
    if (transactionId === null && type === 'payment.failed') {
      ofIntent += 1;
      if (status !== 'FAILED') find('event_differs', showIntentId(intentId));
    } else if (transactionId === null) find('event_unfounded', showIntentId(intentId));
    else if (!known.has(transactionId)) find('event_unfounded', showTransactionId(transactionId));
  }
  const due = hasExpired(story) ? 1 : 0;
  // Expired, and one of its failures became a success after that.
  const late =
    (isPaid(story) || wasPaid(story)) && events.some(({ type }) => type === 'payment.recovered') ? 1 : 0;
  if (ofIntent < due) find('event_missing', showIntentId(intentId));
  if (ofIntent > due + late) find('event_unfounded', showIntentId(intentId));
}
