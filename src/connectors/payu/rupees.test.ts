/**
 * Rupee texts, exact both ways.
 *
 * @module
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AMOUNT_MAX } from '../../domain/money.ts';
import { paiseOf, rupeesOf, signedPaiseOf } from './rupees.ts';

test('every amount is written with two decimals and read back exactly', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: AMOUNT_MAX }), (paise) => {
      expect(rupeesOf(paise)).toMatch(/^\d+\.\d{2}$/);
      expect(paiseOf(rupeesOf(paise))).toBe(paise);
    }),
  );
});

test.each([
  ['1499', 149_900],
  ['1499.5', 149_950],
  ['1499.05', 149_905],
  ['0.01', 1],
  ['4.35', 435],
  [1499.1, 149_910],
  [50, 5000],
])('%j is %i paise', (rupees, paise) => {
  expect(paiseOf(rupees)).toBe(paise);
});

test.each([
  '',
  '.5',
  '5.',
  '1,499.00',
  '1499.001',
  '1e3',
  '-1',
  ' 1',
  '1 ',
  '0x10',
  '9'.repeat(12),
  1e21,
  null,
])('%j is no amount', (rupees) => {
  expect(paiseOf(rupees)).toBeNull();
});

test('where money may go out a minus is read too', () => {
  expect([signedPaiseOf('-10.50'), signedPaiseOf('-0.00')]).toEqual([-1050, 0]);
});
