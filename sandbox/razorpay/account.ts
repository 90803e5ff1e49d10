/**
 * What an account of Razorpay's must look like.
 * @module
 */
import { type AccountForm, text } from '../account-form.ts';

export const razorpayAccount: AccountForm = {
  words: {
    account: text(/^acc_[A-Za-z0-9_]{1,60}$/, 'acc_ and up to 60 of A-Z a-z 0-9 _'),
    keyId: text(/^rzp_test_[A-Za-z0-9_]{1,60}$/, 'rzp_test_ and up to 60 of A-Z a-z 0-9 _'),
    secretKey: text(/^[\x21-\x7e]{1,256}$/, 'a key secret without spaces'),
    webhookSecret: text(/./s, 'a secret'),
  },
  options: {},
};
