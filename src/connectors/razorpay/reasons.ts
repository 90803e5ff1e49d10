/**
 * Why a payment failed: every reason and code of Razorpay's documents, and what it means here. Razorpay says to go by the reason; its
 * code is looked at where there is none.
 *
 * @module
 */

/**
 * - `closed`: this payment can never be captured; the shopper may try another card
 * - `elsewhere`: the same, and it was the account's settings or what we sent, not the issuer: another processor may be asked
 * - `ambiguous`: the bank may still say yes (late authorisation), so it is asked about
 */
export type Meaning = 'closed' | 'elsewhere' | 'ambiguous';

export interface Reason {
  /** As payments show it. */
  failureCode: string;
  means: Meaning;
  /** What it means of a card payment once Razorpay was asked and shows it as failed. */
  askedCard: Meaning;
}

function row(code: string, means: Meaning, more: Partial<Reason> = {}): [string, Reason] {
  return [code, { failureCode: code, means, askedCard: means, ...more }];
}

/** One row per reason, and per code of errors that give none. */
const REASONS: ReadonlyMap<string, Reason> = new Map([
  // The issuer's or the shopper's no.
  row('authentication_failed', 'closed'),
  row('card_declined', 'closed'),
  row('card_disabled_for_online_payments', 'closed'),
  row('card_expired', 'closed'),
  row('card_not_enrolled', 'closed'),
  row('card_number_invalid', 'closed'),
  row('debit_instrument_blocked', 'closed'),
  row('debit_instrument_inactive', 'closed'),
  row('incorrect_cvv', 'closed'),
  row('incorrect_otp', 'closed'),
  // The list of test cards spells it without its last letter.
  row('insufficient_fund', 'closed', { failureCode: 'insufficient_funds' }),
  row('insufficient_funds', 'closed'),
  row('invalid_otp', 'closed'),
  row('invalid_vpa', 'closed'),
  row('otp_attempts_exceeded', 'closed'),
  row('otp_expired', 'closed'),
  row('payment_declined', 'closed'),
  row('payment_risk_check_failed', 'closed'),
  row('transaction_limit_exceeded', 'closed'),
  row('vpa_resolution_failed', 'closed'),
  // What this account at Razorpay does not take.
  row('card_network_not_enabled', 'elsewhere'),
  row('card_type_invalid', 'elsewhere'),
  row('input_validation_failed', 'elsewhere'),
  row('international_transaction_not_allowed', 'elsewhere'),
  // May still become a success.
  row('bank_technical_error', 'ambiguous'),
  row('capture_failed', 'ambiguous'),
  row('collect_request_pending', 'ambiguous'),
  row('credit_failed', 'ambiguous'),
  row('deemed_transaction', 'ambiguous'),
  row('gateway_technical_error', 'ambiguous'),
  row('incorrect_pin', 'ambiguous'),
  row('invalid_response_from_gateway', 'ambiguous'),
  row('issuer_technical_error', 'ambiguous'),
  row('order_already_paid', 'ambiguous'),
  row('payment_cancelled', 'ambiguous', { askedCard: 'closed' }),
  row('payment_collect_request_expired', 'ambiguous'),
  row('payment_failed', 'ambiguous'),
  row('payment_pending', 'ambiguous'),
  row('payment_timed_out', 'ambiguous'),
  row('request_timed_out', 'ambiguous'),
  row('server_error', 'ambiguous'),
  row('verification_failed', 'ambiguous'),
  // Errors without a reason.
  row('BAD_REQUEST_ERROR', 'ambiguous', { failureCode: 'bad_request_error' }),
  row('GATEWAY_ERROR', 'ambiguous', { failureCode: 'gateway_error' }),
  row('SERVER_ERROR', 'ambiguous', { failureCode: 'server_error' }),
]);

/** Whatever its reason, Razorpay's own machine broke under it. */
const SERVER_ERROR = 'SERVER_ERROR';
/** A word that is read by machines: no digits, so that no echoed card can stand in one. */
const WORD = /^[a-z_]{1,100}$/;

/** What an error means. A reason that is not listed is ambiguous under its own name, if that is a plain word. */
export function reasonOf(code: unknown, reason: unknown): Reason {
  if (code === SERVER_ERROR) return REASONS.get(SERVER_ERROR)!;
  const said = typeof reason === 'string' && !NONE.has(reason) ? reason : code;
  const listed = typeof said === 'string' ? REASONS.get(said) : undefined;
  if (listed !== undefined) return listed;
  const failureCode = typeof said === 'string' && WORD.test(said) ? said : 'payment_failed';
  return { failureCode, means: 'ambiguous', askedCard: 'ambiguous' };
}

/** How a reason that is none is written. */
const NONE: ReadonlySet<string> = new Set(['', 'NA']);
