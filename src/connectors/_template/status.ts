/**
 * The processor's words → ours. Only its explicit success and decline are final.
 *
 * Fill in: how a charge is shown, which of its fields prove that it is ours (reference, amount, currency, account where it is named), and a
 * row for every status. What is not in the table is `unknown`.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';
import type { NextAction, ProcessorWord, Said, WordSource } from '../../domain/processor-word.ts';
import { isPageUrl } from '../page-url.ts';
import type { TemplateConfig } from './config.ts';
import { DECLINES } from './error-codes.ts';

/** A charge as the processor shows it, once its shape was checked. */
export interface ShownCharge {
  id: string;
  transactionId: TransactionId | null;
  amount: number;
  currency: string;
  status: string;
  declineCode: string | null;
  pageUrl: unknown;
}

const SAID: ReadonlyMap<string, Said> = new Map<string, Said>([
  ['paid', 'charged'],
  ['failed', 'declined'],
  ['pending', 'accepted'],
  ['authenticate', 'action_required'],
]);

/** What may stand in a row of ours: 100 visible ASCII characters. */
const PLAIN = /^[\x21-\x7e]{1,100}$/;
/** A word that is read by machines: no digits, so that no echoed card can stand in one. */
const CODE = /^[a-z_]{1,100}$/;

/** Reads a charge; null when it is not one. */
export function readCharge(value: unknown): ShownCharge | null {
  if (typeof value !== 'object' || value === null) return null;
  const {
    id,
    reference,
    amount,
    currency,
    status,
    decline_code: code,
    page,
  } = value as Record<string, unknown>;
  if (typeof id !== 'string' || !PLAIN.test(id) || typeof reference !== 'string') return null;
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency) || !Number.isSafeInteger(amount))
    return null;
  if (typeof status !== 'string' || !CODE.test(status)) return null;
  return {
    id,
    transactionId: parseTransactionId(reference),
    amount: amount as number,
    currency,
    status,
    declineCode: typeof code === 'string' && CODE.test(code) ? code : null,
    pageUrl: page,
  };
}

/** Where a word comes from, and when. */
export interface Hearing {
  source: WordSource;
  leg: number | null;
  account: string | null;
  at: number;
  /** An ambiguous failure is a decline by now (`ambiguousFailureMs`). */
  failuresCount: boolean;
}

/** What the charge says. A status that is not known says nothing. */
export function wordOf(name: TemplateConfig['name'], charge: ShownCharge, hearing: Hearing): ProcessorWord {
  const means = DECLINES.get(charge.declineCode ?? '') ?? 'ambiguous';
  const nextAction = readNextAction(charge);
  const said = saidOf(charge, { nextAction, isOpen: means === 'ambiguous' && !hearing.failuresCount });
  const declined = said === 'declined';
  return {
    source: hearing.source,
    said,
    leg: hearing.leg,
    processor: name,
    processorAccount: hearing.account,
    processorTxnId: charge.id,
    amount: charge.amount,
    currency: charge.currency,
    failureCode: declined ? (charge.declineCode ?? 'declined') : null,
    referenceClosed: declined && (means === 'closed' || means === 'elsewhere'),
    elsewhere: declined && means === 'elsewhere',
    nextAction: said === 'action_required' ? nextAction : null,
    paymentMethodType: null,
    at: hearing.at,
    detail: `${charge.id} ${charge.status}`.slice(0, 200),
  };
}

function saidOf(
  { status }: ShownCharge,
  { nextAction, isOpen }: { nextAction: NextAction | null; isOpen: boolean },
): Said {
  const said = SAID.get(status) ?? 'unknown';
  // An action nobody can show the shopper is as good as none: the charge is asked about until it is over.
  if (said === 'action_required' && nextAction === null) return 'accepted';
  return said === 'declined' && isOpen ? 'unknown' : said;
}

function readNextAction({ pageUrl }: ShownCharge): NextAction | null {
  return isPageUrl(pageUrl) ? { kind: 'redirect', url: pageUrl, expiresAt: null } : null;
}

/** The code of an error answer; a proxy's error has none. */
export function errorCodeOf(body: unknown): string | null {
  const code = (body as { error?: { code?: unknown } } | null)?.error?.code;
  return typeof code === 'string' && CODE.test(code) ? code : null;
}
