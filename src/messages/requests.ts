/**
 * Requests to the shard actors: one interface each, the union at the end.
 *
 * Whatever is random or read from a clock (ids, `now`, nonces) comes with the request, so that a decision
 * can be repeated.
 *
 * @module
 */

import type { KeyRef } from '../domain/facts.ts';
import type { IntentId, TransactionId } from '../domain/ids.ts';
import type { PaymentIntent } from '../domain/payment-intent.ts';
import type { ProcessorName, ProcessorPlace, ProcessorWord } from '../domain/processor-word.ts';
import type { ShownCard } from '../domain/transaction.ts';

/** Create an intent whose id the asker has made. Answered by `IntentCreatedReply`. */
export interface CreateIntent {
  type: 'create-intent';
  intent: PaymentIntent;
  /** JSON text of the answer, stored under the key. */
  answer: string;
  key: KeyRef | null;
  now: number;
}

/**
 * May a checkout session be opened for this intent? With a key the answer is committed before it is given.
 * Answered by `SessionGranted`.
 */
export interface GrantSession {
  type: 'grant-session';
  intentId: IntentId;
  merchantId: string;
  /** 32 hex digits. */
  sessionId: string;
  expiresAt: number;
  /** JSON text of the answer, stored under the key. */
  answer: string;
  key: KeyRef | null;
  now: number;
}

/** Commit B: make the next attempt of an intent durable before its charge is sent. Answered by `AttemptStartedReply`. */
export interface StartAttempt {
  type: 'start-attempt';
  intentId: IntentId;
  /** From the session or from the API key. */
  merchantId: string;
  /** Random hex of the asker: an attempt found with it is the asker's own. */
  nonce: string;
  processor: ProcessorName;
  processorAccount: string;
  /** Where the attempt may go when the first processor was provably not reached. */
  fallback: ProcessorPlace | null;
  /** Null: it is paid by UPI. */
  card: ShownCard | null;
  /** Milliseconds since 1970 after which the sender will not send. */
  sendBefore: number;
  successUrl: string | null;
  cancelUrl: string | null;
  sessionExpiresAt: number | null;
  /** What the browser claimed, if it did: must be the intent's. */
  claimedAmount: number | null;
  claimedCurrency: string | null;
  key: KeyRef | null;
  now: number;
}

/**
 * Commit B2: put an attempt on its second leg before a byte goes to the second processor, by the word that proves that the first was
 * not charged. Answered by `LegStartedReply`.
 */
export interface StartLeg {
  type: 'start-leg';
  transactionId: TransactionId;
  /** The sender's, as in its `StartAttempt`. */
  nonce: string;
  word: ProcessorWord;
  now: number;
}

/** A processor's word about an attempt: the answer to its charge, or to a query. Answered by `WordHeard`. */
export interface HearWord {
  type: 'hear-word';
  transactionId: TransactionId;
  word: ProcessorWord;
  /** Id of the merchant's event should the word be final: `makeId(now, shardOfId(transactionId), random)`. */
  eventId: string;
  now: number;
}

/**
 * A verified callback, to be recorded and applied in one commit. Answered by `CallbackHeard`.
 * It belongs to the shard of its transaction, or without one to `shardOfMerchant(callbackId)`.
 */
export interface HearCallback {
  type: 'hear-callback';
  processor: ProcessorName;
  /** The processor's id of this event. */
  callbackId: string;
  /** Null when the reference is not shaped like one of ours. */
  transactionId: TransactionId | null;
  /** Null when the callback says nothing about a charge. */
  word: ProcessorWord | null;
  /** When it first arrived: its day is part of its row's key. */
  receivedAt: number;
  /** It came past the bus, which was away, and is still to be put there. */
  relay: boolean;
  /** As in `HearWord`. */
  eventId: string;
  now: number;
}

/**
 * What a processor's settlement report says of an attempt, to be applied with a line in the audit, in one commit. Answered by
 * `SettlementHeard`. Heard again, the same row of a report is a duplicate.
 */
export interface HearSettlement {
  type: 'hear-settlement';
  transactionId: TransactionId;
  /** Of source `settlement`; `charged` or `declined`. */
  word: ProcessorWord;
  /** Who does it, for the audit. */
  operator: 'reconciliation';
  /** Why, for the audit. */
  reason: string;
  /** As in `HearWord`. */
  eventId: string;
  now: number;
}

/** Read a payment as it stands in SQL. Answered by `PaymentFound`. */
export interface FindPayment {
  type: 'find-payment';
  intentId: IntentId;
  /** Null: whoever asks may see it (the shopper's result page, recovery). */
  merchantId: string | null;
}

/** Close an intent that nobody paid within its day. Answered by `IntentExpiredReply`. */
export interface ExpireIntent {
  type: 'expire-intent';
  intentId: IntentId;
  /** As in `HearWord`, of the intent. */
  eventId: string;
  now: number;
}

export type ShardRequest =
  | CreateIntent
  | GrantSession
  | StartAttempt
  | StartLeg
  | HearWord
  | HearCallback
  | HearSettlement
  | FindPayment
  | ExpireIntent;
