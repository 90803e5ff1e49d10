/**
 * Return cookies: what a browser keeps while its shopper is at the bank's page.
 *
 * The address a bank sends the shopper back to names the transaction and nothing else: the session's id is the shopper's only
 * permission, and no bank is told it. So the browser keeps it, for the one path that asks. The other cookie only says that this
 * browser was sent on once, so that Back from the bank is not answered by being sent there again.
 *
 * @module
 */

import { isSessionId } from '../domain/checkout-session.ts';
import type { IntentId, TransactionId } from '../domain/ids.ts';

/** Where banks send shoppers back to. */
export const RETURN_PATH = '/checkout/return';
export const RESULT_PATH = '/checkout/result';

/** Longer than any bank's page or session lives. */
const KEPT_SECONDS = 1800;

/** For the way to the bank and back. `secure`: the page came over https. */
export function handOverCookies(
  { paymentIntentId, transactionId }: { paymentIntentId: IntentId; transactionId: TransactionId },
  sessionId: string,
  secure: boolean,
): string[] {
  const sent = sentOnCookie(transactionId, secure);
  if (!isSessionId(sessionId)) return [sent];
  return [cookie(sessionName(paymentIntentId), sessionId, RETURN_PATH, secure), sent];
}

/** Remembers that this browser needs no sending on any more. */
export function sentOnCookie(transactionId: TransactionId, secure: boolean): string {
  return cookie(sentOnName(transactionId), '1', RESULT_PATH, secure);
}

/** The session's id that this browser kept for this intent; null when it has none. */
export function keptSession(header: string, intentId: IntentId): string | null {
  const value = cookieOf(header, sessionName(intentId));
  return value !== null && isSessionId(value) ? value : null;
}

/** Whether this browser was sent on for this transaction before. */
export function wasSentOn(header: string, transactionId: TransactionId): boolean {
  return cookieOf(header, sentOnName(transactionId)) !== null;
}

function sessionName(intentId: IntentId): string {
  return `sluice_session_${intentId}`;
}

function sentOnName(transactionId: TransactionId): string {
  return `sluice_sent_on_${transactionId}`;
}

/** Lax: a bank's page leads back here from another site. */
function cookie(name: string, value: string, path: string, secure: boolean): string {
  const attributes = `Path=${path}; Max-Age=${KEPT_SECONDS}; HttpOnly; SameSite=Lax`;
  return `${name}=${value}; ${attributes}${secure ? '; Secure' : ''}`;
}

function cookieOf(header: string, name: string): string | null {
  for (const pair of header.split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name) return value ?? '';
  }
  return null;
}
