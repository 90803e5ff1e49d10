import { expect, test } from 'vitest';
import { anAttempt, anIntent, T0 } from '../../../test/support/payments.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { NextAction } from '../../domain/processor-word.ts';
import type { Attempt } from '../../domain/transaction.ts';
import type { ShardReply } from '../../messages/replies.ts';
import type { Otp } from '../otp.ts';
import type { WebAnswer, WebRoute } from '../web.ts';
import { type TakeOtpDeps, takeOtpRoutes } from './take-otp.ts';

const ACTION: NextAction = {
  kind: 'otp',
  submitUrl: 'https://processor.example/submit',
  resendUrl: 'https://processor.example/resend',
  expiresAt: T0 + 60_000,
};
const ATTEMPT = anAttempt({ status: 'REQUIRES_ACTION', nextAction: ACTION });
const TRANSACTION = `txn_${ATTEMPT.transactionId}`;
const SESSION = `sess_${'ab'.repeat(16)}`;
const RESULT = `/checkout/result?transaction=${TRANSACTION}&session=${SESSION}`;
const OWN = { origin: 'https://pay.example', 'sec-fetch-site': 'same-origin' };

interface Setting extends Partial<TakeOtpDeps> {
  attempt?: Attempt;
  reply?: ShardReply;
  end?: Awaited<ReturnType<Otp['submit']>>;
  sends?: boolean;
}

function world({ attempt = ATTEMPT, reply, end = 'told', sends = true, ...more }: Setting = {}) {
  const asked: string[] = [];
  const taken: Uint8Array[] = [];
  const [take, resend] = takeOtpRoutes({
    ask: async () => reply ?? { type: 'payment-found', payment: { intent: anIntent(), attempts: [attempt] } },
    askDeadlineMs: 5000,
    otp: {
      submit: async (_, __, bytes) => {
        asked.push(`submit ${Buffer.from(bytes).toString()}`);
        taken.push(bytes);
        return end;
      },
      resend: async (_, { resendUrl }) => {
        asked.push(`resend ${resendUrl}`);
        return sends;
      },
    },
    publicOrigin: 'https://pay.example',
    otpRateLimit: () => true,
    resendRateLimit: () => true,
    ...more,
  });
  return { take: take!, resend: resend!, asked, taken };
}

const FIELDS = { transaction: TRANSACTION, session: SESSION, otp: '123456' };

async function post(
  route: WebRoute,
  fields: Record<string, string> = FIELDS,
  headers: Record<string, string> = OWN,
): Promise<WebAnswer> {
  return await route.handler({
    query: '',
    header: (name) => {
      expect(route.headers).toContain(name);
      return headers[name] ?? '';
    },
    body: Buffer.from(new URLSearchParams(fields).toString()),
    remoteAddress: () => '127.0.0.1',
    now: T0 + 1000,
  });
}

const leadsTo = (answer: WebAnswer) => [answer.status, answer.headers?.Location];

test.each([
  ['told', RESULT],
  ['again', `${RESULT}&otp=wrong`],
  ['unheard', `${RESULT}&otp=unheard`],
] as const)('a password that is %s leads to the result page', async (end, location) => {
  const { take, asked, taken } = world({ end });
  expect(leadsTo(await post(take))).toEqual([303, location]);
  // Whoever took it may have forgotten.
  expect([...taken[0]!]).toEqual([0, 0, 0, 0, 0, 0]);
  expect(asked).toEqual(['submit 123456']);
});

test('what has no password’s shape asks nobody, and the page says so', async () => {
  const { take, asked } = world();
  for (const otp of ['', '12', 'abcdef']) {
    expect(leadsTo(await post(take, { ...FIELDS, otp }))).toEqual([303, `${RESULT}&otp=shape`]);
  }
  expect(asked).toEqual([]);
});

test('another is asked for, and the page says whether it comes', async () => {
  const { transaction, session } = FIELDS;
  const { resend, asked } = world();
  expect(leadsTo(await post(resend, { transaction, session }))).toEqual([303, `${RESULT}&otp=resent`]);
  expect(asked).toEqual(['resend https://processor.example/resend']);
  const none = world({ sends: false }).resend;
  expect(leadsTo(await post(none, { transaction, session }))).toEqual([303, `${RESULT}&otp=not-resent`]);
});

test.each<[string, Partial<Attempt>]>([
  ['is over', { nextAction: { ...ACTION, expiresAt: T0 } }],
  [
    'waits for something else',
    { nextAction: { kind: 'redirect', url: 'https://bank.example', expiresAt: null } },
  ],
  ['is paid', { status: 'SUCCESS', nextAction: null }],
])('an attempt that %s takes none: the page says how it stands', async (_, over) => {
  const { take, resend, asked } = world({ attempt: { ...ATTEMPT, ...over } });
  expect(leadsTo(await post(take))).toEqual([303, RESULT]);
  expect(leadsTo(await post(resend))).toEqual([303, RESULT]);
  expect(asked).toEqual([]);
});

test.each<Record<string, string>>([
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
])('a form of another site (%j) is refused before it is read', async (headers) => {
  const { take, resend, asked } = world({ otpRateLimit: () => expect.fail('asked') });
  for (const route of [take, resend]) {
    expect(await post(route, FIELDS, headers)).toMatchObject({ status: 403, code: 'origin_refused' });
    expect(route.wipesBody).toBe(true);
  }
  expect(asked).toEqual([]);
});

test('too many of an address: 429 before the payment is looked up; of a transaction: before anything is done; with the way back', async () => {
  const counted: unknown[] = [];
  const never: Setting = { ask: () => Promise.reject(new Error('looked up')) };
  const no = async (...question: unknown[]): Promise<boolean> => counted.push(question) === 0;
  const limited = [
    world({ otpRateLimit: no }).take,
    world({ resendRateLimit: no }).resend,
    world({ ...never, addressRateLimit: no }).take,
  ];
  for (const route of limited) {
    const answer = await post(route);
    expect([answer.status, answer.code, answer.headers?.['Retry-After']]).toEqual([
      429,
      'rate_limited',
      '60',
    ]);
    expect(answer.body).toContain(`href="${RESULT.replace('&', '&amp;')}"`);
  }
  const now = T0 + 1000;
  expect(counted).toEqual([
    [ATTEMPT.transactionId, now],
    [ATTEMPT.transactionId, now],
    ['127.0.0.1', now],
  ]);
});

test('a payment that is none is 404; one that cannot be read says nothing of it', async () => {
  expect((await post(world().take, { ...FIELDS, transaction: 'txn_x' })).status).toBe(404);
  const missing = world({ reply: { type: 'refused', refusal: refusal('payment_not_found', 'no') } });
  expect((await post(missing.take)).status).toBe(404);
  const down = world({ reply: { type: 'refused', refusal: refusal('storage_unavailable', 'no') } });
  const answer = await post(down.take);
  expect(answer.status).toBe(503);
  expect(answer.body).toContain('does not tell whether anything was paid');
});

test('a session that is none of ours does not get into the address', async () => {
  const answer = await post(world().take, { ...FIELDS, session: '"><script>' });
  expect(answer.headers?.Location).toBe(`/checkout/result?transaction=${TRANSACTION}`);
});

test('what is no form of ours is refused, and nothing of it is shown again', async () => {
  const { take, asked } = world();
  const answer = await post(take, { ...FIELDS, '4111111111111111': 'x' });
  expect([answer.status, answer.code]).toEqual([400, 'invalid_request']);
  expect(String(answer.body)).not.toMatch(/123456|4111/);
  expect(asked).toEqual([]);
});
