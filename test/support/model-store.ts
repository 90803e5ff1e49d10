/**
 * The rules of `commit-turn` as a model in memory: what each fact does to rows, and when it has no effect.
 *
 * Tests of actors and turns and the simulation run on it; the statement in PostgreSQL is held to the same rules by the
 * contract suite. Rows are values: a change puts a new one in place of the old, so what was read stays as it was read,
 * and a turn that ends halfway is undone from the values it replaced.
 *
 * @module
 */

import type { CallbackRecorded, Effect, Fact, OperatorAudited } from '../../src/domain/facts.ts';
import { keyName, type StoredKey } from '../../src/domain/idempotency.ts';
import { type IntentId, intentIdOf } from '../../src/domain/ids.ts';
import { INTENT_LIFETIME_MS, intentStatus, type Payment } from '../../src/domain/payment-intent.ts';
import type { PaymentMethodType } from '../../src/domain/processor-word.ts';
import type {
  Attempt,
  IncidentKind,
  PaymentEventType,
  TransactionStatus,
} from '../../src/domain/transaction.ts';
import { type Loaded, type Needs, StorageError, type StorageFailureKind } from '../../src/storage/storage.ts';

export interface ModelStore {
  payments: Map<IntentId, Payment>;
  keys: Map<string, StoredKey>;
  callbacks: Map<string, string>;
  /** Callbacks no transaction was found for, in the order they came. */
  unmatched: Map<string, CallbackRecorded>;
  outbox: OutboxRow[];
  /** Incidents noted, by transaction and kind, and whether an operator has acknowledged them. */
  incidents: Map<string, 'open' | 'acknowledged'>;
  /** What operators did. */
  audits: OperatorAudited[];
  /** How each intent was paid, once a final move has told. */
  methodTypes: Map<IntentId, PaymentMethodType | null>;
  /** Events of each intent so far. */
  eventSequences: Map<IntentId, number>;
  /** What `commit` was called with. */
  commits: Fact[][];
  /** Called before each commit; throw a StorageError to fail it. */
  beforeCommit: (facts: readonly Fact[]) => void;
  /** Called when a commit has been applied; throw to lose the word of it. */
  afterCommit: () => void;
  prefetch(needs: Needs): Promise<Loaded>;
  commit(facts: readonly Fact[]): Promise<Effect[]>;
  /** As `prefetch`, at once. */
  read(needs: Needs): Loaded;
  /** As `commit`, at once; throws what `commit` rejects with. */
  apply(facts: readonly Fact[]): Effect[];
  failureOf(error: unknown): StorageFailureKind;
}

export interface OutboxRow {
  merchantId: string;
  paymentIntentId: IntentId;
  /** Null: the event is of the intent itself. */
  transactionId: string | null;
  type: PaymentEventType;
  status: TransactionStatus;
  sequence: number;
}

export interface ModelStoreOptions {
  /** The database's clock; left out, every fact is judged at its own time. */
  now?(): number;
}

/** An empty database with its rules. */
export function createModelStore({ now }: ModelStoreOptions = {}): ModelStore {
  const store: ModelStore = {
    payments: new Map(),
    keys: new Map(),
    callbacks: new Map(),
    unmatched: new Map(),
    outbox: [],
    incidents: new Map(),
    audits: [],
    methodTypes: new Map(),
    eventSequences: new Map(),
    commits: [],
    beforeCommit: () => undefined,
    afterCommit: () => undefined,
    read(needs) {
      return {
        payments: new Map([...needs.payments].map((id) => [id, store.payments.get(id) ?? null])),
        keys: new Map([...needs.keys.keys()].map((name) => [name, store.keys.get(name) ?? null])),
      };
    },
    apply(facts) {
      store.beforeCommit(facts);
      const turn = beginTurn(store, now);
      const effects = facts.map((fact) => apply(turn, fact));
      if (facts.some((fact, i) => isHalfway(turn, fact, effects[i]!))) {
        turn.undo();
        throw new StorageError('halfway', 'a key without its attempt');
      }
      store.afterCommit();
      return effects;
    },
    prefetch: async (needs) => store.read(needs),
    async commit(facts) {
      store.commits.push([...facts]);
      return store.apply(facts);
    },
    failureOf(error) {
      if (error instanceof StorageError) return error.kind;
      throw error;
    },
  };
  return store;
}

/** A commit under way: what it has done so far, and how to take it back. */
interface Turn {
  store: ModelStore;
  now: ModelStoreOptions['now'];
  /** Effects whose key this turn has claimed. */
  claimed: Set<string>;
  moved: Set<string>;
  /** Attempts with a move of this turn that had no effect: what follows from it has none either. */
  lost: Set<string>;
  /** Puts a value in the place of another; undefined takes it away. */
  put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void;
  undo(): void;
}

function beginTurn(store: ModelStore, now: ModelStoreOptions['now']): Turn {
  const undone: Array<() => void> = [];
  const [events, audits] = [store.outbox.length, store.audits.length];
  return {
    store,
    now,
    claimed: new Set(),
    moved: new Set(),
    lost: new Set(),
    put(map, key, value) {
      const before = map.get(key);
      undone.push(() => set(map, key, before));
      set(map, key, value);
    },
    undo() {
      for (const undo of undone.reverse()) undo();
      store.outbox.length = events;
      store.audits.length = audits;
    },
  };
}

function set<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function isHalfway({ claimed }: Turn, fact: Fact, effect: Effect): boolean {
  return fact.kind === 'attempt-started' && !effect.effective && claimed.has(fact.attempt.transactionId);
}

function apply(turn: Turn, fact: Fact): Effect {
  const { store, claimed } = turn;
  switch (fact.kind) {
    case 'key-claimed': {
      const name = keyName(fact.key);
      if (store.keys.has(name)) return { effective: false };
      turn.put(store.keys, name, {
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
      turn.put(store.payments, id, { intent: fact.intent, attempts: [] });
      return { effective: true };
    }
    case 'attempt-started':
      return startAttempt(turn, fact.attempt, !fact.keyed || claimed.has(fact.attempt.transactionId));
    case 'attempt-moved':
      return moveAttempt(turn, fact);
    case 'intent-expired': {
      const payment = store.payments.get(fact.paymentIntentId);
      const now = turn.now?.() ?? fact.at;
      const old = payment !== undefined && now - payment.intent.createdAt >= INTENT_LIFETIME_MS;
      if (!old || intentStatus(payment) !== 'PENDING') return { effective: false };
      const intent = { ...payment.intent, status: 'FAILED' as const, updatedAt: fact.at };
      turn.put(store.payments, fact.paymentIntentId, { intent, attempts: payment.attempts });
      const { merchantId, paymentIntentId, status } = intent;
      const { type } = fact.event;
      tell(turn, { merchantId, paymentIntentId, transactionId: null, type, status });
      return { effective: true };
    }
    case 'callback-recorded': {
      if (fact.moves && !turn.moved.has(fact.transactionId!)) return { effective: false };
      const name = `${fact.processor} ${fact.eventId}`;
      const before = store.callbacks.get(name);
      if (before === undefined || before === 'unmatched') {
        turn.put(store.callbacks, name, fact.verdict);
        turn.put(store.unmatched, name, fact.verdict === 'unmatched' ? fact : undefined);
      }
      return { effective: true };
    }
    case 'incident-noted':
      return note(turn, fact.transactionId, fact.incident)
        ? { effective: true, incident: fact.incident }
        : { effective: true };
    case 'operator-audited':
      return audit(turn, fact);
  }
}

function incidentName(transactionId: string, kind: IncidentKind): string {
  return `${transactionId} ${kind}`;
}

/** False when it is known already. */
function note({ store, put }: Turn, transactionId: string, kind: IncidentKind): boolean {
  const name = incidentName(transactionId, kind);
  if (store.incidents.has(name)) return false;
  put(store.incidents, name, 'open');
  return true;
}

function audit({ store, put, moved }: Turn, fact: OperatorAudited): Effect {
  if (fact.moves && !moved.has(fact.transactionId)) return { effective: false };
  store.audits.push(fact);
  if (fact.action === 'incident_acknowledged') {
    for (const kind of INCIDENT_KINDS) {
      const name = incidentName(fact.transactionId, kind);
      if (store.incidents.has(name)) put(store.incidents, name, 'acknowledged');
    }
  }
  return { effective: true };
}

const INCIDENT_KINDS: readonly IncidentKind[] = [
  'second_success',
  'earlier_leg_charged',
  'second_charge',
  'quarantined_charge',
];

/** Adds an event under the next number of its intent. */
function tell({ store, put }: Turn, event: Omit<OutboxRow, 'sequence'>): void {
  const sequence = (store.eventSequences.get(event.paymentIntentId) ?? 0) + 1;
  put(store.eventSequences, event.paymentIntentId, sequence);
  store.outbox.push({ ...event, sequence });
}

function startAttempt(turn: Turn, attempt: Attempt, keyHolds: boolean): Effect {
  const payment = turn.store.payments.get(attempt.paymentIntentId);
  if (payment === undefined || !keyHolds) return { effective: false };
  const { intent, attempts } = payment;
  const previous = attempts.at(-1);
  const now = turn.now?.() ?? attempt.createdAt;
  const free =
    attempts.length === attempt.attempt - 1 &&
    intent.status === 'PENDING' &&
    now - intent.createdAt < INTENT_LIFETIME_MS &&
    intent.merchantId === attempt.merchantId &&
    (previous === undefined || (previous.status === 'FAILED' && previous.reopenable));
  if (!free) return { effective: false };
  const { amount, currency, customerId, orderId } = intent;
  turn.put(turn.store.payments, attempt.paymentIntentId, {
    intent,
    attempts: [...attempts, { ...attempt, amount, currency, customerId }],
  });
  return { effective: true, started: { amount, currency, customerId, orderId } };
}

/** What the statement sets; all else of the row stays as it was inserted. */
function movedColumns(attempt: Attempt): Partial<Attempt> {
  const { status, outcome, leg, processor, processorAccount, processorTxnId, failureCode } = attempt;
  const { paymentMethodType, nextAction, routing } = attempt;
  const { reopenable, revision, evidence, updatedAt, completedAt } = attempt;
  return {
    ...{ status, outcome, leg, processor, processorAccount, processorTxnId, failureCode },
    ...{ paymentMethodType, nextAction, ...(routing.legs.length > 1 && { routing }) },
    ...{ reopenable, revision, evidence, updatedAt, completedAt },
  };
}

function moveAttempt(turn: Turn, fact: Extract<Fact, { kind: 'attempt-moved' }>): Effect {
  const { transactionId } = fact.attempt;
  const intentId = intentIdOf(transactionId);
  const payment = turn.store.payments.get(intentId);
  const row = payment?.attempts.find((attempt) => attempt.transactionId === transactionId);
  if (
    payment === undefined ||
    turn.lost.has(transactionId) ||
    row?.status !== fact.expected.status ||
    row.revision !== fact.expected.revision
  ) {
    turn.lost.add(transactionId);
    return { effective: false };
  }
  const changed = { ...row, ...movedColumns(fact.attempt) };
  const attempts = payment.attempts.map((attempt) => (attempt === row ? changed : attempt));
  const { status } = payment.intent;
  const second = fact.intentStatus === 'SUCCESS' && status === 'SUCCESS';
  const unpaid =
    fact.event?.type === 'payment.reversed' && !attempts.some((attempt) => attempt.status === 'SUCCESS');
  const closes =
    fact.intentStatus === 'SUCCESS'
      ? !second
      : fact.intentStatus === 'FAILED' && (status === 'PENDING' || unpaid);
  const { updatedAt } = fact.attempt;
  const intent = closes ? { ...payment.intent, status: fact.intentStatus!, updatedAt } : payment.intent;
  turn.put(turn.store.payments, intentId, { intent, attempts });
  if (closes) turn.put(turn.store.methodTypes, intentId, fact.attempt.paymentMethodType);
  if (fact.event !== null) {
    const { type } = fact.event;
    tell(turn, {
      merchantId: row.merchantId,
      paymentIntentId: intentId,
      transactionId,
      status: changed.status,
      type: type === 'payment.failed' && !closes ? 'payment.attempt_failed' : type,
    });
  }
  turn.moved.add(transactionId);
  return second && note(turn, transactionId, 'second_success')
    ? { effective: true, incident: 'second_success' }
    : { effective: true };
}
