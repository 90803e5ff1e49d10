/**
 * Objects as Stripe shows them: payment intents, charges, payment methods, lists. Times in Unix seconds, no card data.
 *
 * What answers and events say of money comes from the charge of the book, never from what was asked for.
 * @module
 */
import type { Charge } from '../book.ts';
import { balanceIdOf } from './balance.ts';
import { docUrlOf } from './errors.ts';
import { type Failure, failureOf } from './failures.ts';
import {
  factsOf,
  hasCharge,
  type Intent,
  type Method,
  receivedOf,
  type Standing,
  statusOf,
} from './intents.ts';

/** Milliseconds as Unix seconds. */
export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** The intent as it stands. */
export function showIntent(standing: Standing, bankUrl: string): object {
  const { intent, attempt, attached, canceled } = standing;
  const status = statusOf(standing);
  const facts = attempt && factsOf(attempt);
  const canceledAt = canceled?.at ?? (status === 'canceled' ? attempt?.decidedAt : undefined);
  const failure = attempt && failureOf(attempt);
  const method = status === 'requires_payment_method' ? undefined : (facts?.method ?? attached);
  const amount = attempt?.amount ?? intent.amount;
  return {
    id: intent.id,
    object: 'payment_intent',
    amount,
    amount_capturable: status === 'requires_capture' ? amount : 0,
    amount_details: { tip: {} },
    amount_received: attempt === undefined ? 0 : receivedOf(attempt),
    application: null,
    application_fee_amount: null,
    automatic_payment_methods:
      intent.automaticMethods === 'off' ? null : { allow_redirects: intent.automaticMethods, enabled: true },
    canceled_at: canceledAt === undefined ? null : seconds(canceledAt),
    cancellation_reason: canceled?.reason ?? facts?.cancellationReason ?? null,
    capture_method: intent.captureMethod,
    client_secret: `${intent.id}_secret_${intent.secret}`,
    confirmation_method: 'automatic',
    created: seconds(intent.createdAt),
    currency: attempt?.currency.toLowerCase() ?? intent.currency,
    customer: null,
    description: intent.description,
    last_payment_error: attempt === undefined || failure === undefined ? null : showFailure(attempt, failure),
    latest_charge: attempt !== undefined && hasCharge(attempt) ? attempt.id : null,
    livemode: false,
    metadata: intent.metadata,
    next_action: attempt?.status === 'requires_action' ? nextActionOf(attempt, bankUrl) : null,
    on_behalf_of: null,
    payment_method: method?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: Object.fromEntries(
      intent.methodTypes.map((type) => [
        type,
        type === 'card' ? { request_three_d_secure: 'automatic' } : {},
      ]),
    ),
    payment_method_types: intent.methodTypes,
    processing: null,
    receipt_email: intent.receiptEmail,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: intent.statementDescriptorSuffix,
    status,
    transfer_data: null,
    transfer_group: null,
  };
}

/** The intent by a charge of it. */
export function standingOfCharge(charge: Charge): Standing {
  return { intent: factsOf(charge).intent, attempt: charge, attached: undefined, canceled: null };
}

/**
 * The charge of an attempt.
 * @param balanced whether it shows its balance transaction already
 */
export function showCharge(charge: Charge, balanced = true): object {
  const { intent, method, captured } = factsOf(charge);
  const succeeded = charge.status === 'succeeded';
  const held = charge.word === 'requires_capture';
  const failure = failureOf(charge);
  const amountCaptured = receivedOf(charge);
  const released = charge.word === 'canceled' && factsOf(charge).authorized;
  return {
    id: charge.id,
    object: 'charge',
    amount: charge.amount,
    amount_captured: amountCaptured,
    amount_refunded: released ? charge.amount : succeeded && captured !== null ? charge.amount - captured : 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: succeeded && balanced ? balanceIdOf(charge) : null,
    billing_details: { ...method.billing, tax_id: null },
    calculated_statement_descriptor: null,
    captured: succeeded,
    created: seconds(charge.createdAt),
    currency: charge.currency.toLowerCase(),
    customer: null,
    description: intent.description,
    destination: null,
    dispute: null,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: failure?.code ?? null,
    failure_message: failure?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: intent.metadata,
    on_behalf_of: null,
    outcome: outcomeOf(charge, failure, released),
    paid: succeeded || held,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: methodDetailsOf(charge, method),
    receipt_email: intent.receiptEmail,
    receipt_number: null,
    receipt_url: null,
    refunded: released,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: intent.statementDescriptorSuffix,
    status: failure !== undefined ? 'failed' : succeeded || held || released ? 'succeeded' : 'pending',
    transfer_data: null,
    transfer_group: null,
  };
}

/** The payment method of an attempt. */
function showMethod(charge: Charge): object {
  const { method } = factsOf(charge);
  const { id, type, billing } = method;
  return {
    id,
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: { ...billing, tax_id: null },
    ...(type === 'card' ? { card: { ...cardOf(method, charge), checks: CHECKS } } : { upi: {} }),
    created: seconds(charge.createdAt),
    customer: null,
    livemode: false,
    metadata: {},
    type,
  };
}

const CHECKS = { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' };

/** `last_payment_error`. */
function showFailure(charge: Charge, failure: Failure): object {
  const { type, code, declineCode, adviceCode, message, reached } = failure;
  return {
    ...(adviceCode === undefined ? {} : { advice_code: adviceCode }),
    ...(hasCharge(charge) ? { charge: charge.id } : {}),
    code,
    ...(declineCode === undefined ? {} : { decline_code: declineCode }),
    doc_url: docUrlOf(code),
    message,
    ...(reached === 'network' && type === 'card_error' ? { network_decline_code: '05' } : {}),
    payment_method: showMethod(charge),
    type,
  };
}

function nextActionOf(charge: Charge, bankUrl: string): object {
  const { returnUrl } = factsOf(charge);
  if (charge.method === 'upi') {
    const page = `${bankUrl}/upi/${charge.id}`;
    return {
      type: 'upi_handle_redirect_or_display_qr_code',
      upi_handle_redirect_or_display_qr_code: {
        hosted_instructions_url: page,
        qr_code: {
          expires_at: seconds(charge.expiresAt ?? charge.createdAt),
          image_url_png: `${bankUrl}/v1/qr_codes/${charge.id}.png`,
          image_url_svg: `${bankUrl}/v1/qr_codes/${charge.id}.svg`,
        },
      },
    };
  }
  const url = `${bankUrl}/3ds/${charge.id}`;
  if (returnUrl !== null) return { redirect_to_url: { return_url: returnUrl, url }, type: 'redirect_to_url' };
  return { type: 'use_stripe_sdk', use_stripe_sdk: { type: 'three_d_secure_redirect', stripe_js: url } };
}

function outcomeOf(charge: Charge, failure: Failure | undefined, released: boolean): object | null {
  if (charge.status === 'processing' && charge.word === undefined) return null;
  const risk = failure?.reached === 'risk';
  const [networkStatus, type] = risk
    ? ['not_sent_to_network', 'blocked']
    : failure !== undefined
      ? ['declined_by_network', 'issuer_declined']
      : [released ? 'reversed_after_approval' : 'approved_by_network', 'authorized'];
  return {
    advice_code: failure?.adviceCode ?? null,
    network_advice_code: null,
    network_decline_code: failure !== undefined && !risk ? '05' : null,
    network_status: networkStatus,
    reason: risk ? 'highest_risk_level' : (failure?.declineCode ?? null),
    risk_level: risk ? 'highest' : 'normal',
    seller_message:
      failure === undefined
        ? 'Payment complete.'
        : risk
          ? 'Stripe blocked this payment as too risky.'
          : 'The bank returned the decline code.',
    type,
  };
}

function methodDetailsOf(charge: Charge, method: Method): object {
  if (method.type === 'upi') return { type: 'upi', upi: { vpa: null } };
  const asked = charge.expiresAt !== undefined;
  return {
    card: {
      amount_authorized: charge.status === 'declined' ? null : charge.amount,
      authorization_code: charge.status === 'declined' ? null : '123456',
      ...cardOf(method, charge),
      checks: CHECKS,
      installments: null,
      mandate: null,
      network: method.brand,
      three_d_secure: asked
        ? { authentication_flow: 'challenge', result: 'authenticated', result_reason: null, version: '2.2.0' }
        : null,
      wallet: null,
    },
    type: 'card',
  };
}

function cardOf({ brand, expMonth, expYear, country }: Method, { method: funding, last4 }: Charge): object {
  return { brand, country, exp_month: expMonth, exp_year: expYear, funding, last4 };
}

/** An intent as it was when it was made: nothing tried yet. */
export function standingAtCreation(intent: Intent): Standing {
  return { intent, attempt: undefined, attached: undefined, canceled: null };
}

/** A page of a list, newest first. */
export function showList(data: readonly object[], hasMore: boolean, url: string): object {
  return { object: 'list', data, has_more: hasMore, url };
}
