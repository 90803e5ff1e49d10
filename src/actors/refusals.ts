/**
 * Refusals: what a payment cannot do, in the words of the caller.
 *
 * @module
 */

import { showTransactionId } from '../domain/ids.ts';
import { type OutcomeCode, type Refusal, refusal } from '../domain/outcomes.ts';
import { nextAttempt, type Payment } from '../domain/payment-intent.ts';
import { takesUpiIn } from '../domain/upi-link.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest, StartAttempt } from '../messages/requests.ts';
import type { TurnRefusal } from '../runtime/actor.ts';

/** A refusal as a reply. */
export function refused(code: OutcomeCode, detail: string): ShardReply {
  return { type: 'refused', refusal: refusal(code, detail) };
}

/** Missing and foreign payments alike. */
export function paymentNotFound(): Refusal {
  return refusal('payment_not_found', 'No payment of this merchant has this id');
}

/** A session is for an intent that can be paid now. */
export function sessionRefusal(payment: Payment, now: number): Refusal | null {
  const next = nextAttempt(payment, now);
  return 'refusal' in next ? payRefusal(payment, next.refusal) : null;
}

/** Why this attempt may not start; null: it may. */
export function attemptRefusal(payment: Payment, command: StartAttempt, now: number): Refusal | null {
  const { intent } = payment;
  if (intent.merchantId !== command.merchantId) return paymentNotFound();
  const amountDiffers = command.claimedAmount !== null && command.claimedAmount !== intent.amount;
  const currencyDiffers = command.claimedCurrency !== null && command.claimedCurrency !== intent.currency;
  if (amountDiffers || currencyDiffers) {
    return refusal(
      'amount_mismatch',
      'The amount or currency in the request is not that of the payment intent',
    );
  }
  if (command.card === null && !takesUpiIn(intent.currency)) {
    const errors = [{ pointer: '/method', detail: 'upi pays in INR only' }];
    return refusal('invalid_request', 'This order cannot be paid by UPI.', { errors });
  }
  return sessionRefusal(payment, now);
}

const PAY_REFUSALS = {
  intent_already_paid: 'This payment intent has been paid; create a new one for a new order',
  payment_in_progress: 'A payment of this intent is running; its transaction tells how it ends',
  intent_closed: 'This payment intent has failed for good; create a new one',
  intent_expired: 'This payment intent is older than 24 hours; create a new one',
} as const;

function payRefusal(payment: Payment, code: keyof typeof PAY_REFUSALS): Refusal {
  const latest = payment.attempts.at(-1);
  return refusal(
    code,
    PAY_REFUSALS[code],
    latest && { transactionId: showTransactionId(latest.transactionId) },
  );
}

/** The reply to a command that the turn could not carry out. */
export function refuse(command: ShardRequest, why: TurnRefusal): ShardReply {
  switch (why) {
    case 'overloaded':
      return refused('overloaded', 'Too many requests wait for this shard; try again shortly');
    case 'deadline_passed':
      return refused('deadline_passed', 'The request waited too long and was not begun');
    case 'shutting_down':
      return refused('shutting_down', 'The request was not begun; another gateway will take it');
    case 'lock_timeout':
      return 'key' in command && command.key !== null
        ? refused('idempotency_key_in_flight', 'Another request with this key holds it; try again shortly')
        : refused('storage_unavailable', 'Another gateway holds the row; try again shortly');
    case 'poisoned':
      return refused('invalid_request', 'The database refused a value of this request');
    case 'fenced':
      return refused('shard_moved', 'This database no longer owns the merchant; try again shortly');
    case 'unavailable':
      return refused('shard_unavailable', 'The request was not begun; try again shortly');
    case 'conflict':
    case 'halfway':
    case 'repeat':
    case 'uncertain':
      return refused('storage_unavailable', 'The change could not be committed; try again');
  }
}
