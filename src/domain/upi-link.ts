/**
 * UPI link: what a UPI app is opened with to pay, and that it asks for what is to be paid and nothing else.
 *
 * @module
 */

import { exponentOf } from './money.ts';

/** UPI moves rupees and nothing else. */
const UPI_CURRENCY = 'INR';

/** Whether something in this currency can be paid by UPI. */
export function takesUpiIn(currency: string): boolean {
  return currency === UPI_CURRENCY;
}

/** Of visible characters only, and nothing a page could run. */
const SHAPE = /^upi:\/\/pay\?[\x21-\x7e]{1,1000}$/;
/** A least amount, with which an app may let its user pay less. */
const LEAST_AMOUNT = 'mam';

/**
 * Whether the link opens a UPI app to pay exactly this. One that names a thing twice does not: apps differ in which they believe.
 * @param amount minor units
 */
export function isUpiLinkFor(link: string, amount: number, currency: string): boolean {
  if (!takesUpiIn(currency) || !SHAPE.test(link)) return false;
  const words = [...new URLSearchParams(link.slice(link.indexOf('?')))];
  const named = new Map(words.map(([name, value]) => [name.toLowerCase(), value]));
  if (named.size < words.length || named.has(LEAST_AMOUNT) || (named.get('pa') ?? '') === '') return false;
  return (named.get('cu') ?? currency) === currency && minorUnits(named.get('am') ?? '') === amount;
}

/** The minor units of `1499`, `1499.5` or `1499.50`; null for anything else. */
function minorUnits(text: string): number | null {
  const places = exponentOf(UPI_CURRENCY)!;
  const [, whole, fraction = ''] = /^(\d{1,12})(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined || fraction.length > places) return null;
  return Number(whole + fraction.padEnd(places, '0'));
}
