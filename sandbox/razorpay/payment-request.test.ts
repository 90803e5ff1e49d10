/**
 * What a payment must look like, field by field, and how its body is read.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { networkOf } from './networks.ts';
import { readParameters } from './parameters.ts';
import { readPaymentRequest } from './payment-request.ts';
import { cardOf, SHOPPER } from './testing/merchant.ts';

const card = cardOf('4100280000001007');
const payment = {
  amount: 50_000,
  currency: 'INR',
  order_id: 'order_AAAAAAAAAAAAAA',
  method: 'card',
  card,
  callback_url: 'https://gw.example/return/1',
  ...SHOPPER,
};
const upi = { ...payment, method: 'upi', card: undefined, upi: { flow: 'intent' }, browser: undefined };

/** What is wrong with the payment; null when it is taken. */
function wrongOf(body: object): { field: string | undefined; reason: string } | null {
  const read = readPaymentRequest({ ...body });
  if (read.ok) return null;
  expect(read.problem).toMatchObject({ status: 400, error: { code: 'BAD_REQUEST_ERROR' } });
  const { field, reason } = read.problem.error;
  return { field, reason };
}

it.each([
  ['amount', { amount: undefined }],
  ['amount', { amount: '500.00' }],
  ['amount', { amount: 99 }],
  ['currency', { currency: undefined }],
  ['order_id', { order_id: undefined }],
  ['email', { email: undefined }],
  ['email', { email: 'nobody' }],
  ['email', { email: `${'a'.repeat(40)}@b.example` }],
  ['contact', { contact: undefined }],
  ['contact', { contact: '12345' }],
  ['contact', { contact: '+919876543210987' }],
  ['method', { method: undefined }],
  ['card', { card: undefined }],
  ['number', { card: { ...card, number: undefined } }],
  ['name', { card: { ...card, name: '' } }],
  ['expiry_month', { card: { ...card, expiry_month: '13' } }],
  ['expiry_year', { card: { ...card, expiry_year: '2040' } }],
  ['cvv', { card: { ...card, cvv: '12' } }],
  ['cvv', { card: { ...card, cvv: undefined } }],
  ['cvv', { card: { ...cardOf('340256000401007'), cvv: '123' } }],
  ['authentication_channel', { authentication: { authentication_channel: 'post' } }],
  ['browser', { browser: undefined }],
  ['java_enabled', { browser: { ...SHOPPER.browser, java_enabled: 'maybe' } }],
  ['screen_width', { browser: { ...SHOPPER.browser, screen_width: undefined } }],
  ['timezone_offset', { browser: { ...SHOPPER.browser, timezone_offset: 'IST' } }],
  ['ip', { ip: undefined }],
  ['ip', { ip: 'localhost' }],
  ['callback_url', { callback_url: 'ftp://shop.example' }],
  ['notes', { notes: { a: 'x'.repeat(257) } }],
])('refuses %s in %j', (field, more) => {
  expect(wrongOf({ ...payment, ...more })).toEqual({ field, reason: 'input_validation_failed' });
});

it('refuses a number without its check digit, and methods it does not have, for reasons of their own', () => {
  expect(wrongOf({ ...payment, card: { ...card, number: '4100280000001008' } })).toEqual({
    field: 'number',
    reason: 'card_number_invalid',
  });
  expect(wrongOf({ ...payment, method: 'netbanking' })?.reason).toBe('payment_method_not_enabled');
  expect(wrongOf({ ...upi, upi: { flow: 'collect', vpa: 'success@razorpay' } })?.reason).toBe(
    'upi_collect_not_enabled',
  );
});

it('refuses what it does not know, a card’s four-digit year included', () => {
  expect(wrongOf({ ...payment, callbackurl: 'https://a.example' })).not.toBeNull();
  expect(wrongOf({ ...payment, card: { ...card, expiry: '12/40' } })).not.toBeNull();
});

it('needs neither browser nor address of one where an app authenticates, and no browser for UPI', () => {
  const app = { authentication: { authentication_channel: 'app' }, browser: undefined, ip: undefined };
  expect(wrongOf({ ...payment, ...app })).toBeNull();
  expect(wrongOf(upi)).toBeNull();
  expect(wrongOf({ ...upi, ip: undefined })?.field).toBe('ip');
  expect(wrongOf({ ...upi, currency: 'USD' })?.field).toBe('currency');
  expect(wrongOf({ ...upi, upi: undefined })?.field).toBe('upi');
});

it('reads the year of a card in this century', () => {
  const read = readPaymentRequest(payment);
  expect(read).toMatchObject({ ok: true, payment: { method: { expiryMonth: 12, expiryYear: 2040 } } });
});

describe('bodies', () => {
  it('are read by their type: brackets of a form’s names are fields of an object', () => {
    const form = readParameters(
      'application/x-www-form-urlencoded; charset=utf-8',
      Buffer.from('amount=100&card%5Bnumber%5D=4&card[cvv]=1'),
    );
    expect(form).toEqual({ ok: true, parameters: { amount: '100', card: { number: '4', cvv: '1' } } });
    expect(readParameters('application/json', Buffer.from('{"a":1}'))).toEqual({
      ok: true,
      parameters: { a: 1 },
    });
  });

  it('that are no object are refused', () => {
    for (const body of ['{', '[]', '"a"'])
      expect(readParameters('application/json', Buffer.from(body)).ok).toBe(false);
    expect(readParameters('application/x-www-form-urlencoded', Buffer.from('a[b][c]=1')).ok).toBe(false);
  });
});

it.each([
  ['4100280000001007', 'Visa'],
  ['5500670000001002', 'MasterCard'],
  ['6527658900001005', 'RuPay'],
  ['36082800091007', 'Diners Club'],
  ['340256000401007', 'American Express'],
  ['3530111333300000', 'RuPay'],
  ['3566002020360505', 'RuPay'],
  ['6200000000000005', 'Union Pay'],
  ['6011111111111117', 'Unknown'],
])('%s is of %s', (number, network) => {
  expect(networkOf(number)).toBe(network);
});
