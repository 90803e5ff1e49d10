/**
 * A new attempt, as the command that starts it and its intent make it.
 *
 * @module
 */

import { timeOfId, transactionIdOf } from '../domain/ids.ts';
import type { PaymentIntent } from '../domain/payment-intent.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { StartAttempt } from '../messages/requests.ts';

/** An intent this lane has not seen: the insert takes everything that matters from its row. */
export function unseenIntent(command: StartAttempt): PaymentIntent {
  const createdAt = timeOfId(command.intentId);
  return {
    paymentIntentId: command.intentId,
    merchantId: command.merchantId,
    customerId: null,
    orderId: '',
    amount: 0,
    currency: '',
    status: 'PENDING',
    metadata: null,
    createdAt,
    updatedAt: createdAt,
  };
}

/** The attempt of this number: SENT, with nothing known of its charge. */
export function newAttempt(command: StartAttempt, intent: PaymentIntent, attempt: number): Attempt {
  return {
    transactionId: transactionIdOf(command.intentId, attempt),
    paymentIntentId: command.intentId,
    attempt,
    merchantId: command.merchantId,
    customerId: intent.customerId,
    amount: intent.amount,
    currency: intent.currency,
    status: 'SENT',
    outcome: 'unknown',
    leg: 1,
    processor: command.processor,
    processorAccount: command.processorAccount,
    routing: {
      fallback: command.fallback,
      legs: [
        {
          leg: 1,
          processor: command.processor,
          processorAccount: command.processorAccount,
          reason: 'preferred',
          at: command.now,
        },
      ],
    },
    processorTxnId: null,
    failureCode: null,
    reopenable: false,
    revision: 1,
    senderNonce: command.nonce,
    sendBefore: command.sendBefore,
    card: command.card,
    paymentMethodType: command.card === null ? 'UPI' : null,
    nextAction: null,
    successUrl: command.successUrl,
    cancelUrl: command.cancelUrl,
    sessionExpiresAt: command.sessionExpiresAt,
    evidence: [],
    createdAt: command.now,
    updatedAt: command.now,
    completedAt: null,
  };
}
