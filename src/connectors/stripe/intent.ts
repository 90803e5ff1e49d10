/**
 * PaymentIntents and errors as Stripe shows them, read from JSON. Nothing else of an answer is kept, the client secret least of all.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';
import { isRecord } from '../json.ts';

/** Why an attempt of an intent failed, or a request was refused. Words that are none of machines' are null. */
export interface StripeError {
  type: string | null;
  code: string | null;
  declineCode: string | null;
}

/** A PaymentIntent once its shape was checked. */
export interface Intent {
  /** `pi_…` */
  id: string;
  /** Of `metadata.gateway_txn_id`; null when that is none of ours. */
  transactionId: TransactionId | null;
  /** Minor units. */
  amount: number;
  /** Null: not told. */
  amountReceived: number | null;
  /** Upper case, as ours. */
  currency: string;
  status: string;
  /** Milliseconds since 1970 by Stripe's clock; null: not told. */
  createdAt: number | null;
  nextAction: unknown;
  lastError: StripeError | null;
  cancellationReason: string | null;
  /** It can be paid by UPI and nothing else. */
  upi: boolean;
}

const INTENT_ID = /^pi_\w{1,97}$/;
/** A word that is read by machines: no digits, so that no echoed card can stand in one. */
const CODE = /^[a-z_]{1,100}$/;
const CURRENCY = /^[a-z]{3}$/;

/** Whether this can stand in the path of a question. */
export function isIntentId(text: string): boolean {
  return INTENT_ID.test(text);
}

/** Reads an intent; null when it is not one. */
export function readIntent(value: unknown): Intent | null {
  if (!isRecord(value) || value.object !== 'payment_intent') return null;
  const { id, amount, amount_received: received, currency, created } = value;
  if (typeof id !== 'string' || !isIntentId(id)) return null;
  if (typeof currency !== 'string' || !CURRENCY.test(currency)) return null;
  const status = codeOf(value.status);
  if (status === null || !Number.isSafeInteger(amount)) return null;
  return {
    id,
    transactionId: transactionOf(value.metadata),
    amount: amount as number,
    amountReceived: Number.isSafeInteger(received) ? (received as number) : null,
    currency: currency.toUpperCase(),
    status,
    createdAt: Number.isSafeInteger(created) ? (created as number) * 1000 : null,
    nextAction: value.next_action,
    lastError: readError(value.last_payment_error),
    cancellationReason: codeOf(value.cancellation_reason),
    upi: isOnlyUpi(value.payment_method_types),
  };
}

/** Our reference in an object's metadata; null: there is none of ours. */
export function transactionOf(metadata: unknown): TransactionId | null {
  const reference = isRecord(metadata) ? metadata.gateway_txn_id : undefined;
  return typeof reference === 'string' ? parseTransactionId(reference) : null;
}

/** The error of an answer with the intent it may name; null when it is not in Stripe's words. */
export function readErrorAnswer(body: unknown): { error: StripeError; intent: unknown } | null {
  const value = isRecord(body) ? body.error : null;
  const error = readError(value);
  if (error === null || error.type === null) return null;
  return { error, intent: (value as Record<string, unknown>).payment_intent };
}

function readError(value: unknown): StripeError | null {
  if (!isRecord(value)) return null;
  return { type: codeOf(value.type), code: codeOf(value.code), declineCode: codeOf(value.decline_code) };
}

function codeOf(value: unknown): string | null {
  return typeof value === 'string' && CODE.test(value) ? value : null;
}

function isOnlyUpi(types: unknown): boolean {
  return Array.isArray(types) && types.length === 1 && types[0] === 'upi';
}
