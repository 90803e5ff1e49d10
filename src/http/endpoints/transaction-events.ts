/**
 * GET /v1/payment/transaction/{id}/events: what happened to a payment, in words that support can read out.
 *
 * @module
 */

import { intentIdOf, parseTransactionId, showIntentId, showTransactionId } from '../../domain/ids.ts';
import { decimalAmount } from '../../domain/money.ts';
import type { Payment } from '../../domain/payment-intent.ts';
import {
  type Attempt,
  closesIntent,
  type Evidence,
  isFinal,
  type Said,
  type WordSource,
} from '../../domain/transaction.ts';
import { READ_HEADERS } from '../admit.ts';
import { type HttpRequest, type HttpResponse, json, type Route } from '../routes.ts';
import { type FindPaymentDeps, findPayment, paymentNotFound } from './find-payment.ts';

/** Makes the route. */
export function transactionEventsRoute(deps: FindPaymentDeps): Route {
  return {
    method: 'GET',
    path: '/v1/payment/transaction/:id/events',
    name: 'transaction_events',
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: READ_HEADERS,
    handler: (request) => transactionEvents(deps, request),
  };
}

async function transactionEvents(deps: FindPaymentDeps, request: HttpRequest): Promise<HttpResponse> {
  const transactionId = parseTransactionId(request.params.id ?? '');
  const found = await findPayment(deps, request, transactionId === null ? null : intentIdOf(transactionId));
  if ('refused' in found) return found.refused;
  const { payment } = found;
  const attempt = payment.attempts.find((one) => one.transactionId === transactionId);
  if (attempt === undefined) return paymentNotFound();
  return json(200, {
    transactionId: showTransactionId(attempt.transactionId),
    paymentIntentId: showIntentId(attempt.paymentIntentId),
    events: eventsOf(payment, attempt),
  });
}

/** One line of a payment's story. */
interface PaymentEvent {
  at: string;
  type: string;
  source: WordSource | 'sluice';
  detail: string;
  /** The transaction this line is of; null for the intent. */
  transactionId: string | null;
}

/** Oldest first: the intent, this attempt with all its evidence, and of the others when they began and how they ended. */
function eventsOf({ intent, attempts }: Payment, shown: Attempt): PaymentEvent[] {
  const created = line(intent.createdAt, null, {
    type: 'intent_created',
    source: 'sluice',
    detail: `${intent.currency} ${decimalAmount(intent.amount, intent.currency)} asked for, order ${intent.orderId}.`,
  });
  const lines = attempts.flatMap((attempt) => [
    started(attempt),
    ...(attempt === shown ? attempt.evidence.map((evidence) => heard(attempt, evidence)) : []),
    ...(isFinal(attempt.status) ? [ended(attempt)] : []),
  ]);
  // Lines of one moment stay in the order in which they were found.
  return [created, ...lines.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))];
}

function started(attempt: Attempt): PaymentEvent {
  const { card, processor } = attempt;
  return line(attempt.createdAt, attempt, {
    type: 'attempt_started',
    source: 'sluice',
    detail: `Attempt ${attempt.attempt} ${card === null ? 'by UPI' : `with ${card.brand} ${card.masked}`} at ${processor}.`,
  });
}

/** Said → what it is called and how it is told. */
const SAID: Readonly<Record<Said, { type: string; detail: string }>> = {
  charged: { type: 'charged', detail: 'The bank charged the card.' },
  declined: { type: 'declined', detail: 'The bank declined the card.' },
  accepted: { type: 'accepted', detail: 'The bank took the charge and works on it.' },
  action_required: { type: 'action_required', detail: 'The bank asks the shopper to confirm the payment.' },
  not_sent: { type: 'not_sent', detail: 'The charge did not reach the bank: nothing was sent.' },
  unknown: {
    type: 'outcome_unknown',
    detail: 'The charge was sent and no clear word came back: Sluice asks the bank until it knows.',
  },
  never_arrived: {
    type: 'never_arrived',
    detail: 'The bank never received the charge and can no longer: no money moved.',
  },
  not_found: { type: 'not_found', detail: 'The bank was asked and does not know the charge yet.' },
  no_answer: { type: 'no_answer', detail: 'The bank was asked and gave no answer.' },
};

function heard(attempt: Attempt, { at, source, said }: Evidence): PaymentEvent {
  const { type, detail } = SAID[said];
  // A failure code is of the last word; earlier words had their own, which is not kept.
  const last = said === 'declined' && attempt.status === 'FAILED' && attempt.failureCode !== null;
  const detailWithCode = last ? `${detail.slice(0, -1)}: ${inWords(attempt.failureCode!)}.` : detail;
  return line(at, attempt, { type, source, detail: detailWithCode });
}

function ended(attempt: Attempt): PaymentEvent {
  const at = attempt.completedAt ?? attempt.updatedAt;
  const last = attempt.evidence.findLast((evidence) => evidence.at === at);
  const source = last?.source ?? 'sluice';
  if (attempt.status === 'SUCCESS') {
    const detail = 'The payment succeeded.';
    return line(at, attempt, { type: 'attempt_succeeded', source, detail });
  }
  const reason = attempt.failureCode === null ? '' : `: ${inWords(attempt.failureCode)}`;
  const after = closesIntent(attempt) ? '' : ' Another card may be tried.';
  const detail = `The attempt failed${reason}.${after}`;
  return line(at, attempt, { type: 'attempt_failed', source, detail });
}

function inWords(code: string): string {
  return code.replaceAll('_', ' ');
}

function line(
  at: number,
  attempt: Attempt | null,
  { type, source, detail }: Pick<PaymentEvent, 'type' | 'source' | 'detail'>,
): PaymentEvent {
  const transactionId = attempt === null ? null : showTransactionId(attempt.transactionId);
  return { at: new Date(at).toISOString(), type, source, detail, transactionId };
}
