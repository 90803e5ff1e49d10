/**
 * Match again: callbacks whose transaction was not found are offered again, ever more rarely, until it is there.
 *
 * One for each database, so that one that is away keeps no other's callbacks waiting.
 *
 * @module
 */

import type { ProcessorCallback } from '../../domain/callback.ts';
import type { Timers } from '../../runtime/clock.ts';
import type { ApplyCallback } from '../bus.ts';

/** One bounded page of a database's callbacks whose transaction was not found, oldest first. */
export type UnmatchedPage = () => Promise<ProcessorCallback[]>;

export interface MatchingOptions {
  unmatched: UnmatchedPage;
  apply: ApplyCallback;
  /** Hears why a round of matching, or one callback in it, failed. */
  onFailed(error: unknown): void;
  /** Milliseconds between two rounds. */
  everyMs: number;
  timers: Timers;
}

/** Callbacks offered again at once: what arrives anew goes first. */
const MATCHING_MAX = 16;
/** A callback offered in vain waits 1, 2, 4 … rounds; at 5 s a round this is about an hour. */
const ROUNDS_MAX = 720;

/** How often a callback was offered in vain, and the round in which it is offered next. */
interface Waiting {
  offers: number;
  dueRound: number;
}

/** Begins with a round at once. `stop` resolves when the round under way has ended. */
export function startMatching(options: MatchingOptions): { stop(): Promise<void> } {
  const { unmatched, apply, onFailed, everyMs, timers } = options;
  /** By processor and callback id; only those of the last page, so it is as bounded as the page. */
  let waiting = new Map<string, Waiting>();
  let rounds = 0;
  let timer: unknown;
  let stopped = false;
  let round = matchAgain();

  async function matchAgain(): Promise<void> {
    rounds++;
    try {
      const page = await unmatched();
      const due = page.filter((callback) => (waiting.get(nameOf(callback))?.dueRound ?? 0) <= rounds);
      const next = new Map(page.map((callback) => [nameOf(callback), waitingOf(callback)]));
      await Promise.all(Array.from({ length: MATCHING_MAX }, () => offer(due, next)));
      waiting = next;
    } catch (error) {
      onFailed(error);
    }
    if (stopped) return;
    timer = timers.setTimeout(() => {
      round = matchAgain();
    }, everyMs);
  }

  function waitingOf(callback: ProcessorCallback): Waiting {
    return waiting.get(nameOf(callback)) ?? { offers: 0, dueRound: 0 };
  }

  /** One of several that take from the same list until it is empty. */
  async function offer(due: ProcessorCallback[], next: Map<string, Waiting>): Promise<void> {
    for (let callback = due.shift(); callback !== undefined && !stopped; callback = due.shift()) {
      const { offers } = waitingOf(callback);
      next.set(nameOf(callback), {
        offers: offers + 1,
        dueRound: rounds + Math.min(2 ** offers, ROUNDS_MAX),
      });
      try {
        await apply(callback);
      } catch (error) {
        // Its row stays unmatched; one that breaks must not stand before the others.
        onFailed(error);
      }
    }
  }

  return {
    async stop() {
      stopped = true;
      timers.clearTimeout(timer);
      await round;
    },
  };
}

function nameOf({ processor, callbackId }: ProcessorCallback): string {
  return `${processor} ${callbackId}`;
}
