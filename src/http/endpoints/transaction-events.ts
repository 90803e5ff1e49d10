/**
 * GET /v1/payment/transaction/{id}/events: what happened to a payment, in words that support can read out.
 *
 * @module
 */

import { intentIdOf, parseTransactionId, showIntentId, showTransactionId } from '../../domain/ids.ts';
import { decimalAmount } from '../../domain/money.ts';
import type { Payment } from '../../domain/payment-intent.ts';
import type { Said, WordSource } from '../../domain/processor-word.ts';
import type { RoutedLeg, RouteReason } from '../../domain/routing.ts';
import {
  type Attempt,
  closesIntent,
  type Evidence,
  isFinal,
  SETTLEMENT_FAILED,
} from '../../domain/transaction.ts';
import { READ_HEADERS } from '../admit.ts';
import { type HttpRequest, type HttpResponse, json, type Route } from '../routes.ts';
import type { StoryType } from '../schemas.ts';
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
  type: StoryType;
  source: WordSource | 'sluice';
  detail: string;
  /** The transaction this line is of; null for the intent. */
  transactionId: string | null;
}

/** Oldest first: the intent, this attempt with all that was heard, and of the others when they began and how they ended. */
function eventsOf({ intent, attempts }: Payment, shown: Attempt): PaymentEvent[] {
  const created = line(intent.createdAt, null, {
    type: 'intent_created',
    source: 'sluice',
    detail: `${intent.currency} ${decimalAmount(intent.amount, intent.currency)} asked for, order ${intent.orderId}.`,
  });
  const lines = attempts.flatMap((attempt) => [
    started(attempt),
    ...(attempt === shown ? attempt.routing.legs.flatMap((leg) => legEvents(attempt, leg)) : []),
    ...(isFinal(attempt.status) ? ended(attempt) : []),
  ]);
  // Lines of one moment stay in the order in which they were found.
  return [created, ...lines.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))];
}

function started(attempt: Attempt): PaymentEvent {
  const { card, routing } = attempt;
  return line(attempt.createdAt, attempt, {
    type: 'attempt_started',
    source: 'sluice',
    detail: `Attempt ${attempt.attempt} ${card === null ? 'by UPI' : `with ${card.brand} ${card.masked}`} at ${routing.legs[0]!.processor}.`,
  });
}

/** Where it was sent and why, and what was heard from there. */
function legEvents(attempt: Attempt, leg: RoutedLeg): PaymentEvent[] {
  const heardOfLeg = attempt.evidence.filter((evidence) => evidence.leg === leg.leg);
  return [routed(attempt, leg), ...heardOfLeg.flatMap((evidence) => heard(attempt, evidence))];
}

/** Why a second leg was allowed: each is a reason for which the first cannot have charged. */
const FIRST: Readonly<Record<Exclude<RouteReason, 'preferred'>, string>> = {
  first_unreachable: 'could not be reached',
  first_busy: 'had no room for another charge',
  first_breaker_open: 'had failed too often just before and was left alone',
  first_refused: 'refused for reasons of its own',
};

function routed(attempt: Attempt, { processor, reason, at }: RoutedLeg): PaymentEvent {
  if (reason === 'preferred') {
    const detail = `Sent to ${processor}, the processor the merchant prefers.`;
    return line(at, attempt, { type: 'routed', source: 'sluice', detail });
  }
  const [first] = attempt.routing.legs;
  const detail = `Sent to ${processor} instead: ${first!.processor} ${FIRST[reason]}, so no money can have moved there.`;
  return line(at, attempt, { type: 'fell_back', source: 'sluice', detail });
}

/** Said → what it is called and how it is told. */
const SAID: Readonly<Record<Said, { type: StoryType; detail: string }>> = {
  charged: { type: 'charged', detail: 'The bank charged the card.' },
  declined: { type: 'declined', detail: 'The bank declined the card.' },
  accepted: { type: 'accepted', detail: 'The bank took the charge and works on it.' },
  action_required: {
    type: 'action_required',
    detail: 'The bank asks the shopper to confirm the payment on its page (3-D Secure).',
  },
  not_sent: { type: 'not_sent', detail: 'The charge did not reach the bank: nothing was sent.' },
  unknown: {
    type: 'outcome_unknown',
    detail: 'The charge was sent and no clear word came back: Sluice asks the bank until it knows.',
  },
  never_arrived: {
    type: 'never_arrived',
    detail:
      'The bank does not know the charge, long after the last moment to send it: it counts as not charged.',
  },
  not_found: { type: 'not_found', detail: 'The bank was asked and does not know the charge.' },
  no_answer: { type: 'no_answer', detail: 'The bank was asked and gave no answer.' },
};

/** How the same is told of UPI. */
const SAID_OF_UPI: Readonly<Partial<Record<Said, string>>> = {
  charged: 'The bank took the money by UPI.',
  declined: 'The bank declined the UPI payment.',
  action_required: 'The bank asks the shopper to approve the payment in a UPI app.',
};

function heard(attempt: Attempt, evidence: Evidence): PaymentEvent[] {
  const { at, source, said } = evidence;
  if (source === 'operator') return [resolved(attempt, evidence)];
  if (source === 'settlement') return [settled(attempt, evidence)];
  const { type, detail: ofCard } = SAID[said];
  const detail = attempt.card === null ? (SAID_OF_UPI[said] ?? ofCard) : ofCard;
  // A failure code is of the last word; earlier words had their own, which is not kept.
  const last = said === 'declined' && attempt.status === 'FAILED' && attempt.failureCode !== null;
  const detailWithCode = last ? `${detail.slice(0, -1)}: ${inWords(attempt.failureCode!)}.` : detail;
  return [
    ...(source === 'return' ? [returned(attempt, at)] : []),
    line(at, attempt, { type, source, detail: detailWithCode }),
    ...noFallback(attempt, evidence),
  ];
}

/** Whatever an operator decided; the reason is in the audit and not for merchants. */
function resolved(attempt: Attempt, { at, source, said }: Evidence): PaymentEvent {
  const detail = `An operator decided that it was ${said === 'charged' ? '' : 'not '}charged.`;
  return line(at, attempt, { type: 'operator_resolved', source, detail });
}

function settled(attempt: Attempt, { at, source, said }: Evidence): PaymentEvent {
  const detail = `The processor’s settlement report says that it was ${said === 'charged' ? '' : 'not '}paid.`;
  return line(at, attempt, { type: 'settlement_heard', source, detail });
}

function returned(attempt: Attempt, at: number): PaymentEvent {
  const detail = 'The shopper came back from the bank’s page, and the bank was asked at once.';
  return line(at, attempt, { type: 'shopper_returned', source: 'sluice', detail });
}

/** Why the processor's answer was the end of it, or nobody else was asked for another. */
function noFallback(attempt: Attempt, { at, source, said, leg }: Evidence): PaymentEvent[] {
  const only = source === 'answer' && leg === 1 && attempt.routing.legs.length === 1;
  const why = only ? whyNoFallback(attempt, said) : null;
  if (why === null) return [];
  const detail = `No other processor was asked: ${why}.`;
  return [line(at, attempt, { type: 'no_fallback', source: 'sluice', detail })];
}

/** Codes of a decline that is the processor's own trouble; with them it is the time that did not suffice. */
const OF_THE_PROCESSOR: ReadonlySet<string | null> = new Set(['processor_refused', 'acquirer_unavailable']);

function whyNoFallback({ routing: { fallback }, failureCode }: Attempt, said: Said): string | null {
  if (said === 'unknown') return 'the outcome is unknown, and money may have moved';
  const failedHere = said === 'not_sent' || (said === 'declined' && OF_THE_PROCESSOR.has(failureCode));
  if (failedHere && failureCode === 'send_before_passed') return 'it was too late to send the charge at all';
  if (failedHere)
    return fallback === null ? 'the merchant has no second one' : 'it was too late for another charge';
  return said === 'declined' && fallback !== null ? 'the card’s issuer said no, and would again' : null;
}

function ended(attempt: Attempt): PaymentEvent[] {
  const at = attempt.completedAt ?? attempt.updatedAt;
  const last = attempt.evidence.findLast((evidence) => evidence.at === at);
  const source = last?.source ?? 'sluice';
  if (attempt.status === 'SUCCESS') {
    const detail = 'The payment succeeded.';
    const success = line(at, attempt, { type: 'attempt_succeeded', source, detail });
    return hadFailed(attempt) ? [late(attempt, at), success] : [success];
  }
  const reason = attempt.failureCode === null ? '' : `: ${inWords(attempt.failureCode)}`;
  const after = closesIntent(attempt) ? '' : ' The shopper may try again.';
  const detail = `The attempt failed${reason}.${after}`;
  const failure = line(at, attempt, { type: 'attempt_failed', source, detail });
  return hadSucceeded(attempt) ? [reversed(attempt, at), failure] : [failure];
}

/** Nothing but a report takes a success back. */
function hadSucceeded({ failureCode, evidence, completedAt }: Attempt): boolean {
  return (
    failureCode === SETTLEMENT_FAILED &&
    evidence.some(({ said, at }) => said === 'charged' && at < completedAt!)
  );
}

function reversed(attempt: Attempt, at: number): PaymentEvent {
  const detail =
    'It had succeeded, and the processor took it back: the merchant is told payment.reversed, and is not paid for it.';
  return line(at, attempt, { type: 'success_reversed', source: 'sluice', detail });
}

const FAILING: ReadonlySet<Said> = new Set(['declined', 'not_sent', 'never_arrived']);

/** It was FAILED before; what led to a second leg did not fail the attempt. */
function hadFailed({ evidence, routing }: Attempt): boolean {
  const switchedAt = routing.legs[1]?.at ?? Number.NEGATIVE_INFINITY;
  return evidence.some(({ said, leg, at }) => FAILING.has(said) && !(leg === 1 && at <= switchedAt));
}

function late(attempt: Attempt, at: number): PaymentEvent {
  const detail =
    'It had counted as failed and was charged after all: the merchant is told payment.recovered.';
  return line(at, attempt, { type: 'late_success', source: 'sluice', detail });
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
