/**
 * Sign: the headers that let a merchant believe a webhook (Standard Webhooks 1.0, symmetric).
 *
 * @module
 */

import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

export interface SignatureHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/**
 * Signs `id.timestamp.body` with each secret, so that a merchant in the middle of a rotation finds the one it knows.
 * @param id the same on every try; without a dot, which would move the borders of what is signed
 * @param atMs when this try begins, milliseconds since 1970
 * @param secrets `whsec_` and base64, the newest first
 */
export function signatureHeaders(
  id: string,
  atMs: number,
  body: Uint8Array,
  secrets: readonly string[],
): SignatureHeaders {
  if (id.includes('.')) throw new Error('a webhook id has no dot');
  const timestamp = String(Math.floor(atMs / 1000));
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body);
    return `v1,${mac.digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

/** The key is what the base64 stands for, not its text. */
function keyOf(secret: string): Buffer {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  if (!secret.startsWith(SECRET_PREFIX) || key.length === 0) throw new Error('not a webhook secret');
  return key;
}
