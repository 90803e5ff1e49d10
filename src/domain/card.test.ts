/**
 * Tables of the card rules.
 *
 * @module
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CardDetails, cardBrand, checkCard, luhnValid, maskPan } from './card.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const NOW = new Date('2026-11-24T00:00:00Z');
const seed = 20261124;

function card(
  change: Partial<Record<'pan' | 'cvv' | 'name', string>> & { month?: number; year?: number } = {},
) {
  return {
    pan: ascii(change.pan ?? '4111111111111111'),
    expiryMonth: change.month ?? 12,
    expiryYear: change.year ?? 2030,
    cvv: ascii(change.cvv ?? '123'),
    cardholderName: ascii(change.name ?? 'Asha Rao'),
  } satisfies CardDetails;
}

describe('Luhn', () => {
  it.each([
    '4111111111111111',
    '5555555555554444',
    '378282246310005',
    '4000000000000002',
    '4242424242424242',
  ])('accepts the test card %s', (pan) => expect(luhnValid(ascii(pan))).toBe(true));

  it('catches every single changed digit', () => {
    const digit = fc.integer({ min: 0, max: 9 });
    fc.assert(
      fc.property(
        fc.array(digit, { minLength: 11, maxLength: 18 }),
        fc.nat(),
        fc.integer({ min: 1, max: 9 }),
        (body, at, shift) => {
          const pan = withCheckDigit(body);
          expect(luhnValid(pan)).toBe(true);
          const index = at % pan.length;
          pan[index] = 0x30 + ((pan[index]! - 0x30 + shift) % 10);
          expect(luhnValid(pan)).toBe(false);
        },
      ),
      { seed },
    );
  });

  it('refuses what is not digits', () => {
    expect(luhnValid(ascii('4111 1111 1111 1111'))).toBe(false);
    expect(luhnValid(new Uint8Array())).toBe(false);
  });
});

describe('brand by first digits', () => {
  it.each([
    ['411111', 'VISA'],
    ['510000', 'MASTERCARD'],
    ['222100', 'MASTERCARD'],
    ['272099', 'MASTERCARD'],
    ['222099', 'UNKNOWN'],
    ['272100', 'UNKNOWN'],
    ['340000', 'AMEX'],
    ['378282', 'AMEX'],
    ['508500', 'RUPAY'],
    ['607384', 'RUPAY'],
    ['652150', 'RUPAY'],
    ['653149', 'RUPAY'],
    ['817200', 'RUPAY'],
    ['820000', 'RUPAY'],
    ['353800', 'RUPAY'],
    ['356000', 'RUPAY'],
    ['352800', 'JCB'],
    ['358999', 'JCB'],
    ['601100', 'DISCOVER'],
    ['644000', 'DISCOVER'],
    ['650000', 'DISCOVER'],
    ['305000', 'DINERS'],
    ['360000', 'DINERS'],
    ['501800', 'MAESTRO'],
    ['676300', 'MAESTRO'],
    ['621000', 'UNIONPAY'],
    ['999999', 'UNKNOWN'],
    ['41111', 'UNKNOWN'],
  ])('%s is %s', (first, brand) => expect(cardBrand(ascii(first))).toBe(brand));
});

it('shows the first six and the last four', () => {
  expect(maskPan(ascii('4111111111111111'))).toBe('411111****1111');
  expect(maskPan(ascii('378282246310005'))).toBe('378282****0005');
});

describe('card check', () => {
  it.each([
    ['a good card', card(), []],
    ['a good Amex', card({ pan: '378282246310005', cvv: '1234' }), []],
    ['letters', card({ pan: '4111x11111111111' }), ['cardNumber card_number_not_digits']],
    ['nothing typed', card({ pan: '' }), ['cardNumber card_number_not_digits']],
    ['too short for Visa', card({ pan: '411111111111111' }), ['cardNumber card_number_length']],
    ['a wrong digit', card({ pan: '4111111111111112' }), ['cardNumber card_number_check_digit']],
    ['month 13', card({ month: 13 }), ['expiryMonth expiry_month_invalid']],
    ['a year of two digits', card({ year: 30 }), ['expiryYear expiry_year_invalid']],
    ['last month', card({ month: 10, year: 2026 }), ['expiryYear card_expired']],
    ['this month', card({ month: 11, year: 2026 }), []],
    ['20 years ahead', card({ year: 2046 }), []],
    ['21 years ahead', card({ year: 2047 }), ['expiryYear expiry_too_far']],
    ['CVV of 4 on Visa', card({ cvv: '1234' }), ['cvv cvv_invalid']],
    ['CVV of 3 on Amex', card({ pan: '378282246310005', cvv: '123' }), ['cvv cvv_invalid']],
    ['CVV with a letter', card({ cvv: '12a' }), ['cvv cvv_invalid']],
    ['no name', card({ name: '  ' }), ['cardholderName name_missing']],
    ['100 characters', card({ name: 'ä'.repeat(100) }), []],
    ['101 characters', card({ name: 'a'.repeat(101) }), ['cardholderName name_too_long']],
    ['a line break in the name', card({ name: 'Asha\nRao' }), ['cardholderName name_invalid']],
    ['11 digits in the name', card({ name: 'Asha 411111 11111' }), []],
    ['12 digits in the name', card({ name: 'Asha 411111-111111' }), ['cardholderName name_holds_number']],
    ['a card number as name', card({ name: '4111 1111 1111 1111' }), ['cardholderName name_holds_number']],
    ['its digits apart', card({ name: [...'411111111111'].join('a') }), ['cardholderName name_holds_number']],
    [
      'everything wrong at once',
      card({ pan: '1', month: 0, year: 1, cvv: '', name: '' }),
      [
        'cardNumber card_number_length',
        'expiryMonth expiry_month_invalid',
        'expiryYear expiry_year_invalid',
        'cvv cvv_invalid',
        'cardholderName name_missing',
      ],
    ],
  ])('%s', (_, typed, expected) => {
    const check = checkCard(typed, NOW);
    expect(check.ok ? [] : check.errors.map(({ field, code }) => `${field} ${code}`)).toEqual(expected);
  });

  it('takes a card until its month has ended at UTC-12', () => {
    const lastDay = card({ month: 11, year: 2026 });
    expect(checkCard(lastDay, new Date('2026-12-01T11:59:59Z')).ok).toBe(true);
    expect(checkCard(lastDay, new Date('2026-12-01T12:00:00Z')).ok).toBe(false);
  });
});

function withCheckDigit(body: number[]): Uint8Array {
  let sum = 0;
  for (let i = 0; i < body.length; i++) {
    const doubled = i % 2 === 0 ? body[body.length - 1 - i]! * 2 : body[body.length - 1 - i]!;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return Uint8Array.from([...body, (10 - (sum % 10)) % 10], (digit) => digit + 0x30);
}
