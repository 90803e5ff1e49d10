/**
 * What the Stripe room is told, and how an account at Stripe is read.
 *
 * @module
 */

import type { KeyMode, ReadAccountConfig, RoomConfig } from '../connector.ts';

export interface StripeConfig extends RoomConfig {
  /** Value of `Stripe-Version` on every request. */
  apiVersion: string;
  /** How long after its creation an intent that still waits for its shopper is cancelled when it is asked about. */
  abandonedMs: number;
}

/** How each field of an account looks (reference 3a, 3d); restricted keys begin with `rk_`. */
const FIELDS = [
  { name: 'account', shape: /^acct_\w{1,100}$/, looks: 'acct_…' },
  {
    name: 'secretKey',
    shape: /^[sr]k_(test|live)_\w{1,200}$/,
    looks: 'sk_test_…, sk_live_…, rk_test_… or rk_live_…',
  },
  { name: 'webhookSecret', shape: /^whsec_[\w+/=-]{1,200}$/, looks: 'whsec_…' },
] as const;

/** `account` (`acct_…`), `secretKey` (`sk_…` or `rk_…`) and `webhookSecret` (`whsec_…`, of the endpoint that calls us). */
export const readStripeAccount: ReadAccountConfig = (entry) => {
  for (const { name, shape, looks } of FIELDS) {
    const value = entry[name];
    if (typeof value !== 'string' || value === '') return { ok: false, detail: `${name} is needed` };
    if (!shape.test(value)) return { ok: false, detail: `${name} must look like ${looks}` };
  }
  const { account, secretKey, webhookSecret } = entry as Record<(typeof FIELDS)[number]['name'], string>;
  return { ok: true, config: { account, secretKey, webhookSecret } };
};

/** Whether an account's key moves money. One that does not say so is taken for one that does. */
export function stripeKeyMode(secretKey: string): KeyMode {
  return /^[sr]k_test_/.test(secretKey) ? 'test' : 'live';
}
