/**
 * Payment intents as the bank keeps them: what one is, and its attempts, which are the charges of the book.
 *
 * The book has the word on what became of money; an intent's status is read off its newest attempt. What an answer or an
 * event needs stands in the facts of the attempt, so that both can be made of the charge alone.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Charge } from '../book.ts';
import type { Facts } from '../dialect.ts';
import { brandOf } from './cards.ts';
import { failureOf } from './failures.ts';
import type { CaptureMethod, IntentOrder } from './intent-params.ts';
import type { BillingDetails, MethodType, OrderedMethod } from './payment-method.ts';

export type IntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'canceled'
  | 'succeeded';

/** What an intent is, whatever becomes of it. Amounts in minor units, times in ms. */
export type Intent = {
  readonly id: string;
  /** Behind `_secret_` in the client secret. */
  readonly secret: string;
  readonly account: string;
  readonly amount: number;
  /** Lower case. */
  readonly currency: string;
  readonly createdAt: number;
  readonly captureMethod: CaptureMethod;
  readonly methodTypes: readonly MethodType[];
  readonly automaticMethods: 'off' | 'always' | 'never';
  readonly metadata: Readonly<Record<string, string>>;
  readonly description: string | null;
  readonly receiptEmail: string | null;
  readonly statementDescriptorSuffix: string | null;
  /** What its creation was asked by. */
  readonly request: EventRequest;
};

/** The request that an event comes of. */
export type EventRequest = { readonly id: string; readonly idempotency_key: string | null };

/** What the shopper pays with, without the number. */
export type Method = {
  readonly id: string;
  readonly type: MethodType;
  readonly brand: string;
  readonly expMonth: number;
  readonly expYear: number;
  readonly country: string;
  readonly billing: BillingDetails;
};

/** The facts of a charge of this dialect. */
export type AttemptFacts = {
  readonly intent: Intent;
  /** 1 for the first attempt of the intent. */
  readonly ordinal: number;
  readonly method: Method;
  readonly request: EventRequest;
  /** Whether the shopper is asked, or would be. */
  readonly authenticates: boolean;
  readonly offSession: boolean;
  readonly errorOnRequiresAction: boolean;
  /** What comes when there is nothing to ask any more. */
  readonly outcome: string;
  readonly settles: boolean;
  readonly callsBack: boolean;
  readonly returnUrl: string | null;
  /** Held and not captured, at some time. */
  readonly authorized: boolean;
  /** Minor units; null: all of it. */
  readonly captured: number | null;
  readonly cancellationReason: string | null;
  /** Whether what came before the newest decision has not been heard: then its webhooks tell that too. */
  readonly untold: boolean;
};

/** What is kept of an intent beside its attempts. */
export type IntentRecord = {
  readonly intent: Intent;
  readonly reference: string;
  /** Born with an attempt: without one it has never been. */
  readonly confirmed: boolean;
  readonly canceled: {
    readonly at: number;
    readonly reason: string | null;
    readonly request: EventRequest;
  } | null;
};

/** An intent with the attempt that says how it stands. */
export interface Standing {
  readonly intent: Intent;
  readonly attempt: Charge | undefined;
  /** What was attached and not tried yet. */
  readonly attached: Method | undefined;
  readonly canceled: IntentRecord['canceled'];
}

/** The metadata that names the merchant's own transaction: what the bank's faults and book go by. */
export const REFERENCE_KEY = 'gateway_txn_id';

/** A new intent. */
export function newIntent(account: string, order: IntentOrder, request: EventRequest, now: number): Intent {
  return {
    id: `pi_${newSuffix()}`,
    secret: newSuffix(),
    account,
    amount: order.amount,
    currency: order.currency,
    createdAt: now,
    captureMethod: order.captureMethod,
    methodTypes: order.methodTypes,
    automaticMethods: order.automaticMethods,
    metadata: order.metadata,
    description: order.description ?? null,
    receiptEmail: order.receiptEmail ?? null,
    statementDescriptorSuffix: order.statementDescriptorSuffix ?? null,
    request,
  };
}

/** The merchant's name of the payment: its own transaction, else the intent. */
export function referenceOf({ metadata, id }: Pick<Intent, 'metadata' | 'id'>): string {
  return metadata[REFERENCE_KEY] ?? id;
}

/** The method as it is kept. */
export function methodOf({ data, billing }: OrderedMethod): Method {
  const id = `pm_${newSuffix()}`;
  if (data.type === 'upi') {
    return { id, type: 'upi', brand: '', expMonth: 0, expYear: 0, country: 'IN', billing };
  }
  const { number, expMonth, expYear } = data;
  const country = number.startsWith(INDIAN_BIN) ? 'IN' : 'US';
  return { id, type: 'card', brand: brandOf(number), expMonth, expYear, country, billing };
}

const INDIAN_BIN = '40000035';

/** The facts of a charge of this dialect, typed. */
export function factsOf({ facts }: { readonly facts?: Facts }): AttemptFacts {
  if (facts === undefined) throw new Error('an attempt without facts');
  return facts as Facts & AttemptFacts;
}

/** How an intent stands. */
export function statusOf({ attempt, attached, canceled }: Standing): IntentStatus {
  if (canceled !== null) return 'canceled';
  if (attempt !== undefined) return statusOfAttempt(attempt);
  return attached === undefined ? 'requires_payment_method' : 'requires_confirmation';
}

/** How an intent stands by its newest attempt. */
export function statusOfAttempt({ status, word }: Pick<Charge, 'status' | 'word'>): IntentStatus {
  if (status === 'declined') return word === 'canceled' ? 'canceled' : 'requires_payment_method';
  return status === 'processing' && word === 'requires_capture' ? 'requires_capture' : status;
}

/** Whether an attempt came so far that there is a charge to show. */
export function hasCharge(charge: Charge): boolean {
  if (charge.status === 'requires_action') return false;
  if (charge.status !== 'declined' || factsOf(charge).authorized) return true;
  const failure = failureOf(charge);
  return failure !== undefined && failure.reached !== 'nothing';
}

/** What was received, in minor units. */
export function receivedOf(charge: Charge): number {
  return charge.status === 'succeeded' ? (factsOf(charge).captured ?? charge.amount) : 0;
}

/** The random part of an id. */
export function newSuffix(): string {
  return randomBytes(12).toString('hex');
}
