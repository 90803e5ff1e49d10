/**
 * What an account of PayU's must look like, and the shape in which it wants its callbacks.
 * @module
 */
import { type AccountForm, text } from '../account-form.ts';
import type { Account } from '../dialect.ts';

export type CallbackFormat = 'urlencoded' | 'multipart' | 'json';

const CALLBACK_FORMATS: readonly unknown[] = ['urlencoded', 'multipart', 'json'] satisfies CallbackFormat[];

export const payuAccount: AccountForm = {
  words: {
    account: text(/^[A-Za-z0-9$]{1,64}$/, 'a merchant key, 1 to 64 of A-Z a-z 0-9 $'),
    secretKey: text(/^[\x21-\x7e]{1,256}$/, 'a salt without spaces'),
    webhookSecret: text(/^[\x21-\x7e]{1,256}$/, 'the salt again'),
  },
  options: {
    callbackFormat: {
      fits: (value) => CALLBACK_FORMATS.includes(value),
      wanted: `one of ${CALLBACK_FORMATS.join(', ')}`,
    },
  },
  clash: ({ secretKey, webhookSecret }) =>
    webhookSecret === secretKey ? null : ['webhookSecret', 'the secretKey again: PayU signs with the salt'],
};

/** The shape of an account's callbacks. @default urlencoded */
export function callbackFormatOf({ options }: Account): CallbackFormat {
  return (options as { callbackFormat?: CallbackFormat } | undefined)?.callbackFormat ?? 'urlencoded';
}
