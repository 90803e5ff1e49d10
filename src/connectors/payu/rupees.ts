/**
 * Rupees: PayU's amounts are decimal texts in rupees, ours are integers in paise. Exact both ways.
 *
 * @module
 */

import { AMOUNT_MAX, decimalAmount } from '../../domain/money.ts';

/** The one currency of PayU's classic API. */
export const CURRENCY = 'INR';

/** Paise as PayU takes them: `1499.00`. */
export function rupeesOf(paise: number): string {
  return decimalAmount(paise, CURRENCY);
}

const SHAPE = /^(-?)(\d{1,12})(?:\.(\d{1,2}))?$/;

/** The paise of `1499`, `1499.5` or `1499.50`; null for anything else, as for more than two decimals, whatever they are. */
export function paiseOf(rupees: unknown): number | null {
  const paise = signedPaiseOf(rupees);
  return paise === null || paise < 0 ? null : paise;
}

/** The same where money goes out: `-10.00` too, as settlement rows have it. */
export function signedPaiseOf(rupees: unknown): number | null {
  // PayU writes some amounts as numbers in JSON; of their shortest text nothing is rounded.
  const text = typeof rupees === 'number' ? String(rupees) : rupees;
  if (typeof text !== 'string') return null;
  const [, sign, whole, fraction = ''] = SHAPE.exec(text) ?? [];
  if (whole === undefined) return null;
  const paise = Number(whole + fraction.padEnd(2, '0'));
  if (paise > AMOUNT_MAX) return null;
  return sign === '-' && paise !== 0 ? -paise : paise;
}
