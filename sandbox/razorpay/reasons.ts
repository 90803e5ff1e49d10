/**
 * Reasons: why a payment fails, and the words that go with each.
 *
 * Merchants branch on `reason`; `description` is for people. Who spells what how is Razorpay's: the published test cards
 * say `insufficient_fund`, the list of errors `insufficient_funds`.
 * @module
 */
import type { RazorpayError } from './problems.ts';

type Words = Pick<RazorpayError, 'code' | 'description' | 'source' | 'step'>;

const declinedByBank = {
  code: 'BAD_REQUEST_ERROR',
  description: 'Your payment was declined by your bank. Please try another card or method.',
  source: 'issuer_bank',
  step: 'payment_authorization',
} as const;

const reasons = {
  card_declined: declinedByBank,
  payment_declined: declinedByBank,
  insufficient_fund: { ...declinedByBank, description: 'There is not enough money in the account.' },
  insufficient_funds: { ...declinedByBank, description: 'There is not enough money in the account.' },
  card_disabled_for_online_payments: {
    ...declinedByBank,
    description: 'The card is not enabled for payments online.',
  },
  payment_risk_check_failed: {
    ...declinedByBank,
    description: 'The payment was declined for its risk.',
    source: 'internal',
  },
  card_network_not_enabled: {
    ...declinedByBank,
    description: 'The network of the card is not enabled for the account.',
    source: 'business',
  },
  card_number_invalid: {
    ...declinedByBank,
    description: 'The card number is not one of the bank.',
    source: 'customer',
  },
  card_expired: { ...declinedByBank, description: 'The card has expired.', source: 'customer' },
  payment_cancelled: {
    code: 'BAD_REQUEST_ERROR',
    description: 'Payment processing cancelled by user',
    source: 'customer',
    step: 'payment_authentication',
  },
  authentication_failed: {
    code: 'BAD_REQUEST_ERROR',
    description: '3D-Secure authentication failed',
    source: 'customer',
    step: 'payment_authentication',
  },
  otp_attempts_exceeded: {
    code: 'BAD_REQUEST_ERROR',
    description: 'The one-time password was wrong too often.',
    source: 'customer',
    step: 'payment_authentication',
  },
  payment_timed_out: {
    code: 'BAD_REQUEST_ERROR',
    description: 'Payment was not completed on time.',
    source: 'customer',
    step: 'payment_authentication',
  },
  gateway_technical_error: {
    code: 'GATEWAY_ERROR',
    description: 'The payment failed for a technical error at the partner bank.',
    source: 'gateway',
    step: 'payment_authorization',
  },
  payment_pending: {
    code: 'BAD_REQUEST_ERROR',
    description: 'The bank has not said yet what became of the payment.',
    source: 'gateway',
    step: 'payment_authorization',
  },
  order_already_paid: {
    code: 'BAD_REQUEST_ERROR',
    description:
      'Your payment has been declined as the order is already paid. Please initiate the payment with a new order.',
    source: 'business',
    step: 'payment_initiation',
  },
} as const satisfies Record<string, Words>;

/** Why a payment fails at this bank. */
export type Reason = keyof typeof reasons;

/** What is said of a payment that failed for `reason`. */
export function failureOf(reason: Reason, ids: RazorpayError['metadata']): RazorpayError {
  return { ...reasons[reason], reason, metadata: ids };
}

/** The HTTP status of an answer that says so. */
export function httpStatusOf({ code }: RazorpayError): number {
  return code === 'GATEWAY_ERROR' ? 502 : 400;
}
