/**
 * Door for verification: every payment of one shard database, as it was at one moment.
 *
 * Three streams of pages, each in the order of payment ids, all of one snapshot: what is committed while they are read is not
 * seen in any of them.
 *
 * @module
 */

import type { IntentId, TransactionId } from '../domain/ids.ts';
import type { PaymentIntent } from '../domain/payment-intent.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { RoutedLeg } from '../domain/routing.ts';
import type { Evidence, TransactionStatus } from '../domain/transaction.ts';

/** An intent, as far as it is judged. */
export interface ScannedIntent {
  intentId: IntentId;
  merchantId: string;
  orderId: string;
  /** Minor units. */
  amount: number;
  currency: string;
  status: PaymentIntent['status'];
  /** Milliseconds since 1970. */
  createdAt: number;
  /** Milliseconds between its creation and its last change. */
  changedAfterMs: number;
}

/** An attempt, as far as it is judged. */
export interface ScannedAttempt {
  transactionId: TransactionId;
  merchantId: string;
  amount: number;
  currency: string;
  status: TransactionStatus;
  reopenable: boolean;
  processor: ProcessorName;
  /** The account at the processor that is charged. */
  processorAccount: string;
  /** 1 for its first processor, 2 after a fallback. */
  leg: number;
  /** Null: its routing has one leg, and that is where it stands. Nearly all are so, and of them no more is read. */
  routed: ScannedRouting | null;
  /** Milliseconds since 1970 after which the sender no longer sends. */
  sendBefore: number;
  /** Its last change, milliseconds since 1970. */
  updatedAt: number;
}

/** How an attempt came to where it stands, and what was heard on the way. */
export interface ScannedRouting {
  /** Oldest first; empty where none is kept. */
  legs: readonly RoutedLeg[];
  evidence: readonly Evidence[];
}

/** A row of the outbox, as far as it is judged. */
export interface ScannedEvent {
  intentId: IntentId;
  merchantId: string;
  /** Null: the event is of the intent itself. */
  transactionId: TransactionId | null;
  type: string;
  /** What the merchant hears the attempt or intent has become. */
  status: string;
  /** Which of its payment's events it is, from 1. */
  sequence: number;
}

export interface PaymentScan {
  intents: AsyncIterable<readonly ScannedIntent[]>;
  attempts: AsyncIterable<readonly ScannedAttempt[]>;
  events: AsyncIterable<readonly ScannedEvent[]>;
  /** Ends the snapshot, also early. */
  close(): Promise<void>;
}
