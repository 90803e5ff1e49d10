/**
 * The account forms of the dialects this bank speaks.
 * @module
 */
import type { AccountForm } from './account-form.ts';
import type { DialectName } from './dialect.ts';
import { payuAccount } from './payu/account.ts';
import { plainAccount } from './plain/account.ts';
import { razorpayAccount } from './razorpay/account.ts';
import { stripeAccount } from './stripe/account.ts';

export const ACCOUNT_FORMS: Readonly<Record<DialectName, AccountForm>> = {
  plain: plainAccount,
  razorpay: razorpayAccount,
  payu: payuAccount,
  stripe: stripeAccount,
};
