/**
 * The sandbox bank's words → ours. Only its explicit success and decline are final.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';
import type { ProcessorWord, Said, WordSource } from '../../domain/transaction.ts';

/** A charge as the bank shows it, once its shape was checked. */
export interface BankCharge {
  id: string;
  reference: string;
  account: string;
  amount: number;
  currency: string;
  status: string;
  decline_code?: string;
  reference_closed?: boolean;
}

const SAID: Readonly<Record<string, Said>> = {
  succeeded: 'charged',
  declined: 'declined',
  processing: 'accepted',
};

/** What may stand in a row of ours: 100 visible ASCII characters. */
const PLAIN = /^[\x21-\x7e]{1,100}$/;

/** Reads a charge; null when it is not one. */
export function readCharge(value: unknown): BankCharge | null {
  if (typeof value !== 'object' || value === null) return null;
  const charge = value as Record<string, unknown>;
  const texts = [charge.id, charge.reference, charge.account, charge.currency, charge.status];
  if (!texts.every((text) => typeof text === 'string' && PLAIN.test(text))) return null;
  if (!Number.isSafeInteger(charge.amount)) return null;
  return charge as unknown as BankCharge;
}

/** Our reference is the transaction's id as merchants see it. */
export function transactionOf(charge: BankCharge): TransactionId | null {
  return parseTransactionId(charge.reference);
}

/** What the charge says. A status that is not known says nothing. */
export function wordOf(
  charge: BankCharge,
  source: WordSource,
  leg: number | null,
  at: number,
): ProcessorWord {
  const said = Object.hasOwn(SAID, charge.status) ? SAID[charge.status]! : 'unknown';
  return {
    source,
    said,
    leg,
    processor: 'SANDBOX',
    processorAccount: charge.account,
    processorTxnId: charge.id,
    amount: charge.amount,
    currency: charge.currency,
    failureCode: said === 'declined' ? declineCode(charge) : null,
    referenceClosed: said === 'declined' && charge.reference_closed === true,
    at,
    detail: `${charge.id} ${charge.status}`.slice(0, 200),
  };
}

function declineCode({ decline_code }: BankCharge): string {
  return typeof decline_code === 'string' && /^[a-z_]{1,100}$/.test(decline_code) ? decline_code : 'declined';
}

/** Refusals by which the bank says that it has not even begun: nothing is booked for this request. */
const REFUSALS: ReadonlySet<string> = new Set([
  'unauthorized',
  'body_too_large',
  'invalid_json',
  'field_type',
  'field_value',
  'card_number_invalid',
]);

/** The code of an error answer; a proxy's error has none. */
export function errorCodeOf(body: unknown): string | null {
  const code = (body as { error?: { code?: unknown } } | null)?.error?.code;
  return typeof code === 'string' ? code : null;
}

/** The code by which the bank refused a charge without booking it; null: it did not, or not in its own words. */
export function refusalOf(status: number, body: unknown): string | null {
  const code = errorCodeOf(body);
  return status >= 400 && status < 500 && code !== null && REFUSALS.has(code) ? code : null;
}

/** An answer's JSON; null when it is none. */
export function parseAnswer(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return null;
  }
}
