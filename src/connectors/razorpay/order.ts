/**
 * Order: what every payment at Razorpay needs first. It holds our reference and what becomes of an authorisation; no money moves by it.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import type { ChargeRequest } from '../connector.ts';
import { CAPABILITIES } from './capabilities.ts';
import { fieldsOf, isOrderId, REFERENCE_NOTE } from './status.ts';

/** An order as Razorpay shows it, once its shape was checked. */
export interface Order {
  id: string;
  amount: number;
  currency: string;
  /** Our reference. */
  receipt: string;
  status: string;
  /** Null: not told. */
  amountPaid: number | null;
  attempts: number;
}

/** The JSON that makes an order. Made twice with one receipt it is the same order. */
export function orderBody({ transactionId, amount, currency }: ChargeRequest): Buffer {
  const reference = showTransactionId(transactionId);
  return Buffer.from(
    JSON.stringify({
      amount,
      currency,
      receipt: reference,
      unique_receipt: true,
      notes: { [REFERENCE_NOTE]: reference },
      payment: CAPABILITIES.capture,
    }),
  );
}

/** Reads an order; null when it is not one. */
export function readOrder(value: unknown): Order | null {
  const { id, amount, currency, receipt, status, amount_paid: amountPaid, attempts } = fieldsOf(value);
  if (!isOrderId(id) || !Number.isSafeInteger(amount)) return null;
  if (typeof currency !== 'string' || typeof receipt !== 'string' || typeof status !== 'string') return null;
  return {
    id,
    amount: amount as number,
    currency,
    receipt,
    status,
    amountPaid: Number.isSafeInteger(amountPaid) ? (amountPaid as number) : null,
    attempts: Number.isSafeInteger(attempts) ? (attempts as number) : 0,
  };
}

/** Nobody has tried to pay it. */
export function isUntouched({ status, attempts, amountPaid }: Order): boolean {
  return status === 'created' && attempts === 0 && (amountPaid ?? 0) === 0;
}
