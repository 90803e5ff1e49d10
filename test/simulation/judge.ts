/**
 * Judge: what must hold once a run has come to rest: the faults are over, time enough has passed, nothing is under way.
 *
 * The bank's book, the databases and what clients were told are joined, payment by payment.
 *
 * @module
 */

import type { IntentId } from '../../src/domain/ids.ts';
import type { Payment } from '../../src/domain/payment-intent.ts';
import type { Attempt, PaymentEventType } from '../../src/domain/transaction.ts';
import type { ModelStore } from '../support/model-store.ts';
import type { BookEntry } from './bank.ts';
import type { Checker } from './checker.ts';

export interface Verdict {
  intents: number;
  attempts: number;
  charged: number;
  /** Late successes. */
  recovered: number;
}

interface Event {
  transactionId: string | null;
  type: PaymentEventType;
}

const ATTEMPTS_MAX = 5;

/** Judges every payment; what is wrong goes to the checker. */
export function judge(
  models: readonly ModelStore[],
  book: ReadonlyMap<string, BookEntry>,
  checker: Checker,
): Verdict {
  const verdict: Verdict = { intents: 0, attempts: 0, charged: 0, recovered: 0 };
  const stored = new Set<string>();
  for (const model of models) {
    const events = eventsByIntent(model);
    for (const payment of model.payments.values()) {
      const own = events.get(payment.intent.paymentIntentId) ?? [];
      judgePayment(payment, own, book, checker, verdict);
      stored.add(payment.intent.paymentIntentId);
      for (const { transactionId } of payment.attempts) stored.add(transactionId);
    }
    for (const { effectId } of model.keys.values()) {
      if (!stored.has(effectId))
        checker.violate(`a key stands for ${effectId}, which is not there`, effectId);
    }
  }
  for (const transactionId of book.keys()) {
    if (!stored.has(transactionId))
      checker.violate(`${transactionId} was charged and is not there`, transactionId);
  }
  const { intents, attempts } = checker.acknowledged;
  for (const id of [...intents, ...attempts]) {
    if (!stored.has(id)) checker.violate(`${id} was acknowledged and is not there any more`, id);
  }
  for (const what of checker.unanswered()) checker.violate(`${what} was never answered`);
  return verdict;
}

function eventsByIntent(model: ModelStore): Map<IntentId, Event[]> {
  const events = new Map<IntentId, Event[]>();
  for (const event of model.outbox) {
    const own = events.get(event.paymentIntentId);
    if (own === undefined) events.set(event.paymentIntentId, [event]);
    else own.push(event);
  }
  return events;
}

function judgePayment(
  payment: Payment,
  events: readonly Event[],
  book: ReadonlyMap<string, BookEntry>,
  checker: Checker,
  verdict: Verdict,
): void {
  const { intent, attempts } = payment;
  const id = intent.paymentIntentId;
  const charged = attempts.filter(({ transactionId }) => isCharged(book.get(transactionId)));
  verdict.intents++;
  verdict.attempts += attempts.length;
  verdict.charged += charged.length;
  verdict.recovered += events.filter(({ type }) => type === 'payment.recovered').length;
  if (charged.length > 1) checker.violate(`${id} was charged ${charged.length} times`, id);
  for (const [i, attempt] of attempts.entries()) {
    const last = i === attempts.length - 1;
    for (const fault of attemptFaults(attempt, i + 1, last, payment, book.get(attempt.transactionId))) {
      checker.violate(`${attempt.transactionId} ${fault}`, id);
    }
    for (const fault of eventFaults(attempt, events))
      checker.violate(`${attempt.transactionId} ${fault}`, id);
  }
  const expiries = events.filter(({ transactionId }) => transactionId === null).length;
  if (expiries > 1) checker.violate(`${id} expired ${expiries} times`, id);
  const wanted = statusOf(attempts, expiries > 0);
  if (intent.status !== wanted) checker.violate(`${id} is ${intent.status}, its attempts say ${wanted}`, id);
}

function attemptFaults(
  { status, attempt, reopenable }: Attempt,
  number: number,
  last: boolean,
  { intent }: Payment,
  entry: BookEntry | undefined,
): string[] {
  const faults: string[] = [];
  if (attempt !== number) faults.push(`is attempt ${attempt} in the place of ${number}`);
  if (status !== 'SUCCESS' && status !== 'FAILED') faults.push(`is still ${status}`);
  if ((status === 'SUCCESS') !== isCharged(entry))
    faults.push(`is ${status}, the book says ${entry?.charge.status ?? 'nothing'}`);
  if (!last && (status !== 'FAILED' || !reopenable)) faults.push(`is ${status} and was followed by another`);
  if (entry === undefined) return faults;
  const { amount, currency } = entry.charge;
  if (amount !== intent.amount || currency !== intent.currency)
    faults.push(`was charged ${amount} ${currency} of ${intent.amount} ${intent.currency}`);
  return faults;
}

/** A final status has its event, once; a late success has the failure's event before it. */
function eventFaults({ transactionId, status }: Attempt, events: readonly Event[]): string[] {
  const own = events.filter((event) => event.transactionId === transactionId).map(({ type }) => type);
  const successes = own.filter((type) => type === 'payment.succeeded' || type === 'payment.recovered');
  const failures = own.filter((type) => type === 'payment.failed' || type === 'payment.attempt_failed');
  const well =
    status === 'SUCCESS'
      ? successes.length === 1 && failures.length <= (successes[0] === 'payment.recovered' ? 1 : 0)
      : status === 'FAILED'
        ? successes.length === 0 && failures.length === 1
        : own.length === 0;
  return well ? [] : [`is ${status} with the events ${own.join(', ') || 'none'}`];
}

/** What an intent's status must be. */
function statusOf(attempts: readonly Attempt[], expired: boolean): string {
  if (attempts.some(({ status }) => status === 'SUCCESS')) return 'SUCCESS';
  const latest = attempts.at(-1);
  const closed = latest?.status === 'FAILED' && (!latest.reopenable || latest.attempt >= ATTEMPTS_MAX);
  return closed || expired ? 'FAILED' : 'PENDING';
}

function isCharged(entry: BookEntry | undefined): boolean {
  return entry?.charge.status === 'succeeded';
}
