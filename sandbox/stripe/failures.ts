/**
 * Failures: why an attempt took no money, by the decline code that the book keeps of it.
 *
 * Those of cards are Stripe's (processors.md 3b and 3f). What a shopper does on the bank's pages, and what only the bank's
 * own cards do, is said in the nearest words Stripe has.
 * @module
 */
import type { Charge } from '../book.ts';
import type { StripeError } from './errors.ts';

export interface Failure {
  readonly type: 'card_error' | 'invalid_request_error';
  readonly code: string;
  readonly declineCode?: string;
  /** What the issuer would have the merchant do. */
  readonly adviceCode?: 'confirm_card_data' | 'do_not_try_again' | 'try_again_later';
  readonly message: string;
  /** How far it came. An attempt that was not made has no charge. */
  readonly reached: 'network' | 'risk' | 'nothing';
}

const DECLINED = 'Your card was declined.';
const FAILED_AUTHENTICATION =
  'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.';

const FAILURES = {
  generic_decline: ofCard('card_declined', 'generic_decline', DECLINED),
  insufficient_funds: {
    ...ofCard('card_declined', 'insufficient_funds', 'Your card has insufficient funds.'),
    adviceCode: 'try_again_later',
  },
  lost_card: { ...ofCard('card_declined', 'lost_card', DECLINED), adviceCode: 'do_not_try_again' },
  stolen_card: { ...ofCard('card_declined', 'stolen_card', DECLINED), adviceCode: 'do_not_try_again' },
  fraudulent: { ...ofCard('card_declined', 'fraudulent', DECLINED), reached: 'risk' },
  expired_card: {
    ...ofCard('expired_card', 'expired_card', 'Your card has expired.'),
    adviceCode: 'do_not_try_again',
  },
  incorrect_cvc: {
    ...ofCard('incorrect_cvc', 'incorrect_cvc', "Your card's security code is incorrect."),
    adviceCode: 'confirm_card_data',
  },
  processing_error: ofCard(
    'processing_error',
    'processing_error',
    'An error occurred while processing your card. Try again in a little bit.',
  ),
  authentication_required: ofCard(
    'authentication_required',
    'authentication_required',
    'Your card was declined. This transaction requires authentication.',
  ),
  /** `error_on_requires_action` was set, and there was something to do. */
  authentication_not_handled: {
    ...ofCard(
      'authentication_required',
      'authentication_not_handled',
      'This payment required an authentication action to complete, but `error_on_requires_action` was set. When you’re ready, you can upgrade your integration to handle actions at https://stripe.com/docs/payments/payment-intents/upgrade-to-handle-actions.',
    ),
    reached: 'nothing',
  },
  authentication_failed: notMade('payment_intent_authentication_failure', FAILED_AUTHENTICATION),
  authentication_expired: notMade('payment_intent_authentication_failure', FAILED_AUTHENTICATION),
  /** Declined in the UPI app. */
  payment_declined: notMade(
    'payment_method_customer_decline',
    'The customer did not approve the payment. Provide a new payment method to attempt to fulfill this PaymentIntent again.',
  ),
  upi_insufficient_funds: {
    ...notMade(
      'payment_method_provider_decline',
      'The payment or setup attempt was declined by the issuer or customer. Provide a new payment method to attempt to fulfill this PaymentIntent again.',
    ),
    declineCode: 'insufficient_funds',
  },
  upi_expired: notMade(
    'payment_method_provider_timeout',
    'The payment method failed due to a timeout. Provide a new payment method to attempt to fulfill this PaymentIntent again.',
  ),
} as const satisfies Readonly<Record<string, Failure>>;

/** Decline codes of cards that are refused by the network or before it. */
export type CardDecline =
  | 'generic_decline'
  | 'insufficient_funds'
  | 'lost_card'
  | 'stolen_card'
  | 'fraudulent'
  | 'expired_card'
  | 'incorrect_cvc'
  | 'processing_error';

/** Why a charge took no money; undefined where it did, or may, or was cancelled before it failed. */
export function failureOf({
  status,
  word,
  declineCode,
  method,
}: Pick<Charge, 'status' | 'word' | 'declineCode' | 'method'>): Failure | undefined {
  if (status !== 'declined') return undefined;
  if (declineCode === undefined) return word === 'canceled' ? undefined : FAILURES.generic_decline;
  if (method === 'upi' && declineCode === 'insufficient_funds') return FAILURES.upi_insufficient_funds;
  return Object.hasOwn(FAILURES, declineCode)
    ? FAILURES[declineCode as keyof typeof FAILURES]
    : FAILURES.generic_decline;
}

/** The failure as the error of an answer. */
export function errorOfFailure(failure: Failure, charge: string | undefined): StripeError {
  const { type, code, declineCode, adviceCode, message } = failure;
  return {
    status: type === 'card_error' ? 402 : 400,
    type,
    code,
    message,
    ...(declineCode === undefined ? {} : { declineCode }),
    ...(adviceCode === undefined ? {} : { adviceCode }),
    ...(charge === undefined ? {} : { charge }),
  };
}

function ofCard(code: string, declineCode: string, message: string) {
  return { type: 'card_error', code, declineCode, message, reached: 'network' } as const;
}

function notMade(code: string, message: string) {
  return { type: 'invalid_request_error', code, message, reached: 'nothing' } as const;
}
