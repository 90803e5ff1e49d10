/**
 * Storage breaker: tells when a lane's storage is so silent that commands must no longer wait for it.
 *
 * Closed, a call may take `silentMs`; while one takes longer the breaker is open, and what has not begun is refused instead of
 * waiting. The call under way is itself the probe: whenever it is answered, whatever the answer, the breaker closes at the end of its
 * turn. A disk that stalls for a moment longer than `silentMs` thus costs what arrived in the rest of the stall, and nothing after it.
 *
 * A call that ended without an answer (its connection broke) leaves it half open: the next turn takes one command as the probe, the
 * others wait `probeMs` for what becomes of it, and share its fate when it ends without an answer too. What storage refuses at once,
 * for want of a connection or of room, holds nobody up and changes nothing here.
 *
 * A pure state machine: the time is handed in.
 *
 * @module
 */

import type { FailureKind } from './actor.ts';

export interface StorageBreakerOptions {
  /** A call that takes longer makes commands be refused. Above what a checkpoint costs a commit, below what a caller would wait. */
  silentMs: number;
  /** The same for the calls of a probing turn. */
  probeMs: number;
}

export type StorageBreakerState = 'closed' | 'half_open' | 'open';

export interface StorageBreaker {
  /** A call goes out. One at a time. */
  sent(nowMs: number): void;
  /** It was answered. */
  answered(): void;
  /** It failed. */
  failed(kind: FailureKind): void;
  /** The turn is over. True when it was a probe that failed: what waits shares its fate. */
  turnEnded(): boolean;
  state(nowMs: number): StorageBreakerState;
  /** When the call under way opens the breaker; Infinity when there is none. */
  opensAt(): number;
}

/** Makes the breaker of one lane, closed. */
export function createStorageBreaker({ silentMs, probeMs }: StorageBreakerOptions): StorageBreaker {
  let opensAt = Number.POSITIVE_INFINITY;
  /** The newest turn had a call without an answer: the next is a probe. */
  let probing = false;
  let heard = false;
  let unheard = false;

  return {
    sent(nowMs) {
      opensAt = nowMs + (probing ? probeMs : silentMs);
    },
    answered() {
      opensAt = Number.POSITIVE_INFINITY;
      heard = true;
    },
    failed(kind) {
      opensAt = Number.POSITIVE_INFINITY;
      if (kind === 'uncertain') unheard = true;
      else if (kind !== 'unavailable') heard = true;
    },
    turnEnded() {
      const probeFailed = probing && unheard;
      if (heard || unheard) probing = unheard;
      heard = false;
      unheard = false;
      return probeFailed;
    },
    state(nowMs) {
      if (nowMs >= opensAt) return 'open';
      return probing ? 'half_open' : 'closed';
    },
    opensAt: () => opensAt,
  };
}
