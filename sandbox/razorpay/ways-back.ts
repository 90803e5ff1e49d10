/**
 * Ways back: the form that the shopper's browser posts to `callback_url`.
 *
 * @module
 */
import type { Charge } from '../book.ts';
import { type Account, otherThan, type WayBack } from '../dialect.ts';
import { errorOf, factsOf, statusOf } from './payments.ts';
import type { RazorpayError } from './problems.ts';
import { failureOf } from './reasons.ts';
import { signReturn } from './signatures.ts';

/** What the browser carries back: the signature of a payment that is authorised, or the error of one that is not. */
export function wayBackOf(charge: Charge, account: Account, url: string): WayBack {
  const { order } = factsOf(charge);
  const status = statusOf(charge);
  const fields =
    status === 'authorized' || status === 'captured'
      ? successFields(order, charge.id, account.secretKey)
      : errorFields(errorOf(charge) ?? pendingOf(charge));
  return { via: 'form', url, fields };
}

/** The opposite outcome, of another's payment, by somebody who does not know the secret. */
export function forgedWayBackOf(charge: Charge, account: Account, url: string): WayBack {
  const order = otherThan(factsOf(charge).order);
  const id = otherThan(charge.id);
  const paid = charge.status === 'succeeded';
  const fields = paid
    ? errorFields(failureOf('card_declined', { payment_id: id, order_id: order }))
    : successFields(order, id, `${account.secretKey}-forged`);
  return { via: 'form', url, fields };
}

/** The signed words that a payment is authorised: also the answer to a one-time password. */
export function successFields(
  orderId: string,
  paymentId: string,
  keySecret: string,
): Readonly<Record<string, string>> {
  return {
    razorpay_payment_id: paymentId,
    razorpay_order_id: orderId,
    razorpay_signature: signReturn(keySecret, orderId, paymentId),
  };
}

function pendingOf(charge: Charge): RazorpayError {
  return failureOf('payment_pending', { payment_id: charge.id, order_id: factsOf(charge).order });
}

function errorFields(error: RazorpayError): Readonly<Record<string, string>> {
  return {
    'error[code]': error.code,
    'error[description]': error.description,
    'error[source]': error.source,
    'error[step]': error.step,
    'error[reason]': error.reason,
    'error[metadata]': JSON.stringify(error.metadata),
  };
}
