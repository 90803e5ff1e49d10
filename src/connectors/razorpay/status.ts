/**
 * Razorpay's payments → our words. Only `captured` is money; only a failure whose reason is listed as certain is final.
 *
 * Samples are loose: error fields may be null, empty or missing, notes a list where there are none. What matters is checked; what is
 * odd says nothing.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';
import type { PaymentMethodType, ProcessorWord, Said, WordSource } from '../../domain/processor-word.ts';
import { type Reason, reasonOf } from './reasons.ts';

/** A payment as Razorpay shows it, once its shape was checked. */
export interface Payment {
  id: string;
  orderId: string | null;
  amount: number;
  currency: string;
  status: string;
  /** Money came in, whatever became of it since. Null: not told. */
  captured: boolean | null;
  method: string | null;
  cardType: string | null;
  /** What our own note on it says; null: no note of ours. */
  reference: string | null;
  errorCode: unknown;
  errorReason: unknown;
  /** Unix seconds; 0: not told. */
  createdAt: number;
}

/** Our reference, in the notes of orders and payments. */
export const REFERENCE_NOTE = 'gateway_txn_id';

const PAYMENT_ID = /^pay_[A-Za-z0-9]{14}$/;
const ORDER_ID = /^order_[A-Za-z0-9]{14}$/;
const CURRENCY = /^[A-Z]{3}$/;
/** No digits, so that no echoed card can stand in one. */
const STATUS = /^[a-z_]{1,100}$/;

export function isPaymentId(value: unknown): value is string {
  return typeof value === 'string' && PAYMENT_ID.test(value);
}

export function isOrderId(value: unknown): value is string {
  return typeof value === 'string' && ORDER_ID.test(value);
}

/** The fields of a JSON object; of anything else there are none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Reads a payment; null when it is not one. */
export function readPayment(value: unknown): Payment | null {
  const { id, order_id: orderId, amount, currency, status, captured, method, ...rest } = fieldsOf(value);
  if (!isPaymentId(id) || !Number.isSafeInteger(amount)) return null;
  if (typeof currency !== 'string' || !CURRENCY.test(currency)) return null;
  if (typeof status !== 'string' || !STATUS.test(status)) return null;
  const { created_at: createdAt } = rest;
  return {
    id,
    orderId: isOrderId(orderId) ? orderId : null,
    amount: amount as number,
    currency,
    status,
    captured: typeof captured === 'boolean' ? captured : null,
    method: textOf(method),
    cardType: textOf(fieldsOf(rest.card).type),
    reference: textOf(fieldsOf(rest.notes)[REFERENCE_NOTE]),
    errorCode: rest.error_code,
    errorReason: rest.error_reason,
    createdAt: Number.isSafeInteger(createdAt) ? (createdAt as number) : 0,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The transaction our note on it names; null: none, or nothing shaped like one of ours. */
export function transactionOf({ reference }: Pick<Payment, 'reference'>): TransactionId | null {
  return reference === null ? null : parseTransactionId(reference);
}

/** Who says what a payment is, and of which leg. */
export interface Telling {
  source: WordSource;
  leg: number | null;
  /** Null where the source does not name it. */
  account: string | null;
  at: number;
  /** When a failure that may still become a success counts as one, in milliseconds since 1970; null: not yet, whatever the time. */
  ambiguousUntil: number | null;
}

type Judged = Pick<ProcessorWord, 'said' | 'failureCode' | 'referenceClosed' | 'elsewhere'>;

/** What the payment says. */
export function wordOf(payment: Payment, telling: Telling): ProcessorWord {
  return {
    ...judge(payment, telling),
    source: telling.source,
    leg: telling.leg,
    processor: 'RAZORPAY',
    processorAccount: telling.account,
    processorTxnId: payment.id,
    amount: payment.amount,
    currency: payment.currency,
    nextAction: null,
    paymentMethodType: methodTypeOf(payment),
    at: telling.at,
    detail: detailOf(payment),
  };
}

function detailOf({ id, status, errorCode, errorReason }: Payment): string {
  const shown = `${id} ${status}`;
  return status === 'failed' ? `${shown} ${reasonOf(errorCode, errorReason).failureCode}` : shown;
}

function judge(payment: Payment, telling: Telling): Judged {
  switch (payment.status) {
    case 'captured':
      return saying('charged');
    case 'authorized':
      // Held at the issuer, and not money: Razorpay captures it, or lets go of it.
      return saying('accepted');
    case 'created':
      // Whether the shopper or the bank is to act is not told. Who asks takes no step away from the shopper for it.
      return saying(telling.source === 'query' ? 'unknown' : 'accepted');
    case 'refunded':
      return judgeRefunded(payment);
    case 'failed':
      return judgeFailed(reasonOf(payment.errorCode, payment.errorReason), payment.method, telling);
    default:
      return saying('unknown');
  }
}

function saying(said: Said): Judged {
  return { said, failureCode: null, referenceClosed: false, elsewhere: false };
}

/** Given back after capture it was charged; that it was given back is another story. Never captured, it can be captured no more. */
function judgeRefunded({ captured }: Payment): Judged {
  if (captured === null) return saying('unknown');
  if (captured) return saying('charged');
  return { said: 'declined', failureCode: 'refunded_uncaptured', referenceClosed: true, elsewhere: false };
}

/** What a failure says. An ambiguous one is being worked on until its time is over; then it is a decline, and closes nothing. */
export function judgeFailed(reason: Reason, method: string | null, telling: Telling): Judged {
  const { failureCode } = reason;
  const means = telling.source === 'query' && method === 'card' ? reason.askedCard : reason.means;
  if (means !== 'ambiguous') {
    return { said: 'declined', failureCode, referenceClosed: true, elsewhere: means === 'elsewhere' };
  }
  const isOver = telling.ambiguousUntil !== null && telling.at > telling.ambiguousUntil;
  return isOver ? { ...saying('declined'), failureCode } : saying('accepted');
}

function methodTypeOf({ method, cardType }: Payment): PaymentMethodType | null {
  if (method === 'upi') return 'UPI';
  if (method !== 'card') return null;
  return cardType === 'credit' ? 'CREDIT_CARD' : cardType === 'debit' ? 'DEBIT_CARD' : null;
}
