/**
 * Door of the operator's desk: what in one shard database a person should look at, and the whole story of one payment.
 *
 * Read only, and beside gateways at work. Lists come in pages of bounded size; none of them is one snapshot.
 *
 * @module
 */

import type { CallbackVerdict, OperatorAudited } from '../domain/facts.ts';
import type { IntentId, TransactionId } from '../domain/ids.ts';
import type { DeliveryState, DeliveryTry } from '../domain/merchant-event.ts';
import type { PaymentIntent } from '../domain/payment-intent.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { Attempt, IncidentKind, PaymentEventType } from '../domain/transaction.ts';

/** What must never happen and did. Times are milliseconds since 1970. */
export interface Incident {
  transactionId: TransactionId;
  kind: IncidentKind;
  detail: string;
  at: number;
  /** Null: nobody has acknowledged it. */
  acknowledgedAt: number | null;
}

/** A processor's callback as it was recorded. */
export interface RecordedCallback {
  processor: ProcessorName;
  /** The processor's own id of it. */
  callbackId: string;
  transactionId: TransactionId | null;
  verdict: CallbackVerdict;
  reason: string | null;
  /** What it said of the charge; null when it said nothing of one. */
  said: string | null;
  receivedAt: number;
}

/** What the merchant was to hear, and what became of telling it. */
export interface ToldEvent {
  /** 32 hex digits. */
  eventId: string;
  type: PaymentEventType;
  transactionId: TransactionId | null;
  status: string;
  failureCode: string | null;
  sequence: number;
  createdAt: number;
  deliveries: Array<{
    endpointId: string;
    state: DeliveryState;
    tries: number;
    nextAt: number | null;
    /** Oldest first. */
    log: DeliveryTry[];
  }>;
}

/** What an operator did. */
export type AuditLine = Pick<OperatorAudited, 'transactionId' | 'operator' | 'action' | 'reason' | 'at'>;

export interface PaymentStory {
  intent: PaymentIntent;
  /** In their order. */
  attempts: Attempt[];
  /** Oldest first; null: they were not found in time, there are too many of other payments. */
  callbacks: RecordedCallback[] | null;
  /** In the order of their sequence; null as with callbacks. */
  events: ToldEvent[] | null;
  incidents: Incident[];
  audit: AuditLine[];
}

/** All methods reject with an error that names the database and what to mend. */
export interface OperatorDesk {
  /** Attempts without a final word that began before that moment, in the order of their ids, from recovery's watermark on. */
  openAttempts(createdBefore: number): AsyncIterable<readonly Attempt[]>;
  /** Incidents nobody has acknowledged, oldest first. */
  incidents(): AsyncIterable<readonly Incident[]>;
  /** Callbacks with this verdict that were received from that moment on, oldest first. */
  callbacks(verdict: 'quarantined' | 'unmatched', from: number): AsyncIterable<readonly RecordedCallback[]>;
  incidentsOf(intentId: IntentId): Promise<Incident[]>;
  /** Null: there is no such payment. */
  story(intentId: IntentId): Promise<PaymentStory | null>;
  close(): Promise<void>;
}
