/**
 * The parameters of a creation, each refused as Stripe refuses it.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { readForm } from './form.ts';
import { readCreate } from './intent-params.ts';

const NOW = Date.UTC(2026, 10, 26);
const GOOD =
  'amount=1050&currency=inr&confirm=true&payment_method_types[]=card&payment_method_data[type]=card' +
  '&payment_method_data[card][number]=4242424242424242&payment_method_data[card][exp_month]=12' +
  '&payment_method_data[card][exp_year]=2040&payment_method_data[card][cvc]=123';
const BARE = 'amount=1050&currency=inr';

/** @param change parameters that replace those of the same name; an empty value takes one away */
function read(base: string, change = '', rawCards = true) {
  const params = new Map([...new URLSearchParams(base), ...new URLSearchParams(change)]);
  const text = [...params]
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
  return readCreate(readForm(text)!, rawCards, NOW);
}

function errorOf(base: string, change: string, rawCards = true) {
  const created = read(base, change, rawCards);
  return created.ok ? null : created.error;
}

const CARD = 'payment_method_data[card]';

describe('a creation', () => {
  it('is read whole', () => {
    const created = read(
      GOOD,
      'metadata[gateway_txn_id]=txn_1&metadata[order]=7&return_url=https://shop.example/back&capture_method=manual&description=Tea&statement_descriptor_suffix=TEA&payment_method_options[card][request_three_d_secure]=any&off_session=true&payment_method_data[billing_details][name]=A Shopper&payment_method_data[billing_details][address][country]=IN',
    );
    expect(created).toMatchObject({
      ok: true,
      value: {
        amount: 1050,
        currency: 'inr',
        captureMethod: 'manual',
        methodTypes: ['card'],
        automaticMethods: 'off',
        metadata: { gateway_txn_id: 'txn_1', order: '7' },
        description: 'Tea',
        statementDescriptorSuffix: 'TEA',
        confirm: true,
        confirmation: {
          method: {
            data: { type: 'card', number: '4242424242424242', expMonth: 12, expYear: 2040 },
            billing: { name: 'A Shopper', address: { country: 'IN', city: null } },
          },
          returnUrl: 'https://shop.example/back',
          offSession: true,
          wantsAuthentication: true,
        },
      },
    });
  });

  it.each([
    ['amount=', 'parameter_missing', 'amount'],
    ['currency=', 'parameter_missing', 'currency'],
    ['amount=10.50', 'parameter_invalid_integer', 'amount'],
    ['amount=0', 'parameter_invalid_integer', 'amount'],
    ['amount=-5', 'parameter_invalid_integer', 'amount'],
    ['amount=49', 'amount_too_small', 'amount'],
    ['amount=100000000', 'amount_too_large', 'amount'],
    ['currency=INR', undefined, 'currency'],
    ['currency=xyz', undefined, 'currency'],
    ['gateway=sluice', 'parameter_unknown', 'gateway'],
    [`${CARD}[name]=A`, 'parameter_unknown', `${CARD}[name]`],
    [
      'payment_method_data[upi][vpa]=payment.success@stripeupi',
      'parameter_unknown',
      'payment_method_data[upi][vpa]',
    ],
    ['confirm=yes', undefined, 'confirm'],
    ['capture_method=later', undefined, 'capture_method'],
    ['return_url=shop', 'url_invalid', 'return_url'],
    ['return_url=javascript:alert(1)', 'url_invalid', 'return_url'],
    ['metadata=x', undefined, 'metadata'],
    [`metadata[${'k'.repeat(41)}]=x`, undefined, `metadata[${'k'.repeat(41)}]`],
    [`metadata[order]=${'x'.repeat(501)}`, undefined, 'metadata[order]'],
    [
      'statement_descriptor_suffix=LONGER THAN TWENTY-TWO LETTERS',
      'parameter_invalid_string',
      'statement_descriptor_suffix',
    ],
    ['payment_method_types[]=wire', undefined, 'payment_method_types[0]'],
    ['payment_method_types[]=upi', undefined, 'payment_method'],
    ['payment_method_data[type]=upi', undefined, `${CARD}`],
    ['payment_method_data[type]=', 'parameter_missing', 'payment_method_data[type]'],
    [`${CARD}[number]=`, 'parameter_missing', `${CARD}[number]`],
    ['payment_method=pm_card_visa', 'parameters_exclusive', 'payment_method'],
    ['automatic_payment_methods[enabled]=true', 'parameters_exclusive', 'automatic_payment_methods'],
    [
      'payment_method_options[card][request_three_d_secure]=never',
      undefined,
      'payment_method_options[card][request_three_d_secure]',
    ],
  ])('with %s is refused with 400 %s about %s', (change, code, param) => {
    const error = errorOf(GOOD, change);
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param });
    expect(error?.code).toBe(code);
  });

  it.each([
    [`${CARD}[number]=4242424242424241`, 'incorrect_number', 'number'],
    [`${CARD}[number]=tok`, 'invalid_number', 'number'],
    [`${CARD}[exp_month]=13`, 'invalid_expiry_month', 'exp_month'],
    [`${CARD}[exp_year]=2025`, 'invalid_expiry_year', 'exp_year'],
    [`${CARD}[exp_year]=2026&${CARD}[exp_month]=10`, 'invalid_expiry_month', 'exp_month'],
    [`${CARD}[cvc]=12`, 'invalid_cvc', 'cvc'],
  ])('with %s is refused with 402 %s', (change, code, field) => {
    expect(errorOf(GOOD, change)).toMatchObject({
      status: 402,
      type: 'card_error',
      code,
      param: `${CARD}[${field}]`,
    });
  });

  it('takes a year of two digits, the last month that is not over, and no security code', () => {
    for (const change of [
      `${CARD}[exp_year]=40`,
      `${CARD}[exp_year]=26&${CARD}[exp_month]=11`,
      `${CARD}[cvc]=`,
    ]) {
      expect(errorOf(GOOD, change)).toBeNull();
    }
  });

  it('with a card number is generally unsafe where the account may not, and a token is not', () => {
    expect(errorOf(GOOD, '', false)).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: expect.stringContaining('generally unsafe'),
    });
    const token = `${BARE}&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa`;
    expect(errorOf(token, '', false)).toBeNull();
    expect(errorOf(token, 'payment_method=pm_unknown', false)).toMatchObject({ code: 'resource_missing' });
  });

  it.each(['return_url=https://shop.example/', 'off_session=true', 'error_on_requires_action=true'])(
    'that does not confirm is refused %s',
    (change) => {
      expect(errorOf(BARE, change)).toMatchObject({ param: change.split('=')[0] });
    },
  );

  it('that confirms by the account’s own methods needs a way back, unless none of them may redirect', () => {
    const automatic = `${BARE}&confirm=true&payment_method=pm_card_visa`;
    expect(errorOf(automatic, '')).toMatchObject({ param: 'return_url' });
    expect(errorOf(automatic, 'return_url=https://shop.example/')).toBeNull();
    expect(
      errorOf(
        automatic,
        'automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never',
      ),
    ).toBeNull();
  });

  it('by UPI is in rupees and cannot be held', () => {
    const upi = `${BARE}&confirm=true&payment_method_types[]=upi&payment_method_data[type]=upi`;
    expect(errorOf(upi, '')).toBeNull();
    expect(errorOf(upi, 'currency=usd')).toMatchObject({ param: 'currency' });
    expect(errorOf(upi, 'capture_method=manual')).toMatchObject({ param: 'capture_method' });
  });

  it('has unknown parameters named all at once', () => {
    expect(errorOf(`${GOOD}&one=1&two=2`, '')?.message).toBe('Received unknown parameters: one, two');
  });
});
