/**
 * Database: a shard database as its gateways meet it, with connections that take time, fail and lose the word of a
 * commit. What a commit does is the model of the statement's rules (`test/support/model-store.ts`), which the contract
 * suite holds PostgreSQL to.
 *
 * A statement that was sent runs on whatever becomes of the thread that sent it: it may commit after its connection is
 * gone, and even after the same command was asked for again.
 *
 * @module
 */

import { type Effect, type Fact, paymentOf } from '../../src/domain/facts.ts';
import { type IntentId, intentIdOf, shardOfId, type TransactionId } from '../../src/domain/ids.ts';
import { type Attempt, isFinal } from '../../src/domain/transaction.ts';
import { mayBeChargedLate } from '../../src/recovery/late-success.ts';
import type { Page, RecoveryScan } from '../../src/storage/recovery-scan.ts';
import { type Loaded, type Needs, type ShardStore, StorageError } from '../../src/storage/storage.ts';
import { createModelStore, type ModelStore } from '../support/model-store.ts';
import { EPOCH, type Thread } from './host.ts';
import type { World } from './world.ts';

export interface Database {
  readonly index: number;
  readonly model: ModelStore;
  /** A lane's connection. */
  connect(thread: Thread): ShardStore;
  /** Recovery's connection. */
  scan(thread: Thread): RecoveryScan;
  /** Nothing answers for so long, and what runs is lost. */
  fail(ms: number): void;
}

/** Order ids that PostgreSQL refuses begin so. */
export const POISON = 'poison';

const ROUND_TRIP_MS = [0.1, 0.5] as const;
const BETWEEN_READS_MS = [0, 0.5] as const;
const COMMIT_MS_MIN = 0.5;
const SLOW_COMMIT_MS = [100, 8000] as const;
/** A lost connection is noticed after this, and open again after that. */
const LOSS_NOTICED_MS = [1, 2000] as const;
const RECONNECT_MS = [5, 1500] as const;
/** What the store waits for a connection before it refuses. */
const RECONNECT_WAIT_MS = 200;
/** A statement whose connection is gone may go on for so long. */
const ORPHAN_MS = 5000;
const LOCK_TIMEOUT_MS = 2000;

/** An empty database. `owns` tells which logical shards are its own. */
export function createDatabase(world: World, number: number, owns: (shard: number) => boolean): Database {
  const { scheduler, trace, random, checker } = world;
  const model = createModelStore({ now: () => EPOCH + scheduler.now() });
  /** Ids of all intents, ascending: their primary key. */
  const ids: IntentId[] = [];
  /** Attempts there are, and those among them that are not final. */
  let attempts = 0;
  const unsettled = new Map<TransactionId, Attempt>();
  const progress = new Map<string, string>();
  let downUntil = 0;

  const within = ([low, high]: readonly [number, number]): number => low + random() * (high - low);
  const happens = (chance: number): boolean => chance > 0 && random() < chance;
  const down = (): boolean => scheduler.now() < downUntil;

  /** Runs the statement in the database, now. Throws StorageError. */
  function execute(facts: readonly Fact[]): Effect[] {
    for (const fact of facts) {
      const id = paymentOf(fact);
      if (id !== null && !owns(shardOfId(id))) {
        throw new StorageError('fenced', 'the ids of this batch are not in owned_ranges of this database');
      }
    }
    if (facts.some(isPoisoned)) throw new StorageError('poisoned', 'PostgreSQL answered 22021');
    const before = beforeOf(facts);
    const effects = model.apply(facts);
    for (const [i, fact] of facts.entries()) {
      if (effects[i]!.effective) index(fact);
      trace.note(`commit ${fact.kind}`, paymentOf(fact) ?? '', verdictOf(fact, effects[i]!));
    }
    checker.committed(facts, effects, before);
    return effects;
  }

  /** Keeps what the walks look for. */
  function index(fact: Fact): void {
    if (fact.kind === 'intent-created') insert(ids, fact.intent.paymentIntentId);
    if (fact.kind === 'attempt-started') attempts++;
    if (fact.kind !== 'attempt-started' && fact.kind !== 'attempt-moved') return;
    const { transactionId } = fact.attempt;
    const row = rowOf(transactionId)!;
    if (isUnsettled(row)) unsettled.set(transactionId, row);
    else unsettled.delete(transactionId);
  }

  function rowOf(transactionId: TransactionId): Attempt | undefined {
    const payment = model.payments.get(intentIdOf(transactionId));
    return payment?.attempts.find((attempt) => attempt.transactionId === transactionId);
  }

  /** The rows a batch is about, as they stand before it. */
  function beforeOf(facts: readonly Fact[]): Map<string, Attempt> {
    const before = new Map<string, Attempt>();
    for (const fact of facts) {
      if (fact.kind !== 'attempt-moved') continue;
      const { transactionId } = fact.attempt;
      const row = rowOf(transactionId);
      if (row !== undefined) before.set(transactionId, row);
    }
    return before;
  }

  function connect(thread: Thread): ShardStore {
    let connectedAt = 0;

    /** Rejects as a store does whose connection is not there. */
    function whenConnected(reject: (error: Error) => void, go: () => void): void {
      const waitMs = Math.max(connectedAt, downUntil) - scheduler.now();
      if (waitMs <= 0) go();
      else if (waitMs <= RECONNECT_WAIT_MS) thread.enterAfter(waitMs, () => whenConnected(reject, go));
      else thread.enterAfter(RECONNECT_WAIT_MS, () => reject(unavailable()));
    }

    function lost(reject: (error: Error) => void): void {
      const noticedMs = within(LOSS_NOTICED_MS);
      connectedAt = scheduler.now() + noticedMs + within(RECONNECT_MS);
      thread.enterAfter(noticedMs, () => reject(new StorageError('uncertain', 'the connection was lost')));
    }

    function commitNow(
      facts: readonly Fact[],
      resolve: (effects: Effect[]) => void,
      reject: (error: Error) => void,
    ): void {
      const { faults } = world;
      const runsMs = within(
        happens(faults.commitSlow) ? SLOW_COMMIT_MS : [COMMIT_MS_MIN, world.layout.commitMsMax],
      );
      const refused = drawRefusal();
      if (refused !== null) {
        trace.note('commit fails', thread.name, refused);
        const afterMs = refused === 'lock_timeout' ? LOCK_TIMEOUT_MS : runsMs;
        thread.enterAfter(afterMs, () => reject(new StorageError(refused, `PostgreSQL answered ${refused}`)));
      } else if (happens(faults.commitUncertain)) {
        trace.note('commit uncertain', thread.name);
        lost(reject);
        // Never begun, or committed at a moment nobody hears of.
        const orphanMs = random() < 0.5 ? random() * ORPHAN_MS : 0;
        if (random() >= 0.3) scheduler.after(runsMs + orphanMs, () => orphan(facts));
      } else {
        scheduler.after(runsMs, () => finish(facts, resolve, reject));
      }
    }

    /** Why PostgreSQL refuses the statement and changes nothing; null: it does not. */
    function drawRefusal(): 'repeat' | 'lock_timeout' | 'unavailable' | null {
      const { faults } = world;
      if (happens(faults.commitRepeats)) return 'repeat';
      if (happens(faults.commitLockTimeout)) return 'lock_timeout';
      return happens(faults.commitUnavailable) ? 'unavailable' : null;
    }

    function finish(
      facts: readonly Fact[],
      resolve: (effects: Effect[]) => void,
      reject: (error: Error) => void,
    ): void {
      if (down()) {
        // The server went away with the statement in it.
        lost(reject);
        return;
      }
      try {
        const effects = execute(facts);
        thread.enterAfter(within(ROUND_TRIP_MS), () => resolve(effects));
      } catch (error) {
        const failure = asStorageError(error);
        thread.enterAfter(within(ROUND_TRIP_MS), () => reject(failure));
      }
    }

    function readNow(needs: Needs, resolve: (loaded: Loaded) => void, reject: (error: Error) => void): void {
      const fails = happens(world.faults.readFails);
      scheduler.after(within(ROUND_TRIP_MS), () => {
        if (fails || down()) {
          lost(reject);
          return;
        }
        const first = model.read(needs);
        scheduler.after(within(BETWEEN_READS_MS), () => {
          const loaded = torn(first, model.read(needs));
          thread.enterAfter(within(ROUND_TRIP_MS), () => resolve(loaded));
        });
      });
    }

    return {
      prefetch: (needs) =>
        new Promise((resolve, reject) => whenConnected(reject, () => readNow(needs, resolve, reject))),
      commit: (facts) =>
        new Promise((resolve, reject) => whenConnected(reject, () => commitNow(facts, resolve, reject))),
      close: async () => undefined,
    };
  }

  /** A statement nobody waits for any more. */
  function orphan(facts: readonly Fact[]): void {
    if (down()) return;
    try {
      execute(facts);
    } catch (error) {
      trace.note('orphan fails', String(number), asStorageError(error).kind);
    }
  }

  function scan(thread: Thread): RecoveryScan {
    const answer = <Value>(read: () => Value): Promise<Value> =>
      new Promise((resolve, reject) => {
        const fails = down() || happens(world.faults.readFails);
        thread.enterAfter(within(ROUND_TRIP_MS), () => {
          if (fails || down()) reject(unavailable());
          else resolve(read());
        });
      });
    return {
      unsettledAttempts: (after, before, limit) => answer(() => unsettledAttempts(after, before, limit)),
      pendingIntents: (after, before, limit) => answer(() => pendingIntents(after, before, limit)),
      unmatchedCallbacks: (limit) => answer(() => [...model.unmatched.values()].slice(0, limit)),
      readProgress: (name) => answer(() => progress.get(name) ?? null),
      writeProgress: (name, upTo) =>
        answer(() => {
          if ((progress.get(name) ?? '') < upTo) progress.set(name, upTo);
        }),
      close: async () => undefined,
    };
  }

  function unsettledAttempts(after: string, before: string, limit: number): Page<Attempt> {
    const inside = ({ transactionId }: Attempt): boolean => transactionId > after && transactionId < before;
    if (attempts < limit) return { rows: [...unsettled.values()].filter(inside).sort(byId), next: null };
    const rows: Attempt[] = [];
    let looked = 0;
    for (let at = firstFrom(ids, intentIdOf(after)); at < ids.length && ids[at]! < before; at++) {
      for (const attempt of model.payments.get(ids[at]!)!.attempts) {
        if (!inside(attempt)) continue;
        if (isUnsettled(attempt)) rows.push(attempt);
        if (++looked === limit) return { rows, next: attempt.transactionId };
      }
    }
    return { rows, next: null };
  }

  function pendingIntents(after: string, before: string, limit: number): Page<IntentId> {
    const rows: IntentId[] = [];
    let looked = 0;
    for (let at = firstFrom(ids, after); at < ids.length && ids[at]! < before; at++) {
      const id = ids[at]!;
      if (id <= after) continue;
      const { intent, attempts } = model.payments.get(id)!;
      if (intent.status === 'PENDING' && attempts.every(({ status }) => isFinal(status))) rows.push(id);
      if (++looked === limit) return { rows, next: id };
    }
    return { rows, next: null };
  }

  return {
    index: number,
    model,
    connect,
    scan,
    fail(ms) {
      downUntil = Math.max(downUntil, scheduler.now() + ms);
    },
  };
}

/** Attempts are read by one statement and intents by the next: what is committed between is in the second only. */
function torn(first: Loaded, second: Loaded): Loaded {
  const payments = new Map(
    [...second.payments].map(([id, payment]) => {
      const attempts = first.payments.get(id)?.attempts ?? [];
      return [id, payment === null ? null : { intent: payment.intent, attempts }] as const;
    }),
  );
  return { payments, keys: second.keys };
}

/** What a walk of recovery looks for. */
function isUnsettled(attempt: Attempt): boolean {
  return !isFinal(attempt.status) || mayBeChargedLate(attempt);
}

function unavailable(): StorageError {
  return new StorageError('unavailable', 'no connection');
}

function asStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  throw error;
}

function isPoisoned(fact: Fact): boolean {
  return fact.kind === 'intent-created' && fact.intent.orderId.startsWith(POISON);
}

function verdictOf(fact: Fact, { effective }: Effect): string {
  const what =
    fact.kind === 'attempt-moved'
      ? `${fact.expected.status} to ${fact.attempt.status} revision ${fact.attempt.revision}`
      : fact.kind === 'attempt-started'
        ? `nonce ${fact.attempt.senderNonce.slice(0, 8)}`
        : fact.kind === 'key-claimed'
          ? `${fact.key.key} for ${fact.effectId}`
          : fact.kind === 'callback-recorded'
            ? `${fact.eventId} ${fact.verdict}`
            : '';
  return effective ? what : `${what} without effect`;
}

function byId(a: Attempt, b: Attempt): number {
  return a.transactionId < b.transactionId ? -1 : 1;
}

/** Index of the first id that is not below `from`. */
function firstFrom(ids: readonly string[], from: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(ids: string[], id: string): void {
  if (ids.length === 0 || ids.at(-1)! < id) ids.push(id);
  else ids.splice(firstFrom(ids, id), 0, id);
}
