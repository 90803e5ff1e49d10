/**
 * Money as the shop shows it: minor units by the currency's own format.
 * @module
 */

/** What the shop takes. */
export type ShopCurrency = 'INR' | 'JPY';

/** `₹4,850.00`, `¥8,800`: how many decimals a currency has is known to Intl. */
export function showMoney(amount: number, currency: ShopCurrency): string {
  const format = new Intl.NumberFormat(currency === 'INR' ? 'en-IN' : 'en', { style: 'currency', currency });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** decimals);
}
