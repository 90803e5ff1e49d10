/**
 * Language: which of ours a browser likes best (RFC 9110, 12.5.4), and how money reads in it.
 *
 * @module
 */

import { exponentOf } from '../domain/money.ts';

export type Language = 'en' | 'hi';

const LANGUAGES: readonly Language[] = ['en', 'hi'];
/** Ranges looked at; browsers send a handful. */
const RANGES_MAX = 20;

/** The language for an Accept-Language header: the highest quality, of equals the first; English when none is ours. */
export function languageOf(header: string): Language {
  let best: Language = 'en';
  let bestQuality = 0;
  for (const range of header.split(',', RANGES_MAX)) {
    const [tag = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const primary = tag.split('-', 1)[0]!;
    const language = primary === '*' ? 'en' : LANGUAGES.find((one) => one === primary);
    const quality = qualityOf(parameters);
    if (language === undefined || quality <= bestQuality) continue;
    best = language;
    bestQuality = quality;
  }
  return best;
}

function qualityOf(parameters: readonly string[]): number {
  const text = parameters.find((one) => one.startsWith('q='))?.slice(2);
  if (text === undefined) return 1;
  return /^(0(\.\d{1,3})?|1(\.0{1,3})?)$/.test(text) ? Number(text) : 0;
}

/** Formats are costly to make: languages times currencies at most. */
const formats = new Map<string, Intl.NumberFormat>();

/**
 * `₹1,23,450.00`: the currency's own sign, places and grouping. Rupees are grouped as in India in English too.
 * @param amount minor units
 */
export function showAmount(amount: number, currency: string, language: Language): string {
  const exponent = exponentOf(currency) ?? 0;
  const key = `${language} ${currency}`;
  let format = formats.get(key);
  if (format === undefined) {
    const english = currency === 'INR' ? 'en-IN' : 'en-US';
    format = new Intl.NumberFormat(language === 'hi' ? 'hi-IN' : english, {
      style: 'currency',
      currency,
      minimumFractionDigits: exponent,
      maximumFractionDigits: exponent,
    });
    formats.set(key, format);
  }
  return format.format(decimalText(amount, exponent));
}

/** As text, so that no amount passes through a binary fraction. */
function decimalText(amount: number, exponent: number): `${number}` {
  const digits = String(amount).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  return (exponent === 0 ? whole : `${whole}.${digits.slice(-exponent)}`) as `${number}`;
}
