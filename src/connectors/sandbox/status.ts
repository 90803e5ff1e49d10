/**
 * The sandbox bank's words → ours. Only its explicit success and decline are final.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';
import type {
  NextAction,
  PaymentMethodType,
  ProcessorWord,
  Said,
  WordSource,
} from '../../domain/processor-word.ts';
import { isUpiLinkFor } from '../../domain/upi-link.ts';
import { isPageUrl } from '../page-url.ts';
import type { SandboxConfig } from './config.ts';

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
  next_action?: unknown;
  payment_method?: unknown;
}

const SAID: Readonly<Record<string, Said>> = {
  succeeded: 'charged',
  declined: 'declined',
  processing: 'accepted',
  requires_action: 'action_required',
};

/** What may stand in a row of ours: 100 visible ASCII characters. */
const PLAIN = /^[\x21-\x7e]{1,100}$/;
/** A word of the bank's that is read by machines: no digits, so that no echoed card can stand in one. */
const CODE = /^[a-z_]{1,100}$/;

/** Reads a charge; null when it is not one. */
export function readCharge(value: unknown): BankCharge | null {
  if (typeof value !== 'object' || value === null) return null;
  const charge = value as Record<string, unknown>;
  const texts = [charge.id, charge.reference, charge.account, charge.currency];
  if (!texts.every((text) => typeof text === 'string' && PLAIN.test(text))) return null;
  if (typeof charge.status !== 'string' || !CODE.test(charge.status)) return null;
  if (!Number.isSafeInteger(charge.amount)) return null;
  return charge as unknown as BankCharge;
}

/** Our reference is the transaction's id as merchants see it. */
export function transactionOf(charge: BankCharge): TransactionId | null {
  return parseTransactionId(charge.reference);
}

/** What the charge says. A status that is not known says nothing. */
export function wordOf(
  bank: SandboxConfig['name'],
  charge: BankCharge,
  source: WordSource,
  leg: number | null,
  at: number,
): ProcessorWord {
  const known = Object.hasOwn(SAID, charge.status) ? SAID[charge.status]! : 'unknown';
  const nextAction = known === 'action_required' ? readNextAction(charge) : null;
  // An action nobody can show the shopper is as good as none: the charge is asked about until it is over.
  const said = known === 'action_required' && nextAction === null ? 'accepted' : known;
  const decline = said === 'declined' ? readDecline(charge) : null;
  return {
    source,
    said,
    leg,
    processor: bank,
    processorAccount: charge.account,
    processorTxnId: charge.id,
    amount: charge.amount,
    currency: charge.currency,
    failureCode: decline?.code ?? null,
    referenceClosed: decline?.closed ?? false,
    elsewhere: decline?.elsewhere ?? false,
    nextAction,
    paymentMethodType: readMethodType(charge.payment_method),
    at,
    detail: `${charge.id} ${charge.status}`.slice(0, 200),
  };
}

/**
 * The bank's decline codes. `closed`: the shopper may try again; `elsewhere`: the bank's own trouble, another processor may be asked.
 * Either needs the bank's promise that the reference can never be charged as well. A code that is not here is a decline and no more.
 */
const DECLINES: ReadonlyMap<string, 'closed' | 'elsewhere'> = new Map([
  ['card_declined', 'closed'],
  ['insufficient_funds', 'closed'],
  ['expired_card', 'closed'],
  ['payment_declined', 'closed'],
  ['authentication_failed', 'closed'],
  ['authentication_expired', 'closed'],
  ['authentication_unavailable', 'closed'],
  ['upi_expired', 'closed'],
  ['acquirer_unavailable', 'elsewhere'],
]);

function readDecline({ decline_code: code, reference_closed: promised }: BankCharge) {
  if (typeof code !== 'string' || !CODE.test(code)) {
    return { code: 'declined', closed: false, elsewhere: false };
  }
  const listed = promised === true ? DECLINES.get(code) : undefined;
  return { code, closed: listed !== undefined, elsewhere: listed === 'elsewhere' };
}

/** What the bank wants of the shopper; null when it is nothing that could be shown. */
function readNextAction({ next_action: value, amount, currency }: BankCharge): NextAction | null {
  if (typeof value !== 'object' || value === null) return null;
  const { type, url, link, expires_at: expires, simulator_url: simulator } = value as Record<string, unknown>;
  const expiresAt = isTime(expires) ? expires : null;
  if (type === 'redirect' && isPageUrl(url)) return { kind: 'redirect', url, expiresAt };
  if (type === 'upi_intent' && typeof link === 'string' && isUpiLinkFor(link, amount, currency)) {
    return { kind: 'upi', link, expiresAt, simulatorUrl: isPageUrl(simulator) ? simulator : null };
  }
  return null;
}

/** The last moment that is shown with four digits of a year. */
const TIME_MAX = Date.UTC(9999, 11, 31);

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= TIME_MAX;
}

function readMethodType(value: unknown): PaymentMethodType | null {
  if (typeof value !== 'object' || value === null) return null;
  const { type, funding } = value as Record<string, unknown>;
  if (type === 'upi') return 'UPI';
  if (type !== 'card') return null;
  return funding === 'credit' ? 'CREDIT_CARD' : funding === 'debit' ? 'DEBIT_CARD' : null;
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
