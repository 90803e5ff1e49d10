/**
 * Problem: a refusal as `application/problem+json` (RFC 9457) with its stable code.
 *
 * @module
 */

import { showTransactionId } from '../domain/ids.ts';
import { OUTCOMES, type Refusal, refusal } from '../domain/outcomes.ts';
import type { HttpResponse } from './routes.ts';

const TYPE_PREFIX = 'https://sluice.dev/problems/';
const RETRY_AFTER_SECONDS = '1';
const CHALLENGE = 'Bearer realm="sluice", Basic realm="sluice", charset="UTF-8"';
const HEX_32 = /^[0-9a-f]{32}$/;

/** Makes the answer for a refusal. 429 and 503 say when to come again, 401 says how to sign in. */
export function problem(cause: Refusal): HttpResponse {
  const [status, title] = OUTCOMES[cause.code];
  const body = {
    type: TYPE_PREFIX + cause.code,
    title,
    status,
    code: cause.code,
    detail: cause.detail,
    ...(cause.errors === undefined ? {} : { errors: cause.errors }),
    ...(cause.transactionId === undefined ? {} : { transactionId: shown(cause.transactionId) }),
  };
  const response: HttpResponse = {
    status,
    contentType: 'application/problem+json',
    body: JSON.stringify(body),
    code: cause.code,
  };
  const headers = headersOf(status);
  if (headers !== undefined) response.headers = headers;
  return response;
}

/** What a caller sees when a handler threw: nothing of the cause. */
export function internalError(): HttpResponse {
  return problem(refusal('internal_error', 'The request may be repeated with the same Idempotency-Key.'));
}

function headersOf(status: number): Record<string, string> | undefined {
  if (status === 429 || status === 503) return { 'Retry-After': RETRY_AFTER_SECONDS };
  if (status === 401) return { 'WWW-Authenticate': CHALLENGE };
  return undefined;
}

function shown(transactionId: string): string {
  return HEX_32.test(transactionId) ? showTransactionId(transactionId) : transactionId;
}
