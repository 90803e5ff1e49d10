/**
 * Idempotency-Key: reads the header, quoted (RFC 8941 string, as the header's draft has it) or bare.
 *
 * @module
 */

import { type Refusal, refusal } from '../domain/outcomes.ts';

export const IDEMPOTENCY_KEY_CHARS_MAX = 255;

export type KeyReading = { ok: true; key: string | null } | { ok: false; refusal: Refusal };

const PRINTABLE = /^[\x20-\x7e]+$/;
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;

/** Reads the header's value; an absent header is the key `null`. `"k"` and `k` are the same key. */
export function readIdempotencyKey(header: string): KeyReading {
  if (header === '') return { ok: true, key: null };
  if (!PRINTABLE.test(header)) return invalid('It must be printable ASCII.');
  let key = header;
  if (header.startsWith('"')) {
    const inner = QUOTED.exec(header)?.[1];
    if (inner === undefined) return invalid('Its quotes are not balanced.');
    key = inner.replaceAll(/\\(["\\])/g, '$1');
  }
  if (key.length < 1 || key.length > IDEMPOTENCY_KEY_CHARS_MAX) {
    return invalid(`It must have 1 to ${IDEMPOTENCY_KEY_CHARS_MAX} characters.`);
  }
  return { ok: true, key };
}

function invalid(detail: string): KeyReading {
  return { ok: false, refusal: refusal('invalid_idempotency_key', detail) };
}
