/**
 * Message: what is posted to a merchant, as bytes. It is a function of the event alone, so every try has the same body.
 *
 * @module
 */

import { showIntentId, showTransactionId } from '../domain/ids.ts';
import type { MerchantEvent } from '../domain/merchant-event.ts';

/** Standard Webhooks asks for less than this. An order id and a customer id have bounds of their own, far below it. */
export const BODY_BYTES_MAX = 20_000;

export interface WebhookMessage {
  /** `evt_…`: by this a merchant tells a repetition. */
  id: string;
  body: Buffer;
}

/** The message of a payment's event. */
export function messageOf(event: MerchantEvent): WebhookMessage {
  const { transactionId, paymentIntentId } = event;
  return messageFrom(event.eventId, event.type, event.createdAt, {
    transactionId: transactionId === null ? null : showTransactionId(transactionId),
    paymentIntentId: showIntentId(paymentIntentId),
    orderId: event.orderId,
    customerId: event.customerId,
    merchantId: event.merchantId,
    status: event.status,
    amount: event.amount,
    currency: event.currency,
    failureCode: event.failureCode,
    sequence: event.sequence,
  });
}

/**
 * The message of a test send: of no payment.
 * @param id 32 hex digits
 * @param at milliseconds since 1970
 */
export function testMessage(id: string, merchantId: string, endpointId: string, at: number): WebhookMessage {
  return messageFrom(id, 'webhook.test', at, {
    merchantId,
    endpointId: `we_${endpointId}`,
    message: 'This is a test. It is of no payment.',
  });
}

function messageFrom(id: string, type: string, at: number, data: object): WebhookMessage {
  const body = Buffer.from(JSON.stringify({ type, timestamp: new Date(at).toISOString(), data }));
  if (body.length >= BODY_BYTES_MAX) throw new Error(`the body of event ${id} has ${body.length} bytes`);
  return { id: `evt_${id}`, body };
}
