import { expect, it } from 'vitest';
import { showCount, showMoney, showRows } from './shown-money.ts';

it.each([
  ['485000', 'INR', '4,850.00 INR'],
  ['-485000', 'INR', '-4,850.00 INR'],
  ['-5', 'INR', '-0.05 INR'],
  ['-100000', 'INR', '-1,000.00 INR'],
  [14_800, 'JPY', '14,800 JPY'],
  [1_234_567, 'KWD', '1,234.567 KWD'],
  ['900719925474099312', 'INR', '9,007,199,254,740,993.12 INR'],
  ['4850', 'XTS', '4850 minor units of XTS'],
])('%s minor units of %s are shown as %s', (minor, currency, shown) => {
  expect(showMoney(minor, currency)).toBe(shown);
});

it('thousands are apart', () => {
  expect([0, 999, 1000, 1_000_000].map(showCount)).toEqual(['0', '999', '1,000', '1,000,000']);
  expect([0, 1, 2000].map(showRows)).toEqual(['0 rows', '1 row', '2,000 rows']);
});
