/**
 * Asks Razorpay what became of a transaction: the payment that is known, else its order by our reference, and all payments of that.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import type { Query, QueryAnswer, QueryRequest } from '../connector.ts';
import { createRazorpayClient, type RazorpayClient } from './client.ts';
import { keySecretOf, type RazorpayConfig } from './config.ts';
import { isUntouched, type Order, readOrder } from './order.ts';
import { isReturnSigned } from './signature.ts';
import { fieldsOf, isPaymentId, type Payment, readPayment, transactionOf, wordOf } from './status.ts';

const CONNECTIONS_MAX = 64;

/** What a browser brings back from the bank's page that a query looks at. */
export const RETURN_FIELDS = ['razorpay_payment_id', 'razorpay_signature'] as const;

/** Opens the connections queries go over; idle ones close by themselves. */
export function createRazorpayQuery(config: RazorpayConfig): Query {
  return queryOver(createRazorpayClient(config, CONNECTIONS_MAX), config);
}

/** Asks over connections that are there. */
export function queryOver(client: RazorpayClient, config: Pick<RazorpayConfig, 'ambiguousFailureMs'>): Query {
  return async (request) => {
    const known = await findKnown(client, request);
    const found = known ?? (await findByOrder(client, request));
    return 'kind' in found ? found : foundWord(request, found, config);
  };
}

/** A payment, and the order it is of as Razorpay says. */
interface Found {
  payment: Payment;
  orderId: string | null;
}

/** The payment that is known, while nothing better can be beside it: a failed one's order may have another that did not fail. */
async function findKnown(client: RazorpayClient, request: QueryRequest): Promise<Found | null> {
  const { transactionId, account, processorTxnId } = request;
  if (!isPaymentId(processorTxnId)) return null;
  const path = `/v1/payments/${processorTxnId}?expand[]=card`;
  const reply = await client.send({ method: 'GET', path, credentials: account.secretKey });
  const payment = reply.kind === 'answered' && reply.status === 200 ? readPayment(reply.body) : null;
  if (payment === null || payment.status === 'failed') return null;
  const isIt = payment.id === processorTxnId && transactionOf(payment) === transactionId;
  return isIt ? { payment, orderId: payment.orderId } : null;
}

/** No order, or one that nobody has tried to pay, is Razorpay's word that it has no such payment. */
async function findByOrder(
  client: RazorpayClient,
  { transactionId, account }: QueryRequest,
): Promise<Found | QueryAnswer> {
  const reference = showTransactionId(transactionId);
  const credentials = account.secretKey;
  const orders = await list(client, `/v1/orders?receipt=${reference}`, credentials);
  if (!Array.isArray(orders)) return orders;
  if (orders.length === 0) return { kind: 'not_found' };
  const named = orders.map(readOrder).filter((one) => one?.receipt === reference) as Order[];
  // One, by `unique_receipt`; were there more, the one that was tried is it.
  const order = named.find((one) => !isUntouched(one)) ?? named[0];
  if (order === undefined) return noAnswer('other orders than this one');
  const payments = await list(client, `/v1/orders/${order.id}/payments`, credentials);
  if (!Array.isArray(payments)) return payments;
  if (payments.length === 0) {
    return isUntouched(order) ? { kind: 'not_found' } : noAnswer('no payment of an order that was tried');
  }
  const ours = payments.map(readPayment).filter((payment) => isOf(order, reference, payment));
  if (ours.length < payments.length) return noAnswer('payments that are not this order’s');
  return { payment: decisive(ours), orderId: order.id };
}

function isOf(order: Order, reference: string, payment: Payment | null): payment is Payment {
  if (payment === null) return false;
  const isOfOrder = payment.orderId === null || payment.orderId === order.id;
  return isOfOrder && (payment.reference === null || payment.reference === reference);
}

/** An order takes one success: that, else one that may become it, else the last that failed. */
function decisive(payments: readonly Payment[]): Payment {
  const rank = (payment: Payment): number => RANKS[payment.status] ?? (payment.captured === true ? 3 : 1);
  return payments.reduce((best, next) => {
    const ahead = rank(next) - rank(best) || next.createdAt - best.createdAt;
    return ahead > 0 ? next : best;
  });
}

/** What is not here was refunded, or nobody knows: after capture it is a success, else it is ahead of a failure. */
const RANKS: Readonly<Record<string, number>> = { captured: 3, authorized: 2, created: 2, failed: 0 };

/** The items of a collection; anything else is no answer. */
async function list(
  client: RazorpayClient,
  path: string,
  credentials: string,
): Promise<unknown[] | QueryAnswer> {
  const reply = await client.send({ method: 'GET', path, credentials });
  if (reply.kind !== 'answered') return { kind: 'no_answer', detail: reply.detail };
  const { entity, items } = fieldsOf(reply.body);
  if (reply.status !== 200 || entity !== 'collection' || !Array.isArray(items)) {
    return noAnswer(`${reply.status} without a list`);
  }
  return items;
}

function noAnswer(what: string): QueryAnswer {
  return { kind: 'no_answer', detail: `Razorpay answered ${what}` };
}

function foundWord(
  request: QueryRequest,
  { payment, orderId }: Found,
  { ambiguousFailureMs }: Pick<RazorpayConfig, 'ambiguousFailureMs'>,
): QueryAnswer {
  const { leg, account, startedAt, now } = request;
  const word = wordOf(payment, {
    source: 'query',
    leg,
    account: account.account,
    at: now,
    ambiguousUntil: startedAt + ambiguousFailureMs,
  });
  return {
    kind: 'found',
    word: { ...word, detail: word.detail + returnEvidence(request, payment, orderId) },
  };
}

/** Whether what the browser brought is signed for this payment, for people to read: Razorpay's own answer is what is believed. */
function returnEvidence(
  { returned, account }: QueryRequest,
  payment: Payment,
  orderId: string | null,
): string {
  const { razorpay_payment_id: paymentId, razorpay_signature: signature } = returned;
  if (paymentId === undefined || signature === undefined || orderId === null) return '';
  const isRight =
    paymentId === payment.id && isReturnSigned(keySecretOf(account.secretKey), orderId, paymentId, signature);
  return `; the return signature is ${isRight ? 'right' : 'wrong'}`;
}
