/**
 * What the Razorpay room is told.
 *
 * @module
 */

import type { KeyMode, ReadAccountConfig, RoomConfig } from '../connector.ts';

/**
 * What Razorpay wants to know of a shopper and Sluice does not: a payment page of ours asks for neither mail nor phone. Address and user
 * agent stand in where the browser's are not known.
 */
export interface ShopperPlaceholders {
  /** At most {@link EMAIL_LENGTH_MAX} characters. */
  email: string;
  /** At most {@link CONTACT_LENGTH_MAX} characters. */
  contact: string;
  ip: string;
  userAgent: string;
}

export interface RazorpayConfig extends RoomConfig {
  shopper: ShopperPlaceholders;
}

export const EMAIL_LENGTH_MAX = 40;
export const CONTACT_LENGTH_MAX = 15;

/** The mail and the address are of ranges that belong to nobody (RFC 2606, RFC 5737). */
export const PLACEHOLDERS: ShopperPlaceholders = {
  email: 'shopper@example.com',
  contact: '+919999999999',
  ip: '203.0.113.1',
  userAgent: 'Mozilla/5.0',
};

/** A merchant's own, and then a key of it: `rzp_test_` moves no money, `rzp_live_` does, at the same address. */
const ACCOUNT = /^acc_\w+$/;
const KEY_ID = /^rzp_(test|live)_\w+$/;

/** `account` is the name callbacks have (`acc_…`); id and secret of the key are kept as requests carry them, `keyId:secretKey`. */
export const readRazorpayAccount: ReadAccountConfig = ({ account, keyId, secretKey, webhookSecret }) => {
  const refused = (detail: string) => ({ ok: false, detail }) as const;
  if (typeof account !== 'string' || !ACCOUNT.test(account)) return refused('account must be acc_…');
  if (typeof keyId !== 'string' || !KEY_ID.test(keyId))
    return refused('keyId must be rzp_test_… or rzp_live_…');
  if (typeof secretKey !== 'string' || secretKey === '')
    return refused('secretKey, the secret of the key, is needed');
  if (typeof webhookSecret !== 'string' || webhookSecret === '') return refused('webhookSecret is needed');
  return { ok: true, config: { account, secretKey: `${keyId}:${secretKey}`, webhookSecret } };
};

/** Whether an account's key moves money. One that does not say so is taken for one that does. */
export function razorpayKeyMode(secretKey: string): KeyMode {
  return secretKey.startsWith('rzp_test_') ? 'test' : 'live';
}

/** The id of an account's key. */
export function keyIdOf(secretKey: string): string {
  return secretKey.slice(0, separatorOf(secretKey));
}

/** The secret of an account's key. */
export function keySecretOf(secretKey: string): string {
  return secretKey.slice(separatorOf(secretKey) + 1);
}

function separatorOf(secretKey: string): number {
  const at = secretKey.indexOf(':');
  return at < 0 ? secretKey.length : at;
}
