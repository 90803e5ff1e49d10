import { expect, test } from 'vitest';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import { OUTCOMES, type Refusal, refusal } from '../../domain/outcomes.ts';
import { INTENT_LIFETIME_MS } from '../../domain/payment-intent.ts';
import type { Attempt } from '../../domain/transaction.ts';
import type { ShardReply } from '../../messages/replies.ts';
import { escapeHtml } from '../../pages/html.ts';
import type { CheckoutSession, LiveSession } from '../../storage/sessions.ts';
import { bankLink } from '../links.ts';
import type { PayAnswer, PayRequest } from '../pay.ts';
import { SCRIPT_INTEGRITY, SCRIPT_PATH } from '../script.ts';
import type { WebAnswer, WebRequest, WebRoute } from '../web.ts';
import { type ProcessPaymentDeps, processPaymentRoutes } from './process-payment.ts';
import { type ShowCheckoutDeps, showCheckoutRoutes } from './show-checkout.ts';
import { showResultRoutes } from './show-result.ts';

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
    isProxy: () => false,
    store: { get: async (id) => (id === SESSION_ID ? OPEN : undefined) },
    onSessionStoreFailed: () => undefined,
    merchantName: () => Promise.reject(new Error('control')),
    processorOf: () => Promise.reject(new Error('control')),
    takesUpi: () => true,
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
  const { bySession, paid } = world(STARTED, { store: { get: async () => GRACE } });
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

test.each<[string, boolean, string, object]>([
  ['is handed on', false, 'Mozilla/5.0 (X11)', { address: '127.0.0.1', userAgent: 'Mozilla/5.0 (X11)' }],
  ['behind a proxy has no address', true, 'Mozilla/5.0', { address: null, userAgent: 'Mozilla/5.0' }],
  [
    'that says nothing fit to be said is not quoted',
    false,
    'a\r\nb',
    { address: '127.0.0.1', userAgent: null },
  ],
  ['that says too much is not quoted', false, 'x'.repeat(501), { address: '127.0.0.1', userAgent: null }],
])('a browser %s', async (_, proxy, userAgent, browser) => {
  const { bySession, byKey, paid } = world(STARTED, { isProxy: () => proxy });
  await postJson(bySession, TYPED, { 'user-agent': userAgent });
  expect(paid[0]?.browser).toEqual(browser);
  // A merchant's server is no shopper's browser.
  await postJson(
    byKey,
    { ...CARD, paymentIntentId: `pi_${ID}`, merchantId: 'merchant_1' },
    { authorization: 'Bearer good' },
  );
  expect(paid[1]?.browser).toEqual({ address: null, userAgent: null });
});

test('a browser that has left meanwhile, as after a second click, is told as it came', async () => {
  const { bySession, paid } = world(STARTED);
  let here = true;
  const answer = bySession.handler({
    query: '',
    header: (name) => (name === 'content-type' ? FORM : ''),
    body: Buffer.from(new URLSearchParams(TYPED).toString()),
    remoteAddress: () => (here ? '127.0.0.1' : ''),
    now: NOW,
  });
  here = false;
  await answer;
  expect(paid[0]?.browser).toEqual({ address: '127.0.0.1', userAgent: null });
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

const MISTYPED: PayAnswer = {
  ok: false,
  refusal: refusal('card_invalid', 'no', {
    errors: [{ pointer: '/cardNumber', detail: 'the card number is mistyped' }],
  }),
  cardErrors: [
    { field: 'cardNumber', code: 'card_number_check_digit', detail: 'the card number is mistyped' },
  ],
};

test('a mistyped card shows the form again, in the shopper’s language, with what was wrong and nothing of the card', async () => {
  const { bySession } = world(MISTYPED);
  const answer = await postForm(bySession, TYPED);
  expect(answer.status).toBe(400);
  const field = /<input id="cardNumber"[^>]*>/.exec(String(answer.body))![0];
  expect(field).toContain('aria-describedby="cardNumber-error" aria-invalid="true"');
  expect(answer.body).toContain('<a href="#cardNumber">The card number has a mistyped digit.</a>');
  for (const typed of [CARD.cardNumber, CARD.cardholderName, `value="${CARD.cvv}"`])
    expect(answer.body).not.toContain(`value="${typed}"`);
  const hindi = await postForm(bySession, TYPED, { 'accept-language': 'hi-IN,hi;q=0.9,en;q=0.8' });
  expect(hindi.body).toContain('<html lang="hi">');
  expect(hindi.body).toContain('कार्ड नंबर का कोई अंक ग़लत है।');
});

test('a card mistyped in the grace gets no second form', async () => {
  const { bySession } = world(MISTYPED, { store: { get: async () => GRACE } });
  const answer = await postForm(bySession, TYPED);
  expect(answer.status).toBe(400);
  expect(answer.body).not.toContain('<form');
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

test('a certified merchant: key, merchant, intent, rate, replay', async () => {
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
  const limited = world(STARTED, { merchantRateLimit: async () => false });
  expect(await postJson(limited.byKey, body, key)).toMatchObject({ status: 429, body: 'rate_limited' });
  expect(limited.paid).toEqual([]);
  const replaying = world({ ...STARTED, replayed: '{"stored":1}' } as PayAnswer);
  expect(await postJson(replaying.byKey, body, key)).toMatchObject({
    status: 202,
    body: '{"stored":1}',
    headers: { 'Idempotency-Replayed': 'true' },
  });
});

/** Transactions whose bank the result page might have asked. */
const lookedAt: string[] = [];

/** @param asked gets how long each question to the shard may wait */
function pages(
  reply: ShardReply,
  live: LiveSession | (() => Promise<LiveSession>) = OPEN,
  asked: number[] = [],
): Record<'form' | 'expired' | 'result' | 'events', WebRoute> {
  const read = typeof live === 'function' ? live : async () => live;
  const deps: ShowCheckoutDeps = {
    store: { get: async (id) => (id === SESSION_ID ? await read() : undefined) },
    onSessionStoreFailed: () => undefined,
    ask: async (_, __, deadlineMs) => {
      asked.push(deadlineMs);
      return reply;
    },
    testMode: true,
    merchantName: async () => 'Shop <script>',
    processorOf: async () => 'SANDBOX',
    takesUpi: () => true,
  };
  const [form, expired] = showCheckoutRoutes(deps);
  const watch = { begin: () => () => undefined };
  const problem = (cause: Refusal) => ({ status: OUTCOMES[cause.code][0], body: '' });
  const askBank = { whileWaiting: (attempt: Attempt) => void lookedAt.push(attempt.transactionId) };
  const rest = { askDeadlineMs: 5000, watch, problem, askBank, secureCookies: true };
  const [result, events] = showResultRoutes({ ...deps, ...rest });
  return { form: form!, expired: expired!, result: result!, events: events! };
}

const NOT_FOUND: ShardReply = { type: 'refused', refusal: refusal('payment_not_found', 'no') };

function get(route: WebRoute, query: string, headers: Record<string, string> = {}): Promise<WebAnswer> {
  const request: WebRequest = {
    query,
    header: (name) => headers[name] ?? '',
    body: Buffer.alloc(0),
    remoteAddress: () => '',
    now: NOW,
  };
  return Promise.resolve(route.handler(request));
}

test('the card form: amount in its format, everything escaped, a policy that allows one script and one style', async () => {
  const { form } = pages(NOT_FOUND);
  const answer = await get(form, `session=${SESSION_ID}`);
  expect(answer.status).toBe(200);
  expect(answer.body).toContain('₹1,234.50');
  expect(answer.body).toContain('&lt;order&gt; &amp; &quot;more&quot;');
  expect(String(answer.body).match(/<script[^>]*>/g)).toEqual([
    `<script src="${SCRIPT_PATH}" integrity="${SCRIPT_INTEGRITY}" defer>`,
  ]);
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
    `default-src 'none'; script-src '${SCRIPT_INTEGRITY}'; style-src 'sha256-${hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  );
  expect(answer.headers?.['Referrer-Policy']).toBe('same-origin');
  expect((await get(form, 'session=x')).status).toBe(410);
});

test('in the grace a card typed in time is taken, and no new form is shown', async () => {
  const { form } = pages(NOT_FOUND, GRACE);
  const over = await get(form, `session=${SESSION_ID}`);
  expect([over.status, over.code]).toEqual([410, 'session_expired']);
  expect(over.body).not.toContain('<form');
  const { bySession } = world(STARTED);
  expect((await postForm(bySession, TYPED)).status).toBe(303);
});

test('too many posts of an address: 429 before the session is looked up; of a session: before a card is sealed', async () => {
  const asked: unknown[] = [];
  const bySession = world(STARTED, { sessionRateLimit: async (...question) => asked.push(question) === 0 });
  const byAddress = world(STARTED, {
    store: { get: () => Promise.reject(new Error('looked up')) },
    addressRateLimit: async (...question) => asked.push(question) === 0,
  });
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
  routing: {
    fallback: null,
    legs: [{ leg: 1, processor: 'SANDBOX', processorAccount: 'acc', reason: 'preferred', at: NOW }],
  },
  paymentMethodType: null,
  nextAction: null,
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

const INTENT = {
  paymentIntentId: ID,
  merchantId: 'merchant_1',
  customerId: null,
  orderId: 'order_1',
  amount: 123450,
  currency: 'INR',
  status: 'PENDING' as const,
  metadata: null,
  createdAt: NOW,
  updatedAt: NOW,
};

function found(
  attempts: readonly Partial<Attempt>[],
  status: 'PENDING' | 'SUCCESS' | 'FAILED' = 'PENDING',
): ShardReply {
  const payment = {
    intent: { ...INTENT, status },
    attempts: attempts.map((attempt, index) => ({
      ...ATTEMPT,
      attempt: index + 1,
      transactionId: transactionIdOf(ID, index + 1),
      ...attempt,
    })),
  };
  return { type: 'payment-found', payment };
}

const REDIRECT: Partial<Attempt> = {
  status: 'REQUIRES_ACTION',
  nextAction: { kind: 'redirect', url: 'https://bank.example/3ds/1?a=1&b="2"', expiresAt: NOW + 60_000 },
};
const UPI_ACTION = {
  kind: 'upi',
  link: 'upi://pay?pa=demo@bank&pn=Demo%20Shop&am=1234.50&cu=INR',
  expiresAt: NOW + 60_000,
  simulatorUrl: 'http://127.0.0.1:9400/upi/1',
} as const;
const UPI: Partial<Attempt> = {
  status: 'REQUIRES_ACTION',
  nextAction: UPI_ACTION,
  card: null,
  paymentMethodType: 'UPI',
};

test('the hand-over page goes to the bank’s page by itself, once, and keeps the session for the way back', async () => {
  const { result } = pages(found([REDIRECT]));
  const query = `transaction=txn_${TRANSACTION}&session=${SESSION_ID}`;
  const first = await get(result, query);
  const url = 'https://bank.example/3ds/1?a=1&amp;b=%222%22';
  expect(first.body).toContain('data-result="action"');
  expect(first.body).toContain(`content="3; url=${url}"></noscript>`);
  expect(first.body).toContain(`href="${url}" rel="noreferrer" data-go-on-ms="3000"`);
  expect(first.body).toContain('<dd>bank.example</dd>');
  const kept = 'Max-Age=1800; HttpOnly; SameSite=Lax; Secure';
  const [session, sentOn] = first.cookies!;
  expect(first.cookies).toEqual([
    `sluice_session_${ID}=${SESSION_ID}; Path=/checkout/return; ${kept}`,
    `sluice_sent_on_${TRANSACTION}=1; Path=/checkout/result; ${kept}`,
  ]);
  const again = await get(result, query, { cookie: `a=b; ${sentOn!.split(';', 1)[0]}` });
  expect(again.body).not.toContain('data-go-on-ms');
  expect(again.body).not.toContain('url=https');
  expect(again.body).toContain(`href="${url}"`);
  // Of another transaction it is no reason to stay.
  const other = await get(result, query, { cookie: `sluice_sent_on_${ID}=1; ${session}` });
  expect(other.body).toContain('data-go-on-ms');
  expect((await get(result, `transaction=txn_${TRANSACTION}`)).cookies).toHaveLength(1);
});

test('nobody is sent to an address that is no bank’s page, nor over http where money moves', async () => {
  const goingTo = (url: string) =>
    resultOf([{ ...REDIRECT, nextAction: { kind: 'redirect', url, expiresAt: null } }]);
  for (const url of ['javascript:alert(1)', 'https://user:word@bank.example/', 'upi://pay?pa=x', 'x']) {
    const page = await goingTo(url);
    expect(page).toContain('We are asking your bank');
    expect(page).not.toContain('data-go-on-ms');
    expect(page).not.toContain(`href="${escapeHtml(url)}`);
  }
  const plain = 'http://bank.example/';
  expect(await goingTo(plain)).toContain(`href="${plain}"`);
  expect(bankLink(plain, false)).toBeNull();
  expect(bankLink('https://bank.example/', false)).toBe('https://bank.example/');
});

test('the UPI page has the link, the code with its words, the payee, the time, and in test mode the bank’s own page', async () => {
  const page = await resultOf([UPI]);
  expect(page).toContain(`<a class="button" href="${escapeHtml(UPI_ACTION.link)}">`);
  expect(page).toContain('aria-label="QR code for a UPI payment of ₹1,234.50 to Demo Shop (demo@bank)"');
  expect(page).toContain('<dd>Demo Shop (demo@bank)</dd>');
  expect(page).toContain('data-remaining-ms="60000"');
  expect(page).toContain(`href="${UPI_ACTION.simulatorUrl}" target="_blank" rel="noreferrer"`);
  expect(page).toContain('content="6"></noscript>');
  expect(lookedAt.at(-1)).toBe(TRANSACTION);
});

test('once the bank’s time is over, or the link is none that asks for this amount, the page asks for nothing more', async () => {
  for (const nextAction of [
    { ...UPI_ACTION, expiresAt: NOW },
    { ...UPI_ACTION, link: 'https://upi.example' },
    { ...UPI_ACTION, link: UPI_ACTION.link.replace('1234.50', '1.00') },
  ]) {
    const page = await resultOf([{ ...UPI, nextAction }]);
    expect(page).toContain('We are asking your bank');
    expect(page).not.toContain('class="qr"');
  }
});

test('what went wrong with a confirmation or UPI is told as that, and another way is offered', async () => {
  const failed = { status: 'FAILED', reopenable: true } as const;
  expect(await resultOf([{ ...failed, failureCode: 'authentication_failed' }])).toContain('not confirmed');
  expect(await resultOf([{ ...failed, failureCode: 'authentication_expired' }])).toContain('ran out');
  const expired = await resultOf([{ ...failed, card: null, failureCode: 'upi_expired' }]);
  expect(expired).toContain('UPI app ran out');
  expect(expired).toContain(`<a class="button" href="${AGAIN}" rel="noreferrer">Try another way to pay</a>`);
  const upi = await resultOf([{ ...failed, card: null, failureCode: 'payment_declined' }]);
  expect(upi).toContain('The UPI payment was declined');
  expect(upi).not.toContain('your card');
});

test('UPI is offered for rupees where the processor takes it, and taken without a card', async () => {
  const { form } = pages(NOT_FOUND);
  const offered = String((await get(form, `session=${SESSION_ID}`)).body);
  expect(offered).toContain('<button class="quiet" name="method" value="upi"');
  const dollars = { ...OPEN, session: { ...SESSION, currency: 'USD' } };
  const { form: abroad } = pages(NOT_FOUND, dollars);
  expect(String((await get(abroad, `session=${SESSION_ID}`)).body)).not.toContain('value="upi"');

  const { bySession, paid } = world(STARTED);
  const upi = { sessionId: SESSION_ID, method: 'upi' };
  expect((await postForm(bySession, upi)).headers?.Location).toBe(RESULT);
  expect(await postJson(bySession, upi)).toMatchObject({ status: 202 });
  expect(paid.map(({ method }) => method)).toEqual([{ kind: 'upi' }, { kind: 'upi' }]);
  const inDollars = world(STARTED, { store: { get: async () => dollars } });
  expect(await postJson(inDollars.bySession, upi)).toMatchObject({ body: 'invalid_request' });
  expect(inDollars.paid).toEqual([]);
});

async function resultOf(
  attempts: readonly Partial<Attempt>[],
  intentStatus: 'PENDING' | 'SUCCESS' | 'FAILED' = 'PENDING',
) {
  const { result } = pages(found(attempts, intentStatus));
  return String((await get(result, `transaction=txn_${TRANSACTION}&session=${SESSION_ID}`)).body);
}

const AGAIN = `/checkout?session=${SESSION_ID}`;

test('the result page looks again while the payment is in progress, less often as it gets older', async () => {
  const refresh = (seconds: number) => `<meta http-equiv="refresh" content="${seconds}">`;
  const young = await resultOf([{}]);
  expect(young).toContain(`<noscript>${refresh(2)}</noscript>\n${refresh(20)}`);
  const old = await resultOf([{ createdAt: NOW - 3_600_000 }]);
  expect(old).toContain(`<noscript>${refresh(60)}</noscript>\n${refresh(60)}`);
  expect(old).toContain('data-result="asking"');
  expect(old).toContain('cannot be charged twice');
});

test('a paid one goes on to the shop, with script and without', async () => {
  const paid = await resultOf([{ status: 'SUCCESS' }], 'SUCCESS');
  const url = escapeHtml(new URL(SESSION.successUrl).href);
  expect(paid).toContain(`href="${url}" rel="noreferrer" data-go-on-ms="5000"`);
  expect(paid).toContain(`content="5; url=${url}"></noscript>`);
  expect(paid).toContain(`content="20; url=${url}"`);
});

test('a failed one offers another card only while the intent and the session take one', async () => {
  const failed = { status: 'FAILED', reopenable: true } as const;
  const declined = await resultOf([{ ...failed, failureCode: 'insufficient_funds' }]);
  expect(declined).toContain(AGAIN);
  expect(declined).toContain('enough funds');
  expect(declined).toContain(SESSION.cancelUrl);
  expect(await resultOf([{ ...failed, sessionExpiresAt: NOW }])).not.toContain(AGAIN);
  expect(await resultOf([{ ...failed, reopenable: false }], 'FAILED')).not.toContain(AGAIN);
});

test('an old failed attempt of an order that is paid, or being paid, says so and offers no card', async () => {
  const failed = { status: 'FAILED', reopenable: true } as const;
  const paid = await resultOf([failed, { status: 'SUCCESS' }], 'SUCCESS');
  expect(paid).toContain('data-result="paid-by-other"');
  expect(paid).toContain('data-go-on-ms="5000"');
  expect(paid).not.toContain(AGAIN);
  const running = await resultOf([failed, {}]);
  expect(running).toContain(`/checkout/result?transaction=txn_${transactionIdOf(ID, 2)}`);
  expect(running).not.toContain(AGAIN);
});

test('a merchant’s address that is no web address stands in no link', async () => {
  for (const successUrl of ['javascript:alert(1)', 'https://user@shop.example/', 'not a url']) {
    const paid = await resultOf([{ status: 'SUCCESS', successUrl }], 'SUCCESS');
    expect(paid).not.toContain('data-go-on-ms');
    expect(paid).not.toContain('http-equiv');
  }
});

test('a result that names no payment is 404', async () => {
  const { result } = pages(NOT_FOUND);
  expect((await get(result, `transaction=txn_${TRANSACTION}`)).status).toBe(404);
  expect((await get(result, 'transaction=<x>')).status).toBe(404);
});

test('a payment that is made, under way or closed has its result instead of a form, also when the time is over', async () => {
  const cases: [Partial<Attempt>[], 'PENDING' | 'SUCCESS' | 'FAILED', number][] = [
    [[{}], 'PENDING', 1],
    [[{ status: 'FAILED', reopenable: true }, { status: 'SUCCESS' }], 'SUCCESS', 2],
    [[{ status: 'FAILED' }], 'FAILED', 1],
  ];
  for (const [attempts, status, number] of cases) {
    const { form, expired } = pages(found(attempts, status), GRACE);
    const location = `/checkout/result?transaction=txn_${transactionIdOf(ID, number)}&session=${SESSION_ID}`;
    for (const route of [form, expired]) {
      expect(await get(route, `session=${SESSION_ID}`)).toMatchObject({
        status: 303,
        headers: { Location: location },
      });
    }
  }
  const open = pages(found([{ status: 'FAILED', reopenable: true }]));
  expect((await get(open.form, `session=${SESSION_ID}`)).status).toBe(200);
});

test('a payment that can take no card any more shows no form to type one into, though nobody has tried', async () => {
  const closed = await get(pages(found([], 'FAILED')).form, `session=${SESSION_ID}`);
  expect([closed.status, closed.code]).toEqual([409, 'intent_closed']);
  const intent = { ...INTENT, createdAt: NOW - INTENT_LIFETIME_MS };
  const old: ShardReply = { type: 'payment-found', payment: { intent, attempts: [] } };
  const expired = await get(pages(old).form, `session=${SESSION_ID}`);
  expect([expired.status, expired.code]).toEqual([409, 'intent_expired']);
  for (const { body } of [closed, expired]) {
    expect(body).not.toContain('<form');
    expect(body).toContain(SESSION.cancelUrl);
  }
});

test('a bank that was never asked is not said to have declined', async () => {
  for (const failureCode of ['processor_unreachable', 'processor_busy', 'send_before_passed']) {
    const failed = await resultOf([{ status: 'FAILED', reopenable: true, failureCode }]);
    expect(failed).toContain('could not be reached');
    expect(failed).not.toContain('declined');
  }
});

test('a shard that cannot say what became of the payment does not keep the form back, nor for long', async () => {
  for (const code of ['thread_died', 'deadline_passed', 'storage_unavailable', 'overloaded'] as const) {
    const asked: number[] = [];
    const { form } = pages({ type: 'refused', refusal: refusal(code, 'no') }, OPEN, asked);
    const answer = await get(form, `session=${SESSION_ID}`);
    expect([answer.status, asked]).toEqual([200, [1000]]);
    expect(answer.body).toContain('<form');
    // What a card posted then is told: nothing happened, and the way back to the form.
    const { bySession } = world({ ok: false, refusal: refusal(code, 'no') });
    const refused = await postForm(bySession, TYPED);
    expect(refused.status).toBe(503);
    expect(refused.body).toContain('nothing was charged');
    expect(refused.body).toContain(AGAIN);
  }
});

test('the page of a session that is over is 410 and, in the grace, knows the way back', async () => {
  const inGrace = await get(pages(NOT_FOUND, GRACE).expired, `session=${SESSION_ID}`);
  expect([inGrace.status, inGrace.code]).toEqual([410, 'session_expired']);
  expect(inGrace.body).toContain(SESSION.cancelUrl);
  // A page whose clock is wrong asks too early: nothing has expired yet.
  const early = await get(pages(NOT_FOUND).expired, `session=${SESSION_ID}`);
  expect([early.status, early.headers?.Location]).toEqual([303, AGAIN]);
  const later = await get(pages(NOT_FOUND).expired, '');
  expect(later.status).toBe(410);
  expect(later.body).not.toContain('href=');
});

test('a page that cannot be read now says nothing of the payment, least of all that nothing was charged, and looks again', async () => {
  const down: ShardReply = { type: 'refused', refusal: refusal('storage_unavailable', 'no') };
  const { result } = pages(down);
  const query = `transaction=txn_${TRANSACTION}&session=${SESSION_ID}`;
  const page = await get(result, query);
  expect([page.status, page.code, page.headers?.['Retry-After']]).toEqual([503, 'storage_unavailable', '1']);
  expect(page.body).not.toMatch(/not started|nothing was charged/i);
  expect(page.body).toContain(`href="${escapeHtml(`/checkout/result?${query}`)}"`);
  expect(page.body).toContain(`data-events="/checkout/events?transaction=txn_${TRANSACTION}"`);
  expect(page.body).toContain('<noscript><meta http-equiv="refresh" content="5"></noscript>');

  const { form, expired } = pages(NOT_FOUND, () => Promise.reject(new Error('redis')));
  for (const route of [form, expired]) {
    const unread = await get(route, `session=${SESSION_ID}`);
    expect([unread.status, unread.code]).toEqual([503, 'session_store_unavailable']);
    expect(unread.body).not.toMatch(/not started|nothing was charged|expired</i);
  }
});

test('events begin with the state now, and only of a payment that is known', async () => {
  const query = `transaction=txn_${TRANSACTION}`;
  const stream = await get(pages(found([{}])).events, query);
  const sent: string[] = [];
  stream.events!({ send: (event, data) => sent.push(`${event} ${data}`), end: () => undefined })();
  expect([stream.status, sent]).toEqual([200, ['state waiting']]);
  const unknown = await get(pages(NOT_FOUND).events, query);
  expect([unknown.status, unknown.events]).toEqual([404, undefined]);
});
