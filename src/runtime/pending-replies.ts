/**
 * Pending replies: who waits for the answer to which ask.
 *
 * Bounded, so that a slow peer shows as `overloaded` and not as memory. Every ask that was taken in is settled
 * exactly once: by its answer, or by the refusal given when its peer died.
 *
 * @module
 */

import type { Refusal } from '../domain/outcomes.ts';

/** What an ask came to. */
export type Answer = { ok: true; body: unknown } | { ok: false; refusal: Refusal };

export interface PendingReplies {
  /** Takes a waiter in; null at the bound. */
  add(): { id: number; answer: Promise<Answer> } | null;
  /** Settles the ask of this id; false when nobody waits for it. */
  settle(id: number, answer: Answer): boolean;
  /** Settles every ask with a refusal. */
  rejectAll(refusal: Refusal): void;
  /** Asks without an answer yet. */
  readonly size: number;
}

/** Makes an empty table of at most `pendingMax` waiters. */
export function createPendingReplies(pendingMax: number): PendingReplies {
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;

  return {
    add() {
      if (waiting.size >= pendingMax) return null;
      lastId += 1;
      const id = lastId;
      return { id, answer: new Promise<Answer>((resolve) => waiting.set(id, resolve)) };
    },
    settle(id, answer) {
      const resolve = waiting.get(id);
      if (resolve === undefined) return false;
      waiting.delete(id);
      resolve(answer);
      return true;
    },
    rejectAll(refusal) {
      const owed = [...waiting.values()];
      waiting.clear();
      for (const resolve of owed) resolve({ ok: false, refusal });
    },
    get size() {
      return waiting.size;
    },
  };
}
