/**
 * Facts: what a turn has decided and storage must make durable, all of one turn in one commit.
 *
 * A fact is a proposal until its commit returns: each is a compare-and-set in SQL and comes back as an
 * {@link Effect}. A fact that was not effective lost against another gateway; its command is decided again
 * from rows read afresh.
 *
 * @module
 */

import type { IntentId, TransactionId } from './ids.ts';
import type { PaymentIntent } from './payment-intent.ts';
import type { ProcessorName } from './processor-word.ts';
import type { Attempt, IncidentKind, PaymentEventType, TransactionStatus } from './transaction.ts';

/** An idempotency key with its scope (design 8). */
export interface KeyRef {
  merchantId: string;
  /** `POST /v1/payment/intent`, … */
  endpoint: string;
  key: string;
  /** Hex SHA-256 over what the key is bound to. */
  bodyHash: string;
}

/** Insert an intent. With a key it is inserted only if the key of the same turn was claimed for it. */
export interface IntentCreated {
  kind: 'intent-created';
  intent: PaymentIntent;
  keyed: boolean;
}

/** Claim an idempotency key for an effect, with the whole answer to be replayed. */
export interface KeyClaimed {
  kind: 'key-claimed';
  key: KeyRef;
  /** 32 hex digits: intent, transaction or session whose creation the key stands for. */
  effectId: string;
  /** JSON text of the answer's body. */
  answer: string;
  /** The moment the command arrived. */
  at: number;
}

/**
 * Insert an attempt, taking amount, currency and customer from the intent row; only where the intent is
 * PENDING, younger than 24 h and the merchant's, and attempt n-1 is FAILED and reopenable (n > 1).
 */
export interface AttemptStarted {
  kind: 'attempt-started';
  attempt: Attempt;
  keyed: boolean;
}

/**
 * Change an attempt where its status and revision are still the expected ones. A final status moves the
 * intent and writes the outbox row in the same commit.
 */
export interface AttemptMoved {
  kind: 'attempt-moved';
  expected: { status: TransactionStatus; revision: number };
  attempt: Attempt;
  /** The event the merchant hears; null for a change that is not final. */
  event: { eventId: string; type: PaymentEventType } | null;
  /**
   * SUCCESS, FAILED: what the intent becomes with this move; null: it stays. What is paid stays paid, but when the event is
   * `payment.reversed` and no other attempt of it is SUCCESS.
   */
  intentStatus: 'SUCCESS' | 'FAILED' | null;
}

/** Close an intent that nobody paid within its day; only where it is PENDING, old enough and has no open attempt. */
export interface IntentExpired {
  kind: 'intent-expired';
  paymentIntentId: IntentId;
  event: { eventId: string; type: PaymentEventType };
  at: number;
}

export type CallbackVerdict = 'applied' | 'duplicate' | 'ignored' | 'quarantined' | 'unmatched';

/**
 * Record a processor's callback. With `moves` it is recorded only if that attempt's move of this turn was
 * effective. A row that is there already stays as it is (effective: it is recorded), but an `unmatched` one
 * takes the new verdict: it has been matched at last.
 */
export interface CallbackRecorded {
  kind: 'callback-recorded';
  processor: ProcessorName;
  /** The processor's own id of the event. */
  eventId: string;
  /** Null when the reference is not one of ours. */
  transactionId: TransactionId | null;
  verdict: CallbackVerdict;
  reason: string | null;
  /** The verified words of the callback as JSON, so that an unmatched one can be matched again. */
  word: string;
  moves: boolean;
  /** It came past the bus, which was away: it is still to be put there, for whoever else reads it. Stays as the first record has it. */
  relay: boolean;
  receivedAt: number;
}

/** Note an incident of a transaction, once per kind. */
export interface IncidentNoted {
  kind: 'incident-noted';
  transactionId: TransactionId;
  incident: IncidentKind;
  /** One sentence for an operator. */
  detail: string;
  at: number;
}

/** Write down what an operator, or reconciliation, did to a transaction; with `moves` only if that attempt's move of this commit was effective. */
export interface OperatorAudited {
  kind: 'operator-audited';
  transactionId: TransactionId;
  /** Who: a name of the operating system, or the one given; `reconciliation`. */
  operator: string;
  action:
    | 'resolved_success'
    | 'resolved_failed'
    | 'corrected_success'
    | 'corrected_failed'
    | 'incident_acknowledged';
  reason: string;
  moves: boolean;
  at: number;
}

export type Fact =
  | IntentCreated
  | KeyClaimed
  | AttemptStarted
  | AttemptMoved
  | IntentExpired
  | CallbackRecorded
  | IncidentNoted
  | OperatorAudited;

/** Any id of the payment a fact belongs to; null for what belongs to none. */
export function paymentOf(fact: Fact): string | null {
  switch (fact.kind) {
    case 'intent-created':
      return fact.intent.paymentIntentId;
    case 'attempt-started':
    case 'attempt-moved':
      return fact.attempt.transactionId;
    case 'intent-expired':
      return fact.paymentIntentId;
    case 'callback-recorded':
    case 'incident-noted':
    case 'operator-audited':
      return fact.transactionId;
    case 'key-claimed':
      return null;
  }
}

/**
 * What came of a fact. `started` carries what the insert took from the intent row; `incident` is what must never happen and
 * did, told once.
 */
export interface Effect {
  effective: boolean;
  started?: { amount: number; currency: string; customerId: string | null; orderId: string };
  incident?: IncidentKind;
}
