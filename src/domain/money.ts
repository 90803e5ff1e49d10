/**
 * Money: integers in minor units (paisa, cents), with the rules of each currency.
 *
 * @module
 */

/** Decimal places of the currencies Sluice takes (ISO 4217). A currency that is not listed is refused. */
const EXPONENTS: Readonly<Record<string, number>> = {
  AED: 2,
  AUD: 2,
  BDT: 2,
  BHD: 3,
  BRL: 2,
  CAD: 2,
  CHF: 2,
  CLP: 0,
  CNY: 2,
  COP: 2,
  CZK: 2,
  DKK: 2,
  EGP: 2,
  EUR: 2,
  GBP: 2,
  HKD: 2,
  HUF: 2,
  IDR: 2,
  ILS: 2,
  INR: 2,
  ISK: 0,
  JOD: 3,
  JPY: 0,
  KES: 2,
  KRW: 0,
  KWD: 3,
  LKR: 2,
  MAD: 2,
  MXN: 2,
  MYR: 2,
  NGN: 2,
  NOK: 2,
  NPR: 2,
  NZD: 2,
  OMR: 3,
  PEN: 2,
  PHP: 2,
  PKR: 2,
  PLN: 2,
  QAR: 2,
  RON: 2,
  SAR: 2,
  SEK: 2,
  SGD: 2,
  THB: 2,
  TND: 3,
  TRY: 2,
  TWD: 2,
  TZS: 2,
  UAH: 2,
  UGX: 0,
  USD: 2,
  VND: 0,
  ZAR: 2,
};

/** ISO 8583 field 4 carries twelve digits: what a card network can express. */
export const AMOUNT_MAX = 999_999_999_999;

/** The currencies Sluice takes, in alphabetical order. */
export const CURRENCIES: readonly string[] = Object.keys(EXPONENTS);

export type AmountRefusal =
  | 'currency_unknown'
  | 'amount_not_integer'
  | 'amount_not_positive'
  | 'amount_too_large'
  | 'amount_not_chargeable';

/**
 * Checks an amount in minor units against its currency; null when it may be charged.
 * Currencies of three decimals are charged in steps of ten minor units, as the card networks do.
 */
export function checkAmount(amount: number, currency: string): AmountRefusal | null {
  const exponent = exponentOf(currency);
  if (exponent === undefined) return 'currency_unknown';
  if (!Number.isInteger(amount)) return 'amount_not_integer';
  if (amount <= 0) return 'amount_not_positive';
  if (amount > AMOUNT_MAX) return 'amount_too_large';
  if (exponent === 3 && amount % 10 !== 0) return 'amount_not_chargeable';
  return null;
}

/** Decimal places of a currency; undefined when Sluice does not take it. */
export function exponentOf(currency: string): number | undefined {
  return Object.hasOwn(EXPONENTS, currency) ? EXPONENTS[currency] : undefined;
}

/** An amount of either sign in its currency's main unit for people who read no minor units: `4850.00`, `14800` yen. */
export function decimalAmount(amount: number | bigint, currency: string): string {
  const exponent = exponentOf(currency) ?? 0;
  const sign = amount < 0 ? '-' : '';
  const digits = String(amount)
    .slice(sign.length)
    .padStart(exponent + 1, '0');
  return exponent === 0 ? sign + digits : `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}
