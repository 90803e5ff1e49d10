/**
 * The options of an account.
 * @module
 */
import { expect, it } from 'vitest';
import type { Account } from '../dialect.ts';
import { DEFAULT_TERMS, stripeAccount, termsOf } from './account.ts';

function accountWith(options?: Account['options']): Account {
  const words = { account: 'acct_demo', secretKey: 'sk_test_demo', webhookSecret: 'whsec_demo' };
  const callbackUrl = new URL('http://127.0.0.1:9/hooks');
  return { dialect: 'stripe', ...words, callbackUrl, ...(options === undefined ? {} : { options }) };
}

it('what is not said holds by default', () => {
  expect(termsOf(accountWith())).toEqual(DEFAULT_TERMS);
  expect(termsOf(accountWith({ payoutEveryMs: 1000 }))).toEqual({ ...DEFAULT_TERMS, payoutEveryMs: 1000 });
});

it.each([
  ['rawCardData', 'no'],
  ['previousWebhookSecret', ''],
  ['availableAfterMs', -1],
  ['payoutEveryMs', 999],
  ['payoutEveryMs', 1000.5],
])('%s %o cannot be meant', (option, value) => {
  expect(stripeAccount.options[option]!.fits(value)).toBe(false);
});
