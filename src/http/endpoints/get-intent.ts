/**
 * GET /v1/payment/intent/{id}
 *
 * @module
 */

import { parseIntentId, showIntentId, showTransactionId } from '../../domain/ids.ts';
import { intentStatus, type Payment } from '../../domain/payment-intent.ts';
import { publicStatus } from '../../domain/transaction.ts';
import { READ_HEADERS } from '../admit.ts';
import { type HttpRequest, type HttpResponse, json, type Route } from '../routes.ts';
import { type FindPaymentDeps, findPayment } from './find-payment.ts';

/** Makes the route. */
export function getIntentRoute(deps: FindPaymentDeps): Route {
  return {
    method: 'GET',
    path: '/v1/payment/intent/:id',
    name: 'get_intent',
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: READ_HEADERS,
    handler: (request) => getIntent(deps, request),
  };
}

async function getIntent(deps: FindPaymentDeps, request: HttpRequest): Promise<HttpResponse> {
  const found = await findPayment(deps, request, parseIntentId(request.params.id ?? ''));
  return 'refused' in found ? found.refused : json(200, showIntent(found.payment));
}

function showIntent(payment: Payment): object {
  const { intent, attempts } = payment;
  return {
    paymentIntentId: showIntentId(intent.paymentIntentId),
    merchantId: intent.merchantId,
    status: intentStatus(payment),
    amount: intent.amount,
    currency: intent.currency,
    orderId: intent.orderId,
    customerId: intent.customerId,
    metadata: intent.metadata === null ? null : JSON.parse(intent.metadata),
    createdAt: new Date(intent.createdAt).toISOString(),
    transactions: attempts.map((attempt) => ({
      transactionId: showTransactionId(attempt.transactionId),
      status: publicStatus(attempt.status),
      attempt: attempt.attempt,
      failureCode: attempt.failureCode,
    })),
  };
}
