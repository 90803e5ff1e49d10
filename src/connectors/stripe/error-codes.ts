/**
 * Error codes of Stripe, each with what it allows.
 *
 * Two tables, because Stripe has two kinds of error. A decline is the end of an intent's attempt: the intent is back in
 * `requires_payment_method` and only a new confirmation, which nobody but we could make, could charge it; so every `card_error` is definite
 * (reference 5). A request error is Stripe's refusal of one request.
 *
 * A decline of a code that is not here is definite as well when Stripe says that it is the card's (`card_error`): it is a decline and no
 * more, for what it allows is not known. Of any other type it is ambiguous.
 *
 * @module
 */

/** What may follow; the words are those of the contract suite. */
export type Meaning = 'closed' | 'elsewhere' | 'final' | 'ambiguous';

/** Codes of a failed attempt: `code`, or `decline_code` where `code` says no more than that it was declined. */
export const DECLINES: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  // The reference's (3b, 3f): the issuer's no, or the card's own fault.
  ['card_declined', 'closed'],
  ['generic_decline', 'closed'],
  ['insufficient_funds', 'closed'],
  ['lost_card', 'closed'],
  ['stolen_card', 'closed'],
  ['do_not_honor', 'closed'],
  ['fraudulent', 'closed'],
  ['card_velocity_exceeded', 'closed'],
  ['try_again_later', 'closed'],
  ['expired_card', 'closed'],
  ['incorrect_cvc', 'closed'],
  ['incorrect_number', 'closed'],
  ['invalid_expiry_month', 'closed'],
  ['invalid_expiry_year', 'closed'],
  ['authentication_required', 'closed'],
  ['payment_intent_authentication_failure', 'closed'],
  // Neither the issuer's no nor the card's fault: once the intent is cancelled another processor may be asked.
  ['processing_error', 'elsewhere'],
  // Errors of requests: as the reason of a failed attempt they say nothing of it.
  ['rate_limit', 'ambiguous'],
  ['lock_timeout', 'ambiguous'],
  ['idempotency_key_in_use', 'ambiguous'],
  ['payment_intent_unexpected_state', 'ambiguous'],
  // Of UPI, whatever type they come with: the intent is back where only a new confirmation can charge it. Beyond the reference.
  ['payment_method_customer_decline', 'closed'],
  ['payment_method_provider_decline', 'closed'],
  ['payment_method_provider_timeout', 'closed'],
  // Beyond the reference, of Stripe's public list of decline codes.
  ['approve_with_id', 'closed'],
  ['authentication_not_handled', 'closed'],
  ['call_issuer', 'closed'],
  ['card_not_supported', 'closed'],
  ['currency_not_supported', 'closed'],
  ['do_not_try_again', 'closed'],
  // The issuer saw this very charge a moment ago, by whatever way: a second try would be a third.
  ['duplicate_transaction', 'final'],
  ['incorrect_address', 'closed'],
  ['incorrect_pin', 'closed'],
  ['incorrect_zip', 'closed'],
  ['invalid_account', 'closed'],
  ['invalid_amount', 'closed'],
  ['invalid_cvc', 'closed'],
  ['invalid_number', 'closed'],
  ['invalid_pin', 'closed'],
  ['issuer_not_available', 'closed'],
  ['merchant_blacklist', 'closed'],
  ['new_account_information_available', 'closed'],
  ['no_action_taken', 'closed'],
  ['not_permitted', 'closed'],
  ['offline_pin_required', 'closed'],
  ['online_or_offline_pin_required', 'closed'],
  ['payment_intent_payment_attempt_expired', 'closed'],
  ['payment_intent_payment_attempt_failed', 'closed'],
  ['pickup_card', 'closed'],
  ['pin_try_exceeded', 'closed'],
  ['reenter_transaction', 'closed'],
  ['restricted_card', 'closed'],
  ['revocation_of_all_authorizations', 'closed'],
  ['revocation_of_authorization', 'closed'],
  ['security_violation', 'closed'],
  ['service_not_allowed', 'closed'],
  ['stop_payment_order', 'closed'],
  ['testmode_decline', 'closed'],
  ['transaction_not_allowed', 'closed'],
  ['withdrawal_count_limit_exceeded', 'closed'],
]);

/** One row of what a refused request means for the charge it was. */
export interface RequestErrorRow {
  status: number;
  /** `type` of the error; null: any. */
  type: string | null;
  /** `code` of the error; null: any. */
  code: string | null;
  means: 'elsewhere' | 'ambiguous';
}

/**
 * Refusals of the request that charges; the first row that fits counts, and none is ambiguous. `elsewhere`: Stripe has begun nothing.
 * A key that is in use, or was used otherwise, is proof of an earlier request under our reference, and a lock of an object that exists.
 */
export const REQUEST_ERRORS: readonly RequestErrorRow[] = [
  { status: 400, type: 'idempotency_error', code: null, means: 'ambiguous' },
  { status: 409, type: null, code: 'idempotency_key_in_use', means: 'ambiguous' },
  { status: 429, type: null, code: 'lock_timeout', means: 'ambiguous' },
  { status: 429, type: null, code: 'rate_limit', means: 'elsewhere' },
  { status: 400, type: null, code: 'payment_intent_unexpected_state', means: 'ambiguous' },
  { status: 400, type: 'invalid_request_error', code: null, means: 'elsewhere' },
  { status: 401, type: 'invalid_request_error', code: null, means: 'elsewhere' },
  { status: 403, type: 'invalid_request_error', code: null, means: 'elsewhere' },
  { status: 404, type: 'invalid_request_error', code: null, means: 'elsewhere' },
  { status: 500, type: 'api_error', code: null, means: 'ambiguous' },
];

/** What a refused charge means; its row is the first that fits. */
export function meaningOfRefusal(
  status: number,
  { type, code }: { type: string | null; code: string | null },
): 'elsewhere' | 'ambiguous' {
  const row = REQUEST_ERRORS.find(
    (each) =>
      each.status === status &&
      (each.type === null || each.type === type) &&
      (each.code === null || each.code === code),
  );
  return row?.means ?? 'ambiguous';
}
