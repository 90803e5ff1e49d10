/**
 * Razorpay's error answers: what they refuse, and what they leave open.
 *
 * @module
 */

import { type Reason, reasonOf } from './reasons.ts';
import { fieldsOf, isOrderId, isPaymentId } from './status.ts';

/** An error in Razorpay's own words. */
export interface ApiError {
  /** Machine-readable, without digits. */
  label: string;
  reason: Reason;
  /** Ours; else of a machine that broke, which may have begun something. */
  isOurFault: boolean;
  /** It finds what was sent wrong. */
  isValidation: boolean;
  /** The payment that was begun all the same; null: none is named. */
  paymentId: string | null;
  orderId: string | null;
}

const OUR_FAULT = 'BAD_REQUEST_ERROR';
const CODES: ReadonlySet<unknown> = new Set([OUR_FAULT, 'GATEWAY_ERROR', 'SERVER_ERROR']);

/** Reads an error; null when the answer is nobody's, or somebody else's. */
export function readError(status: number, body: unknown): ApiError | null {
  if (status < 400 || status > 499) return null;
  const { code, reason, field, metadata } = fieldsOf(fieldsOf(body).error);
  if (!CODES.has(code)) return null;
  const { payment_id: paymentId, order_id: orderId } = fieldsOf(metadata);
  const read = reasonOf(code, reason);
  return {
    label: read.failureCode,
    reason: read,
    isOurFault: code === OUR_FAULT,
    isValidation: reason === 'input_validation_failed' || (isNone(reason) && !isNone(field)),
    paymentId: isPaymentId(paymentId) ? paymentId : null,
    orderId: isOrderId(orderId) ? orderId : null,
  };
}

function isNone(value: unknown): boolean {
  return typeof value !== 'string' || value === '' || value === 'NA';
}

/** Wrong key, not allowed, no such address, too many: whatever was asked for was not begun. */
const NOT_BEGUN: ReadonlySet<number> = new Set([401, 403, 404, 429]);
/** The word of the door before Razorpay's API, which has let nothing in. */
const NO_ROUTE = 'no Route matched';

/** Why nothing was begun, by an answer that says so; null: it does not. */
export function refusalOf(status: number, body: unknown): string | null {
  if (status === 404 && String(fieldsOf(body).message).startsWith(NO_ROUTE)) return 'no_route';
  const error = readError(status, body);
  if (error === null || !error.isOurFault || error.paymentId !== null) return null;
  // Of a conflict or a time-out a named field is no proof that nothing was begun.
  return NOT_BEGUN.has(status) || (status === 400 && error.isValidation) ? error.label : null;
}

/** The same of an answer to an order, by which no money moves: any word of Razorpay's that it was our fault. */
export function orderRefusalOf(status: number, body: unknown): string | null {
  const error = readError(status, body);
  return error?.isOurFault ? error.label : refusalOf(status, body);
}
