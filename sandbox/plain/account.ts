/**
 * What an account of the bank's own dialect must look like.
 * @module
 */
import { type AccountForm, text } from '../account-form.ts';

export const plainAccount: AccountForm = {
  words: {
    account: text(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 of A-Z a-z 0-9 _ -'),
    secretKey: text(/^[\x21-\x7e]{1,256}$/, 'a key without spaces'),
    webhookSecret: text(/./s, 'a secret'),
  },
  options: {},
};
