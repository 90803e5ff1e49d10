/**
 * Watch list: the attempts recovery asks about, in the order in which they are due.
 *
 * Bounded: an open attempt that finds no room is left to a later walk over its database, one that ended FAILED is left alone. Those
 * have room of their own, so that many of them keep no open attempt off the list. An attempt that is being asked about is on the
 * list but not due. The order is kept in a binary heap.
 *
 * @module
 */

import type { TransactionId } from '../domain/ids.ts';
import type { Attempt } from '../domain/transaction.ts';
import { nextLateQuestionAt } from './late-success.ts';

/** An attempt this young is left to its sender. */
const FRESH_MS = 5000;

/** What questions about one leg have shown so far. */
export interface LegProof {
  /** "Not found" answers that count. */
  notFound: number;
  /** A question asked before this moment does not count, milliseconds since 1970. */
  countsFrom: number;
  /** This leg cannot have been charged. */
  proven: boolean;
}

export interface Watched {
  transactionId: TransactionId;
  /** Which of the databases it is in. */
  database: number;
  createdAt: number;
  /** When it ended FAILED, being asked about for a late success; null: it is open. */
  failedAt: number | null;
  /** Questions asked so far. */
  asked: number;
  /** By leg, from 0; what is not there has not been asked about. */
  proofs: LegProof[];
  dueAt: number;
  /** True once it has waited so long that an operator should look. */
  unresolved: boolean;
}

export interface WatchList {
  /** False when the list is full. An attempt that is on it stays as it is; a new one is due once it is not fresh. */
  put(attempt: Pick<Attempt, 'transactionId' | 'createdAt'>, database: number): boolean;
  /** Puts an attempt that ended FAILED, unless it is there, has been asked about often enough or finds no room. */
  putFailed(
    attempt: Pick<Attempt, 'transactionId' | 'createdAt' | 'completedAt'>,
    database: number,
    now: number,
  ): void;
  /** Takes the attempt that is due longest; null when none is. It comes back by `again` or `failed` or leaves by `drop`. */
  takeDue(now: number): Watched | null;
  again(watched: Watched, dueAt: number): void;
  /** It ended FAILED at that moment: it comes back when it is to be asked about for a late success, or leaves. */
  failed(watched: Watched, failedAt: number, now: number): void;
  drop(watched: Watched): void;
  /** Forgets what is on the list of a database, also what is being asked about. */
  forget(database: number): void;
  /** Open attempts on the list. */
  size(): number;
  /** Attempts on the list that ended FAILED. */
  late(): number;
  unresolved(): number;
  /** The lowest id of an open attempt of a database on the list; null when there is none. */
  oldest(database: number): TransactionId | null;
  /** When the oldest open attempt on the list began; null when there is none. */
  oldestCreatedAt(): number | null;
}

/** Makes an empty list for so many open attempts and so many that ended FAILED. */
export function createWatchList(watchedMax: number, lateMax = watchedMax): WatchList {
  const known = new Map<TransactionId, Watched>();
  let heap: Watched[] = [];
  let late = 0;

  function add(
    { transactionId, createdAt }: Pick<Attempt, 'transactionId' | 'createdAt'>,
    database: number,
    dueAt: number,
    failedAt: number | null,
  ): void {
    const watched: Watched = {
      transactionId,
      database,
      createdAt,
      failedAt,
      asked: 0,
      proofs: [],
      dueAt,
      unresolved: false,
    };
    known.set(transactionId, watched);
    push(heap, watched);
  }

  function again(watched: Watched, dueAt: number): void {
    if (known.get(watched.transactionId) !== watched) return;
    watched.dueAt = dueAt;
    push(heap, watched);
  }

  function drop(watched: Watched): void {
    if (known.get(watched.transactionId) !== watched) return;
    known.delete(watched.transactionId);
    if (watched.failedAt !== null) late--;
  }

  function* open(): Iterable<Watched> {
    for (const watched of known.values()) if (watched.failedAt === null) yield watched;
  }

  return {
    put(attempt, database) {
      if (known.has(attempt.transactionId)) return true;
      if (known.size - late >= watchedMax) return false;
      add(attempt, database, attempt.createdAt + FRESH_MS, null);
      return true;
    },
    putFailed(attempt, database, now) {
      if (known.has(attempt.transactionId) || late >= lateMax) return;
      const failedAt = attempt.completedAt ?? attempt.createdAt;
      const dueAt = nextLateQuestionAt(failedAt, now);
      if (dueAt === null) return;
      late++;
      add(attempt, database, dueAt, failedAt);
    },
    takeDue(now) {
      const first = heap[0];
      return first !== undefined && first.dueAt <= now ? pop(heap) : null;
    },
    again,
    failed(watched, failedAt, now) {
      if (known.get(watched.transactionId) !== watched) return;
      const dueAt = nextLateQuestionAt(failedAt, now);
      const room = watched.failedAt !== null || late < lateMax;
      if (dueAt === null || !room) return drop(watched);
      if (watched.failedAt === null) late++;
      watched.failedAt = failedAt;
      watched.proofs = [];
      watched.unresolved = false;
      again(watched, dueAt);
    },
    drop,
    forget(database) {
      for (const watched of [...known.values()]) if (watched.database === database) drop(watched);
      // What is in order stays in order.
      heap = heap.filter((watched) => watched.database !== database).sort((a, b) => a.dueAt - b.dueAt);
    },
    size: () => known.size - late,
    late: () => late,
    unresolved() {
      let count = 0;
      for (const watched of open()) if (watched.unresolved) count++;
      return count;
    },
    oldest(database) {
      let lowest: TransactionId | null = null;
      for (const watched of open()) {
        if (watched.database !== database) continue;
        if (lowest === null || watched.transactionId < lowest) lowest = watched.transactionId;
      }
      return lowest;
    },
    oldestCreatedAt() {
      let oldest: number | null = null;
      for (const { createdAt } of open()) if (oldest === null || createdAt < oldest) oldest = createdAt;
      return oldest;
    },
  };
}

function push(heap: Watched[], watched: Watched): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]!.dueAt <= watched.dueAt) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = watched;
}

function pop(heap: Watched[]): Watched {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.dueAt < heap[child]!.dueAt) child++;
    if (heap[child]!.dueAt >= last.dueAt) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
