/**
 * Builders of merchant events and endpoints for tests: every field has a value that a reader need not look at.
 *
 * @module
 */

import { makeId, transactionIdOf } from '../../domain/ids.ts';
import type { MerchantEvent } from '../../domain/merchant-event.ts';
import type { WebhookEndpoint } from '../../storage/webhook-endpoints.ts';

const T0 = Date.UTC(2026, 0, 21, 10);
let made = 0;

function nextId(at: number): string {
  const random = new Uint8Array(8);
  new DataView(random.buffer).setUint32(3, ++made);
  return makeId(at, 7, random);
}

/** A success of 5000 INR, with an id of its own. */
export function anEvent(over: Partial<MerchantEvent> = {}): MerchantEvent {
  const createdAt = over.createdAt ?? T0;
  const paymentIntentId = nextId(createdAt);
  return {
    eventId: nextId(createdAt),
    merchantId: 'merchant_amazon',
    type: 'payment.succeeded',
    status: 'SUCCESS',
    sequence: 1,
    paymentIntentId,
    transactionId: transactionIdOf(paymentIntentId, 1),
    orderId: 'order_789',
    customerId: 'user_456',
    amount: 5000,
    currency: 'INR',
    failureCode: null,
    createdAt,
    ...over,
  };
}

/** An endpoint that hears everything; its secret is "sealed" as its own bytes. */
export function anEndpoint(over: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return {
    endpointId: nextId(T0),
    merchantId: 'merchant_amazon',
    url: 'http://127.0.0.1:9/hooks',
    eventTypes: null,
    sealedSecret: Buffer.from('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'),
    sealedPreviousSecret: null,
    previousSecretUntil: null,
    disabledAt: null,
    disabledReason: null,
    createdAt: T0,
    ...over,
  };
}
