import { expect, test } from 'vitest';
import { readOtpForm } from './otp-form.ts';

const TRANSACTION = 'transaction=txn_1';

function read(text: string) {
  const body = Buffer.from(text);
  const reading = readOtpForm(body);
  expect(body.every((byte) => byte === 0)).toBe(true);
  return reading;
}

const otpOf = (text: string): string | null => {
  const reading = read(`${TRANSACTION}&otp=${text}`);
  if (!reading.ok) throw new Error(reading.refusal.code);
  return reading.form.otp === null ? null : Buffer.from(reading.form.otp).toString();
};

test('the words and the digits come out, and the body is zeros', () => {
  expect(read(`${TRANSACTION}&session=sess_1&otp=1234`)).toEqual({
    ok: true,
    form: { transaction: 'txn_1', session: 'sess_1', otp: Uint8Array.from(Buffer.from('1234')) },
  });
  expect(read(TRANSACTION)).toEqual({ ok: true, form: { transaction: 'txn_1', session: '', otp: null } });
});

test.each([
  ['0000', '0000'],
  ['1234567890', '1234567890'],
  ['12+34-56', '123456'],
  ['123', null],
  ['12345678901', null],
  ['12a4', null],
  ['%D9%A1%D9%A2%D9%A3%D9%A4', null],
  ['', null],
])('a password is 4 to 10 digits, however they are grouped: %j', (typed, digits) => {
  expect(otpOf(typed)).toBe(digits);
});

test.each([
  ['otp=1234', 'invalid_request'],
  [`${TRANSACTION}&otp=1&otp=2`, 'invalid_request'],
  [`${TRANSACTION}&4111111111111111=1`, 'invalid_request'],
  [`${TRANSACTION}&otp=%zz`, 'malformed_form'],
  [`transaction=${'a'.repeat(129)}`, 'invalid_request'],
])('what is no form of ours is refused without a word of it: %j', (text, code) => {
  const reading = read(text);
  expect(reading).toMatchObject({ ok: false, refusal: { code } });
  expect(JSON.stringify(reading)).not.toMatch(/1234|4111/);
});
