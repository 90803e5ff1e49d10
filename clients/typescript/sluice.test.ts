/**
 * What the client does when the way to the gateway fails: a real HTTP server answers as its script says.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createSluice, SluiceError, type SluiceOptions } from './sluice.ts';

interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

type Step = (response: ServerResponse, request: IncomingMessage) => void;

const ORDER = { amount: 5000, currency: 'INR', orderId: 'order_1' } as const;
const CREATED = { paymentIntentId: 'pi_1', status: 'PENDING', createdAt: '2026-01-21T10:00:00.000Z' };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that answers its requests with the steps, one after the other; the last step stays. */
async function script(...steps: Step[]) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      seen.push({ method: method!, path: url!, headers, body: Buffer.concat(chunks).toString() });
      steps[Math.min(seen.length, steps.length) - 1]!(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = (more: Partial<SluiceOptions> = {}) =>
    createSluice({ apiUrl, secretKey: 'sk_test_1', merchantId: 'merchant_demo', ...more });
  return { seen, client };
}

const reset: Step = (_response, request) => request.socket.resetAndDestroy();
const hang: Step = () => undefined;
const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): Step =>
  (response) =>
    response
      .writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_1', ...headers })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
const refuse = (status: number, code: string, headers: Record<string, string> = {}): Step =>
  answer(status, { type: 't', title: 't', status, code, detail: 'why', errors: [] }, headers);

async function failureOf(call: Promise<unknown>): Promise<SluiceError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SluiceError);
  return error as SluiceError;
}

const keysOf = (seen: readonly Seen[]) => [...new Set(seen.map(({ headers }) => headers['idempotency-key']))];

describe('a POST', () => {
  test('is sent with the key, the merchant and an Idempotency-Key of its own', async () => {
    const { seen, client } = await script(answer(201, CREATED));
    expect(await client().createIntent(ORDER)).toEqual(CREATED);
    await client().createIntent(ORDER);
    expect(seen[0]).toMatchObject({ method: 'POST', path: '/v1/payment/intent' });
    expect(JSON.parse(seen[0]!.body)).toEqual({ ...ORDER, merchantId: 'merchant_demo' });
    expect(seen[0]!.headers).toMatchObject({
      authorization: 'Bearer sk_test_1',
      'content-type': 'application/json',
      'idempotency-key': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(keysOf(seen)).toHaveLength(2);
  });

  test('whose connection is reset after the effect, then told to wait, gets the stored answer by the same key and body', async () => {
    const { seen, client } = await script(
      reset,
      refuse(503, 'storage_unavailable', { 'retry-after': '1' }),
      answer(201, CREATED, { 'idempotency-replayed': 'true' }),
    );
    const began = performance.now();
    expect(await client().createIntent(ORDER)).toEqual(CREATED);
    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
    expect(seen).toHaveLength(3);
    expect(keysOf(seen)).toHaveLength(1);
    expect(new Set(seen.map(({ body }) => body)).size).toBe(1);
  });

  test('carries the caller’s key through all of its retries, and the error names it', async () => {
    const { seen, client } = await script(reset);
    const error = await failureOf(client({ retries: 2 }).createIntent(ORDER, { idempotencyKey: 'mine' }));
    expect(error).toMatchObject({
      status: null,
      code: 'network_error',
      retryable: true,
      idempotencyKey: 'mine',
    });
    expect(seen).toHaveLength(3);
    expect(keysOf(seen)).toEqual(['mine']);
  });
});

test.each([
  [409, 'idempotency_key_in_flight'],
  [429, 'rate_limited'],
  [502, 'unexpected_answer'],
  [503, 'overloaded'],
  [504, 'unexpected_answer'],
])('%i %s is tried again, by GET too', async (status, code) => {
  const failing = code === 'unexpected_answer' ? answer(status, '<html>') : refuse(status, code);
  const { seen, client } = await script(failing, answer(200, CREATED));
  expect(await client().getIntent('pi_1')).toEqual(CREATED);
  expect(seen).toHaveLength(2);
  const always = await script(failing);
  const error = await failureOf(always.client({ retries: 0 }).getIntent('pi_1'));
  expect(error).toMatchObject({ status, code, retryable: true, requestId: 'req_1', idempotencyKey: null });
});

test.each([
  [400, 'invalid_request'],
  [401, 'unauthorized'],
  [404, 'payment_not_found'],
  [409, 'intent_already_paid'],
  [422, 'idempotency_key_reused'],
  [500, 'internal_error'],
])('%i %s is not tried again', async (status, code) => {
  const { seen, client } = await script(refuse(status, code));
  expect(await failureOf(client().createIntent(ORDER))).toMatchObject({ status, code, retryable: false });
  expect(seen).toHaveLength(1);
});

test('an error tells the wrong fields', async () => {
  const errors = [{ pointer: '/amount', detail: 'must be more than zero' }];
  const body = { code: 'invalid_request', detail: 'Some fields are missing or wrong.', errors };
  const { client } = await script(answer(400, body));
  const error = await failureOf(client().createIntent(ORDER));
  expect(error).toMatchObject({ errors, detail: body.detail, requestId: 'req_1' });
  expect(String(error)).not.toContain('sk_test_1');
});

test.each([
  ['a page', 200, '<html>'],
  ['a list', 200, '[]'],
  ['a redirect', 302, ''],
])(
  '%s instead of a JSON object is an unexpected answer and no reason to try again',
  async (_what, status, body) => {
    const { seen, client } = await script(answer(status, body, { location: 'http://127.0.0.1:1/' }));
    const error = await failureOf(client().getIntent('pi_1'));
    expect(error).toMatchObject({ status, code: 'unexpected_answer', retryable: false });
    expect(seen).toHaveLength(1);
  },
);

describe('time', () => {
  test('a connection that hangs costs one try, not the call', async () => {
    const { seen, client } = await script(hang, answer(200, CREATED));
    expect(await client({ tryTimeoutMs: 100 }).getIntent('pi_1')).toEqual(CREATED);
    expect(seen).toHaveLength(2);
  });

  test('the whole call ends by its deadline', async () => {
    const { client } = await script(hang);
    const began = performance.now();
    const error = await failureOf(client({ timeoutMs: 300, retries: 100 }).createIntent(ORDER));
    expect(error).toMatchObject({ status: null, code: 'timeout', retryable: true });
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('a Retry-After beyond the deadline is not waited for: the refusal is told at once', async () => {
    const { seen, client } = await script(refuse(503, 'shutting_down', { 'retry-after': '3600' }));
    const error = await failureOf(client({ timeoutMs: 5000 }).createIntent(ORDER));
    expect(error).toMatchObject({ status: 503, code: 'shutting_down' });
    expect(seen).toHaveLength(1);
  });

  test('the caller’s signal ends a try and a wait, with its own reason', async () => {
    for (const step of [hang, refuse(503, 'overloaded', { 'retry-after': '5' })]) {
      const stop = new AbortController();
      const { client } = await script((response, request) => {
        step(response, request);
        setImmediate(() => stop.abort(new Error('shop closes')));
      });
      await expect(client().createIntent(ORDER, { signal: stop.signal })).rejects.toThrow('shop closes');
    }
  });
});

test('webhook endpoints: each call has its method, path and body', async () => {
  const { seen, client } = await script(answer(200, {}));
  const { webhookEndpoints } = client();
  await webhookEndpoints.create({ url: 'https://shop.example/hooks', eventTypes: ['payment.succeeded'] });
  await webhookEndpoints.list();
  await webhookEndpoints.get('we_1');
  await webhookEndpoints.update('we_1', { status: 'disabled' });
  await webhookEndpoints.rotateSecret('we_1', { previousValidSeconds: 60 });
  await webhookEndpoints.test('we_1');
  await webhookEndpoints.deliveries('we_1', { state: 'dead', limit: 5 });
  await webhookEndpoints.replay('we_1', { eventId: 'evt_1' });
  expect(seen.map(({ method, path, body }) => [method, path, body])).toEqual([
    [
      'POST',
      '/v1/webhook-endpoints',
      '{"url":"https://shop.example/hooks","eventTypes":["payment.succeeded"]}',
    ],
    ['GET', '/v1/webhook-endpoints', ''],
    ['GET', '/v1/webhook-endpoints/we_1', ''],
    ['POST', '/v1/webhook-endpoints/we_1', '{"status":"disabled"}'],
    ['POST', '/v1/webhook-endpoints/we_1/rotate-secret', '{"previousValidSeconds":60}'],
    ['POST', '/v1/webhook-endpoints/we_1/test', '{}'],
    ['GET', '/v1/webhook-endpoints/we_1/deliveries?state=dead&limit=5', ''],
    ['POST', '/v1/webhook-endpoints/we_1/replay', '{"eventId":"evt_1"}'],
  ]);
  const gone = await script((response) => response.writeHead(204).end());
  expect(await gone.client().webhookEndpoints.remove('we_1')).toBeUndefined();
  expect(gone.seen[0]).toMatchObject({ method: 'DELETE', path: '/v1/webhook-endpoints/we_1' });
});

test('an endpoint whose removal lost its answer is removed: the retry’s 404 is no failure, the first try’s is', async () => {
  const { seen, client } = await script(reset, refuse(404, 'webhook_endpoint_not_found'));
  expect(await client().webhookEndpoints.remove('we_1')).toBeUndefined();
  expect(seen).toHaveLength(2);
  const none = await script(refuse(404, 'webhook_endpoint_not_found'));
  expect(await failureOf(none.client().webhookEndpoints.remove('we_1'))).toMatchObject({ status: 404 });
});

test('what would change the path is no id, and wrong options are told at once', async () => {
  const { seen, client } = await script(answer(200, {}));
  for (const id of ['', '..', 'pi_1/../x', 'pi_1?x']) expect(() => client().getIntent(id)).toThrow(TypeError);
  // None of these is the network's fault, or may be sent by a retry.
  for (const idempotencyKey of ['', ' ', 'ключ', 'a\nb', 'k'.repeat(256)])
    expect(() => client().createIntent(ORDER, { idempotencyKey })).toThrow(TypeError);
  expect(() => client().createIntent({ ...ORDER, amount: 5000n as unknown as number })).toThrow(TypeError);
  for (const wrong of [
    { apiUrl: 'pay.example' },
    { apiUrl: 'https://user:password@pay.example' },
    { apiUrl: 'https://pay.example/?a=b' },
    { secretKey: 'a b' },
    { merchantId: '' },
    { retries: -1 },
    { timeoutMs: 0 },
  ])
    expect(() => client(wrong)).toThrow(TypeError);
  expect(seen).toEqual([]);
});
