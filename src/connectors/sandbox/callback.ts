/**
 * Verifies and reads a callback of the sandbox bank.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ReadCallback } from '../connector.ts';
import { parseAnswer } from '../json.ts';
import type { SandboxConfig } from './config.ts';
import { readCharge, transactionOf, wordOf } from './status.ts';

/** How old a signature may be, and how far a clock may be ahead. Each delivery is signed anew. */
const PAST_SECONDS = 300;
const FUTURE_SECONDS = 60;

/** What signs a callback, beside its body. */
export const SIGNATURE_HEADERS = ['x-sandbox-timestamp', 'x-sandbox-signature'] as const;

const TYPES: ReadonlySet<string> = new Set(['charge.succeeded', 'charge.declined', 'charge.processing']);

/** HMAC-SHA256 over timestamp, a dot and the raw body, hex. */
export const readSandboxCallback =
  (bank: SandboxConfig['name']): ReadCallback =>
  ({ header, body }, secrets, now) => {
    const timestamp = header('x-sandbox-timestamp');
    if (!signedBy(secrets, timestamp, body, header('x-sandbox-signature'))) {
      return {
        ok: false,
        code: 'signature_invalid',
        detail: 'no secret of the account makes this signature',
      };
    }
    const ageSeconds = now / 1000 - Number(timestamp);
    if (!(ageSeconds <= PAST_SECONDS && ageSeconds >= -FUTURE_SECONDS)) {
      return {
        ok: false,
        code: 'timestamp_invalid',
        detail: `the signature is ${Math.round(ageSeconds)} s old`,
      };
    }
    const event = parseAnswer(body) as { event_id?: unknown; type?: unknown; data?: unknown } | null;
    const callbackId = event?.event_id;
    if (typeof callbackId !== 'string' || !/^[\w-]{1,200}$/.test(callbackId)) {
      return { ok: false, code: 'body_invalid', detail: 'event_id is missing' };
    }
    const charge = TYPES.has(String(event?.type)) ? readCharge(event?.data) : null;
    return {
      ok: true,
      callback: {
        processor: bank,
        callbackId,
        transactionId: charge === null ? null : transactionOf(charge),
        word: charge === null ? null : wordOf(bank, charge, 'callback', null, now),
        hint: false,
        receivedAt: now,
      },
    };
  };

function signedBy(
  secrets: readonly string[],
  timestamp: string,
  body: Uint8Array,
  signature: string,
): boolean {
  if (!/^[0-9]{1,12}$/.test(timestamp) || !/^[0-9a-f]{64}$/.test(signature)) return false;
  const given = Buffer.from(signature, 'hex');
  let signed = false;
  // Every secret is tried, whichever is right: time tells nothing.
  for (const secret of secrets) {
    if (secret === '') continue;
    const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
    if (timingSafeEqual(expected, given)) signed = true;
  }
  return signed;
}
