/**
 * Builders of payments for tests: every field has a value that a reader need not look at.
 *
 * @module
 */

import { makeId, transactionIdOf } from '../../src/domain/ids.ts';
import type { PaymentIntent } from '../../src/domain/payment-intent.ts';
import type { ProcessorWord } from '../../src/domain/processor-word.ts';
import type { Attempt } from '../../src/domain/transaction.ts';

export const T0 = Date.UTC(2026, 0, 21, 10);

export const SHOWN_CARD = {
  brand: 'VISA',
  masked: '411111****1111',
  expiryMonth: 12,
  expiryYear: 2028,
  fingerprint: 'a3f8d719e4b2c1d0a3f8d719e4b2c1d0',
  token: 'tok_0199a3f8d719e4b2c1d0a3f8d719e4b200',
};

/** An intent of 5000 INR, made at T0 unless told otherwise. */
export function anIntent(over: Partial<PaymentIntent> = {}): PaymentIntent {
  const createdAt = over.createdAt ?? T0;
  return {
    paymentIntentId: makeId(createdAt, 7, new Uint8Array(8)),
    merchantId: 'merchant_amazon',
    customerId: 'user_456',
    orderId: 'order_789',
    amount: 5000,
    currency: 'INR',
    status: 'PENDING',
    metadata: null,
    createdAt,
    updatedAt: createdAt,
    ...over,
  };
}

/** The first attempt of {@link anIntent}, SENT. */
export function anAttempt(over: Partial<Attempt> = {}): Attempt {
  const intent = anIntent();
  const attempt = over.attempt ?? 1;
  return {
    transactionId: transactionIdOf(over.paymentIntentId ?? intent.paymentIntentId, attempt),
    paymentIntentId: intent.paymentIntentId,
    attempt,
    merchantId: intent.merchantId,
    customerId: intent.customerId,
    amount: intent.amount,
    currency: intent.currency,
    status: 'SENT',
    outcome: 'unknown',
    leg: 1,
    processor: 'SANDBOX',
    processorAccount: 'acct_demo',
    routing: {
      fallback: null,
      legs: [{ leg: 1, processor: 'SANDBOX', processorAccount: 'acct_demo', reason: 'preferred', at: T0 }],
    },
    processorTxnId: null,
    failureCode: null,
    reopenable: false,
    revision: 1,
    senderNonce: '00'.repeat(16),
    sendBefore: T0 + 30_000,
    card: SHOWN_CARD,
    paymentMethodType: null,
    nextAction: null,
    successUrl: 'https://amazon.com/order/success',
    cancelUrl: 'https://amazon.com/order/cancel',
    sessionExpiresAt: T0 + 600_000,
    evidence: [],
    createdAt: T0,
    updatedAt: T0,
    completedAt: null,
    ...over,
  };
}

/** "Charged", as the processor of {@link anAttempt} answers. */
export function aWord(over: Partial<ProcessorWord> = {}): ProcessorWord {
  return {
    source: 'answer',
    said: 'charged',
    leg: 1,
    processor: 'SANDBOX',
    processorAccount: 'acct_demo',
    processorTxnId: 'ch_1',
    amount: 5000,
    currency: 'INR',
    failureCode: null,
    referenceClosed: false,
    elsewhere: false,
    nextAction: null,
    paymentMethodType: null,
    at: T0 + 1000,
    detail: '',
    ...over,
  };
}
