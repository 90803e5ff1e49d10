/**
 * Stripe's words → ours (reference 4). Only `succeeded` with the whole amount received, `canceled`, and a failed attempt of a known reason
 * are final.
 *
 * @module
 */

import type { NextAction, ProcessorWord, Said, WordSource } from '../../domain/processor-word.ts';
import { isRecord } from '../json.ts';
import { isPageUrl } from '../page-url.ts';
import { DECLINES, type Meaning } from './error-codes.ts';
import type { Intent, StripeError } from './intent.ts';

/** Where a word of an intent comes from, and when. */
export interface Hearing {
  source: WordSource;
  leg: number | null;
  /** Null: the source does not name it. */
  account: string | null;
  /** Milliseconds since 1970. */
  at: number;
  /** An ambiguous failure is a decline by now. */
  failuresCount: boolean;
}

/** What an intent says, or would if its ending were this one. A status that is not known says nothing. */
export function wordOf(
  intent: Intent,
  hearing: Hearing,
  ending: Ending = endingOf(intent, hearing),
): ProcessorWord {
  const { source, leg, account, at } = hearing;
  const { decline, nextAction } = ending;
  const declined = ending.said === 'declined';
  return {
    source,
    said: ending.said,
    leg,
    processor: 'STRIPE',
    processorAccount: account,
    processorTxnId: intent.id,
    amount: intent.amount,
    currency: intent.currency,
    failureCode: declined ? (decline?.code ?? 'declined') : null,
    referenceClosed: declined && (decline?.means === 'closed' || decline?.means === 'elsewhere'),
    elsewhere: declined && decline?.means === 'elsewhere',
    nextAction,
    paymentMethodType: intent.upi || isUpiAction(intent.nextAction) ? 'UPI' : null,
    at,
    detail: detailOf(intent, ending),
  };
}

/** A decline's code as merchants see it, and what it allows. */
export interface Decline {
  code: string;
  means: Meaning;
}

/** What came of an intent. */
export interface Ending {
  said: Said;
  decline: Decline | null;
  nextAction: NextAction | null;
}

/** The ending of an intent that was cancelled because its shopper never came back: nothing can charge it any more. */
export const ABANDONED: Ending = {
  said: 'declined',
  decline: { code: 'payment_abandoned', means: 'closed' },
  nextAction: null,
};

const still = (said: Said): Ending => ({ said, decline: null, nextAction: null });

function endingOf(intent: Intent, { failuresCount }: Hearing): Ending {
  switch (intent.status) {
    case 'succeeded':
      // A part of the money is a success of nobody's: a person must look.
      return still(intent.amountReceived === intent.amount ? 'charged' : 'unknown');
    case 'processing':
    case 'requires_capture':
    case 'requires_confirmation':
      return still('accepted');
    case 'requires_action': {
      const nextAction = readNextAction(intent.nextAction);
      // An action nobody can show the shopper is as good as none: the intent is asked about until it is over.
      return nextAction === null ? still('accepted') : { said: 'action_required', decline: null, nextAction };
    }
    case 'requires_payment_method':
      return intent.lastError === null
        ? still('accepted')
        : failed(declineOf(intent.lastError), failuresCount);
    case 'canceled':
      return { said: 'declined', decline: cancelledDecline(intent), nextAction: null };
    default:
      return still('unknown');
  }
}

function failed(decline: Decline, failuresCount: boolean): Ending {
  const said = decline.means === 'ambiguous' && !failuresCount ? 'unknown' : 'declined';
  return { said, decline, nextAction: null };
}

const SAYS_DECLINED: ReadonlySet<string> = new Set(['card_declined', 'payment_method_provider_decline']);

/** Why an attempt failed: by `decline_code` where `code` says no more than "declined". */
export function declineOf({ type, code, declineCode }: StripeError): Decline {
  const named = code !== null && SAYS_DECLINED.has(code) ? (declineCode ?? code) : code;
  // All failures of a card are definite (reference 5); a reason that is not listed allows nothing more.
  const unlisted = type === 'card_error' ? 'final' : 'ambiguous';
  if (named === null) return { code: 'declined', means: unlisted };
  return { code: named, means: DECLINES.get(named) ?? unlisted };
}

/** A cancelled intent can never be charged, whatever came before. */
function cancelledDecline({ lastError, cancellationReason }: Intent): Decline {
  if (lastError !== null) {
    const { code, means } = declineOf(lastError);
    return { code, means: means === 'elsewhere' ? 'elsewhere' : 'closed' };
  }
  const code = cancellationReason === 'abandoned' ? 'payment_abandoned' : 'payment_canceled';
  return { code, means: 'closed' };
}

/** What Stripe wants of the shopper; null when it is nothing that could be shown. */
function readNextAction(value: unknown): NextAction | null {
  if (!isRecord(value)) return null;
  if (value.type === 'redirect_to_url') {
    const url = isRecord(value.redirect_to_url) ? value.redirect_to_url.url : null;
    return isPageUrl(url) ? { kind: 'redirect', url, expiresAt: null } : null;
  }
  if (!isUpiAction(value)) return null;
  const upi = value.upi_handle_redirect_or_display_qr_code;
  if (!isRecord(upi) || !isPageUrl(upi.hosted_instructions_url)) return null;
  const expires = isRecord(upi.qr_code) ? upi.qr_code.expires_at : null;
  return { kind: 'redirect', url: upi.hosted_instructions_url, expiresAt: timeOf(expires) };
}

function isUpiAction(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && value.type === 'upi_handle_redirect_or_display_qr_code';
}

/** The last moment that is shown with four digits of a year, in seconds. */
const TIME_MAX = Date.UTC(9999, 11, 31) / 1000;

/** Unix seconds → milliseconds; null when it is no time. */
function timeOf(seconds: unknown): number | null {
  if (!Number.isSafeInteger(seconds)) return null;
  const whole = seconds as number;
  return whole > 0 && whole <= TIME_MAX ? whole * 1000 : null;
}

function detailOf({ id, status, amount, amountReceived }: Intent, { said, decline }: Ending): string {
  const received =
    status === 'succeeded' && said === 'unknown' ? ` with ${amountReceived} of ${amount} received` : '';
  const why = decline === null ? '' : ` ${decline.code}`;
  return `${id} ${status}${received}${why}`.slice(0, 200);
}
