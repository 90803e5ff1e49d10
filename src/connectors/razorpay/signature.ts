/**
 * Razorpay's signatures: HMAC-SHA256 in lower-case hex, of a callback's body with the webhook secret, and of what a browser brings back
 * with the secret of the key.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto';

const SIGNATURE = /^[0-9a-f]{64}$/;

/** Whether one of the secrets signs this message so, in a time that tells nothing. An empty secret is never right. */
export function isSignedBy(secrets: readonly string[], message: Uint8Array, signature: string): boolean {
  if (!SIGNATURE.test(signature)) return false;
  const given = Buffer.from(signature, 'hex');
  let signed = false;
  // Every secret is tried, whichever is right.
  for (const secret of secrets) {
    if (secret === '') continue;
    const expected = createHmac('sha256', secret).update(message).digest();
    if (timingSafeEqual(expected, given)) signed = true;
  }
  return signed;
}

/**
 * Whether the secret of the key signs that this payment of this order was made.
 * @param orderId from Razorpay's own answer, never from the browser
 */
export function isReturnSigned(
  keySecret: string,
  orderId: string,
  paymentId: string,
  signature: string,
): boolean {
  return isSignedBy([keySecret], Buffer.from(`${orderId}|${paymentId}`), signature);
}
