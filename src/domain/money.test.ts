import { expect, test } from 'vitest';
import { AMOUNT_MAX, checkAmount, decimalAmount } from './money.ts';

test.each([
  [5000, 'INR', null],
  [1, 'JPY', null],
  [AMOUNT_MAX, 'USD', null],
  [1230, 'KWD', null],
  [1234, 'KWD', 'amount_not_chargeable'],
  [0, 'INR', 'amount_not_positive'],
  [-1, 'INR', 'amount_not_positive'],
  [0.5, 'INR', 'amount_not_integer'],
  [Number.NaN, 'INR', 'amount_not_integer'],
  [AMOUNT_MAX + 1, 'INR', 'amount_too_large'],
  [100, 'XTS', 'currency_unknown'],
  [100, 'inr', 'currency_unknown'],
  [100, 'toString', 'currency_unknown'],
])('%d minor units of %s: %s', (amount, currency, outcome) => {
  expect(checkAmount(amount, currency)).toBe(outcome);
});

test.each([
  [485_000, 'INR', '4850.00'],
  [5, 'INR', '0.05'],
  [14_800, 'JPY', '14800'],
  [1230, 'KWD', '1.230'],
])('%d minor units of %s are read as %s', (amount, currency, shown) => {
  expect(decimalAmount(amount, currency)).toBe(shown);
});
