/**
 * What Razorpay wants of the shopper: its list `next`, as something that can be shown.
 *
 * @module
 */

import type { NextAction } from '../../domain/processor-word.ts';
import { isUpiLinkFor } from '../../domain/upi-link.ts';
import type { ChargeRequest } from '../connector.ts';
import { isPageUrl } from '../page-url.ts';
import type { RazorpayClient } from './client.ts';
import { keyIdOf } from './config.ts';
import { fieldsOf } from './status.ts';

/**
 * The first of these that can be shown: a page of the bank, a link to a UPI app for this very amount, a password typed here. Null: none,
 * as of `poll` alone. Passwords are sent by the bank when we ask for it, so that is done last, and only then.
 */
export async function nextActionOf(
  client: RazorpayClient,
  request: ChargeRequest,
  next: readonly unknown[],
): Promise<NextAction | null> {
  const { amount, currency } = request;
  const page = addressOf(next, 'redirect');
  if (isPageUrl(page)) return { kind: 'redirect', url: page, expiresAt: null };
  const link = addressOf(next, 'intent');
  if (typeof link === 'string' && isUpiLinkFor(link, amount, currency)) {
    return { kind: 'upi', link, expiresAt: null, simulatorUrl: null };
  }
  const generate = client.pathOf(addressOf(next, 'otp_generate'));
  return generate === null ? passwordAction(client, next) : await sendPassword(client, request, generate);
}

/** Has the bank send a password. The address takes the id of the key alone. */
async function sendPassword(
  client: RazorpayClient,
  { account }: ChargeRequest,
  path: string,
): Promise<NextAction | null> {
  const reply = await client.send({ method: 'POST', path, credentials: `${keyIdOf(account.secretKey)}:` });
  if (reply.kind !== 'answered' || reply.status !== 200) return null;
  const { next } = fieldsOf(reply.body);
  return Array.isArray(next) ? passwordAction(client, next) : null;
}

/** Where a password is told to Razorpay; null: nowhere, or nowhere of its own. */
function passwordAction(client: RazorpayClient, next: readonly unknown[]): NextAction | null {
  const submitUrl = addressOf(next, 'otp_submit');
  const resendUrl = addressOf(next, 'otp_resend');
  if (typeof submitUrl !== 'string' || client.pathOf(submitUrl) === null) return null;
  const mayResend = typeof resendUrl === 'string' && client.pathOf(resendUrl) !== null;
  return { kind: 'otp', submitUrl, resendUrl: mayResend ? resendUrl : null, expiresAt: null };
}

/** Whether the list has the step: by its name alone, as in errors, or with an address. */
export function isNext(next: unknown, action: string): boolean {
  return Array.isArray(next) && next.some((step) => step === action || fieldsOf(step).action === action);
}

/** The address of a step; undefined: it is not in the list. */
function addressOf(next: readonly unknown[], action: string): unknown {
  const step = next.map(fieldsOf).find((entry) => entry.action === action);
  return step?.url;
}
