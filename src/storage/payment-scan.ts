/**
 * Door for verification: every payment of one shard database, as it was at one moment.
 *
 * Streams of pages, each in the order of payment ids, all of one snapshot: what is committed while they are read is not seen in any
 * of them.
 *
 * @module
 */

import type { IntentId, TransactionId } from '../domain/ids.ts';
import type { EntryKind } from '../domain/ledger.ts';
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
  /** FAILED by the word of a processor's settlement report. */
  isFailedByReport: boolean;
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

/** An entry of the ledger, as far as it is judged. Amounts are signed minor units. */
export interface ScannedEntry {
  /** The transaction, or what stands for a movement of money without one. */
  subjectId: string;
  isOfTransaction: boolean;
  /** Which of its subject's entries it is, from 1. */
  entry: number;
  kind: EntryKind;
  /** The number of the entry that a reversal takes back. */
  reverses: number | null;
  currency: string;
  /** Of all its postings. */
  sum: number;
  /** What the processor has moved before its fees: the postings of receivable, fees and tax. */
  gross: number;
  /** The postings of the merchant: payable and fees. */
  owed: number;
  /** A person has accepted what its subject's report had. */
  isAccepted: boolean;
}

/** A row of the final record, as far as it is judged; of a transaction's rows the last one holds. */
export interface ScannedFinal {
  transactionId: TransactionId;
  status: string;
  /** The correction of the transaction waits for its actor, or was left to a person. */
  isUncorrected: boolean;
}

export interface PaymentScan {
  intents: AsyncIterable<readonly ScannedIntent[]>;
  attempts: AsyncIterable<readonly ScannedAttempt[]>;
  events: AsyncIterable<readonly ScannedEvent[]>;
  /** Each subject's by their numbers. */
  entries: AsyncIterable<readonly ScannedEntry[]>;
  /** Each transaction's by their sequence. */
  finals: AsyncIterable<readonly ScannedFinal[]>;
  /** Ends the snapshot, also early. */
  close(): Promise<void>;
}
