/**
 * GET /v1/payment/transaction/{id}
 *
 * @module
 */

import { intentIdOf, parseTransactionId, showIntentId, showTransactionId } from '../../domain/ids.ts';
import type { PaymentIntent } from '../../domain/payment-intent.ts';
import type { NextAction } from '../../domain/processor-word.ts';
import type { Routing } from '../../domain/routing.ts';
import { type Attempt, publicStatus, type ShownCard } from '../../domain/transaction.ts';
import { READ_HEADERS } from '../admit.ts';
import { type HttpRequest, type HttpResponse, json, type Route } from '../routes.ts';
import { type FindPaymentDeps, findPayment, paymentNotFound } from './find-payment.ts';

export interface GetTransactionDeps extends FindPaymentDeps {
  /** Scheme and host of checkout as shoppers see it. */
  publicCheckoutUrl: string;
}

/** Makes the route. */
export function getTransactionRoute(deps: GetTransactionDeps): Route {
  return {
    method: 'GET',
    path: '/v1/payment/transaction/:id',
    name: 'get_transaction',
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: READ_HEADERS,
    handler: (request) => getTransaction(deps, request),
  };
}

async function getTransaction(deps: GetTransactionDeps, request: HttpRequest): Promise<HttpResponse> {
  const transactionId = parseTransactionId(request.params.id ?? '');
  const found = await findPayment(deps, request, transactionId === null ? null : intentIdOf(transactionId));
  if ('refused' in found) return found.refused;
  const { intent, attempts } = found.payment;
  const attempt = attempts.find((one) => one.transactionId === transactionId);
  return attempt === undefined ? paymentNotFound() : json(200, showTransaction(deps, intent, attempt));
}

function showTransaction(deps: GetTransactionDeps, intent: PaymentIntent, attempt: Attempt): object {
  const { card } = attempt;
  return {
    transactionId: showTransactionId(attempt.transactionId),
    paymentIntentId: showIntentId(attempt.paymentIntentId),
    status: publicStatus(attempt.status),
    amount: attempt.amount,
    currency: attempt.currency,
    completedAt: attempt.completedAt === null ? null : new Date(attempt.completedAt).toISOString(),
    createdAt: new Date(attempt.createdAt).toISOString(),
    orderId: intent.orderId,
    customerId: attempt.customerId,
    outcome: attempt.outcome,
    failureCode: attempt.failureCode,
    processor: attempt.processor,
    processorTxnId: attempt.processorTxnId,
    attempt: attempt.attempt,
    paymentMethodType: attempt.paymentMethodType,
    nextAction: attempt.nextAction === null ? null : showNextAction(deps, attempt, attempt.nextAction),
    routing: showRouting(attempt.routing),
    card: card === null ? null : showCard(card),
  };
}

/** What the shopper is to do, there or on our page of the result, which shows it too. */
function showNextAction(deps: GetTransactionDeps, attempt: Attempt, action: NextAction): object {
  const resultUrl = resultUrlOf(deps, attempt);
  const expiresAt = action.expiresAt === null ? null : new Date(action.expiresAt).toISOString();
  switch (action.kind) {
    case 'redirect':
      return { type: 'redirect', url: action.url, resultUrl, expiresAt };
    case 'form':
      return { type: 'form', url: action.url, fields: action.fields, resultUrl, expiresAt };
    case 'otp':
      return { type: 'otp', resultUrl, expiresAt };
    case 'upi':
      return { type: 'upi_intent', link: action.link, resultUrl, expiresAt };
  }
}

/** The page of checkout, without a session: it names none to whoever reads this. */
function resultUrlOf({ publicCheckoutUrl }: GetTransactionDeps, { transactionId }: Attempt): string {
  return `${publicCheckoutUrl}/checkout/result?transaction=${showTransactionId(transactionId)}`;
}

/** Where it was sent and why, leg by leg, and where it could have gone. */
function showRouting({ fallback, legs }: Routing): object {
  return {
    fallback: fallback?.processor ?? null,
    legs: legs.map(({ leg, processor, reason, at }) => ({
      leg,
      processor,
      reason,
      at: new Date(at).toISOString(),
    })),
  };
}

function showCard(card: ShownCard): object {
  return {
    brand: card.brand,
    masked: card.masked,
    expiryMonth: String(card.expiryMonth).padStart(2, '0'),
    expiryYear: String(card.expiryYear),
    fingerprint: `fp_${card.fingerprint}`,
    token: card.token,
  };
}
