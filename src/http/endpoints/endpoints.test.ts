import { randomBytes } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { makeId, shardOfId, shardOfMerchant, transactionIdOf } from '../../domain/ids.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { Payment, PaymentIntent } from '../../domain/payment-intent.ts';
import type { NextAction } from '../../domain/processor-word.ts';
import type { Attempt } from '../../domain/transaction.ts';
import type { AskShard } from '../../messages/ask.ts';
import type { ShardReply } from '../../messages/replies.ts';
import type { ShardRequest } from '../../messages/requests.ts';
import type { Gate } from '../admit.ts';
import type { Merchant } from '../authenticate.ts';
import type { HttpRequest, HttpResponse, Route } from '../routes.ts';
import { IntentCreated, Intent as IntentSchema, SessionCreated, Transaction } from '../schemas.ts';
import { createIntentRoute } from './create-intent.ts';
import { createSessionRoute } from './create-session.ts';
import { getIntentRoute } from './get-intent.ts';
import { getTransactionRoute } from './get-transaction.ts';
import { healthRoutes, type Readiness } from './health.ts';
import { receiveCallbackRoute } from './receive-callback.ts';

const NOW = Date.UTC(2026, 0, 21, 10);
const ID = makeId(NOW, 3, new Uint8Array(8).fill(1));
const BODY = { merchantId: 'merchant_1', amount: 5000, currency: 'INR', orderId: 'order_1' };
const INTENT: PaymentIntent = {
  paymentIntentId: ID,
  merchantId: 'merchant_1',
  customerId: null,
  orderId: 'order_1',
  amount: 5000,
  currency: 'INR',
  status: 'PENDING',
  metadata: '{"a":1}',
  createdAt: NOW,
  updatedAt: NOW,
};

const MERCHANT: Merchant = {
  merchantId: 'merchant_1',
  name: 'One',
  mode: 'test',
  spread: 4,
  redirectOrigins: ['https://shop.example'],
};
const GATE: Gate = {
  authenticate: async (header) =>
    header === 'Bearer good'
      ? { ok: true, merchant: MERCHANT }
      : { ok: false, refusal: refusal('unauthorized', 'no') },
  rateLimit: () => true,
};

function send(
  route: Route,
  more: {
    body?: unknown;
    headers?: Record<string, string>;
    params?: Record<string, string>;
    query?: string;
  } = {},
): Promise<HttpResponse> | HttpResponse {
  const headers: Record<string, string> = { authorization: 'Bearer good', ...more.headers };
  const request: HttpRequest = {
    method: route.method,
    path: route.path,
    params: more.params ?? {},
    query: more.query ?? '',
    header: (name) => {
      expect(route.headers).toContain(name);
      return headers[name] ?? '';
    },
    body: Buffer.from(JSON.stringify(more.body ?? {})),
    remoteAddress: () => '127.0.0.1',
    now: NOW,
    requestId: 'req_1',
  };
  return route.handler(request);
}

function asks(reply: ShardReply): { ask: AskShard; asked: [number, ShardRequest][] } {
  const asked: [number, ShardRequest][] = [];
  return {
    asked,
    ask: async (shard, request) => {
      asked.push([shard, request]);
      return reply;
    },
  };
}

const bodyOf = (answer: HttpResponse): Record<string, unknown> => JSON.parse(String(answer.body));

function intentRoute(reply: ShardReply) {
  const { ask, asked } = asks(reply);
  return {
    asked,
    route: createIntentRoute({ gate: GATE, ask, askDeadlineMs: 1000, bodyLimitBytes: 65_536, randomBytes }),
  };
}

test('an intent: 201, its id in a shard of its merchant, the key with the hash of the body', async () => {
  const { route, asked } = intentRoute({ type: 'intent-created', replayed: null });
  const answer = await send(route, { body: BODY, headers: { 'idempotency-key': '"k1"' } });
  expect(answer.status).toBe(201);
  expect(IntentCreated.parse(bodyOf(answer))).toEqual(bodyOf(answer));
  expect(bodyOf(answer)).toMatchObject({ status: 'PENDING', createdAt: '2026-01-21T10:00:00.000Z' });
  const [shard, command] = asked[0]!;
  if (command.type !== 'create-intent') throw new Error(command.type);
  expect(shardOfId(command.intent.paymentIntentId)).toBe(shard);
  expect([0, 1, 2, 3].map((spread) => shardOfMerchant('merchant_1', spread))).toContain(shard);
  expect(command.answer).toBe(answer.body);
  expect(command.key).toMatchObject({
    merchantId: 'merchant_1',
    endpoint: 'POST /v1/payment/intent',
    key: 'k1',
  });
  await send(route, { body: BODY, headers: { 'idempotency-key': 'k1' } });
  expect(asked[1]![0]).toBe(shard);
});

test('a replayed intent is the stored answer', async () => {
  const { route } = intentRoute({ type: 'intent-created', replayed: '{"stored":1}' });
  const answer = await send(route, { body: BODY });
  expect(answer).toMatchObject({
    status: 201,
    body: '{"stored":1}',
    headers: { 'Idempotency-Replayed': 'true' },
  });
});

test('refusals in the order of the outcomes, and nothing is asked of a shard', async () => {
  const { route, asked } = intentRoute({ type: 'intent-created', replayed: null });
  const limited = createIntentRoute({
    gate: { ...GATE, rateLimit: async () => false },
    ask: asks({ type: 'intent-created', replayed: null }).ask,
    askDeadlineMs: 1000,
    bodyLimitBytes: 1,
    randomBytes,
  });
  const codes = [
    await send(route, { body: [], headers: { authorization: 'x' } }),
    await send(route, { body: { ...BODY, merchantId: 'other', amount: 0 } }),
    await send(route, { body: { ...BODY, merchantId: 'other' }, headers: { 'idempotency-key': '"' } }),
    await send(route, { body: { ...BODY, merchantId: 'other' } }),
    await send(limited, { body: BODY }),
  ].map((answer) => bodyOf(answer).code);
  expect(codes).toEqual([
    'unauthorized',
    'invalid_request',
    'invalid_idempotency_key',
    'merchant_mismatch',
    'rate_limited',
  ]);
  expect(asked).toEqual([]);
});

test('a refusal of the shard is the problem', async () => {
  const { route } = intentRoute({ type: 'refused', refusal: refusal('idempotency_key_reused', 'no') });
  expect(await send(route, { body: BODY })).toMatchObject({ status: 422 });
});

const SESSION_BODY = {
  paymentIntentId: `pi_${ID}`,
  merchantId: 'merchant_1',
  successUrl: 'https://shop.example/ok',
  cancelUrl: 'https://shop.example/no',
};

function sessionRoute(
  reply: (command: Extract<ShardRequest, { type: 'grant-session' }>) => ShardReply,
  putSession = vi.fn(async (..._kept: unknown[]) => undefined),
) {
  const asked: ShardRequest[] = [];
  const route = createSessionRoute({
    gate: GATE,
    ask: async (_shard, command) => {
      asked.push(command);
      if (command.type !== 'grant-session') throw new Error(command.type);
      return reply(command);
    },
    askDeadlineMs: 1000,
    bodyLimitBytes: 65_536,
    randomBytes,
    putSession,
    onSessionStoreFailed: () => undefined,
    sessionLifetimeMs: 600_000,
    sessionGraceMs: 60_000,
    publicCheckoutUrl: 'https://pay.example',
    plainHttpRedirects: false,
  });
  return { route, asked, putSession };
}

test('a session: granted, then kept, then answered', async () => {
  const { route, putSession } = sessionRoute(({ sessionId }) => ({
    type: 'session-granted',
    intent: INTENT,
    sessionId,
    replayed: null,
  }));
  const answer = await send(route, { body: SESSION_BODY });
  expect(answer.status).toBe(201);
  const body = SessionCreated.parse(bodyOf(answer));
  expect(body.redirectUrl).toBe(`https://pay.example/checkout?session=${body.sessionId}`);
  expect(body.expiresAt).toBe('2026-01-21T10:10:00.000Z');
  expect(putSession).toHaveBeenCalledExactlyOnceWith(
    body.sessionId,
    {
      paymentIntentId: `pi_${ID}`,
      merchantId: 'merchant_1',
      transactionId: `txn_${transactionIdOf(ID, 1)}`,
      orderId: 'order_1',
      customerId: null,
      createdAt: '2026-01-21T10:00:00.000Z',
      amount: 5000,
      currency: 'INR',
      successUrl: 'https://shop.example/ok',
      cancelUrl: 'https://shop.example/no',
      expiresAt: '2026-01-21T10:10:00.000Z',
    },
    600_000,
    60_000,
  );
});

test('a replayed session is kept again for what remains of it, and not at all when nothing does', async () => {
  const stored = (expiresAt: number) =>
    sessionRoute(() => ({
      type: 'session-granted',
      intent: INTENT,
      sessionId: 'ab'.repeat(16),
      replayed: JSON.stringify({
        sessionId: 'x',
        redirectUrl: 'y',
        expiresAt: new Date(expiresAt).toISOString(),
      }),
    }));
  const running = stored(NOW + 1000);
  const answer = await send(running.route, { body: SESSION_BODY, headers: { 'idempotency-key': 'k' } });
  expect(answer.headers).toEqual({ 'Idempotency-Replayed': 'true' });
  expect(running.putSession.mock.calls[0]).toMatchObject([`sess_${'ab'.repeat(16)}`, {}, 1000, 60_000]);
  const over = stored(NOW - 1);
  expect((await send(over.route, { body: SESSION_BODY })).status).toBe(201);
  expect(over.putSession).not.toHaveBeenCalled();
});

test('a session that cannot be kept is 503; an id without our shape is the 404 of a missing one', async () => {
  const { route, asked } = sessionRoute(
    ({ sessionId }) => ({ type: 'session-granted', intent: INTENT, sessionId, replayed: null }),
    vi.fn(() => Promise.reject(new Error('redis'))),
  );
  expect(bodyOf(await send(route, { body: SESSION_BODY })).code).toBe('session_store_unavailable');
  const before = asked.length;
  const unknown = await send(route, { body: { ...SESSION_BODY, paymentIntentId: 'pi_abc123' } });
  expect([unknown.status, bodyOf(unknown).code]).toEqual([404, 'payment_not_found']);
  expect(asked).toHaveLength(before);
});

const ATTEMPT: Attempt = {
  transactionId: transactionIdOf(ID, 1),
  paymentIntentId: ID,
  attempt: 1,
  merchantId: 'merchant_1',
  customerId: null,
  amount: 5000,
  currency: 'INR',
  status: 'REQUIRES_ACTION',
  outcome: 'action_required',
  leg: 1,
  processor: 'SANDBOX',
  processorAccount: 'secret_account',
  routing: {
    fallback: null,
    legs: [{ leg: 1, processor: 'SANDBOX', processorAccount: 'secret_account', reason: 'preferred', at: 0 }],
  },
  paymentMethodType: null,
  nextAction: null,
  processorTxnId: null,
  failureCode: null,
  reopenable: false,
  revision: 2,
  senderNonce: 'secret_nonce',
  sendBefore: NOW,
  card: {
    brand: 'VISA',
    masked: '411111****1111',
    expiryMonth: 3,
    expiryYear: 2028,
    fingerprint: 'ab',
    token: 'tok_1',
  },
  successUrl: null,
  cancelUrl: null,
  sessionExpiresAt: null,
  evidence: [],
  createdAt: NOW,
  updatedAt: NOW,
  completedAt: null,
};
const PAYMENT: Payment = { intent: INTENT, attempts: [ATTEMPT] };
const TRANSACTION_DEPS = { gate: GATE, askDeadlineMs: 1000, publicCheckoutUrl: 'https://pay.example' };

test('a transaction and an intent as the API shows them', async () => {
  const { ask } = asks({ type: 'payment-found', payment: PAYMENT });
  const deps = { ...TRANSACTION_DEPS, ask };
  const transaction = await send(getTransactionRoute(deps), {
    params: { id: `txn_${ATTEMPT.transactionId}` },
  });
  expect(Transaction.strict().parse(bodyOf(transaction))).toMatchObject({
    transactionId: `txn_${ATTEMPT.transactionId}`,
    paymentIntentId: `pi_${ID}`,
    status: 'PROCESSING',
    completedAt: null,
    card: { masked: '411111****1111', expiryMonth: '03', expiryYear: '2028', fingerprint: 'fp_ab' },
  });
  expect(transaction.body).not.toContain('secret');
  const intent = await send(getIntentRoute(deps), { params: { id: `pi_${ID}` } });
  expect(IntentSchema.strict().parse(bodyOf(intent))).toMatchObject({
    status: 'PROCESSING',
    metadata: { a: 1 },
    transactions: [{ transactionId: `txn_${ATTEMPT.transactionId}`, attempt: 1, status: 'PROCESSING' }],
  });
});

test.each<[NextAction, object]>([
  [
    { kind: 'redirect', url: 'https://bank.example/', expiresAt: NOW },
    { type: 'redirect', url: 'https://bank.example/', expiresAt: new Date(NOW).toISOString() },
  ],
  [
    { kind: 'form', url: 'https://bank.example/', fields: { PaReq: 'a' }, expiresAt: null },
    { type: 'form', url: 'https://bank.example/', fields: { PaReq: 'a' }, expiresAt: null },
  ],
  [
    {
      kind: 'otp',
      submitUrl: 'https://secret.example/1',
      resendUrl: 'https://secret.example/2',
      expiresAt: null,
    },
    { type: 'otp', expiresAt: null },
  ],
  [
    { kind: 'upi', link: 'upi://pay?pa=a', simulatorUrl: 'https://secret.example/3', expiresAt: null },
    { type: 'upi_intent', link: 'upi://pay?pa=a', expiresAt: null },
  ],
])(
  'what the shopper is to do (%j) is shown, and the page of ours that does it',
  async (nextAction, shown) => {
    const payment = { intent: INTENT, attempts: [{ ...ATTEMPT, nextAction }] };
    const { ask } = asks({ type: 'payment-found', payment });
    const id = `txn_${ATTEMPT.transactionId}`;
    const answer = await send(getTransactionRoute({ ...TRANSACTION_DEPS, ask }), { params: { id } });
    const resultUrl = `https://pay.example/checkout/result?transaction=${id}`;
    expect(Transaction.strict().parse(bodyOf(answer)).nextAction).toEqual({ ...shown, resultUrl });
    expect(answer.body).not.toContain('secret');
  },
);

test('missing, foreign, malformed and later attempts are one 404, word for word', async () => {
  const missing = asks({ type: 'refused', refusal: refusal('payment_not_found', 'other words') });
  const found = asks({ type: 'payment-found', payment: PAYMENT });
  const answers = await Promise.all([
    send(getTransactionRoute({ ...TRANSACTION_DEPS, ask: missing.ask }), {
      params: { id: `txn_${ATTEMPT.transactionId}` },
    }),
    send(getTransactionRoute({ ...TRANSACTION_DEPS, ask: found.ask }), {
      params: { id: `txn_${transactionIdOf(ID, 2)}` },
    }),
    send(getTransactionRoute({ ...TRANSACTION_DEPS, ask: found.ask }), {
      params: { id: 'txn_999' },
    }),
    send(getIntentRoute({ gate: GATE, ask: missing.ask, askDeadlineMs: 1 }), { params: { id: `pi_${ID}` } }),
    send(getIntentRoute({ gate: GATE, ask: found.ask, askDeadlineMs: 1 }), { params: { id: `txn_${ID}` } }),
  ]);
  expect(answers.every((answer) => answer.status === 404)).toBe(true);
  expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
});

test('a callback: 200 with its verdict, or the refusal', async () => {
  const receive = vi.fn(async () => ({ ok: true, verdict: 'applied' }) as const);
  const route = receiveCallbackRoute({ receive, signatureHeaders: ['x-signature'], bodyLimitBytes: 1000 });
  const answer = await send(route, { params: { processor: 'sandbox' }, query: 'account=acc_1' });
  expect([answer.status, bodyOf(answer)]).toEqual([200, { received: true, verdict: 'applied' }]);
  expect(receive).toHaveBeenCalledWith(
    expect.objectContaining({ processor: 'sandbox', account: 'acc_1', now: NOW }),
  );
  expect((await send(route, { query: 'account=%00' })).status).toBe(400);
  const refusing = receiveCallbackRoute({
    receive: async () => ({ ok: false, refusal: refusal('storage_unavailable', 'no') }),
    signatureHeaders: [],
    bodyLimitBytes: 1000,
  });
  expect((await send(refusing)).status).toBe(503);
});

test('what is not ready is 503, and so is what cannot tell', async () => {
  let draining = false;
  const ready = async (readiness: () => Promise<Readiness>): Promise<HttpResponse> =>
    send(healthRoutes({ readiness, draining: () => draining, onChecksFailed: () => undefined })[1]!);
  const degraded = { ready: true, degraded: ['lane_1'], checks: { lane_1: { ok: false } } };
  const is = await ready(async () => degraded);
  expect([is.status, bodyOf(is)]).toEqual([200, { ...degraded, draining: false }]);
  const not = await ready(async () => ({ ready: false, degraded: [], checks: { control: { ok: false } } }));
  expect([not.status, bodyOf(not).ready]).toEqual([503, false]);
  expect((await ready(() => Promise.reject(new Error('x')))).status).toBe(503);
  draining = true;
  const leaving = await ready(() => new Promise(() => undefined));
  expect([leaving.status, bodyOf(leaving)]).toEqual([
    503,
    { ready: false, draining: true, degraded: [], checks: {} },
  ]);
});
