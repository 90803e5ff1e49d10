/**
 * Accounts: how the JSON an operator brings of a merchant's account is read, processor by processor.
 *
 * @module
 */

import type { ProcessorName } from '../domain/processor-word.ts';
import type { ChargeAccount, KeyMode, ReadAccountConfig } from './connector.ts';
import { readPayuAccount } from './payu/config.ts';
import { razorpayKeyMode, readRazorpayAccount } from './razorpay/config.ts';
import { readSandboxAccount } from './sandbox/config.ts';
import { readStripeAccount, stripeKeyMode } from './stripe/config.ts';

/** One line per processor this version can charge at. */
export const ACCOUNT_READERS: Readonly<Partial<Record<ProcessorName, ReadAccountConfig>>> = {
  SANDBOX: readSandboxAccount,
  SANDBOX_B: readSandboxAccount,
  RAZORPAY: readRazorpayAccount,
  PAYU: readPayuAccount,
  STRIPE: readStripeAccount,
};

/** Of processors whose keys tell. A key of PayU's does not: there it is the address that moves money or none. */
const KEY_MODES: Readonly<Partial<Record<ProcessorName, (secretKey: string) => KeyMode>>> = {
  RAZORPAY: razorpayKeyMode,
  STRIPE: stripeKeyMode,
};

/** What is wrong with an account's key in this mode; undefined: nothing. Says no secret. */
export function keyModeFault(
  processor: ProcessorName,
  { account, secretKey }: ChargeAccount,
  mode: KeyMode,
): string | undefined {
  const keyMode = KEY_MODES[processor]?.(secretKey) ?? mode;
  return keyMode === mode
    ? undefined
    : `the key of ${account} is a ${keyMode} key, which none takes in ${mode} mode`;
}
