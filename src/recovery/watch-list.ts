/**
 * Watch list: the attempts recovery asks about, in the order in which they are due.
 *
 * Bounded: an attempt that finds no room is left to a later walk over its database. An attempt that is being asked
 * about is on the list but not due. The order is kept in a binary heap.
 *
 * @module
 */

import type { TransactionId } from '../domain/ids.ts';
import type { Attempt } from '../domain/transaction.ts';

/** An attempt this young is left to its sender. */
const FRESH_MS = 5000;

export interface Watched {
  transactionId: TransactionId;
  /** Which of the databases it is in. */
  database: number;
  createdAt: number;
  /** Questions asked so far. */
  asked: number;
  /** "Not found" answers to questions asked after the proof's moment. */
  notFound: number;
  dueAt: number;
  /** True once it has waited so long that an operator should look. */
  unresolved: boolean;
}

export interface WatchList {
  /** False when the list is full. An attempt that is on it stays as it is; a new one is due once it is not fresh. */
  put(attempt: Pick<Attempt, 'transactionId' | 'createdAt'>, database: number): boolean;
  /** Takes the attempt that is due longest; null when none is. It comes back by `again` or leaves by `drop`. */
  takeDue(now: number): Watched | null;
  again(watched: Watched, dueAt: number): void;
  drop(watched: Watched): void;
  size(): number;
  unresolved(): number;
  /** The lowest id on the list of a database; null when there is none. */
  oldest(database: number): TransactionId | null;
}

/** Makes an empty list. */
export function createWatchList(watchedMax: number): WatchList {
  const known = new Map<TransactionId, Watched>();
  const heap: Watched[] = [];

  return {
    put({ transactionId, createdAt }, database) {
      if (known.has(transactionId)) return true;
      if (known.size >= watchedMax) return false;
      const dueAt = createdAt + FRESH_MS;
      const watched = { transactionId, database, createdAt, asked: 0, notFound: 0, dueAt, unresolved: false };
      known.set(transactionId, watched);
      push(heap, watched);
      return true;
    },
    takeDue(now) {
      const first = heap[0];
      return first !== undefined && first.dueAt <= now ? pop(heap) : null;
    },
    again(watched, dueAt) {
      watched.dueAt = dueAt;
      push(heap, watched);
    },
    drop(watched) {
      known.delete(watched.transactionId);
    },
    size: () => known.size,
    unresolved() {
      let count = 0;
      for (const watched of known.values()) if (watched.unresolved) count++;
      return count;
    },
    oldest(database) {
      let lowest: TransactionId | null = null;
      for (const watched of known.values()) {
        if (watched.database !== database) continue;
        if (lowest === null || watched.transactionId < lowest) lowest = watched.transactionId;
      }
      return lowest;
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
