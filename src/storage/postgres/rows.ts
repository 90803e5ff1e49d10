/**
 * Rows: what the shard tables hold → payments of the domain.
 *
 * @module
 */

import type { PaymentIntent } from '../../domain/payment-intent.ts';
import type { NextAction, PaymentMethodType, ProcessorName } from '../../domain/processor-word.ts';
import type { Routing } from '../../domain/routing.ts';
import type {
  Attempt,
  AttemptOutcome,
  Evidence,
  ShownCard,
  TransactionStatus,
} from '../../domain/transaction.ts';
import { withoutDashes } from './commit-turn.ts';

/** Milliseconds of a timestamptz column as a number; names the column again. */
const ms = (table: string, column: string): string =>
  `(extract(epoch from ${table}.${column}) * 1000)::float8 as ${column}`;

/** Columns of an intent `i`, in a shape that needs no parsing of times. */
export const INTENT_COLUMNS = `i.payment_intent_id, i.merchant_id, i.customer_id, i.order_id, i.amount::float8 as amount,
  i.currency, i.status, i.metadata::text as metadata, ${ms('i', 'created_at')}, ${ms('i', 'updated_at')}`;

/** Columns of a transaction `t`, as one JSON value, null where there is none. */
export const ATTEMPT_COLUMNS = `t.transaction_id, t.payment_intent_id, t.attempt, t.merchant_id, t.customer_id,
  t.amount::float8 as amount, t.currency, t.status, t.outcome, t.leg, t.processor, t.processor_account, t.routing, t.processor_txn_id,
  t.payment_method_type, t.next_action,
  t.token, t.failure_code, t.reopenable, t.revision, t.sender_nonce, ${ms('t', 'send_before')}, t.card_brand, t.card_masked,
  t.card_expiry_month, t.card_expiry_year, t.card_fingerprint, t.success_url, t.cancel_url, ${ms('t', 'session_expires_at')},
  t.evidence, ${ms('t', 'created_at')}, ${ms('t', 'updated_at')}, ${ms('t', 'completed_at')}`;

export interface IntentRow {
  payment_intent_id: string;
  merchant_id: string;
  customer_id: string | null;
  order_id: string;
  amount: number;
  currency: string;
  status: PaymentIntent['status'];
  metadata: string | null;
  created_at: number;
  updated_at: number;
}

export interface AttemptRow {
  transaction_id: string;
  payment_intent_id: string;
  attempt: number;
  merchant_id: string;
  customer_id: string | null;
  amount: number;
  currency: string;
  status: TransactionStatus;
  outcome: AttemptOutcome;
  leg: number;
  processor: ProcessorName;
  processor_account: string;
  routing: Routing | null;
  processor_txn_id: string | null;
  payment_method_type: PaymentMethodType | null;
  next_action: NextAction | null;
  token: string | null;
  failure_code: string | null;
  reopenable: boolean;
  revision: number;
  sender_nonce: string;
  send_before: number;
  card_brand: string | null;
  card_masked: string | null;
  card_expiry_month: number | null;
  card_expiry_year: number | null;
  card_fingerprint: string | null;
  success_url: string | null;
  cancel_url: string | null;
  session_expires_at: number | null;
  evidence: Evidence[];
  created_at: number;
  updated_at: number;
  completed_at: number | null;
}

export function intentOf(row: IntentRow): PaymentIntent {
  return {
    paymentIntentId: withoutDashes(row.payment_intent_id),
    merchantId: row.merchant_id,
    customerId: row.customer_id,
    orderId: row.order_id,
    amount: row.amount,
    currency: row.currency,
    status: row.status,
    metadata: row.metadata,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function attemptOf(row: AttemptRow): Attempt {
  return {
    transactionId: withoutDashes(row.transaction_id),
    paymentIntentId: withoutDashes(row.payment_intent_id),
    attempt: row.attempt,
    merchantId: row.merchant_id,
    customerId: row.customer_id,
    amount: row.amount,
    currency: row.currency,
    status: row.status,
    outcome: row.outcome,
    leg: row.leg,
    processor: row.processor,
    processorAccount: row.processor_account,
    routing: row.routing ?? onlyLeg(row),
    processorTxnId: row.processor_txn_id,
    failureCode: row.failure_code,
    reopenable: row.reopenable,
    revision: row.revision,
    senderNonce: row.sender_nonce,
    sendBefore: row.send_before,
    card: cardOf(row),
    paymentMethodType: row.payment_method_type,
    nextAction: row.next_action,
    successUrl: row.success_url,
    cancelUrl: row.cancel_url,
    sessionExpiresAt: row.session_expires_at,
    evidence: row.evidence,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    completedAt: row.completed_at,
  };
}

/** All or none of a card's columns are there. */
function cardOf(row: AttemptRow): ShownCard | null {
  if (row.token === null) return null;
  return {
    brand: row.card_brand!,
    masked: row.card_masked!,
    expiryMonth: row.card_expiry_month!,
    expiryYear: row.card_expiry_year!,
    fingerprint: row.card_fingerprint!,
    token: row.token,
  };
}

/** Rows of versions without fallback had one leg. */
function onlyLeg({ leg, processor, processor_account, created_at }: AttemptRow): Routing {
  const only = {
    leg,
    processor,
    processorAccount: processor_account,
    reason: 'preferred',
    at: created_at,
  } as const;
  return { fallback: null, legs: [only] };
}
