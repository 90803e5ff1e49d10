import { expect, test, vi } from 'vitest';
import { anAttempt, aWord } from '../../test/support/payments.ts';
import type { OtpAnswer, OtpRequest } from '../connectors/connector.ts';
import { createOtp, type OtpAction, type OtpDeps } from './otp.ts';

const ACTION: OtpAction = {
  kind: 'otp',
  submitUrl: 'https://processor.example/submit',
  resendUrl: 'https://processor.example/resend',
  expiresAt: null,
};
const ATTEMPT = anAttempt({ status: 'REQUIRES_ACTION', nextAction: ACTION });
const ACCOUNT = { account: ATTEMPT.processorAccount, secretKey: 'key' };
const CHARGED = aWord();
const digits = () => Uint8Array.from(Buffer.from('123456'));

function world(more: Partial<OtpDeps> = {}, answer: () => Promise<OtpAnswer> = found) {
  const seen: string[] = [];
  const requests: Omit<OtpRequest, 'otp'>[] = [];
  const told: unknown[] = [];
  const troubles: string[] = [];
  const resend = vi.fn(async () => true);
  const otp = createOtp({
    otpOf: () => ({
      submit: ({ otp: bytes, ...request }) => {
        seen.push(Buffer.from(bytes).toString());
        requests.push(request);
        return answer();
      },
      resend,
    }),
    accountOf: async () => ACCOUNT,
    tell: async (...word) => void told.push(word),
    onTrouble: (_, detail) => troubles.push(detail),
    ...more,
  });
  return { otp, seen, requests, told, troubles, resend };
}

async function found(): Promise<OtpAnswer> {
  return { kind: 'found', word: CHARGED };
}

test('the password goes where the processor wants it, with the attempt’s account, and the shard hears the word', async () => {
  const { otp, seen, requests, told } = world();
  const { transactionId, leg, amount, currency, createdAt: startedAt } = ATTEMPT;
  expect(await otp.submit(ATTEMPT, ACTION, digits())).toBe('told');
  expect(seen).toEqual(['123456']);
  expect(requests).toEqual([
    { transactionId, startedAt, leg, amount, currency, account: ACCOUNT, submitUrl: ACTION.submitUrl },
  ]);
  expect(told).toEqual([[transactionId, CHARGED]]);
});

test('a wrong one may be followed by another; of one without an answer nothing is told, and why is heard', async () => {
  const wrong = world({}, async () => ({ kind: 'again' }));
  expect(await wrong.otp.submit(ATTEMPT, ACTION, digits())).toBe('again');
  expect([wrong.told, wrong.troubles]).toEqual([[], []]);
  const silent = world({}, async () => ({ kind: 'no_answer', detail: 'timed out' }));
  expect(await silent.otp.submit(ATTEMPT, ACTION, digits())).toBe('unheard');
  expect([silent.told, silent.troubles]).toEqual([[], ['timed out']]);
});

test.each<[string, Partial<OtpDeps>, () => Promise<OtpAnswer>]>([
  ['the word is told', {}, found],
  ['it was wrong', {}, async () => ({ kind: 'again' })],
  ['the desk breaks its promise', {}, () => Promise.reject(new Error('broken'))],
  ['the account cannot be read', { accountOf: () => Promise.reject(new Error('control')) }, found],
  ['the account is gone', { accountOf: async () => null }, found],
  ['the processor takes none', { otpOf: () => null }, found],
  ['the word cannot be told', { tell: () => Promise.reject(new Error('bus')) }, found],
])('its bytes are zeros afterwards, and no trouble repeats it, when %s', async (_, more, answer) => {
  const { otp, troubles } = world(more, answer);
  const bytes = digits();
  await otp.submit(ATTEMPT, ACTION, bytes);
  expect([...bytes]).toEqual([0, 0, 0, 0, 0, 0]);
  expect(troubles.join()).not.toContain('123456');
});

test('one of a transaction is under way at a time: the second is wiped unsent, and the next after it goes', async () => {
  const answers: ((value: OtpAnswer) => void)[] = [];
  const { otp, seen } = world({}, () => new Promise((resolve) => answers.push(resolve)));
  const first = otp.submit(ATTEMPT, ACTION, digits());
  const second = digits();
  expect(await otp.submit(ATTEMPT, ACTION, second)).toBe('unheard');
  expect([...second]).toEqual([0, 0, 0, 0, 0, 0]);
  const other = otp.submit(anAttempt({ attempt: 2 }), ACTION, digits());
  await vi.waitFor(() => expect(seen).toHaveLength(2), { timeout: 10_000 });
  answers[1]!({ kind: 'again' });
  expect(await other).toBe('again');
  answers[0]!({ kind: 'again' });
  expect(await first).toBe('again');
  void otp.submit(ATTEMPT, ACTION, digits());
  await vi.waitFor(() => expect(seen).toHaveLength(3), { timeout: 10_000 });
});

test('another is asked for where the processor sends one', async () => {
  const { otp, resend } = world();
  expect(await otp.resend(ATTEMPT, ACTION)).toBe(true);
  expect(resend).toHaveBeenCalledExactlyOnceWith({ account: ACCOUNT, resendUrl: ACTION.resendUrl });
  expect(await otp.resend(ATTEMPT, { ...ACTION, resendUrl: null })).toBe(false);
  const gone = world({ accountOf: () => Promise.reject(new Error('control')) });
  expect([await gone.otp.resend(ATTEMPT, ACTION), gone.troubles]).toEqual([false, ['Error: control']]);
});
