/**
 * Calls and replies: a request as the routes work on it, and the answers to it with the headers Stripe gives each.
 * @module
 */
import type { ServerResponse } from 'node:http';
import { type Answer, jsonOf } from '../answers.ts';
import type { Account } from '../dialect.ts';
import { errorBody, type StripeError, shouldRetry } from './errors.ts';
import { API_VERSION } from './events.ts';
import { expanded, type Find } from './expansion.ts';
import { type FormMap, listAt } from './form.ts';
import type { KeptAnswer, UsedKey } from './idempotency.ts';

/** A request that is known to come from an account. */
export interface Call {
  readonly account: Account;
  readonly response: ServerResponse;
  readonly params: FormMap;
  readonly requestId: string;
  /** Of a POST that names one. */
  readonly key: UsedKey | undefined;
  /** Any object of the account, for `expand[]`. */
  readonly find: Find;
}

/** 200 with an object. */
export function replyWith(call: Omit<Call, 'response'>, body: object): Answer {
  return jsonOf(200, expanded(body, listAt(call.params, 'expand'), call.find), headersOf(call));
}

/** An error, with the intent it is about. */
export function refusal(
  call: Pick<Call, 'requestId' | 'key'>,
  error: StripeError,
  paymentIntent?: object,
): Answer {
  const retry = shouldRetry(error);
  const headers = headersOf(call);
  if (retry !== undefined) headers.push('Stripe-Should-Retry', String(retry));
  return jsonOf(error.status, errorBody(error, call.requestId, paymentIntent), headers);
}

/**
 * What the key was answered before.
 * @param replayed false where this very request was the first
 */
export function repeated(
  call: Pick<Call, 'requestId' | 'key'>,
  { status, body, requestId }: KeptAnswer,
  replayed: boolean,
): Answer {
  const headers = headersOf(call);
  if (replayed) headers.push('Idempotent-Replayed', 'true', 'Original-Request', requestId);
  return { status, body, headers };
}

function headersOf({ requestId, key }: Pick<Call, 'requestId' | 'key'>): string[] {
  const headers = ['Request-Id', requestId, 'Stripe-Version', API_VERSION];
  if (key !== undefined) headers.push('Idempotency-Key', key.key);
  return headers;
}
