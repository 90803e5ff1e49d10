/**
 * POST /webhooks/{processor}: a processor speaks. 200 only once what it said is durable.
 *
 * @module
 */

import type { ArrivedCallback } from '../../callbacks/verify.ts';
import type { CallbackVerdict } from '../../domain/facts.ts';
import { type Refusal, refusal } from '../../domain/outcomes.ts';
import { problem } from '../problem.ts';
import { type HttpRequest, type HttpResponse, json, type Route } from '../routes.ts';

/** Verifies a callback and makes it durable (callbacks/publish.ts). */
export type ReceiveCallback = (
  callback: ArrivedCallback,
) => Promise<{ ok: true; verdict: CallbackVerdict | null } | { ok: false; refusal: Refusal }>;

export interface ReceiveCallbackDeps {
  receive: ReceiveCallback;
  /** Lower-case names of the headers the processors' signatures are in. */
  signatureHeaders: readonly string[];
  bodyLimitBytes: number;
}

const ACCOUNT = /^[\x21-\x7e]{1,100}$/;

/** Makes the route. */
export function receiveCallbackRoute(deps: ReceiveCallbackDeps): Route {
  return {
    method: 'POST',
    path: '/webhooks/:processor',
    name: 'receive_callback',
    bodyLimitBytes: deps.bodyLimitBytes,
    contentTypes: [],
    headers: deps.signatureHeaders,
    handler: (request) => receiveCallback(deps, request),
  };
}

async function receiveCallback(deps: ReceiveCallbackDeps, request: HttpRequest): Promise<HttpResponse> {
  const account = request.query === '' ? null : new URLSearchParams(request.query).get('account');
  if (account !== null && !ACCOUNT.test(account)) {
    return problem(refusal('invalid_request', 'The account in the address is not one.'));
  }
  const received = await deps.receive({
    processor: request.params.processor ?? '',
    account,
    header: (name) => request.header(name),
    body: request.body,
    now: request.now,
  });
  return received.ok ? json(200, { received: true, verdict: received.verdict }) : problem(received.refusal);
}
