/**
 * Replies of the shard actors: one interface each, the union at the end.
 *
 * @module
 */

import type { CallbackVerdict } from '../domain/facts.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { Refusal } from '../domain/outcomes.ts';
import type { Payment, PaymentIntent } from '../domain/payment-intent.ts';
import type { PublicStatus, Verdict } from '../domain/transaction.ts';

/** Answers `CreateIntent`. On a replay `answer` is the stored body, else null. */
export interface IntentCreatedReply {
  type: 'intent-created';
  replayed: string | null;
}

/** Answers `GrantSession`. */
export interface SessionGranted {
  type: 'session-granted';
  intent: PaymentIntent;
  /** The session of the answer: the asked one, or on a replay the stored one. 32 hex digits. */
  sessionId: string;
  /** The stored body on a replay, else null. */
  replayed: string | null;
}

/**
 * Answers `StartAttempt`: the attempt is durable and the asker, and only the asker, sends its charge.
 * On a replay of an idempotency key nothing is to be sent and `replayed` is the stored body.
 */
export interface AttemptStartedReply {
  type: 'attempt-started';
  transactionId: TransactionId;
  amount: number;
  currency: string;
  orderId: string;
  leg: number;
  replayed: string | null;
}

/** Answers `StartLeg`. True: the leg is durable, and the asker, and only the asker, sends its charge. False: the attempt has moved on. */
export interface LegStartedReply {
  type: 'leg-started';
  started: boolean;
}

/** Answers `HearWord`. */
export interface WordHeard {
  type: 'word-heard';
  /** Null: noted in memory, written behind (an "accepted"). */
  verdict: Verdict | null;
  status: PublicStatus;
}

/** Answers `HearCallback`: the callback is durable. */
export interface CallbackHeard {
  type: 'callback-heard';
  verdict: CallbackVerdict;
}

/** Answers `HearSettlement`: what it rests on is durable. */
export interface SettlementHeard {
  type: 'settlement-heard';
  verdict: Verdict;
  /** Why it was not applied, in words; null: it was. */
  reason: string | null;
  /** What the attempt is now. */
  status: PublicStatus;
}

/** Answers `FindPayment`. */
export interface PaymentFound {
  type: 'payment-found';
  payment: Payment;
}

/** Answers `ExpireIntent`. */
export interface IntentExpiredReply {
  type: 'intent-expired';
  expired: boolean;
}

/** Answers any request that changes nothing. */
export interface Refused {
  type: 'refused';
  refusal: Refusal;
}

export type ShardReply =
  | IntentCreatedReply
  | SessionGranted
  | AttemptStartedReply
  | LegStartedReply
  | WordHeard
  | CallbackHeard
  | SettlementHeard
  | PaymentFound
  | IntentExpiredReply
  | Refused;
