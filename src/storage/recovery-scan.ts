/**
 * Door for recovery: what in a shard database still needs a final word.
 *
 * There is no index on status (design 4): scans walk the primary key in bounded windows of id time and
 * remember how far everything is final.
 *
 * @module
 */

import type { CallbackRecorded } from '../domain/facts.ts';
import type { IntentId, TransactionId } from '../domain/ids.ts';
import type { Attempt } from '../domain/transaction.ts';

/** One window of a walk: rows found, and the id to go on from (null: the end was reached). */
export interface Page<Row> {
  rows: Row[];
  next: string | null;
}

/** An attempt as a walk finds it. */
export type WalkedAttempt = Pick<Attempt, 'transactionId' | 'status' | 'createdAt' | 'completedAt'>;

/** A callback that no transaction was found for. */
export type UnmatchedCallback = Pick<
  CallbackRecorded,
  'processor' | 'eventId' | 'transactionId' | 'word' | 'receivedAt'
>;

export interface RecoveryScan {
  /**
   * Attempts that are not final, and those that are FAILED for good and may be charged all the same (not reopenable), with ids in
   * (after, before), at most `limit` rows looked at per call.
   */
  unsettledAttempts(after: string, before: string, limit: number): Promise<Page<WalkedAttempt>>;
  /** PENDING intents without an open attempt, with ids in (after, before). */
  pendingIntents(after: string, before: string, limit: number): Promise<Page<IntentId>>;
  /** Callbacks no transaction was found for, oldest first. */
  unmatchedCallbacks(limit: number): Promise<UnmatchedCallback[]>;
  /** How far a walk has come: everything up to this id is final. Name is `open-attempts` or `pending-intents`. */
  readProgress(name: string): Promise<string | null>;
  writeProgress(name: string, upTo: TransactionId | IntentId): Promise<void>;
  close(): Promise<void>;
}
