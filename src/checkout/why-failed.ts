/**
 * Why failed: the words for a shopper of a failure code. Codes are the processors' own (`src/connectors/<name>/MAPPING.md`) or ours.
 *
 * No two processors mean different things by one code. A code that is not here is told as a decline: it is one.
 *
 * @module
 */

import { type Attempt, SETTLEMENT_FAILED } from '../domain/transaction.ts';
import type { Messages } from './messages.ts';

type Why = keyof Messages['failedWhy'];

/** By code; UPI has words of its own for some (`OF_UPI`). */
const WHY: ReadonlyMap<string, Why> = new Map<string, Why>([
  ...all('insufficient_funds', ['insufficient_funds', 'E329', 'E706', 'E713', 'E718', 'E719']),
  // The bank's page or its password said no.
  ...all('notConfirmed', [
    'authentication_failed',
    'payment_cancelled',
    'payment_intent_authentication_failure',
  ]),
  ...all('notConfirmed', [
    'authentication_required',
    'incorrect_otp',
    'invalid_otp',
    'otp_attempts_exceeded',
  ]),
  ...all('notConfirmed', ['E300', 'E302', 'E303', 'E306', 'E316', 'E317', 'E1000', 'E1602']),
  ...all('confirmedTooLate', ['authentication_expired', 'otp_expired', 'payment_abandoned']),
  ...all('upiTooLate', ['upi_expired', 'payment_method_provider_timeout']),
  // It was no word of the bank's about the card.
  ...all('unreachable', ['processor_unreachable', 'processor_busy', 'processor_breaker_open']),
  ...all('unreachable', [
    'send_before_passed',
    'processor_refused',
    'acquirer_unavailable',
    'processing_error',
  ]),
  // A charge that was on its way for long, or whose bank never said, may still arrive: nothing is promised of it.
  ['processor_never_received', 'neverReceived'],
  ['resolved_as_failed', 'closedByHand'],
  [SETTLEMENT_FAILED, 'notSettled'],
  ...all('noWord', ['bank_technical_error', 'capture_failed', 'collect_request_pending', 'credit_failed']),
  ...all('noWord', ['deemed_transaction', 'gateway_technical_error', 'invalid_response_from_gateway']),
  ...all('noWord', ['issuer_technical_error', 'payment_collect_request_expired', 'payment_failed']),
  ...all('noWord', ['payment_pending', 'payment_timed_out', 'request_timed_out', 'server_error']),
  ...all('noWord', ['gateway_error', 'verification_failed']),
  ...all('noWord', ['E502', 'E503', 'E1206', 'E231', 'E507', 'E408', 'E901', 'E708']),
  ...all('noWord', ['E209', 'E210', 'E211', 'E212', 'E214', 'E218', 'E219', 'E309', 'E334', 'E500']),
  ...all('noWord', ['E501', 'E308', 'E801', 'E802', 'E4177', 'E4292']),
]);

/** Who pays by UPI has an account and an app, no card and no page of a bank. */
const OF_UPI: Partial<Record<Why, Why>> = {
  insufficient_funds: 'insufficientUpi',
  notConfirmed: 'declinedUpi',
  confirmedTooLate: 'upiTooLate',
  declined: 'declinedUpi',
};

/** What to tell of an attempt that failed. */
export function whyFailed({ failureCode, card }: Pick<Attempt, 'failureCode' | 'card'>): Why {
  const why = WHY.get(failureCode ?? '') ?? 'declined';
  return card === null ? (OF_UPI[why] ?? why) : why;
}

function all(why: Why, codes: readonly string[]): [string, Why][] {
  return codes.map((code) => [code, why]);
}
