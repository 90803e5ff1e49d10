import { expect, test } from 'vitest';
import { languageOf, showAmount } from './language.ts';

test.each([
  ['', 'en'],
  ['hi', 'hi'],
  ['hi-IN,hi;q=0.9,en;q=0.8', 'hi'],
  ['en-GB,en;q=0.9,hi;q=0.8', 'en'],
  ['fr,hi;q=0.3', 'hi'],
  ['en;q=0.1, HI ; q=0.2', 'hi'],
  ['hi;q=0,en;q=0.1', 'en'],
  ['*,hi;q=0.5', 'en'],
  ['hi;q=2,de', 'en'],
  [';;;,,,q=,hi', 'hi'],
  ['hindi', 'en'],
])('Accept-Language "%s" is answered in %s', (header, language) => {
  expect(languageOf(header)).toBe(language);
});

test.each([
  [5000, 'INR', 'en', '₹50.00'],
  [5, 'INR', 'en', '₹0.05'],
  [12_345_600, 'INR', 'en', '₹1,23,456.00'],
  [12_345_600, 'INR', 'hi', '₹1,23,456.00'],
  [5000, 'JPY', 'en', '¥5,000'],
  [1_234_560, 'KWD', 'en', 'KWD\u00a01,234.560'],
  [999_999_999_999, 'USD', 'en', '$9,999,999,999.99'],
] as const)('%d %s in %s is shown as %s', (amount, currency, language, shown) => {
  expect(showAmount(amount, currency, language)).toBe(shown);
});
