/**
 * Payment memory: what an actor believes of the open payments of its lane, this turn's proposals included.
 *
 * Two things are kept apart: what is *believed* (from earlier commits, from rows read, from proposals of this turn) and what was
 * *read* in this turn. Beliefs may propose a change; only what was read and not touched since may decide a refusal.
 *
 * @module
 */

import type { KeyRef } from '../domain/facts.ts';
import { keyName, type StoredKey } from '../domain/idempotency.ts';
import { type IntentId, intentIdOf, type TransactionId } from '../domain/ids.ts';
import type { Payment, PaymentIntent } from '../domain/payment-intent.ts';
import { type Attempt, closesIntent } from '../domain/transaction.ts';
import type { Loaded } from '../storage/storage.ts';

export type PaymentMemory = ReturnType<typeof createPaymentMemory>;

/** @param paymentsMax payments kept; the least recently used leaves first */
export function createPaymentMemory(paymentsMax: number) {
  const believed = new Map<IntentId, Payment>();
  let read: Loaded = { payments: new Map(), keys: new Map() };
  /** Payments and keys this turn has proposed to change: what was read of them no longer decides. */
  const touched = new Set<string>();
  /** Attempts proposed in this turn: another gateway may own the row of that id, so no word moves them yet. */
  const unborn = new Set<TransactionId>();

  function remember(payment: Payment): void {
    const { paymentIntentId } = payment.intent;
    believed.delete(paymentIntentId);
    believed.set(paymentIntentId, payment);
    if (believed.size > paymentsMax) believed.delete(believed.keys().next().value!);
  }

  return {
    /** Takes in the rows of this turn. */
    absorb(loaded: Loaded): void {
      read = loaded;
      for (const [intentId, payment] of loaded.payments) {
        if (payment === null) believed.delete(intentId);
        else remember(payment);
      }
    },

    has: (intentId: IntentId): boolean => believed.has(intentId),
    payment: (intentId: IntentId): Payment | null => believed.get(intentId) ?? null,
    /** Of a payment that was forgotten since it was read in this turn, the row that was read. */
    attempt(transactionId: TransactionId): Attempt | undefined {
      const intentId = intentIdOf(transactionId);
      const payment = believed.get(intentId) ?? (touched.has(intentId) ? null : read.payments.get(intentId));
      return payment?.attempts.find((attempt) => attempt.transactionId === transactionId);
    },

    /** The payment as it was read in this turn; null when it was not there. */
    readPayment: (intentId: IntentId): Payment | null => read.payments.get(intentId) ?? null,
    readKey: (key: KeyRef): StoredKey | null => read.keys.get(keyName(key)) ?? null,
    /** True when what was read of this payment in this turn still decides. */
    isSettled: (intentId: IntentId): boolean => read.payments.has(intentId) && !touched.has(intentId),
    isTouched: (intentIdOrKeyName: string): boolean => touched.has(intentIdOrKeyName),
    isUnborn: (transactionId: TransactionId): boolean => unborn.has(transactionId),

    /** Believes a change of this turn before it is committed. */
    propose(payment: Payment): void {
      remember(payment);
      touched.add(payment.intent.paymentIntentId);
    },
    proposeAttempt(payment: Payment, attempt: Attempt): void {
      remember({ intent: payment.intent, attempts: [...payment.attempts, attempt] });
      touched.add(attempt.paymentIntentId);
      unborn.add(attempt.transactionId);
    },
    proposeMove(attempt: Attempt): void {
      replace(attempt);
      touched.add(attempt.paymentIntentId);
    },
    proposeKey(key: KeyRef): void {
      touched.add(keyName(key));
    },
    /** The insert has told what stands in the intent's row. */
    learn(attempt: Attempt, intent: PaymentIntent): void {
      replace(attempt, intent);
    },
    touch(intentId: IntentId): void {
      touched.add(intentId);
    },
    forget(intentId: IntentId): void {
      believed.delete(intentId);
    },

    /** The turn is over. A payment that was read as paid has nothing left to be proposed, and others need the room. */
    settle(): void {
      for (const [intentId, payment] of read.payments) {
        if (payment?.intent.status === 'SUCCESS') believed.delete(intentId);
      }
      if (read.payments.size + read.keys.size > 0) read = { payments: new Map(), keys: new Map() };
      touched.clear();
      unborn.clear();
    },
  };

  function replace(attempt: Attempt, intent?: PaymentIntent): void {
    const payment = believed.get(attempt.paymentIntentId);
    if (payment === undefined) return;
    const attempts = payment.attempts.map((one) =>
      one.transactionId === attempt.transactionId ? attempt : one,
    );
    const status =
      attempt.status === 'SUCCESS' ? 'SUCCESS' : closesIntent(attempt) ? 'FAILED' : payment.intent.status;
    // A paid intent stays paid, whatever becomes of its other attempts.
    const stored = payment.intent.status === 'SUCCESS' ? 'SUCCESS' : status;
    remember({ intent: { ...(intent ?? payment.intent), status: stored }, attempts });
  }
}
