/**
 * Merchant event: what a merchant hears of a payment, and what became of telling it.
 *
 * An event is complete and never changes: every try to deliver it has the same body and the same id.
 *
 * @module
 */

import type { IntentId, TransactionId } from './ids.ts';
import type { PaymentEventType } from './transaction.ts';

/** One row of the outbox with what a merchant needs of its payment. */
export interface MerchantEvent {
  /** 32 hex digits; shown as `evt_…`. */
  eventId: string;
  merchantId: string;
  type: PaymentEventType;
  /** What the attempt or the intent had become with this event. */
  status: 'SUCCESS' | 'FAILED';
  /** 1 for a payment's first event, one more for each that follows: the order in which a merchant believes them. */
  sequence: number;
  paymentIntentId: IntentId;
  /** Null when the event is of the intent itself: it expired unpaid. */
  transactionId: TransactionId | null;
  orderId: string;
  customerId: string | null;
  /** Minor units. */
  amount: number;
  currency: string;
  failureCode: string | null;
  /** Milliseconds since 1970: its commit, about. */
  createdAt: number;
}

/**
 * What has become of telling one endpoint one event:
 * - `waiting`: the next try is at `nextAt`
 * - `delivered`: the endpoint answered 2xx
 * - `dead`: the schedule is used up, or the endpoint is gone, disabled or deleted; only a replay tries again
 */
export type DeliveryState = 'waiting' | 'delivered' | 'dead';

/** One try. */
export interface DeliveryTry {
  /** Milliseconds since 1970 when it began. */
  at: number;
  durationMs: number;
  /** HTTP status; null when no answer came. */
  status: number | null;
  /** A stable word when it failed: `timeout`, `unreachable`, `address_not_allowed`, `http_status`, … Null when it was delivered. */
  failure: string | null;
}

/** Why an endpoint hears nothing any more. */
export type EndpointDisabledReason = 'merchant' | 'gone';
