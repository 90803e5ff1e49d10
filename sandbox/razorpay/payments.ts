/**
 * Payments as Razorpay shows them: a charge of the book, and what the dialect keeps of it beside.
 *
 * @module
 */
import { hash } from 'node:crypto';
import type { Charge } from '../book.ts';
import { feeOf } from './fees.ts';
import type { Notes } from './fields.ts';
import { showNotes } from './fields.ts';
import { derivedIdentifier } from './identifiers.ts';
import type { Network } from './networks.ts';
import type { RazorpayError } from './problems.ts';
import { failureOf, type Reason } from './reasons.ts';
import type { Asking, Outcome } from './test-cards.ts';

/** How a payment stands, in Razorpay's words. */
export type PaymentStatus = 'created' | 'authorized' | 'captured' | 'refunded' | 'failed';

/** What the dialect keeps of a payment. No card data. */
export type PaymentFacts = {
  /** The id of its order. */
  readonly order: string;
  readonly email: string;
  readonly contact: string;
  readonly description: string | null;
  readonly notes: Notes;
  /** Null for UPI. */
  readonly network: Network | null;
  readonly asks: Asking;
  readonly outcome: Outcome;
  readonly failsByOtp: boolean;
  /** Why it fails, when it does. */
  readonly reason: Reason;
  readonly webhooks: boolean;
  /** The order's capture policy, in minutes. */
  readonly automaticMinutes: number | null;
  readonly manualMinutes: number;
  readonly wrongOtps: number;
  readonly resentOtps: number;
};

/** A payment's fields that a sample of the documentation may lack. */
export type ShownPayment = Readonly<Record<string, unknown>>;

/** The facts of a charge that is a payment of this dialect. */
export function factsOf({ facts }: Pick<Charge, 'facts'>): PaymentFacts {
  return facts as PaymentFacts;
}

/** The status of a payment. */
export function statusOf({ status, word }: Pick<Charge, 'status' | 'word'>): PaymentStatus {
  switch (status) {
    case 'succeeded':
      return 'captured';
    case 'declined':
      return word === 'refunded' ? 'refunded' : 'failed';
    case 'processing':
      return word === 'authorized' ? 'authorized' : 'created';
    case 'requires_action':
      return 'created';
  }
}

/** Why the payment failed; undefined when it did not. */
export function errorOf(charge: Charge): RazorpayError | undefined {
  if (statusOf(charge) !== 'failed') return undefined;
  const reason = (charge.declineCode ?? 'card_declined') as Reason;
  return failureOf(reason, { payment_id: charge.id, order_id: factsOf(charge).order });
}

/**
 * The payment entity.
 * @param status as which it is shown; an event shows how it stood then
 */
export function showPayment(charge: Charge, status = statusOf(charge)): ShownPayment {
  const { id, amount, currency, method } = charge;
  const { order, email, contact, description, notes } = factsOf(charge);
  const captured = status === 'captured';
  const { fee, tax } = feeOf(charge);
  const error = status === 'failed' ? errorOf(charge) : undefined;
  const refunded = status === 'refunded';
  return {
    id,
    entity: 'payment',
    amount,
    currency,
    status,
    order_id: order,
    invoice_id: null,
    international: false,
    method: method === 'upi' ? 'upi' : 'card',
    amount_refunded: refunded ? amount : 0,
    refund_status: refunded ? 'full' : null,
    captured,
    description,
    card_id: method === 'upi' ? null : cardIdOf(charge),
    bank: null,
    wallet: null,
    vpa: method === 'upi' ? vpaOf(status) : null,
    email,
    contact,
    notes: showNotes(notes),
    fee: captured ? fee : null,
    tax: captured ? tax : null,
    error_code: error?.code ?? null,
    error_description: error?.description ?? null,
    error_source: error?.source ?? null,
    error_step: error?.step ?? null,
    error_reason: error?.reason ?? null,
    acquirer_data: acquirerDataOf(charge, status),
    created_at: Math.floor(charge.createdAt / 1000),
    ...(method === 'upi' ? { upi: { vpa: vpaOf(status), flow: 'intent' } } : {}),
  };
}

/** The payment entity with its card: as webhooks have it, and who asks with `expand[]=card`. */
export function showPaymentWithCard(charge: Charge, status?: PaymentStatus): ShownPayment {
  const payment = showPayment(charge, status);
  if (charge.method === 'upi') return payment;
  const card = {
    id: cardIdOf(charge),
    entity: 'card',
    name: '',
    last4: charge.last4,
    network: factsOf(charge).network,
    type: charge.method,
    issuer: null,
    international: false,
    emi: false,
    sub_type: 'consumer',
  };
  return { ...payment, card };
}

/** The same card has the same id, which does not tell its number. */
function cardIdOf({ cardPrint }: Charge): string {
  return derivedIdentifier('card', cardPrint);
}

/** The shopper's VPA by the published pair; nobody's before the app has been opened. */
function vpaOf(status: PaymentStatus): string | null {
  if (status === 'created') return null;
  return status === 'failed' ? 'failure@razorpay' : 'success@razorpay';
}

/** The bank's own numbers of a payment, which it has once it said yes. */
function acquirerDataOf({ id, method }: Charge, status: PaymentStatus): object {
  const known = status !== 'created' && status !== 'failed';
  const digest = hash('sha256', id, 'hex');
  const digits = String(Number.parseInt(digest.slice(0, 12), 16))
    .padStart(12, '0')
    .slice(-12);
  if (method !== 'upi') return { auth_code: known ? digits.slice(-6) : null };
  return {
    rrn: known ? digits : null,
    upi_transaction_id: known ? digest.slice(0, 32).toUpperCase() : null,
  };
}
