/**
 * Callback messages: what is written is read again, and nothing else is.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { aWord } from '../../../test/support/payments.ts';
import { showTransactionId } from '../../domain/ids.ts';
import { aCallback } from '../testing/pretended-shards.ts';
import { callbackMessage, readCallbackMessage } from './callback-message.ts';

const WORD = aWord({ source: 'callback', leg: null });
const HEADERS = { 'sluice-version': Buffer.from('1') };

function read(value: unknown, headers = HEADERS) {
  return readCallbackMessage(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), headers);
}

function written(over: Record<string, unknown> = {}, word: object = {}) {
  const value = JSON.parse(String(callbackMessage({ ...aCallback(), word: WORD }).value));
  return { ...value, word: { ...value.word, ...word }, ...over };
}

test('a callback is read as it was written, with every kind of next action, or without word or transaction', () => {
  const expiresAt = null;
  for (const nextAction of [
    null,
    { kind: 'redirect', url: 'https://bank.example', expiresAt: 1 },
    { kind: 'form', url: 'https://bank.example', fields: { PaReq: 'x' }, expiresAt },
    { kind: 'otp', submitUrl: 'https://bank.example', resendUrl: null, expiresAt },
    { kind: 'upi', link: 'upi://pay', simulatorUrl: null, expiresAt },
  ] as const) {
    const callback = { ...aCallback(), word: { ...WORD, nextAction } };
    const { value, key } = callbackMessage(callback);
    expect(readCallbackMessage(Buffer.from(String(value)), HEADERS)).toEqual({ ok: true, callback });
    expect(key).toBe(showTransactionId(callback.transactionId!));
  }
  const stray = aCallback(null);
  const { value, key } = callbackMessage(stray);
  expect(readCallbackMessage(Buffer.from(String(value)), HEADERS)).toEqual({ ok: true, callback: stray });
  expect(key).toBe(stray.callbackId);
});

test('whoever else reads it finds ids, processor, status and time', () => {
  const callback = { ...aCallback(), word: WORD };
  const shown = showTransactionId(callback.transactionId!);
  expect(JSON.parse(String(callbackMessage(callback).value))).toMatchObject({
    callbackId: callback.callbackId,
    processor: 'SANDBOX',
    transactionId: shown,
    paymentIntentId: `pi_${shown.slice(4, -1)}0`,
    status: 'charged',
    receivedAt: new Date(callback.receivedAt).toISOString(),
  });
});

test('what is not of this version, not JSON, or of another shape is not read', () => {
  expect(read(written(), { 'sluice-version': Buffer.from('2') })).toEqual({
    ok: false,
    reason: 'version_unknown',
  });
  expect(readCallbackMessage(Buffer.from('{}'), undefined)).toEqual({ ok: false, reason: 'version_unknown' });
  expect(read('{')).toEqual({ ok: false, reason: 'not_json' });
  expect(readCallbackMessage(null, HEADERS)).toEqual({ ok: false, reason: 'wrong_shape' });
  const wrong = [
    written({ callbackId: '' }),
    written({ callbackId: 'x'.repeat(201) }),
    written({ processor: 'NOBODY' }),
    written({ transactionId: 'pi_1' }),
    written({ transactionId: undefined }),
    written({ receivedAt: 'yesterday' }),
    written({ word: [] }),
    ...[
      { source: 'operator' },
      { processor: 'STRIPE' },
      { said: 'never_arrived' },
      { amount: '5000' },
      { amount: 1.5 },
      { currency: 5 },
      { referenceClosed: 'no' },
      { at: null },
      { detail: null },
      { paymentMethodType: 'CASH' },
      { nextAction: { kind: 'redirect', expiresAt: null } },
      { nextAction: { kind: 'form', url: '', fields: { a: 1 }, expiresAt: null } },
      { nextAction: { kind: 'else', expiresAt: null } },
    ].map((word) => written({}, word)),
  ];
  for (const value of wrong)
    expect(read(value), JSON.stringify(value)).toEqual({ ok: false, reason: 'wrong_shape' });
});
