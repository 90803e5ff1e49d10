import { expect, test } from 'vitest';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import { OUTCOMES, refusal } from '../../domain/outcomes.ts';
import type { Attempt } from '../../domain/transaction.ts';
import type { ShardReply } from '../../messages/replies.ts';
import type { CheckoutSession, LiveSession } from '../../storage/sessions.ts';
import { escapeHtml, showAmount } from '../page.ts';
import type { PayAnswer, PayRequest } from '../pay.ts';
import type { WebAnswer, WebRequest, WebRoute } from '../web.ts';
import { type ProcessPaymentDeps, processPaymentRoutes } from './process-payment.ts';
import { type ShowCheckoutDeps, showCheckoutRoutes } from './show-checkout.ts';

const NOW = Date.UTC(2026, 0, 21, 10);
const ID = makeId(NOW, 3, new Uint8Array(8).fill(1));
const TRANSACTION = transactionIdOf(ID, 1);
const SESSION_ID = `sess_${'ab'.repeat(16)}`;
const SESSION: CheckoutSession = {
  paymentIntentId: `pi_${ID}`,
  merchantId: 'merchant_1',
  transactionId: `txn_${TRANSACTION}`,
  orderId: '<order> & "more"',
  customerId: null,
  createdAt: new Date(NOW).toISOString(),
  amount: 123450,
  currency: 'INR',
  successUrl: 'https://shop.example/ok?a=1&b="x"',
  cancelUrl: 'https://shop.example/no',
  expiresAt: new Date(NOW + 1000).toISOString(),
};
const OPEN: LiveSession = { session: SESSION, state: 'open', remainingMs: 5 };
const GRACE: LiveSession = { session: SESSION, state: 'grace', remainingMs: 5 };
const CARD = {
  cardNumber: '4111 1111 1111 1111',
  expiryMonth: '12',
  expiryYear: '2028',
  cvv: '123',
  cardholderName: 'John Doe',
};
const TYPED = { sessionId: SESSION_ID, ...CARD };
const FORM = 'application/x-www-form-urlencoded';

function world(answer: PayAnswer, more: Partial<ProcessPaymentDeps> = {}) {
  const paid: PayRequest[] = [];
  const routes = processPaymentRoutes({
    pay: async (request) => {
      paid.push(request);
      return answer;
    },
    problem: (cause) => ({ status: OUTCOMES[cause.code][0], body: cause.code }),
    publicOrigin: 'https://pay.example',
    store: { get: async (id) => (id === SESSION_ID ? GRACE : undefined) },
    onSessionStoreFailed: () => undefined,
    merchantName: () => Promise.reject(new Error('control')),
    testMode: true,
    authenticate: async (header) =>
      header === 'Bearer good'
        ? { ok: true, merchant: { merchantId: 'merchant_1' } }
        : { ok: false, refusal: refusal('unauthorized', 'no') },
    merchantRateLimit: () => true,
    sessionRateLimit: () => true,
    readIdempotencyKey: (header) => ({ ok: true, key: header === '' ? null : header }),
    ...more,
  });
  return { bySession: routes[0]!, byKey: routes[1]!, paid };
}

function post(route: WebRoute, body: string, headers: Record<string, string>): Promise<WebAnswer> {
  const request: WebRequest = {
    query: '',
    header: (name) => {
      expect(route.headers).toContain(name);
      return headers[name] ?? '';
    },
    body: Buffer.from(body),
    remoteAddress: () => '127.0.0.1',
    now: NOW,
  };
  return Promise.resolve(route.handler(request)).then((answer) => {
    expect(request.body.every((byte) => byte === 0)).toBe(true);
    return answer;
  });
}

const postJson = (route: WebRoute, value: object, headers: Record<string, string> = {}) =>
  post(route, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
const postForm = (route: WebRoute, value: Record<string, string>, headers: Record<string, string> = {}) =>
  post(route, new URLSearchParams(value).toString(), { 'content-type': FORM, ...headers });

const STARTED: PayAnswer = { ok: true, transactionId: TRANSACTION, replayed: null };
const RESULT = `/checkout/result?transaction=txn_${TRANSACTION}&session=${SESSION_ID}`;

test('JSON is answered 202, a form 303 to the result page, in the grace too', async () => {
  const { bySession, paid } = world(STARTED);
  const json = await postJson(bySession, TYPED);
  expect([json.status, json.body]).toEqual([
    202,
    JSON.stringify({ transactionId: `txn_${TRANSACTION}`, status: 'PROCESSING' }),
  ]);
  const form = await postForm(bySession, TYPED, {
    origin: 'https://pay.example',
    'sec-fetch-site': 'same-origin',
  });
  expect([form.status, form.headers?.Location]).toEqual([303, RESULT]);
  expect(paid).toHaveLength(2);
  expect(paid[0]).toMatchObject({
    intentId: ID,
    merchantId: 'merchant_1',
    successUrl: SESSION.successUrl,
    sessionExpiresAt: NOW + 1000,
    claimedAmount: null,
    idempotency: null,
  });
});

test('a post from another site is refused, and its body wiped by the server', async () => {
  const { bySession, paid } = world(STARTED);
  const elsewhere: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  for (const headers of elsewhere) {
    const answer = await bySession.handler({
      query: '',
      header: (name) => (name === 'content-type' ? FORM : (headers[name] ?? '')),
      body: Buffer.from('x'),
      remoteAddress: () => '',
      now: NOW,
    });
    expect(answer.status).toBe(403);
  }
  expect(bySession.wipesBody).toBe(true);
  expect(paid).toEqual([]);
});

test('a second click, or a payment made, leads to the result of the first', async () => {
  for (const code of ['payment_in_progress', 'intent_already_paid'] as const) {
    const { bySession } = world({ ok: false, refusal: refusal(code, 'no', { transactionId: TRANSACTION }) });
    expect((await postForm(bySession, TYPED)).headers?.Location).toBe(RESULT);
    expect(await postJson(bySession, TYPED)).toMatchObject({ status: 409, body: code });
  }
});

test('a mistyped card shows the form again, with what was wrong and nothing of the card', async () => {
  const errors = [{ pointer: '/cardNumber', detail: 'the card number is mistyped' }];
  const { bySession } = world({ ok: false, refusal: refusal('card_invalid', 'no', { errors }) });
  const answer = await postForm(bySession, TYPED);
  expect(answer.status).toBe(400);
  expect(answer.body).toContain('the card number is mistyped');
  expect(answer.body).toContain('aria-invalid="true"');
  expect(answer.body).not.toContain('John Doe');
  expect(answer.body).toContain('<h1>merchant_1</h1>');
});

test('a session that is over: 410 as a page or a problem; one that cannot be read: 503', async () => {
  const gone = { ...TYPED, sessionId: `sess_${'00'.repeat(16)}` };
  const { bySession, paid } = world(STARTED);
  expect(await postForm(bySession, gone)).toMatchObject({
    status: 410,
    contentType: 'text/html; charset=utf-8',
  });
  expect(await postJson(bySession, gone)).toMatchObject({ status: 410, body: 'session_expired' });
  expect(await postJson(bySession, { ...TYPED, sessionId: '../../x' })).toMatchObject({ status: 410 });
  const down = world(STARTED, { store: { get: () => Promise.reject(new Error('redis')) } });
  expect(await postJson(down.bySession, TYPED)).toMatchObject({
    status: 503,
    body: 'session_store_unavailable',
  });
  expect(paid).toEqual([]);
});

test('a certified merchant: key, merchant, intent, replay', async () => {
  const body = { paymentIntentId: `pi_${ID}`, merchantId: 'merchant_1', ...CARD };
  const key = { authorization: 'Bearer good', 'idempotency-key': 'k1' };
  const { byKey, paid } = world(STARTED);
  expect(await postJson(byKey, body, key)).toMatchObject({ status: 202 });
  expect(paid[0]).toMatchObject({
    intentId: ID,
    idempotency: { endpoint: 'POST /v1/payment/process', key: 'k1' },
    successUrl: null,
  });
  expect(await postJson(byKey, { ...body, merchantId: 'other' }, key)).toMatchObject({
    body: 'merchant_mismatch',
  });
  expect(await postJson(byKey, { ...body, paymentIntentId: 'pi_1' }, key)).toMatchObject({ status: 404 });
  expect(await postJson(byKey, { ...body, sessionId: 'x' }, key)).toMatchObject({ body: 'invalid_request' });
  const replaying = world({ ...STARTED, replayed: '{"stored":1}' } as PayAnswer);
  expect(await postJson(replaying.byKey, body, key)).toMatchObject({
    status: 202,
    body: '{"stored":1}',
    headers: { 'Idempotency-Replayed': 'true' },
  });
});

function pages(reply: ShardReply, live = OPEN): [WebRoute, WebRoute] {
  const deps: ShowCheckoutDeps = {
    store: { get: async (id) => (id === SESSION_ID ? live : undefined) },
    onSessionStoreFailed: () => undefined,
    ask: async () => reply,
    askDeadlineMs: 1000,
    testMode: true,
    merchantName: async () => 'Shop <script>',
  };
  return showCheckoutRoutes(deps) as [WebRoute, WebRoute];
}

const NOT_FOUND: ShardReply = { type: 'refused', refusal: refusal('payment_not_found', 'no') };

function get(route: WebRoute, query: string): Promise<WebAnswer> {
  const request: WebRequest = {
    query,
    header: () => '',
    body: Buffer.alloc(0),
    remoteAddress: () => '',
    now: NOW,
  };
  return Promise.resolve(route.handler(request));
}

test('the card form: amount by its exponent, everything escaped, no script, a policy that allows none', async () => {
  const [form] = pages(NOT_FOUND);
  const answer = await get(form, `session=${SESSION_ID}`);
  expect(answer.status).toBe(200);
  expect(answer.body).toContain('INR 1,234.50');
  expect(answer.body).toContain('&lt;order&gt; &amp; &quot;more&quot;');
  expect(answer.body).not.toContain('<script');
  for (const hint of [
    'cc-number',
    'cc-exp-month',
    'cc-exp-year',
    'cc-csc',
    'cc-name',
    '4000 0000 0000 0119',
  ]) {
    expect(answer.body).toContain(hint);
  }
  const policy = answer.headers?.['Content-Security-Policy'] ?? '';
  const style = /<style>([\s\S]*)<\/style>/.exec(String(answer.body))![1]!;
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256').update(style).digest('base64');
  expect(policy).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  );
  expect(answer.headers?.['Referrer-Policy']).toBe('same-origin');
  expect((await get(form, 'session=x')).status).toBe(410);
});

test('in the grace a card typed in time is taken, and no new form is shown', async () => {
  const [form] = pages(NOT_FOUND, GRACE);
  const over = await get(form, `session=${SESSION_ID}`);
  expect([over.status, over.code]).toEqual([410, 'session_expired']);
  expect(over.body).not.toContain('<form');
  const { bySession } = world(STARTED);
  expect((await postForm(bySession, TYPED)).status).toBe(303);
});

test('too many posts of a session or an address: 429 before the session is looked up, let alone a card sealed', async () => {
  const asked: unknown[] = [];
  const limited = (more: Partial<ProcessPaymentDeps>) =>
    world(STARTED, { store: { get: () => Promise.reject(new Error('asked')) }, ...more });
  const bySession = limited({ sessionRateLimit: (...question) => asked.push(question) === 0 });
  const byAddress = limited({ addressRateLimit: (...question) => asked.push(question) === 0 });
  for (const { bySession: route, paid } of [bySession, byAddress]) {
    expect(await postJson(route, TYPED)).toMatchObject({ status: 429, body: 'rate_limited' });
    const page = await postForm(route, TYPED);
    expect([page.status, page.headers?.['Retry-After'], page.code]).toEqual([429, '1', 'rate_limited']);
    expect(paid).toEqual([]);
  }
  expect(asked).toEqual([
    [SESSION_ID, NOW],
    [SESSION_ID, NOW],
    ['127.0.0.1', NOW],
    ['127.0.0.1', NOW],
  ]);
  const unknown = await postJson(bySession.bySession, { ...TYPED, sessionId: 'sess_none' });
  expect([unknown.status, asked.length]).toEqual([410, 4]);
});

const ATTEMPT: Attempt = {
  transactionId: TRANSACTION,
  paymentIntentId: ID,
  attempt: 1,
  merchantId: 'merchant_1',
  customerId: null,
  amount: 123450,
  currency: 'INR',
  status: 'SENT',
  outcome: 'unknown',
  leg: 1,
  processor: 'SANDBOX',
  processorAccount: 'acc',
  processorTxnId: null,
  failureCode: null,
  reopenable: false,
  revision: 1,
  senderNonce: 'n',
  sendBefore: NOW,
  card: {
    brand: 'VISA',
    masked: '411111****1111',
    expiryMonth: 12,
    expiryYear: 2028,
    fingerprint: 'f',
    token: 't',
  },
  successUrl: SESSION.successUrl,
  cancelUrl: SESSION.cancelUrl,
  sessionExpiresAt: NOW + 1000,
  evidence: [],
  createdAt: NOW,
  updatedAt: NOW,
  completedAt: null,
};

async function resultOf(
  attempt: Partial<Attempt>,
  intentStatus: 'PENDING' | 'SUCCESS' | 'FAILED' = 'PENDING',
) {
  const intent = {
    paymentIntentId: ID,
    merchantId: 'merchant_1',
    customerId: null,
    orderId: 'order_1',
    amount: 123450,
    currency: 'INR',
    status: intentStatus,
    metadata: null,
    createdAt: NOW,
    updatedAt: NOW,
  };
  const payment = { intent, attempts: [{ ...ATTEMPT, ...attempt }] };
  const [, result] = pages({ type: 'payment-found', payment });
  return String((await get(result, `transaction=txn_${TRANSACTION}&session=${SESSION_ID}`)).body);
}

test('the result page: looks again while in progress, goes on when paid, offers another card only where it may', async () => {
  const running = await resultOf({});
  expect(running).toContain('<meta http-equiv="refresh" content="2">');
  const paid = await resultOf({ status: 'SUCCESS' }, 'SUCCESS');
  expect(paid).toContain(`href="${escapeHtml(SESSION.successUrl)}"`);
  expect(paid).toContain(`content="5; url=${escapeHtml(SESSION.successUrl)}"`);
  const again = `/checkout?session=${SESSION_ID}`;
  const declined = await resultOf({ status: 'FAILED', reopenable: true, failureCode: 'insufficient_funds' });
  expect(declined).toContain(again);
  expect(declined).toContain('not enough funds');
  expect(declined).toContain(SESSION.cancelUrl);
  expect(await resultOf({ status: 'FAILED', reopenable: true, sessionExpiresAt: NOW })).not.toContain(again);
  expect(await resultOf({ status: 'FAILED', reopenable: false }, 'FAILED')).not.toContain(again);
  const [, result] = pages(NOT_FOUND);
  expect((await get(result, `transaction=txn_${TRANSACTION}`)).status).toBe(404);
  expect((await get(result, 'transaction=<x>')).status).toBe(404);
});

test.each([
  [5000, 'INR', 'INR 50.00'],
  [5, 'INR', 'INR 0.05'],
  [5000, 'JPY', 'JPY 5,000'],
  [1_234_560, 'KWD', 'KWD 1,234.560'],
  [999_999_999_999, 'USD', 'USD 9,999,999,999.99'],
])('%d %s is shown as %s', (amount, currency, shown) => {
  expect(showAmount(amount, currency)).toBe(shown);
});
