import { expect, test } from 'vitest';
import { anAttempt, anIntent } from '../../../test/support/payments.ts';
import type { Returned } from '../../connectors/connector.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { Attempt } from '../../domain/transaction.ts';
import type { ShardReply } from '../../messages/replies.ts';
import type { CheckoutSession, LiveSession } from '../../storage/sessions.ts';
import type { WebAnswer, WebRoute } from '../web.ts';
import { type ReturnFromBankDeps, returnFromBankRoutes } from './return-from-bank.ts';

const INTENT = anIntent();
const ATTEMPT = anAttempt({ status: 'REQUIRES_ACTION' });
const TRANSACTION = `txn_${ATTEMPT.transactionId}`;
const SESSION_ID = `sess_${'ab'.repeat(16)}`;
const COOKIE = `sluice_session_${INTENT.paymentIntentId}=${SESSION_ID}`;
const RESULT = `/checkout/result?transaction=${TRANSACTION}`;
const FOUND: ShardReply = { type: 'payment-found', payment: { intent: INTENT, attempts: [ATTEMPT] } };

const live = (paymentIntentId = INTENT.paymentIntentId): LiveSession => ({
  session: { paymentIntentId: `pi_${paymentIntentId}` } as CheckoutSession,
  state: 'open',
  remainingMs: 1,
});

function world(more: { reply?: ShardReply; get?: ReturnFromBankDeps['store']['get'] } = {}) {
  const asked: Attempt[] = [];
  const hints: Returned[] = [];
  const [byGet, byPost] = returnFromBankRoutes({
    ask: async () => more.reply ?? FOUND,
    askDeadlineMs: 5000,
    askBank: {
      onReturn: async (attempt, returned) => {
        asked.push(attempt);
        hints.push(returned);
      },
    },
    returnFieldsOf: () => ['payment_id', 'error[code]', 'signature'],
    store: { get: more.get ?? (async () => live()) },
    onSessionStoreFailed: () => undefined,
    secureCookies: false,
  });
  return { byGet: byGet!, byPost: byPost!, asked, hints };
}

const FORM = 'application/x-www-form-urlencoded';

interface Brought {
  cookie?: string;
  type?: string;
  body?: string;
}

async function go(
  route: WebRoute,
  query: string,
  { cookie = '', type = FORM, body = 'status=succeeded&transaction=txn_2' }: Brought = {},
): Promise<WebAnswer> {
  return await route.handler({
    query,
    header: (name) => {
      expect(route.headers).toContain(name);
      return name === 'cookie' ? cookie : name === 'content-type' ? type : '';
    },
    body: Buffer.from(body),
    remoteAddress: () => '',
    now: 0,
  });
}

test('the bank is asked, and the shopper goes on to the result with the session this browser kept', async () => {
  const { byGet, asked } = world();
  const answer = await go(byGet, `transaction=${TRANSACTION}`, { cookie: `a=b; ${COOKIE}; c` });
  expect([answer.status, answer.headers?.Location]).toEqual([303, `${RESULT}&session=${SESSION_ID}`]);
  expect(asked).toEqual([ATTEMPT]);
  expect(answer.cookies).toEqual([
    `sluice_sent_on_${ATTEMPT.transactionId}=1; Path=/checkout/result; Max-Age=1800; HttpOnly; SameSite=Lax`,
  ]);
});

test('what else the address says changes nothing, nor a second transaction in it', async () => {
  const { byGet, asked } = world();
  const other = `txn_${'1'.repeat(31)}1`;
  const query = `transaction=${TRANSACTION}&status=succeeded&charge=ch_1&transaction=${other}&session=sess_${'cd'.repeat(16)}`;
  expect((await go(byGet, query)).headers?.Location).toBe(RESULT);
  expect(asked).toEqual([ATTEMPT]);
});

test('a session that is over, of another intent, not to be read, or no session at all goes nowhere', async () => {
  const stores: ReturnFromBankDeps['store']['get'][] = [
    async () => undefined,
    async () => live('0'.repeat(32) as never),
    () => Promise.reject(new Error('redis is gone')),
  ];
  for (const get of stores) {
    const { byGet, asked } = world({ get });
    expect((await go(byGet, `transaction=${TRANSACTION}`, { cookie: COOKIE })).headers?.Location).toBe(
      RESULT,
    );
    expect(asked).toHaveLength(1);
  }
  const { byGet } = world();
  for (const cookie of ['', COOKIE.replace(SESSION_ID, 'sess_x'), `x${COOKIE}`]) {
    expect((await go(byGet, `transaction=${TRANSACTION}`, { cookie })).headers?.Location).toBe(RESULT);
  }
});

test('a payment that cannot be read is not asked about, and the result page says so', async () => {
  for (const code of ['storage_unavailable', 'payment_not_found'] as const) {
    const { byGet, asked } = world({ reply: { type: 'refused', refusal: refusal(code, 'no') } });
    const answer = await go(byGet, `transaction=${TRANSACTION}`);
    expect([answer.status, answer.headers?.Location, asked]).toEqual([303, RESULT, []]);
  }
});

const BACK = `/checkout/return?transaction=${TRANSACTION}`;

test('a bank that posts is answered with the same by GET, for the cookie comes only then', async () => {
  const { byPost, asked } = world();
  const answer = await go(byPost, `transaction=${TRANSACTION}&status=succeeded`);
  expect([answer.status, answer.headers?.Location, asked]).toEqual([303, BACK, []]);
  expect(byPost.contentTypes).toEqual([]);
});

test('of what a bank posts the fields that its connector names go with the question, and nothing else goes anywhere', async () => {
  const { byGet, byPost, hints } = world();
  const body = 'signature=ab%2Bc&status=success&payment_id=p_1&payment_id=p_2&error%5Bcode%5D=E1&udf1=x';
  const location = (await go(byPost, `transaction=${TRANSACTION}`, { body })).headers!.Location!;
  expect(location).toBe(`${BACK}&payment_id=p_1&error%5Bcode%5D=E1&signature=ab%2Bc`);
  const answer = await go(byGet, location.slice(location.indexOf('?') + 1));
  expect(hints).toEqual([{ payment_id: 'p_1', 'error[code]': 'E1', signature: 'ab+c' }]);
  expect(answer.headers?.Location).toBe(RESULT);
});

test('what a posted field holds ends neither the header nor the address, and leads nowhere else', async () => {
  const { byPost } = world();
  const evil = 'a\r\nSet-Cookie: b=c\r\n\r\n<script>&transaction=txn_2#https://evil.example';
  const body = new URLSearchParams({ transaction: 'txn_2', signature: evil }).toString();
  const location = (await go(byPost, `transaction=${TRANSACTION}`, { body })).headers!.Location!;
  expect(location).toMatch(/^\/checkout\/return\?transaction=txn_[0-9a-f]{32}&signature=[\w%+.*-]+$/);
  expect(new URL(location, 'https://pay.example').searchParams.getAll('transaction')).toEqual([TRANSACTION]);
});

test('a body that is no form, or of a payment that cannot be read, is dropped; so is a field that is too long', async () => {
  const hint = 'signature=1';
  const post = (of: ReturnType<typeof world>, brought: Brought) =>
    go(of.byPost, `transaction=${TRANSACTION}`, brought).then((answer) => answer.headers!.Location);
  expect(await post(world(), { body: hint, type: `${FORM}; charset=UTF-8` })).toBe(`${BACK}&${hint}`);
  for (const type of ['multipart/form-data; boundary=x', 'text/plain', '']) {
    expect(await post(world(), { body: hint, type })).toBe(BACK);
  }
  const gone = world({ reply: { type: 'refused', refusal: refusal('storage_unavailable', 'no') } });
  expect(await post(gone, { body: hint })).toBe(BACK);
  expect(await post(world(), { body: `signature=${'a'.repeat(513)}&payment_id=2` })).toBe(
    `${BACK}&payment_id=2`,
  );
  const full = `payment_id=${'%'.repeat(500)}&error[code]=${'b'.repeat(30)}&signature=${'c'.repeat(40)}`;
  expect(await post(world(), { body: full })).toHaveLength(BACK.length + '&payment_id='.length + 1500);
});

test('an address that names no transaction is no payment', async () => {
  const { byGet, byPost, asked } = world();
  for (const route of [byGet, byPost]) expect((await go(route, 'transaction=1')).status).toBe(404);
  expect(asked).toEqual([]);
});
