/**
 * Checker: what must hold while a run goes on. What must hold once it has come to rest is in `judge.ts`.
 *
 * It knows what the databases hold, what the bank has booked and what clients were told, and asks none of the gateway's
 * own rules.
 *
 * @module
 */

import type { ProcessorCallback } from '../../src/domain/callback.ts';
import type { CallbackVerdict, Effect, Fact } from '../../src/domain/facts.ts';
import { type IntentId, intentIdOf, shardOfId, type TransactionId } from '../../src/domain/ids.ts';
import type { OutcomeCode } from '../../src/domain/outcomes.ts';
import type { Payment } from '../../src/domain/payment-intent.ts';
import type { Attempt, TransactionStatus } from '../../src/domain/transaction.ts';
import type { ShardReply } from '../../src/messages/replies.ts';
import type { ShardRequest } from '../../src/messages/requests.ts';
import type { ModelStore } from '../support/model-store.ts';
import type { Bank, BankName } from './bank.ts';
import { type Database, POISON } from './database.ts';
import type { Thread } from './host.ts';

/** What broke a promise, and the payment it broke it for. */
export interface Violation {
  what: string;
  paymentIntentId: IntentId | null;
}

/** What a merchant asked an intent for. */
export interface Order {
  orderId: string;
  amount: number;
  currency: string;
}

/** What one reader has seen so far: its looks follow one another. */
export interface Reader {
  intent: Payment['intent']['status'] | null;
  attempts: Map<TransactionId, TransactionStatus>;
}

export interface Checker {
  readonly violations: readonly Violation[];
  /** Intents and attempts that somebody was told of. */
  readonly acknowledged: {
    readonly intents: ReadonlyMap<IntentId, Order>;
    readonly attempts: ReadonlySet<TransactionId>;
  };
  /** Requests of living threads that have waited longer than any may with nothing wrong. */
  unanswered(): string[];
  violate(what: string, id?: string | null): void;
  /** A batch was committed; `before` holds the rows it changed as they were. */
  committed(facts: readonly Fact[], effects: readonly Effect[], before: ReadonlyMap<string, Attempt>): void;
  /** A lane takes a request in; what is returned must be called once, with an answer that was true meanwhile. */
  asked(
    thread: Thread,
    request: ShardRequest,
    settle: (reply: ShardReply) => void,
  ): (reply: ShardReply) => void;
  /** How many wait in a bounded place. */
  waiting(where: string, count: number, countMax: number): void;
  /** A charge leaves for a bank. */
  sent(transactionId: TransactionId, bank: BankName, leg: number): void;
  /** A merchant is told that its intent is there; `key` is the idempotency key it used, in its scope. */
  intentAcknowledged(intentId: IntentId, order: Order, key: string | null): void;
  /** A shopper is told that the payment is on its way. */
  attemptAcknowledged(transactionId: TransactionId, key: string | null): void;
  /** The processor is told that its callback is safe. */
  callbackTaken(callback: ProcessorCallback, verdict: CallbackVerdict | null, genuine: boolean): void;
  /** A room asks a lane; what is returned must be called when it has its answer. */
  asking(thread: Thread, what: string): () => void;
  /** From now on nothing goes wrong any more, so nothing may be refused for want of anything. */
  calm(): void;
  /** A reader's next look; null: "no such payment". */
  read(reader: Reader, intentId: IntentId, payment: Payment | null): void;
}

export interface CheckedParts {
  databaseOf(shard: number): Database;
  bankOf(name: BankName): Bank;
  notFoundProofMs: number;
  /** Milliseconds since the start of the run. */
  now(): number;
  /** No wall clock is stepped in this run. */
  clocksHold: boolean;
}

/** Recovery and the bus go on asking while a run is at rest. */
const ANSWER_MS_MAX = 10_000;
/** More would tell the same. */
const VIOLATIONS_MAX = 20;

/** Which status may follow which in a row: written down a second time on purpose. */
const EDGES: Readonly<Record<TransactionStatus, readonly TransactionStatus[]>> = {
  SENT: ['PROCESSING', 'REQUIRES_ACTION', 'SUCCESS', 'FAILED'],
  PROCESSING: ['REQUIRES_ACTION', 'SUCCESS', 'FAILED'],
  REQUIRES_ACTION: ['PROCESSING', 'SUCCESS', 'FAILED'],
  // Taken back by a report, and by nothing else.
  SUCCESS: ['FAILED'],
  // Late success.
  FAILED: ['SUCCESS'],
};

/** How far along a reader may see a status: it never goes back, though steps between two looks may be missed. */
const STAGES: Readonly<Record<TransactionStatus, number>> = {
  SENT: 0,
  PROCESSING: 1,
  REQUIRES_ACTION: 1,
  FAILED: 2,
  SUCCESS: 3,
};

/** Refusals that say how a payment stands. */
const STANDINGS: ReadonlySet<OutcomeCode> = new Set<OutcomeCode>([
  'payment_in_progress',
  'intent_already_paid',
  'intent_closed',
]);

/** Refusals for which something must be wrong; too much work is not. */
const NEEDLESS: ReadonlySet<OutcomeCode> = new Set<OutcomeCode>([
  'storage_unavailable',
  'shard_unavailable',
  'idempotency_key_in_flight',
]);

function isPoisoned(request: ShardRequest): boolean {
  return request.type === 'create-intent' && request.intent.orderId.startsWith(POISON);
}

function idOf(request: ShardRequest): string | null {
  if ('intentId' in request) return request.intentId;
  return 'transactionId' in request ? request.transactionId : null;
}

/** What is wrong with an answer about a payment that stood still meanwhile; null: nothing. */
function answerFault(request: ShardRequest, reply: ShardReply, { intent, attempts }: Payment): string | null {
  const latest = attempts.at(-1);
  const free =
    latest === undefined || (latest.status === 'FAILED' && latest.reopenable && latest.attempt < 5);
  if (reply.type === 'refused' && STANDINGS.has(reply.refusal.code) && intent.status === 'PENDING' && free)
    return `was refused as ${reply.refusal.code}, and it can be paid`;
  if (reply.type === 'refused' && STANDINGS.has(reply.refusal.code) && isOwn(request, latest))
    return `was refused as ${reply.refusal.code} because of its own attempt`;
  if (request.type !== 'find-payment' || reply.type !== 'payment-found') return null;
  const shown = reply.payment.attempts.map(({ status, revision }) => `${status} ${revision}`).join();
  const stored = attempts.map(({ status, revision }) => `${status} ${revision}`).join();
  if (reply.payment.intent.status !== intent.status || shown !== stored)
    return `was shown as ${reply.payment.intent.status} ${shown}, it is ${intent.status} ${stored}`;
  return null;
}

/** The attempt in the way is the very one this command has started. */
function isOwn(request: ShardRequest, latest: Attempt | undefined): boolean {
  return request.type === 'start-attempt' && latest?.senderNonce === request.nonce;
}

/** The last row about it says that nothing was paid: told by itself, not as the code tells it. */
function isFailedByReport({ status, evidence }: Attempt): boolean {
  return (
    status === 'FAILED' && evidence.findLast(({ source }) => source === 'settlement')?.said === 'declined'
  );
}

/** The other bank has charged it: a report that only agreed that this leg had failed says nothing of that. */
function isOfOtherLeg(before: Attempt, after: Attempt): boolean {
  return after.leg !== before.leg && before.failureCode !== 'settlement_failed';
}

/** The last word that was heard of it is a report's. */
function byReport({ evidence }: Attempt): boolean {
  return evidence.at(-1)?.source === 'settlement';
}

/** @param parts read late: the parts are made after the checker */
export function createChecker(parts: () => CheckedParts): Checker {
  const violations: Violation[] = [];
  const acknowledged = { intents: new Map<IntentId, Order>(), attempts: new Set<TransactionId>() };
  /** Charges that left, by transaction: to which banks, in their order. */
  const sent = new Map<TransactionId, BankName[]>();
  /** Idempotency key → what it was answered with. */
  const answers = new Map<string, string>();
  const open = new Map<object, { thread: Thread; what: string; askedMs: number }>();
  let isCalm = false;

  function violate(what: string, id: string | null = null): void {
    if (violations.length < VIOLATIONS_MAX) {
      violations.push({ what, paymentIntentId: id === null ? null : intentIdOf(id) });
    }
  }

  function modelOf(id: string): ModelStore {
    return parts().databaseOf(shardOfId(id)).model;
  }

  function paymentAt(intentId: IntentId): Payment | undefined {
    return modelOf(intentId).payments.get(intentId);
  }

  function attemptAt(transactionId: TransactionId): Attempt | undefined {
    const payment = modelOf(transactionId).payments.get(intentIdOf(transactionId));
    return payment?.attempts.find((attempt) => attempt.transactionId === transactionId);
  }

  function moved(before: Attempt, after: Attempt): void {
    const { transactionId: id, status } = after;
    // Two words of one turn are one change of the row.
    if (status !== before.status && !EDGES[before.status].includes(status))
      violate(`${id} went from ${before.status} to ${status}`, id);
    if (
      (before.status === 'SUCCESS' || (isFailedByReport(before) && !isOfOtherLeg(before, after))) &&
      status !== before.status &&
      !byReport(after)
    )
      violate(`${id} went from ${before.status} to ${status} without a report that says so`, id);
    proven(after);
    if (after.senderNonce !== before.senderNonce)
      violate(`${id} was moved by a gateway that took it for an attempt of its own`, id);
    if (after.revision <= before.revision)
      violate(`${id} went from revision ${before.revision} to ${after.revision}`, id);
    const book = parts().bankOf(after.processor as BankName).book;
    if (status === 'SUCCESS' && book.get(id)?.charge.status !== 'succeeded')
      violate(`${id} became SUCCESS and was not charged by ${after.processor}`, id);
    if (after.paymentMethodType === null && before.paymentMethodType !== null)
      violate(`${id} was paid by ${before.paymentMethodType}, and then by nothing`, id);
    if ((status === 'REQUIRES_ACTION') !== (after.nextAction !== null))
      violate(`${id} is ${status} with the step ${JSON.stringify(after.nextAction)}`, id);
  }

  /** It stands behind one that is closed and allows it. */
  function started({ transactionId: id, attempt, paymentIntentId }: Attempt): void {
    const previous = paymentAt(paymentIntentId)?.attempts[attempt - 2];
    if (attempt > 1 && (previous?.status !== 'FAILED' || !previous.reopenable))
      violate(`${id} was started while the attempt before it was ${previous?.status}`, id);
  }

  /** "Never arrived" rests on questions asked long after the charge could be sent, by the asker's clock. */
  function proven({ transactionId: id, sendBefore, evidence }: Attempt): void {
    const latest = evidence.at(-1);
    const provenAt = sendBefore + parts().notFoundProofMs;
    if (latest?.said === 'never_arrived' && latest.at <= provenAt && parts().clocksHold)
      violate(`${id} was closed as never arrived ${provenAt - latest.at} ms before that could be known`, id);
  }

  function sameAnswer(key: string | null, answer: string): void {
    if (key === null) return;
    const before = answers.get(key);
    if (before === undefined) answers.set(key, answer);
    else if (before !== answer) violate(`one key was answered with ${before} and with ${answer}`, answer);
  }

  return {
    violations,
    acknowledged,
    unanswered() {
      const longAgoMs = parts().now() - ANSWER_MS_MAX;
      const waiting = [...open.values()].filter(
        ({ thread, askedMs }) => thread.alive && askedMs <= longAgoMs,
      );
      return waiting.map(({ what }) => what);
    },
    violate,
    committed(facts, effects, before) {
      for (const [i, fact] of facts.entries()) {
        if (!effects[i]!.effective) continue;
        // A forged charge of another amount is noted as one; no bank lies about a leg.
        if (fact.kind === 'incident-noted' && fact.incident !== 'quarantined_charge')
          violate(`${fact.incident}: ${fact.transactionId}`, fact.transactionId);
        if (effects[i]!.incident !== undefined && fact.kind === 'attempt-moved')
          violate(`a second attempt was charged: ${fact.attempt.transactionId}`, fact.attempt.transactionId);
        if (fact.kind === 'attempt-started') started(fact.attempt);
        const row = fact.kind === 'attempt-moved' ? before.get(fact.attempt.transactionId) : undefined;
        if (row !== undefined && fact.kind === 'attempt-moved') moved(row, fact.attempt);
      }
    },
    asked(thread, request, settle) {
      const ask = {};
      open.set(ask, { thread, what: request.type, askedMs: parts().now() });
      const before = 'intentId' in request ? paymentAt(request.intentId) : undefined;
      return (reply) => {
        if (!open.delete(ask)) violate(`${request.type} was answered twice in ${thread.name}`);
        if (reply.type === 'refused' && reply.refusal.code === 'invalid_request' && !isPoisoned(request))
          violate(`${request.type} was refused for the row of another`, idOf(request));
        if (isCalm && reply.type === 'refused' && NEEDLESS.has(reply.refusal.code))
          violate(`${request.type} was refused as ${reply.refusal.code} with nothing wrong`, idOf(request));
        // A payment that has not changed meanwhile leaves one true answer.
        if (before !== undefined && 'intentId' in request && before === paymentAt(request.intentId)) {
          const fault = answerFault(request, reply, before);
          if (fault !== null) violate(`${request.type} of ${request.intentId} ${fault}`, request.intentId);
        }
        settle(reply);
      };
    },
    asking(thread, what) {
      const ask = {};
      open.set(ask, { thread, what: `the asker of ${what} in ${thread.name}`, askedMs: parts().now() });
      return () => open.delete(ask);
    },
    calm() {
      isCalm = true;
    },
    waiting(where, count, countMax) {
      if (count > countMax) violate(`${count} wait in ${where}, where ${countMax} may`);
    },
    sent(transactionId, bank, leg) {
      const before = sent.get(transactionId) ?? [];
      if (before.includes(bank)) violate(`${transactionId} was sent twice to ${bank}`, transactionId);
      sent.set(transactionId, [...before, bank]);
      const stored = attemptAt(transactionId);
      if (stored === undefined) violate(`${transactionId} was sent before it was stored`, transactionId);
      else if (stored.leg !== leg || stored.processor !== bank)
        violate(`leg ${leg} of ${transactionId} was sent before it was stored`, transactionId);
      // Wherever it left for before must have refused it for good, in the bank's own book.
      for (const earlier of before.filter((one) => one !== bank)) {
        const charge = parts().bankOf(earlier).book.get(transactionId)?.charge;
        const refused = charge?.status === 'declined' && charge.reference_closed === true;
        if (!refused || charge.decline_code !== 'acquirer_unavailable')
          violate(`${transactionId} was sent to ${bank}, and ${earlier} may charge it`, transactionId);
      }
    },
    intentAcknowledged(intentId, order, key) {
      acknowledged.intents.set(intentId, order);
      if (!modelOf(intentId).payments.has(intentId))
        violate(`${intentId} was acknowledged and is not there`, intentId);
      sameAnswer(key, intentId);
    },
    attemptAcknowledged(transactionId, key) {
      acknowledged.attempts.add(transactionId);
      if (attemptAt(transactionId) === undefined)
        violate(`${transactionId} was acknowledged and is not there`, transactionId);
      sameAnswer(key, transactionId);
    },
    callbackTaken({ processor, callbackId, transactionId }, verdict, genuine) {
      if (genuine && (verdict === 'quarantined' || verdict === 'unmatched'))
        violate(`the bank's callback ${callbackId} was ${verdict}`, transactionId);
      if (!modelOf(transactionId!).callbacks.has(`${processor} ${callbackId}`))
        violate(`callback ${callbackId} was taken and is not there`, transactionId);
    },
    read(reader, intentId, payment) {
      if (payment === null) violate(`a reader was told that ${intentId} does not exist`, intentId);
      else look(reader, payment);
    },
  };

  function look(reader: Reader, { intent, attempts }: Payment): void {
    const id = intent.paymentIntentId;
    const reversed = new Set(attempts.filter(isFailedByReport).map(({ transactionId }) => transactionId));
    const back =
      (reader.intent === 'SUCCESS' && reversed.size === 0) ||
      (reader.intent === 'FAILED' && intent.status === 'PENDING');
    if (back && reader.intent !== intent.status)
      violate(`a reader saw the intent ${reader.intent}, then ${intent.status}`, id);
    reader.intent = intent.status;
    const seen = new Map(attempts.map(({ transactionId, status }) => [transactionId, status]));
    for (const [transactionId, before] of reader.attempts) {
      const now = seen.get(transactionId);
      if (reversed.has(transactionId) && before === 'SUCCESS') continue;
      if (now === undefined || STAGES[now] < STAGES[before])
        violate(`a reader saw ${transactionId} ${before}, then ${now ?? 'no more'}`, id);
    }
    reader.attempts = seen;
  }
}
