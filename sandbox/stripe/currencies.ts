/**
 * Currencies as Stripe counts them: in minor units, and which have none.
 * @module
 */

/** Those without decimals. */
const ZERO_DECIMAL: ReadonlySet<string> = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf'.split(' '),
);
/** Those with three; Stripe takes them in steps of ten. */
const THREE_DECIMAL: ReadonlySet<string> = new Set('bhd jod kwd omr tnd'.split(' '));

const TWO_DECIMAL: ReadonlySet<string> = new Set(
  'aed ars aud bdt bgn brl cad chf cny cop czk dkk egp eur gbp hkd huf idr ils inr isk kes lkr mad mxn myr ngn nok npr nzd pen php pkr pln qar ron rsd sar sek sgd thb try twd uah usd uyu zar'.split(
    ' ',
  ),
);

/** Amounts have at most eight digits. */
export const AMOUNT_MAX = 99_999_999;

/** Whether a currency, in lower case, can be charged. */
export function isCurrency(code: string): boolean {
  return ZERO_DECIMAL.has(code) || THREE_DECIMAL.has(code) || TWO_DECIMAL.has(code);
}

/** The least that can be charged: about half a dollar, in the currency's own minor units. */
export function amountMin(currency: string): number {
  return decimalsOf(currency) === 3 ? 500 : 50;
}

/** An amount in minor units as the decimals of a report: `10.50`, `-3.00`, `1050` yen. */
export function majorUnits(amount: number, currency: string): string {
  const decimals = decimalsOf(currency);
  if (decimals === 0) return String(amount);
  const digits = String(Math.abs(amount)).padStart(decimals + 1, '0');
  return `${amount < 0 ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

function decimalsOf(currency: string): 0 | 2 | 3 {
  if (ZERO_DECIMAL.has(currency)) return 0;
  return THREE_DECIMAL.has(currency) ? 3 : 2;
}
