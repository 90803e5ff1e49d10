/**
 * Shown money: sums of minor units for people, exact, with their currency.
 *
 * @module
 */

import { decimalAmount, exponentOf } from '../domain/money.ts';

/** `-4,850.00`; of a currency that Sluice does not take, whose decimal places it does not know, minor units. */
export function showSum(minor: string | number | bigint, currency: string): string {
  const [whole, places] = decimalAmount(BigInt(minor), currency).split('.');
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ',');
  return places === undefined ? grouped : `${grouped}.${places}`;
}

/** `4,850.00 INR`, `4850 minor units of XTS`. */
export function showMoney(minor: string | number | bigint, currency: string): string {
  return exponentOf(currency) === undefined
    ? `${minor} minor units of ${currency}`
    : `${showSum(minor, currency)} ${currency}`;
}

/** A whole number with its thousands apart: `1,000,000`. */
export function showCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 row`, `1,000,000 rows`. */
export function showRows(count: number): string {
  return `${showCount(count)} ${count === 1 ? 'row' : 'rows'}`;
}
