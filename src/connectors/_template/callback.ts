/**
 * Verifies and reads a callback of the processor.
 *
 * Fill in: what is signed, by what, in which header, and the processor's own id of an event. The signature comes first, in constant time,
 * over the raw bytes, with every secret there is; nothing is parsed before it is right. Where it does not cover all that matters, the
 * callback is a hint (`hint: true`, the word no more than `accepted`) and the processor is asked.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ReadCallback } from '../connector.ts';
import { parseAnswer } from '../json.ts';
import type { TemplateConfig } from './config.ts';
import { readCharge, wordOf } from './status.ts';

/** What signs a callback, beside its body. */
export const SIGNATURE_HEADERS = ['x-template-signature'] as const;

/** HMAC-SHA256 over the raw body, hex. It covers no time: the table of callback ids alone keeps old ones out. */
export const readTemplateCallback =
  ({ name }: TemplateConfig): ReadCallback =>
  ({ header, body }, secrets, now) => {
    if (!signedBy(secrets, body, header('x-template-signature'))) {
      return {
        ok: false,
        code: 'signature_invalid',
        detail: 'no secret of the account makes this signature',
      };
    }
    const event = parseAnswer(body) as { id?: unknown; type?: unknown; charge?: unknown } | null;
    const callbackId = event?.id;
    if (typeof callbackId !== 'string' || !/^[\w-]{1,200}$/.test(callbackId)) {
      return { ok: false, code: 'body_invalid', detail: 'id is missing' };
    }
    // An event of another kind is kept, and says nothing.
    const charge = event?.type === 'charge.changed' ? readCharge(event.charge) : null;
    const hearing = { source: 'callback', leg: null, account: null, at: now, failuresCount: false } as const;
    return {
      ok: true,
      callback: {
        processor: name,
        callbackId,
        transactionId: charge?.transactionId ?? null,
        word: charge === null ? null : wordOf(name, charge, hearing),
        hint: false,
        receivedAt: now,
      },
    };
  };

function signedBy(secrets: readonly string[], body: Uint8Array, signature: string): boolean {
  if (!/^[0-9a-f]{64}$/.test(signature)) return false;
  const given = Buffer.from(signature, 'hex');
  let signed = false;
  // Every secret is tried, whichever is right: time tells nothing.
  for (const secret of secrets) {
    if (secret === '') continue;
    if (timingSafeEqual(createHmac('sha256', secret).update(body).digest(), given)) signed = true;
  }
  return signed;
}
