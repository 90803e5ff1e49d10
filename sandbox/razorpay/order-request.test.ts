/**
 * What an order must look like, field by field.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { readOrderRequest } from './order-request.ts';

const order = { amount: 50_000, currency: 'INR' };
const AUTOMATIC = 'payment.capture_options.automatic_expiry_period';
const MANUAL = 'payment.capture_options.manual_expiry_period';

/** The field that is named as wrong; null when the order is taken. */
function wrongFieldOf(more: object): string | undefined | null {
  const read = readOrderRequest({ ...order, ...more });
  if (read.ok) return null;
  expect(read.problem).toMatchObject({
    status: 400,
    error: {
      code: 'BAD_REQUEST_ERROR',
      source: 'business',
      step: 'payment_initiation',
      reason: 'input_validation_failed',
      metadata: {},
    },
  });
  return read.problem.error.field;
}

function capture(mode: string, options?: object): object {
  return { payment: { capture: mode, ...(options === undefined ? {} : { capture_options: options }) } };
}

function notesOf(pairs: number, length: number): object {
  return {
    notes: Object.fromEntries(Array.from({ length: pairs }, (_, i) => [`k${i}`, 'x'.repeat(length)])),
  };
}

it.each([
  ['amount', { amount: undefined }],
  ['amount', { amount: 500.5 }],
  ['amount', { amount: '500.00' }],
  ['amount', { amount: 99 }],
  ['amount', { amount: -100 }],
  ['amount', { amount: 0, currency: 'USD' }],
  ['amount', { amount: 12_345, currency: 'KWD' }],
  ['currency', { currency: undefined }],
  ['currency', { currency: 'inr' }],
  ['currency', { currency: 'RUPEE' }],
  ['currency', { currency: 'XQZ' }],
  ['receipt', { receipt: 'r'.repeat(41) }],
  ['receipt', { receipt: 7 }],
  ['receipt', { unique_receipt: true }],
  ['notes', notesOf(16, 1)],
  ['notes', notesOf(1, 257)],
  ['notes', { notes: { ['k'.repeat(257)]: 'x' } }],
  ['notes', { notes: { a: { b: 1 } } }],
  ['notes', { notes: 'text' }],
  ['partial_payment', { partial_payment: true }],
  ['payment_capture', { payment_capture: 'yes' }],
  ['unique_receipt', { unique_receipt: 'yes' }],
  ['payment', { payment: 'automatic' }],
  ['payment.capture', { payment: {} }],
  ['payment.capture', capture('later')],
  ['payment.capture_options', { payment: { capture: 'manual', capture_options: 5 } }],
  [AUTOMATIC, capture('automatic')],
  [AUTOMATIC, capture('automatic', {})],
  [AUTOMATIC, capture('automatic', { automatic_expiry_period: 11 })],
  [AUTOMATIC, capture('automatic', { automatic_expiry_period: 12.5 })],
  [MANUAL, capture('manual', { manual_expiry_period: 7201 })],
  [MANUAL, capture('manual', { manual_expiry_period: 'long' })],
  [MANUAL, capture('automatic', { automatic_expiry_period: 60, manual_expiry_period: 59 })],
  ['payment.capture_options.refund_speed', capture('manual', { refund_speed: 'fast' })],
])('refuses %s in %j', (field, more) => {
  expect(wrongFieldOf(more)).toBe(field);
});

it.each([
  { amount: 100 },
  { amount: '50000' },
  { amount: 1, currency: 'JPY' },
  { amount: 12_340, currency: 'KWD' },
  { receipt: 'r'.repeat(40), unique_receipt: true },
  { receipt: '', notes: [] },
  notesOf(15, 256),
  { partial_payment: false, payment_capture: 1 },
  capture('manual'),
  capture('automatic', { automatic_expiry_period: 12, manual_expiry_period: 7200, refund_speed: 'optimum' }),
])('takes %j', (more) => {
  expect(wrongFieldOf(more)).toBeNull();
});

it('refuses a field it does not know by its name, wherever it stands', () => {
  for (const more of [
    { reciept: 'r' },
    { payment: { capture: 'manual', expiry: 1 } },
    capture('manual', { expiry: 1 }),
  ]) {
    const read = readOrderRequest({ ...order, ...more });
    if (read.ok) throw new Error('an unknown field was passed over');
    expect(read.problem.error.description).toMatch(/^(reciept|expiry) is\/are not required/);
  }
});

describe('the capture policy', () => {
  it.each([
    [{}, { automaticMinutes: null, manualMinutes: 7200 }],
    [{ payment_capture: 1 }, { automaticMinutes: 7200, manualMinutes: 7200 }],
    [{ payment_capture: 0 }, { automaticMinutes: null, manualMinutes: 7200 }],
    [capture('manual', { manual_expiry_period: 20 }), { automaticMinutes: null, manualMinutes: 20 }],
    [capture('automatic', { automatic_expiry_period: '12' }), { automaticMinutes: 12, manualMinutes: 7200 }],
  ])('of %j', (more, policy) => {
    const read = readOrderRequest({ ...order, ...more });
    expect(read).toMatchObject({ ok: true, order: { policy } });
  });
});
