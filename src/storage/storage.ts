/**
 * Door of the shard databases: read payments and keys, commit the facts of a turn.
 *
 * One `ShardStore` is one connection to one shard database, owned by one lane of a shard thread, with at most
 * one turn in flight.
 *
 * @module
 */

import type { Effect, Fact, KeyRef } from '../domain/facts.ts';
import type { StoredKey } from '../domain/idempotency.ts';
import type { IntentId } from '../domain/ids.ts';
import type { Payment } from '../domain/payment-intent.ts';

/** What a turn must read before it can decide. */
export interface Needs {
  payments: ReadonlySet<IntentId>;
  /** By `keyName`. */
  keys: ReadonlyMap<string, KeyRef>;
}

/** What was read. Everything asked for is in it; null is "not there". */
export interface Loaded {
  payments: Map<IntentId, Payment | null>;
  keys: Map<string, StoredKey | null>;
}

/**
 * Why a commit or read failed:
 * - `poisoned`: PostgreSQL refused a value (22xxx, 23xxx); nothing was changed; a smaller batch finds the row
 * - `halfway`: a key would have been claimed without its attempt; nothing was changed; alone it is a lost claim
 * - `repeat`: deadlock or serialisation (40P01, 40001); nothing was changed
 * - `lock_timeout`: another gateway holds a row too long (55P03, 57014); nothing was changed
 * - `unavailable`: no connection, no room, shutting down (08, 53, 57); nothing was changed
 * - `uncertain`: the connection was lost while the statement ran; it may or may not be committed
 * - `fenced`: this database does not own the ids of this batch; nothing was changed
 */
export type StorageFailureKind =
  | 'poisoned'
  | 'halfway'
  | 'repeat'
  | 'lock_timeout'
  | 'unavailable'
  | 'uncertain'
  | 'fenced';

/** A failure of storage with its kind; the message never holds a value of a row. */
export class StorageError extends Error {
  readonly kind: StorageFailureKind;

  constructor(kind: StorageFailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StorageError';
    this.kind = kind;
  }
}

export interface ShardStore {
  /** Reads what is needed in one round trip. Rejects with {@link StorageError}. */
  prefetch(needs: Needs): Promise<Loaded>;
  /**
   * Commits all facts in one statement and tells of each whether it was effective, in the order given.
   * Facts about one transaction are folded to one change. Rejects with {@link StorageError}.
   */
  commit(facts: readonly Fact[]): Promise<Effect[]>;
  close(): Promise<void>;
}
