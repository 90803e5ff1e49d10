/**
 * Every code a caller can meet, in order of precedence, with the HTTP status it wears (design 13).
 *
 * A refusal is a value: what was wrong, said so that the caller can mend it, and nothing was changed.
 *
 * @module
 */

/** Code → [HTTP status, title]. The order is the order in which checks are made. */
export const OUTCOMES = {
  // The request as bytes
  not_found: [404, 'There is nothing here'],
  method_not_allowed: [405, 'This path does not take that method'],
  headers_too_large: [431, 'The headers are too large'],
  body_too_large: [413, 'The body is too large'],
  body_timeout: [408, 'The body did not arrive in time'],
  unsupported_media_type: [415, 'The Content-Type is not one this endpoint reads'],
  unauthorized: [401, 'No valid API key was given'],
  wrong_mode: [401, 'This API key belongs to the other mode'],
  origin_refused: [403, 'This request came from another site'],
  malformed_json: [400, 'The body is not valid JSON'],
  malformed_form: [400, 'The body is not a valid form'],
  invalid_request: [400, 'A field is missing or wrong'],
  invalid_idempotency_key: [400, 'The Idempotency-Key is not valid'],
  merchant_mismatch: [403, 'merchantId is not the merchant of this API key'],
  rate_limited: [429, 'Too many requests'],
  // The session and the card
  session_expired: [410, 'This checkout session has expired or never was'],
  card_invalid: [400, 'The card details are not valid'],
  processor_not_configured: [409, 'The merchant has no processor to charge'],
  // The key and the intent
  idempotency_key_reused: [422, 'This Idempotency-Key was used with another body'],
  idempotency_key_in_flight: [409, 'A request with this Idempotency-Key is still running'],
  payment_not_found: [404, 'No such payment'],
  webhook_endpoint_not_found: [404, 'No such webhook endpoint'],
  delivery_not_found: [404, 'No such delivery'],
  settlement_break_not_open: [409, 'No open settlement break of that id'],
  settlement_break_not_postable: [409, 'The settlement break can only be dismissed'],
  webhook_endpoint_limit: [409, 'The merchant has as many webhook endpoints as it may'],
  amount_mismatch: [422, 'The amount or currency is not the intent’s'],
  intent_already_paid: [409, 'This payment intent is already paid'],
  payment_in_progress: [409, 'A payment of this intent is in progress'],
  intent_closed: [409, 'This payment intent can no longer be paid'],
  intent_expired: [409, 'This payment intent has expired'],
  // The engine
  card_vault_unavailable: [503, 'Cards cannot be sealed right now'],
  session_store_unavailable: [503, 'Sessions cannot be reached right now'],
  storage_unavailable: [503, 'The database cannot be reached right now'],
  shard_unavailable: [503, 'The database of this merchant cannot be reached right now'],
  overloaded: [503, 'The gateway has more work than it may take'],
  deadline_passed: [503, 'The gateway could not begin in time'],
  shard_moved: [503, 'This merchant is being moved'],
  thread_died: [503, 'A part of the gateway restarted'],
  shutting_down: [503, 'The gateway is shutting down'],
  internal_error: [500, 'Something broke inside the gateway'],
} as const satisfies Record<string, readonly [number, string]>;

export type OutcomeCode = keyof typeof OUTCOMES;

/** Why a request was refused, as a value. */
export interface Refusal {
  code: OutcomeCode;
  /** One sentence for the caller; never card data. */
  detail: string;
  /** What is wrong where, for `invalid_request` and `card_invalid`. Pointers are JSON Pointers (RFC 6901). */
  errors?: readonly FieldError[];
  /** The transaction that stands in the way, where there is one. */
  transactionId?: string;
}

export interface FieldError {
  pointer: string;
  detail: string;
}

/** Makes a refusal. */
export function refusal(
  code: OutcomeCode,
  detail: string,
  more: Omit<Refusal, 'code' | 'detail'> = {},
): Refusal {
  return { code, detail, ...more };
}
