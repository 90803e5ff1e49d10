/**
 * Next actions: what a shopper must do before a payment can be decided, and where.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { Charge } from '../book.ts';
import type { Account } from '../dialect.ts';
import { factsOf } from './payments.ts';

/** One of the ways on; which are offered is up to the card. */
export interface NextAction {
  readonly action: 'redirect' | 'otp_generate' | 'otp_submit' | 'otp_resend' | 'intent' | 'poll';
  readonly url: string;
}

/**
 * What is next of a payment that waits for the shopper; nothing of another.
 * @param bankUrl where shoppers reach the bank, without a trailing slash
 */
export function nextActionsOf(charge: Charge, account: Account, bankUrl: string): readonly NextAction[] {
  if (charge.status !== 'requires_action') return [];
  const payment = `${bankUrl}/v1/payments/${charge.id}`;
  if (charge.method === 'upi') {
    return [
      { action: 'intent', url: upiLinkOf(charge) },
      { action: 'poll', url: payment },
    ];
  }
  const { asks } = factsOf(charge);
  const byPage: NextAction = { action: 'redirect', url: `${payment}/authorize` };
  const query = `track_id=${charge.id.slice('pay_'.length)}&key_id=${account.keyId}`;
  const byOtp: NextAction = { action: 'otp_generate', url: `${payment}/otp_generate?${query}` };
  return [...(asks === 'otp' ? [] : [byPage]), ...(asks === 'page' ? [] : [byOtp])];
}

/** What is next once a one-time password is on its way. Their addresses work with the key id alone. */
export function otpActionsOf(charge: Charge, account: Account, bankUrl: string): readonly NextAction[] {
  const payment = `${bankUrl}/v1/payments/${charge.id}`;
  const token = hash('sha1', charge.id, 'hex');
  return [
    { action: 'otp_submit', url: `${payment}/otp_submit/${token}?key_id=${account.keyId}` },
    { action: 'otp_resend', url: `${payment}/otp_resend/json?key_id=${account.keyId}` },
  ];
}

/** What a UPI app opens: the payee, the payment's id for `tr`, and rupees with two decimals. */
export function upiLinkOf({ id, account, amount, currency }: Charge): string {
  const rupees = `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`;
  return `upi://pay?pa=${account}@sandboxbank&pn=${account}&tr=${id}&tn=razorpay&am=${rupees}&cu=${currency}&mc=5411`;
}
