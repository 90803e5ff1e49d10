/**
 * Fees: what Razorpay keeps of a captured payment, by whatever method: two in a hundred, and GST on the fee.
 *
 * @module
 */
import type { Charge } from '../book.ts';

const FEE_SHARE = 0.02;
const TAX_SHARE = 0.18;

/** The fee, which includes the tax, both in the smallest unit. */
export function feeOf({ amount }: Pick<Charge, 'amount'>): {
  readonly fee: number;
  readonly tax: number;
} {
  const beforeTax = Math.round(amount * FEE_SHARE);
  const tax = Math.round(beforeTax * TAX_SHARE);
  return { fee: beforeTax + tax, tax };
}
