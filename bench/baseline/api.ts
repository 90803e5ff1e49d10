/**
 * The merchants' side of the baseline: intents, sessions, transactions.
 *
 * @module
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import { parseIntentId, parseTransactionId } from '../rival/ids.ts';
import type { Place } from '../rival/parts.ts';
import { once } from './idempotency.ts';
import type { Merchants } from './merchants.ts';
import type { NewIntent, Payments } from './payments.ts';
import type { Sessions } from './sessions.ts';

export interface ApiParts {
  readonly place: Place;
  readonly redis: Redis;
  readonly merchants: Merchants;
  readonly payments: Payments;
  readonly sessions: Sessions;
}

interface NewSession {
  readonly paymentIntentId: string;
  readonly merchantId: string;
  readonly successUrl: string;
  readonly cancelUrl: string;
}

const TEXT = { type: 'string', maxLength: 100 } as const;
const URL_TEXT = { type: 'string', maxLength: 2000 } as const;
const NEW_INTENT = {
  type: 'object',
  required: ['merchantId', 'amount', 'currency', 'orderId'],
  properties: {
    merchantId: TEXT,
    amount: { type: 'integer', minimum: 1 },
    currency: { type: 'string', pattern: '^[A-Z]{3}$' },
    orderId: TEXT,
    customerId: TEXT,
    metadata: { type: 'object' },
  },
} as const;
const NEW_SESSION = {
  type: 'object',
  required: ['paymentIntentId', 'merchantId', 'successUrl', 'cancelUrl'],
  properties: { paymentIntentId: TEXT, merchantId: TEXT, successUrl: URL_TEXT, cancelUrl: URL_TEXT },
} as const;
const INTENT_CREATED = textFields('paymentIntentId', 'status', 'createdAt');
const SESSION_CREATED = textFields('sessionId', 'redirectUrl', 'expiresAt');

const NOT_FOUND = { code: 'not_found' };

/** Mounts them. */
export function mountApi(app: FastifyInstance, parts: ApiParts): void {
  const { place, redis, merchants, payments, sessions } = parts;

  /** Whose request it is; null when it has been refused. */
  async function admit(
    request: FastifyRequest,
    reply: FastifyReply,
    merchantId: string | null,
  ): Promise<string | null> {
    const owner = await merchants.authenticate(request.headers.authorization);
    if (owner === null) await reply.code(401).send({ code: 'unauthorized' });
    else if (merchantId !== null && merchantId !== owner)
      await reply.code(403).send({ code: 'merchant_mismatch' });
    else return owner;
    return null;
  }

  app.post<{ Body: NewIntent }>(
    '/v1/payment/intent',
    { schema: { body: NEW_INTENT, response: { 201: INTENT_CREATED } } },
    async (request, reply) => {
      const { body } = request;
      if ((await admit(request, reply, body.merchantId)) === null) return reply;
      const created = await once(redis, `${body.merchantId}:intent`, keyOf(request), async () => {
        const { id, createdAt } = await payments.createIntent(body);
        return { paymentIntentId: `pi_${id}`, status: 'PENDING', createdAt: createdAt.toISOString() };
      });
      return reply.code(201).send(created);
    },
  );

  app.post<{ Body: NewSession }>(
    '/v1/payment/session',
    { schema: { body: NEW_SESSION, response: { 201: SESSION_CREATED } } },
    async (request, reply) => {
      const { paymentIntentId, merchantId, successUrl, cancelUrl } = request.body;
      if ((await admit(request, reply, merchantId)) === null) return reply;
      const intentId = parseIntentId(paymentIntentId);
      const intent = intentId === null ? undefined : await payments.findIntent(intentId);
      if (intent?.merchant_id !== merchantId) return reply.code(404).send(NOT_FOUND);
      if (intent.status !== 'PENDING') return reply.code(409).send({ code: 'not_payable' });
      const created = await once(redis, `${merchantId}:session`, keyOf(request), async () => {
        const { sessionId, expiresAt } = await sessions.open({
          paymentIntentId,
          merchantId,
          orderId: intent.order_id,
          customerId: intent.customer_id,
          successUrl,
          cancelUrl,
          createdAt: new Date().toISOString(),
        });
        return { sessionId, redirectUrl: `${place.apiUrl}/checkout?session=${sessionId}`, expiresAt };
      });
      return reply.code(201).send(created);
    },
  );

  app.get<{ Params: { id: string } }>('/v1/payment/transaction/:id', async (request, reply) => {
    const owner = await admit(request, reply, null);
    if (owner === null) return reply;
    const id = parseTransactionId(request.params.id);
    const transaction = id === null ? undefined : await payments.findTransaction(id, owner);
    if (id === null || transaction === undefined) return reply.code(404).send(NOT_FOUND);
    const { status, amount, currency, completed_at: completedAt } = transaction;
    return {
      transactionId: request.params.id,
      paymentIntentId: `pi_${id.slice(0, 31)}0`,
      status: status === 'SENT' ? 'PROCESSING' : status,
      amount: Number(amount),
      currency,
      completedAt: completedAt?.toISOString() ?? null,
    };
  });

  app.get<{ Params: { id: string } }>('/v1/payment/intent/:id', async (request, reply) => {
    const owner = await admit(request, reply, null);
    if (owner === null) return reply;
    const id = parseIntentId(request.params.id);
    const intent = id === null ? undefined : await payments.findIntent(id);
    if (intent?.merchant_id !== owner) return reply.code(404).send(NOT_FOUND);
    const { status, amount, currency } = intent;
    return { paymentIntentId: request.params.id, status, amount: Number(amount), currency };
  });
}

function keyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

/** So that Fastify compiles the answer. */
function textFields(...names: readonly string[]) {
  return { type: 'object', properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) };
}
