/**
 * POST /v1/payment/intent: commit A, then the answer.
 *
 * @module
 */

import { hash } from 'node:crypto';
import type { KeyRef } from '../../domain/facts.ts';
import { makeId, shardOfId, shardOfMerchant, showIntentId } from '../../domain/ids.ts';
import type { PaymentIntent } from '../../domain/payment-intent.ts';
import type { AskShard } from '../../messages/ask.ts';
import { admitWrite, authenticate, type Gate, WRITE_HEADERS } from '../admit.ts';
import type { Merchant } from '../authenticate.ts';
import { problem } from '../problem.ts';
import { type HttpRequest, type HttpResponse, jsonText, type Route } from '../routes.ts';
import { type CreateIntentBody, readCreateIntent } from '../schemas.ts';

export interface CreateIntentDeps {
  gate: Gate;
  ask: AskShard;
  askDeadlineMs: number;
  bodyLimitBytes: number;
  randomBytes(length: number): Buffer;
}

const ENDPOINT = 'POST /v1/payment/intent';

/** Makes the route. */
export function createIntentRoute(deps: CreateIntentDeps): Route {
  return {
    method: 'POST',
    path: '/v1/payment/intent',
    name: 'create_intent',
    bodyLimitBytes: deps.bodyLimitBytes,
    contentTypes: ['application/json'],
    headers: WRITE_HEADERS,
    handler: (request) => createIntent(deps, request),
  };
}

async function createIntent(deps: CreateIntentDeps, request: HttpRequest): Promise<HttpResponse> {
  const caller = await authenticate(deps.gate, request);
  if (!caller.ok) return problem(caller.refusal);
  const reading = readCreateIntent(request.body);
  if (!reading.ok) return problem(reading.refusal);
  const admitted = await admitWrite(deps.gate, request, caller.merchant, reading.body.merchantId);
  if (!admitted.ok) return problem(admitted.refusal);

  const key = keyRefOf(caller.merchant, admitted.key, request.body);
  const intent = newIntent(deps, reading.body, caller.merchant, admitted.key, request.now);
  const answer = JSON.stringify({
    paymentIntentId: showIntentId(intent.paymentIntentId),
    status: intent.status,
    createdAt: new Date(intent.createdAt).toISOString(),
  });
  const reply = await deps.ask(
    shardOfId(intent.paymentIntentId),
    { type: 'create-intent', intent, answer, key, now: request.now },
    deps.askDeadlineMs,
  );
  if (reply.type === 'refused') return problem(reply.refusal);
  if (reply.type !== 'intent-created') throw new Error(`create-intent was answered ${reply.type}`);
  if (reply.replayed !== null) return jsonText(201, reply.replayed, { 'Idempotency-Replayed': 'true' });
  return jsonText(201, answer);
}

function keyRefOf(merchant: Merchant, key: string | null, body: Uint8Array): KeyRef | null {
  if (key === null) return null;
  return { merchantId: merchant.merchantId, endpoint: ENDPOINT, key, bodyHash: hash('sha256', body, 'hex') };
}

function newIntent(
  { randomBytes }: CreateIntentDeps,
  body: CreateIntentBody,
  merchant: Merchant,
  key: string | null,
  now: number,
): PaymentIntent {
  const shard = shardOfMerchant(merchant.merchantId, spreadOf(merchant, key, randomBytes));
  return {
    paymentIntentId: makeId(now, shard, randomBytes(8)),
    merchantId: merchant.merchantId,
    customerId: body.customerId ?? null,
    orderId: body.orderId,
    amount: body.amount,
    currency: body.currency,
    status: 'PENDING',
    metadata: body.metadata === null || body.metadata === undefined ? null : JSON.stringify(body.metadata),
    createdAt: now,
    updatedAt: now,
  };
}

/** A large merchant's intents are spread; by their key where there is one, so that a retry meets its first try. */
function spreadOf(
  merchant: Merchant,
  key: string | null,
  randomBytes: CreateIntentDeps['randomBytes'],
): number {
  if (merchant.spread <= 1) return 0;
  return key === null
    ? randomBytes(2).readUInt16LE() % merchant.spread
    : shardOfMerchant(key) % merchant.spread;
}
