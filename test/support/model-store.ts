/**
 * The rules of `commit-turn` as a model in memory: what each fact does to rows, and when it has no effect.
 *
 * Tests of actors and turns run on it; the statement in PostgreSQL is held to the same rules by the contract suite.
 *
 * @module
 */

import type { Effect, Fact } from '../../src/domain/facts.ts';
import { keyName, type StoredKey } from '../../src/domain/idempotency.ts';
import { type IntentId, intentIdOf } from '../../src/domain/ids.ts';
import { INTENT_LIFETIME_MS, intentStatus, type Payment } from '../../src/domain/payment-intent.ts';
import type { Attempt, PaymentEventType } from '../../src/domain/transaction.ts';
import { type Loaded, type Needs, StorageError, type StorageFailureKind } from '../../src/storage/storage.ts';

export interface ModelStore {
  payments: Map<IntentId, Payment>;
  keys: Map<string, StoredKey>;
  callbacks: Map<string, string>;
  outbox: Array<{ transactionId: string | null; type: PaymentEventType }>;
  commits: Fact[][];
  /** Called before each commit; throw a StorageError to fail it. */
  beforeCommit: (facts: readonly Fact[]) => void;
  /** Called when a commit has been applied; throw to lose the word of it. */
  afterCommit: () => void;
  prefetch(needs: Needs): Promise<Loaded>;
  commit(facts: readonly Fact[]): Promise<Effect[]>;
  failureOf(error: unknown): StorageFailureKind;
}

/** An empty database with its rules. */
export function createModelStore(): ModelStore {
  const store: ModelStore = {
    payments: new Map(),
    keys: new Map(),
    callbacks: new Map(),
    outbox: [],
    commits: [],
    beforeCommit: () => undefined,
    afterCommit: () => undefined,
    async prefetch(needs) {
      return {
        payments: new Map([...needs.payments].map((id) => [id, store.payments.get(id) ?? null])),
        keys: new Map([...needs.keys.keys()].map((name) => [name, store.keys.get(name) ?? null])),
      };
    },
    async commit(facts) {
      store.beforeCommit(facts);
      store.commits.push([...facts]);
      const claimed = new Set<string>();
      const moved = new Set<string>();
      const before = structuredClone({
        payments: store.payments,
        keys: store.keys,
        callbacks: store.callbacks,
        outbox: store.outbox,
      });
      const effects = facts.map((fact) => apply(store, fact, claimed, moved));
      const halfway = facts.some(
        (fact, i) =>
          fact.kind === 'attempt-started' &&
          !effects[i]!.effective &&
          claimed.has(fact.attempt.transactionId),
      );
      if (halfway) {
        Object.assign(store, before);
        throw new StorageError('halfway', 'a key without its attempt');
      }
      store.afterCommit();
      return effects;
    },
    failureOf(error) {
      if (error instanceof StorageError) return error.kind;
      throw error;
    },
  };
  return store;
}

function apply(store: ModelStore, fact: Fact, claimed: Set<string>, moved: Set<string>): Effect {
  switch (fact.kind) {
    case 'key-claimed': {
      const name = keyName(fact.key);
      if (store.keys.has(name)) return { effective: false };
      store.keys.set(name, {
        bodyHash: fact.key.bodyHash,
        effectId: fact.effectId,
        answer: fact.answer,
        createdAt: fact.at,
      });
      claimed.add(fact.effectId);
      return { effective: true };
    }
    case 'intent-created': {
      const id = fact.intent.paymentIntentId;
      if (store.payments.has(id) || (fact.keyed && !claimed.has(id))) return { effective: false };
      store.payments.set(id, { intent: fact.intent, attempts: [] });
      return { effective: true };
    }
    case 'attempt-started':
      return startAttempt(store, fact.attempt, !fact.keyed || claimed.has(fact.attempt.transactionId));
    case 'attempt-moved':
      return moveAttempt(store, fact, moved);
    case 'intent-expired': {
      const payment = store.payments.get(fact.paymentIntentId);
      const old = payment !== undefined && fact.at - payment.intent.createdAt >= INTENT_LIFETIME_MS;
      if (!old || intentStatus(payment) !== 'PENDING') return { effective: false };
      payment.intent = { ...payment.intent, status: 'FAILED' };
      store.outbox.push({ transactionId: null, type: fact.event.type });
      return { effective: true };
    }
    case 'callback-recorded': {
      if (fact.moves && !moved.has(fact.transactionId!)) return { effective: false };
      const name = `${fact.processor} ${fact.eventId}`;
      const before = store.callbacks.get(name);
      if (before === undefined || before === 'unmatched') store.callbacks.set(name, fact.verdict);
      return { effective: true };
    }
  }
}

function startAttempt(store: ModelStore, attempt: Attempt, keyHolds: boolean): Effect {
  const payment = store.payments.get(attempt.paymentIntentId);
  if (payment === undefined || !keyHolds) return { effective: false };
  const { intent, attempts } = payment;
  const previous = attempts.at(-1);
  const free =
    attempts.length === attempt.attempt - 1 &&
    intent.status === 'PENDING' &&
    intent.merchantId === attempt.merchantId &&
    (previous === undefined || (previous.status === 'FAILED' && previous.reopenable));
  if (!free) return { effective: false };
  const { amount, currency, customerId, orderId } = intent;
  payment.attempts = [...attempts, { ...attempt, amount, currency, customerId }];
  return { effective: true, started: { amount, currency, customerId, orderId } };
}

function moveAttempt(
  store: ModelStore,
  fact: Extract<Fact, { kind: 'attempt-moved' }>,
  moved: Set<string>,
): Effect {
  const { transactionId } = fact.attempt;
  const payment = store.payments.get(intentIdOf(transactionId));
  const row = payment?.attempts.find((attempt) => attempt.transactionId === transactionId);
  if (
    payment === undefined ||
    row?.status !== fact.expected.status ||
    row.revision !== fact.expected.revision
  ) {
    return { effective: false };
  }
  const { senderNonce, sendBefore, card } = row;
  const changed = { ...fact.attempt, senderNonce, sendBefore, card };
  payment.attempts = payment.attempts.map((attempt) => (attempt === row ? changed : attempt));
  const { status } = payment.intent;
  const second = fact.intentStatus === 'SUCCESS' && status === 'SUCCESS';
  const closes =
    fact.intentStatus === 'SUCCESS' ? !second : fact.intentStatus === 'FAILED' && status === 'PENDING';
  if (closes) payment.intent = { ...payment.intent, status: fact.intentStatus! };
  if (fact.event !== null) {
    const { type } = fact.event;
    store.outbox.push({
      transactionId,
      type: type === 'payment.failed' && !closes ? 'payment.attempt_failed' : type,
    });
  }
  moved.add(transactionId);
  return second ? { effective: true, incident: 'second_success' } : { effective: true };
}
