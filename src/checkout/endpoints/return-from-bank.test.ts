import { expect, test } from 'vitest';
import { anAttempt, anIntent } from '../../../test/support/payments.ts';
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
  const [byGet, byPost] = returnFromBankRoutes({
    ask: async () => more.reply ?? FOUND,
    askDeadlineMs: 5000,
    askBank: { onReturn: async (attempt) => void asked.push(attempt) },
    store: { get: more.get ?? (async () => live()) },
    onSessionStoreFailed: () => undefined,
    secureCookies: false,
  });
  return { byGet: byGet!, byPost: byPost!, asked };
}

async function go(route: WebRoute, query: string, cookie = ''): Promise<WebAnswer> {
  return await route.handler({
    query,
    header: (name) => {
      expect(route.headers).toContain(name);
      return name === 'cookie' ? cookie : '';
    },
    body: Buffer.from('status=succeeded&transaction=txn_2'),
    remoteAddress: () => '',
    now: 0,
  });
}

test('the bank is asked, and the shopper goes on to the result with the session this browser kept', async () => {
  const { byGet, asked } = world();
  const answer = await go(byGet, `transaction=${TRANSACTION}`, `a=b; ${COOKIE}; c`);
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
    expect((await go(byGet, `transaction=${TRANSACTION}`, COOKIE)).headers?.Location).toBe(RESULT);
    expect(asked).toHaveLength(1);
  }
  const { byGet } = world();
  for (const cookie of ['', COOKIE.replace(SESSION_ID, 'sess_x'), `x${COOKIE}`]) {
    expect((await go(byGet, `transaction=${TRANSACTION}`, cookie)).headers?.Location).toBe(RESULT);
  }
});

test('a payment that cannot be read is not asked about, and the result page says so', async () => {
  for (const code of ['storage_unavailable', 'payment_not_found'] as const) {
    const { byGet, asked } = world({ reply: { type: 'refused', refusal: refusal(code, 'no') } });
    const answer = await go(byGet, `transaction=${TRANSACTION}`);
    expect([answer.status, answer.headers?.Location, asked]).toEqual([303, RESULT, []]);
  }
});

test('a bank that posts is answered with the same by GET, for the cookie comes only then, and its form is dropped', async () => {
  const { byPost, asked } = world();
  const answer = await go(byPost, `transaction=${TRANSACTION}&status=succeeded`);
  const location = `/checkout/return?transaction=${TRANSACTION}`;
  expect([answer.status, answer.headers?.Location, asked]).toEqual([303, location, []]);
  expect(byPost.contentTypes).toEqual([]);
});

test('an address that names no transaction is no payment', async () => {
  const { byGet, byPost, asked } = world();
  for (const route of [byGet, byPost]) expect((await go(route, 'transaction=1')).status).toBe(404);
  expect(asked).toEqual([]);
});
