/**
 * Payment actor: decides every command about the payments of one lane.
 *
 * It holds the open payments of the moment in memory, so that the usual command costs no read. Memory may
 * propose a change (its compare-and-set in SQL verifies it) but never refuses: a refusal, and every answer
 * that shows state, rests on rows read in the same turn and not yet touched by it.
 *
 * @module
 */

import type { CallbackVerdict, Effect, Fact, KeyRef } from '../domain/facts.ts';
import { judgeKey, keyName, type StoredKey } from '../domain/idempotency.ts';
import { type IntentId, intentIdOf, showTransactionId, type TransactionId } from '../domain/ids.ts';
import { intentStatus, type Payment } from '../domain/payment-intent.ts';
import {
  type Attempt,
  closesIntent,
  fallBack,
  type IncidentKind,
  isFinal,
  moveAttempt,
  type PaymentEventType,
  publicStatus,
} from '../domain/transaction.ts';
import type { ShardReply } from '../messages/replies.ts';
import type {
  CreateIntent,
  ExpireIntent,
  FindPayment,
  GrantSession,
  HearCallback,
  HearSettlement,
  HearWord,
  ShardRequest,
  StartAttempt,
  StartLeg,
} from '../messages/requests.ts';
import type { Actor, Decision } from '../runtime/actor.ts';
import type { Loaded, Needs } from '../storage/storage.ts';
import { newAttempt, unseenIntent } from './new-attempt.ts';
import { createPaymentMemory } from './payment-memory.ts';
import { attemptRefusal, paymentNotFound, refuse, refused, sessionRefusal } from './refusals.ts';
import { createWriteBehind } from './write-behind.ts';

type Decided = Decision<Fact, Effect, ShardReply>;
export type PaymentActor = Actor<ShardRequest, Needs, Loaded, Fact, Effect, ShardReply>;

const READ_FIRST: Decided = { kind: 'read-first' };

export interface PaymentActorOptions {
  /** Payments kept in memory; the least recently used leaves first. About 1 KB each. */
  paymentsMax: number;
  /** How long an "accepted" waits for the final word before it is written (design 5.5). */
  writeBehindMs: number;
}

/** Makes the actor of one lane. */
export function createPaymentActor(options: PaymentActorOptions): PaymentActor {
  const memory = createPaymentMemory(options.paymentsMax);
  const behind = createWriteBehind(options.paymentsMax);

  function needs(commands: ReadonlyArray<{ command: ShardRequest; afresh: boolean }>): Needs | null {
    const payments = new Set<IntentId>();
    const keys = new Map<string, KeyRef>();
    for (const { command, afresh } of commands) {
      const intentId = intentOf(command);
      if (intentId !== null && (afresh || mustRead(command, intentId))) payments.add(intentId);
      if (afresh && 'key' in command && command.key !== null) keys.set(keyName(command.key), command.key);
    }
    return payments.size + keys.size === 0 ? null : { payments, keys };
  }

  function mustRead(command: ShardRequest, intentId: IntentId): boolean {
    switch (command.type) {
      case 'grant-session':
      case 'find-payment':
      case 'hear-settlement':
        return true;
      case 'start-leg':
      case 'hear-word':
      case 'hear-callback':
        return !memory.has(intentId);
      case 'create-intent':
      case 'start-attempt':
      case 'expire-intent':
        return false;
    }
  }

  function receive(command: ShardRequest, now: number, afresh: boolean): Decided {
    switch (command.type) {
      case 'create-intent':
        return createIntent(command, afresh);
      case 'grant-session':
        return grantSession(command, now, afresh);
      case 'start-attempt':
        return startAttempt(command, now, afresh);
      case 'start-leg':
        return startLeg(command);
      case 'hear-word':
        return hearWord(command, now);
      case 'hear-callback':
        return hearCallback(command);
      case 'hear-settlement':
        return hearSettlement(command);
      case 'find-payment':
        return findPayment(command);
      case 'expire-intent':
        return expireIntent(command, afresh);
    }
  }

  function createIntent(command: CreateIntent, afresh: boolean): Decided {
    const { intent, key } = command;
    if (afresh && memory.readPayment(intent.paymentIntentId) !== null) {
      // The id is this command's own: its commit went through and only the word of it was lost.
      return answer({ type: 'intent-created', replayed: null });
    }
    const keyed = judge(key, intent.paymentIntentId, afresh, (_, replayed) => ({
      type: 'intent-created',
      replayed,
    }));
    if (keyed !== null) return keyed;
    memory.propose({ intent, attempts: [] });
    return {
      kind: 'facts',
      facts: [
        ...claim(key, intent.paymentIntentId, command.answer, command.now),
        { kind: 'intent-created', intent, keyed: key !== null },
      ],
      reply: () => ({ type: 'intent-created', replayed: null }),
    };
  }

  function grantSession(command: GrantSession, now: number, afresh: boolean): Decided {
    const { key, intentId } = command;
    if (!memory.isSettled(intentId)) return READ_FIRST;
    const payment = memory.readPayment(intentId);
    const mine = payment !== null && payment.intent.merchantId === command.merchantId ? payment.intent : null;
    const granted = (sessionId: string, replayed: string | null): ShardReply =>
      mine === null
        ? { type: 'refused', refusal: paymentNotFound() }
        : { type: 'session-granted', intent: mine, sessionId, replayed };
    const keyed = judge(key, command.sessionId, afresh, (stored, replayed) =>
      granted(stored.effectId, replayed),
    );
    if (keyed !== null) return keyed;
    const refusal = mine === null ? paymentNotFound() : sessionRefusal(payment!, now);
    // A key that was used before comes first in precedence: look at it before refusing.
    if (refusal !== null) return key !== null && !afresh ? READ_FIRST : answer({ type: 'refused', refusal });
    const reply = granted(command.sessionId, null);
    if (key === null) return answer(reply);
    return {
      kind: 'facts',
      facts: claim(key, command.sessionId, command.answer, command.now),
      reply: () => reply,
    };
  }

  function startAttempt(command: StartAttempt, now: number, afresh: boolean): Decided {
    const { intentId, key } = command;
    if (afresh && !memory.isSettled(intentId)) return READ_FIRST;
    const payment = afresh ? memory.readPayment(intentId) : memory.payment(intentId);
    // Forgotten within this turn: another start of it may be proposed already, so this one is not tried blind.
    if (payment === null && memory.isTouched(intentId)) return READ_FIRST;
    const own = afresh
      ? payment?.attempts.find((attempt) => attempt.senderNonce === command.nonce)
      : undefined;
    if (own !== undefined) return answer(attemptStarted(own, payment!.intent.orderId));
    const keyed = judge(key, '', afresh, (stored) => replayedAttempt(stored, payment));
    if (keyed !== null) return keyed;
    const refusal = payment === null ? paymentNotFound() : attemptRefusal(payment, command, now);
    if (refusal !== null && afresh) return answer({ type: 'refused', refusal });
    // Without a payment in memory the first attempt is tried blind: the insert itself reads the intent.
    if (refusal !== null && (payment !== null || asksOfIntent(command))) {
      return READ_FIRST;
    }
    return proposeAttempt(command, payment);
  }

  function proposeAttempt(command: StartAttempt, payment: Payment | null): Decided {
    const intent = payment?.intent ?? unseenIntent(command);
    const attempt = newAttempt(command, intent, (payment?.attempts.length ?? 0) + 1);
    const { transactionId } = attempt;
    const body = JSON.stringify({ transactionId: showTransactionId(transactionId), status: 'PROCESSING' });
    memory.proposeAttempt(payment ?? { intent, attempts: [] }, attempt);
    return {
      kind: 'facts',
      facts: [
        ...claim(command.key, transactionId, body, command.now),
        { kind: 'attempt-started', attempt, keyed: command.key !== null },
      ],
      reply: (effects) => {
        const { amount, currency, customerId, orderId } = effects.at(-1)!.started!;
        const started = { ...attempt, amount, currency, customerId };
        memory.learn(started, { ...intent, amount, currency, customerId, orderId });
        return attemptStarted(started, orderId);
      },
    };
  }

  /** Asked again after a commit that may have gone through, the leg is found as the asker's own. */
  function startLeg({ transactionId, nonce, word, now }: StartLeg): Decided {
    const attempt = memory.isUnborn(transactionId) ? undefined : memory.attempt(transactionId);
    const settled = memory.isSettled(intentIdOf(transactionId));
    if (attempt === undefined && !settled) return READ_FIRST;
    const mine = attempt?.senderNonce === nonce ? attempt : undefined;
    const next = mine === undefined ? null : fallBack(mine, word, now);
    if (next === null) {
      if (!settled) return READ_FIRST;
      const open = mine !== undefined && mine.leg === 2 && mine.status === 'SENT';
      return answer({ type: 'leg-started', started: open });
    }
    return {
      kind: 'facts',
      facts: [proposeMove(mine!, next, null, '')],
      // A word of the same turn may have said that the first processor charged all the same.
      reply: () => ({
        type: 'leg-started',
        started: (memory.attempt(transactionId) ?? next).status === 'SENT',
      }),
    };
  }

  function hearWord(command: HearWord, now: number): Decided {
    if (memory.isUnborn(command.transactionId)) return READ_FIRST;
    const found = memory.attempt(command.transactionId);
    if (found === undefined) {
      return memory.isSettled(intentIdOf(command.transactionId))
        ? answer({ type: 'refused', refusal: paymentNotFound() })
        : READ_FIRST;
    }
    const heard = asHeard(found);
    const move = moveAttempt(heard, command.word);
    const noted = incidentFacts(command.transactionId, move.incidents, command.word.detail, command.now);
    if (move.verdict !== 'applied') {
      if (!mayAnswer(found, move.verdict)) return READ_FIRST;
      forgetPaid(found);
      const { verdict } = move;
      const reply = { type: 'word-heard', verdict, status: publicStatus(heard.status) } as const;
      return noted.length === 0 ? answer(reply) : { kind: 'facts', facts: noted, reply: () => reply };
    }
    const { attempt } = move;
    if (attempt.status === 'PROCESSING' && command.word.source === 'answer') {
      // Derived: it can be asked for again, so it waits for the final word and is mostly never written.
      if (behind.put(command.transactionId, command.word, now + options.writeBehindMs)) {
        return answer({ type: 'word-heard', verdict: null, status: publicStatus(attempt.status) });
      }
    }
    return {
      kind: 'facts',
      facts: [proposeMove(found, attempt, move.event, command.eventId), ...noted],
      reply: () => ({ type: 'word-heard', verdict: 'applied', status: publicStatus(attempt.status) }),
    };
  }

  function hearCallback(command: HearCallback): Decided {
    const { transactionId, word } = command;
    if (transactionId === null) return record(command, 'quarantined', 'reference_not_ours');
    if (memory.isUnborn(transactionId)) return READ_FIRST;
    const found = memory.attempt(transactionId);
    if (found === undefined) {
      return memory.isSettled(intentIdOf(transactionId))
        ? record(command, 'unmatched', 'transaction_not_found')
        : READ_FIRST;
    }
    if (word === null) return record(command, 'ignored', 'says nothing about a charge');
    const move = moveAttempt(asHeard(found), word);
    const noted = incidentFacts(transactionId, move.incidents, word.detail, command.now);
    if (move.verdict !== 'applied') {
      if (!mayAnswer(found, move.verdict)) return READ_FIRST;
      forgetPaid(found);
      return record(command, move.verdict, move.reason, { noted });
    }
    const moved = proposeMove(found, move.attempt, move.event, command.eventId);
    return record(command, 'applied', null, { moved, noted });
  }

  function record(
    command: HearCallback,
    verdict: CallbackVerdict,
    reason: string | null,
    { moved, noted = [] }: { moved?: Fact; noted?: Fact[] } = {},
  ): Decided {
    const { processor, transactionId, relay, receivedAt } = command;
    const recorded: Fact = {
      kind: 'callback-recorded',
      processor,
      eventId: command.callbackId,
      transactionId,
      verdict,
      reason,
      word: JSON.stringify(command.word),
      moves: moved !== undefined,
      relay,
      receivedAt,
    };
    const facts = [...(moved === undefined ? [] : [moved]), ...noted, recorded];
    return { kind: 'facts', facts, reply: () => ({ type: 'callback-heard', verdict }) };
  }

  /**
   * A correction rests on rows read in this turn: it is about a payment of yesterday, and may take back what nothing else does. So no
   * other change of the payment is ahead of it in its turn.
   */
  function hearSettlement(command: HearSettlement): Decided {
    const { transactionId, word, now } = command;
    if (!memory.isSettled(intentIdOf(transactionId))) return READ_FIRST;
    const found = memory.attempt(transactionId);
    if (found === undefined) return answer({ type: 'refused', refusal: paymentNotFound() });
    const move = moveAttempt(found, word);
    const noted = incidentFacts(transactionId, move.incidents, word.detail, now);
    if (move.verdict !== 'applied') {
      const { verdict, reason } = move;
      const reply = {
        type: 'settlement-heard',
        verdict,
        reason,
        status: publicStatus(found.status),
      } as const;
      return noted.length === 0 ? answer(reply) : { kind: 'facts', facts: noted, reply: () => reply };
    }
    const { attempt } = move;
    const moved = proposeMove(found, attempt, move.event, command.eventId);
    return {
      kind: 'facts',
      facts: [moved, ...noted, ...correctionAudit(command, found, attempt)],
      reply: () => ({
        type: 'settlement-heard',
        verdict: 'applied',
        reason: null,
        status: publicStatus(attempt.status),
      }),
    };
  }

  function findPayment(command: FindPayment): Decided {
    const payment = memory.readPayment(command.intentId);
    if (
      payment === null ||
      (command.merchantId !== null && payment.intent.merchantId !== command.merchantId)
    ) {
      return answer({ type: 'refused', refusal: paymentNotFound() });
    }
    return answer({ type: 'payment-found', payment });
  }

  function expireIntent(command: ExpireIntent, afresh: boolean): Decided {
    const { intentId } = command;
    if (afresh) {
      if (!memory.isSettled(intentId)) return READ_FIRST;
      const payment = memory.readPayment(intentId);
      if (payment === null || intentStatus(payment) !== 'PENDING')
        return answer({ type: 'intent-expired', expired: false });
    }
    memory.touch(intentId);
    memory.forget(intentId);
    return {
      kind: 'facts',
      facts: [
        {
          kind: 'intent-expired',
          paymentIntentId: intentId,
          event: { eventId: command.eventId, type: 'payment.failed' },
          at: command.now,
        },
      ],
      reply: () => ({ type: 'intent-expired', expired: true }),
    };
  }

  /**
   * What a key says about a command that would create `effectId`; null: go on.
   * @param replay makes the reply from the stored key; `replayed` is null when the stored key is this command's own
   */
  function judge(
    key: KeyRef | null,
    effectId: string,
    afresh: boolean,
    replay: (stored: StoredKey, replayed: string | null) => ShardReply,
  ): Decided | null {
    if (key === null) return null;
    if (memory.isTouched(keyName(key))) return READ_FIRST;
    const stored = afresh ? memory.readKey(key) : null;
    if (stored === null) return null;
    switch (judgeKey(stored, key, effectId)) {
      case 'mine':
        return answer(replay(stored, null));
      case 'replay':
        return answer(replay(stored, stored.answer));
      case 'reused':
        return answer(refused('idempotency_key_reused', 'Use a new Idempotency-Key for a new request'));
    }
  }

  function claim(key: KeyRef | null, effectId: string, body: string, at: number): Fact[] {
    if (key === null) return [];
    memory.proposeKey(key);
    return [{ kind: 'key-claimed', key, effectId, answer: body, at }];
  }

  function proposeMove(
    before: Attempt,
    after: Attempt,
    event: PaymentEventType | null,
    eventId: string,
  ): Fact {
    memory.proposeMove(after);
    if (isFinal(after.status)) behind.drop(after.transactionId);
    // What is learnt of an attempt that is over moves its intent no second time.
    const ends = after.status !== before.status;
    return {
      kind: 'attempt-moved',
      expected: { status: before.status, revision: before.revision },
      attempt: after,
      event: event === null ? null : { eventId, type: event },
      intentStatus: !ends
        ? null
        : after.status === 'SUCCESS'
          ? 'SUCCESS'
          : closesIntent(after)
            ? 'FAILED'
            : null,
    };
  }

  /**
   * The attempt with the word that waits to be written: its sender has spoken, so that it falls back no more, and the processor may
   * have named the charge.
   */
  function asHeard(attempt: Attempt): Attempt {
    const waiting = behind.wordOf(attempt.transactionId);
    const move = waiting === null ? null : moveAttempt(attempt, waiting);
    return move?.verdict === 'applied' ? move.attempt : attempt;
  }

  /** Answer and callback have both been heard: a paid attempt has nothing left to be asked, and memory room for another. */
  function forgetPaid(attempt: Attempt): void {
    if (attempt.status === 'SUCCESS') memory.forget(attempt.paymentIntentId);
  }

  /** A word without effect may be answered from rows read in this turn; a repeat also from our own commit. */
  function mayAnswer(attempt: Attempt, verdict: 'duplicate' | 'ignored' | 'quarantined'): boolean {
    if (memory.isTouched(attempt.paymentIntentId)) return false;
    return verdict === 'duplicate' || memory.isSettled(attempt.paymentIntentId);
  }

  function due(now: number): Fact[] {
    const facts: Fact[] = [];
    for (const { transactionId, word } of behind.take(now)) {
      const attempt = memory.attempt(transactionId);
      // Of an attempt only proposed the row may be another gateway's: like any word, this one must not move it.
      if (attempt === undefined || memory.isUnborn(transactionId)) continue;
      const move = moveAttempt(attempt, word);
      if (move.verdict === 'applied') facts.push(proposeMove(attempt, move.attempt, null, ''));
    }
    return facts;
  }

  function forget(command: ShardRequest): void {
    const intentId = intentOf(command);
    if (intentId !== null) memory.forget(intentId);
  }

  function forgetFact(fact: Fact): void {
    if (fact.kind === 'attempt-moved') memory.forget(fact.attempt.paymentIntentId);
  }

  return {
    needs,
    absorb: memory.absorb,
    receive,
    forget,
    forgetFact,
    due,
    nextDueAt: behind.nextDueAt,
    settle: memory.settle,
    refuse,
  };
}

function intentOf(command: ShardRequest): IntentId | null {
  switch (command.type) {
    case 'create-intent':
      return command.intent.paymentIntentId;
    case 'grant-session':
    case 'start-attempt':
    case 'find-payment':
    case 'expire-intent':
      return command.intentId;
    case 'start-leg':
    case 'hear-word':
    case 'hear-settlement':
      return intentIdOf(command.transactionId);
    case 'hear-callback':
      return command.transactionId === null ? null : intentIdOf(command.transactionId);
  }
}

function incidentFacts(
  transactionId: TransactionId,
  incidents: readonly IncidentKind[],
  detail: string,
  at: number,
): Fact[] {
  return incidents.map((incident) => ({ kind: 'incident-noted', transactionId, incident, detail, at }));
}

/** A report that only taught us the processor's id has corrected nothing. */
function correctionAudit(
  { transactionId, operator, reason, now }: HearSettlement,
  before: Attempt,
  after: Attempt,
): Fact[] {
  if (after.status === before.status) return [];
  const action = after.status === 'SUCCESS' ? 'corrected_success' : 'corrected_failed';
  return [{ kind: 'operator-audited', transactionId, operator, action, reason, moves: true, at: now }];
}

function answer(reply: ShardReply): Decided {
  return { kind: 'reply', reply };
}

function attemptStarted(attempt: Attempt, orderId: string): ShardReply {
  const { transactionId, amount, currency, leg } = attempt;
  return { type: 'attempt-started', transactionId, amount, currency, orderId, leg, replayed: null };
}

/** Whether it may only start on an intent that is as it says. */
function asksOfIntent({ claimedAmount, claimedCurrency, card }: StartAttempt): boolean {
  return claimedAmount !== null || claimedCurrency !== null || card === null;
}

/** The answer to a repeated key: nothing is sent for it. */
function replayedAttempt(stored: StoredKey, payment: Payment | null): ShardReply {
  const attempt = payment?.attempts.find((one) => one.transactionId === stored.effectId);
  return {
    type: 'attempt-started',
    transactionId: stored.effectId,
    amount: attempt?.amount ?? 0,
    currency: attempt?.currency ?? '',
    orderId: payment?.intent.orderId ?? '',
    leg: attempt?.leg ?? 1,
    replayed: stored.answer,
  };
}
