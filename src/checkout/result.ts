/**
 * Result: what a shopper is to be told of a payment, as a state. Pure.
 *
 * @module
 */

import { isSessionId } from '../domain/checkout-session.ts';
import { nextAttempt, type Payment } from '../domain/payment-intent.ts';
import { type Attempt, isFinal } from '../domain/transaction.ts';

/**
 * - `waiting`: with the bank, and not for long
 * - `action`: the bank waits for the shopper: a page of its own to confirm on, or a UPI app
 * - `asking`: the bank has not said how it ended, or not for a while; nobody can say
 * - `paid`: this attempt is paid
 * - `paid-by-other`: this attempt is not, but the order is
 * - `other-runs`: this attempt failed, and a later one is with the bank
 * - `failed`: this attempt failed, and no other one runs
 */
export type ResultState =
  | 'waiting'
  | 'action'
  | 'asking'
  | 'paid'
  | 'paid-by-other'
  | 'other-runs'
  | 'failed';

/** From here on a shopper is told that we are asking, not that it will be a moment. */
const ASKING_AFTER_MS = 8000;

/** What to tell at this moment about an attempt of a payment. */
export function resultState(payment: Payment, attempt: Attempt, now: number): ResultState {
  if (attempt.status === 'SUCCESS') return 'paid';
  if (paidAttempt(payment) !== undefined || payment.intent.status === 'SUCCESS') return 'paid-by-other';
  if (mayAct(attempt, now)) return 'action';
  if (!isFinal(attempt.status)) {
    // One that waits for its shopper no longer is over at the bank, which has not said so.
    const unheard = attempt.status === 'REQUIRES_ACTION' || attempt.evidence.at(-1)?.said === 'unknown';
    return unheard || now - attempt.createdAt >= ASKING_AFTER_MS ? 'asking' : 'waiting';
  }
  return runningAttempt(payment) === undefined ? 'failed' : 'other-runs';
}

/** The bank waits for the shopper, and its time is not over. */
export function mayAct({ status, nextAction }: Attempt, now: number): boolean {
  if (status !== 'REQUIRES_ACTION' || nextAction === null) return false;
  return nextAction.expiresAt === null || nextAction.expiresAt > now;
}

/** The attempt that paid, if one did. */
export function paidAttempt(payment: Payment): Attempt | undefined {
  return payment.attempts.find((one) => one.status === 'SUCCESS');
}

/** The attempt that has no final word, if there is one. */
export function runningAttempt(payment: Payment): Attempt | undefined {
  return payment.attempts.find((one) => !isFinal(one.status));
}

/** Another card can be tried while the intent takes one and the session is open. */
export function mayTryAgain(payment: Payment, attempt: Attempt, sessionId: string, now: number): boolean {
  const sessionOpen = attempt.sessionExpiresAt !== null && attempt.sessionExpiresAt > now;
  return isSessionId(sessionId) && sessionOpen && 'attempt' in nextAttempt(payment, now);
}

/**
 * Seconds until a page without script looks again: soon at first, then like one who has other things to do. A page on which
 * there is something to do is not taken away every other second.
 */
export function reloadSeconds(attempt: Attempt, now: number): number {
  if (attempt.status === 'REQUIRES_ACTION') return 6;
  const ageMs = now - attempt.createdAt;
  if (ageMs < 20_000) return 2;
  if (ageMs < 60_000) return 5;
  return ageMs < 600_000 ? 15 : 60;
}
