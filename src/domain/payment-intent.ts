/**
 * A payment intent: what a merchant wants paid, and which attempts it has had.
 *
 * Its status is stored only when final (SUCCESS, FAILED); until then it follows from the latest attempt.
 *
 * @module
 */

import { ATTEMPTS_MAX, type IntentId } from './ids.ts';
import { type Attempt, isFinal, type PublicStatus } from './transaction.ts';

export interface PaymentIntent {
  paymentIntentId: IntentId;
  merchantId: string;
  customerId: string | null;
  orderId: string;
  /** Minor units. */
  amount: number;
  currency: string;
  /** What is stored: PENDING until final. */
  status: 'PENDING' | 'SUCCESS' | 'FAILED';
  /** JSON text of an object, or null. */
  metadata: string | null;
  createdAt: number;
  updatedAt: number;
}

/** An intent with its attempts, oldest first: what one payment is. */
export interface Payment {
  intent: PaymentIntent;
  attempts: Attempt[];
}

/** An intent can be paid for a day (design 7). */
export const INTENT_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** The status the API shows. */
export function intentStatus(payment: Payment): PublicStatus {
  const latest = payment.attempts.at(-1);
  if (payment.intent.status !== 'PENDING') return payment.intent.status;
  return latest !== undefined && !isFinal(latest.status) ? 'PROCESSING' : 'PENDING';
}

/** Why a new attempt may not start. In order of precedence. */
export type PayRefusal = 'intent_already_paid' | 'payment_in_progress' | 'intent_closed' | 'intent_expired';

/** Whether the next attempt may start, and its number. */
export function nextAttempt(payment: Payment, now: number): { attempt: number } | { refusal: PayRefusal } {
  const latest = payment.attempts.at(-1);
  if (payment.intent.status === 'SUCCESS') return { refusal: 'intent_already_paid' };
  if (latest !== undefined && !isFinal(latest.status)) return { refusal: 'payment_in_progress' };
  if (payment.intent.status === 'FAILED') return { refusal: 'intent_closed' };
  if (now - payment.intent.createdAt >= INTENT_LIFETIME_MS) return { refusal: 'intent_expired' };
  if (latest === undefined) return { attempt: 1 };
  if (latest.status === 'SUCCESS') return { refusal: 'intent_already_paid' };
  if (!latest.reopenable || latest.attempt >= ATTEMPTS_MAX) return { refusal: 'intent_closed' };
  return { attempt: latest.attempt + 1 };
}
