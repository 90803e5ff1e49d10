/**
 * Signatures: of webhooks, and of what a shopper's browser carries back.
 *
 * @module
 */
import { createHmac } from 'node:crypto';

/** `X-Razorpay-Signature`: lower-case hex HMAC-SHA256 of the body's bytes under the webhook secret. */
export function signWebhook(webhookSecret: string, body: string): string {
  return createHmac('sha256', webhookSecret).update(body).digest('hex');
}

/** `razorpay_signature`: the same of `order_id|payment_id` under the secret of the API key. */
export function signReturn(keySecret: string, orderId: string, paymentId: string): string {
  return createHmac('sha256', keySecret).update(`${orderId}|${paymentId}`).digest('hex');
}
