/**
 * `Stripe-Signature`: when a webhook was signed, and by which secrets.
 *
 * HMAC-SHA256 of `t + "." + body`, hex; the key is the whole `whsec_…` as it is written. Source: processors.md 3d.
 * @module
 */
import { createHmac } from 'node:crypto';

/** Lower-case hex HMAC-SHA256 of a text under a secret. */
export function hmacHex(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text, 'utf8').digest('hex');
}

/**
 * The header of a body.
 * @param secrets one, or two while a secret is rolled; the newest first
 * @param timestamp Unix seconds
 */
export function signatureHeader(secrets: readonly string[], timestamp: number, body: string): string {
  const signatures = secrets.map((secret) => `v1=${hmacHex(secret, `${timestamp}.${body}`)}`);
  return [`t=${timestamp}`, ...signatures].join(',');
}
