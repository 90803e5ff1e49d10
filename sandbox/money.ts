/**
 * Money as people read it: minor units by the currency's own format.
 * @module
 */

/** `₹4,850.00`, `¥8,800`: how many decimals a currency has is known to Intl. */
export function showMoney(amount: number, currency: string): string {
  const format = new Intl.NumberFormat(currency === 'INR' ? 'en-IN' : 'en', { style: 'currency', currency });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** decimals);
}
