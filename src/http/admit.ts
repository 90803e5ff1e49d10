/**
 * Admit: what every merchant's request passes, in the order of the outcomes: key, idempotency key, merchant, rate.
 *
 * @module
 */

import { type Refusal, refusal } from '../domain/outcomes.ts';
import type { Authenticate, Authenticated, Merchant } from './authenticate.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import type { RateLimit } from './rate-limit.ts';
import type { HttpRequest } from './routes.ts';

/** What admits requests of merchants. */
export interface Gate {
  authenticate: Authenticate;
  /** By merchant id. */
  rateLimit: RateLimit;
}

/** Headers a route must declare to be admitted. */
export const READ_HEADERS: readonly string[] = ['authorization'];
export const WRITE_HEADERS: readonly string[] = ['authorization', 'idempotency-key'];

/** Whose request it is. */
export function authenticate(gate: Gate, request: HttpRequest): Promise<Authenticated> {
  return gate.authenticate(request.header('authorization'));
}

export type Admitted = { ok: true; key: string | null } | { ok: false; refusal: Refusal };

/** Checks a write whose body was read: its idempotency key, its merchant, the merchant's rate. */
export async function admitWrite(
  gate: Gate,
  request: HttpRequest,
  merchant: Merchant,
  merchantId: string,
): Promise<Admitted> {
  const reading = readIdempotencyKey(request.header('idempotency-key'));
  if (!reading.ok) return reading;
  if (merchantId !== merchant.merchantId) {
    return {
      ok: false,
      refusal: refusal('merchant_mismatch', 'Use the merchantId this key was made for.'),
    };
  }
  const limited = await limitRate(gate, request, merchant);
  return limited === null ? reading : { ok: false, refusal: limited };
}

/** Takes one request from the merchant's allowance; a refusal when there is none. */
export async function limitRate(
  gate: Gate,
  request: HttpRequest,
  merchant: Merchant,
): Promise<Refusal | null> {
  if (await gate.rateLimit(merchant.merchantId, request.now)) return null;
  return refusal('rate_limited', 'This merchant sends more requests than it may.');
}
