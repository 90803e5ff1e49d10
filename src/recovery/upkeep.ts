/**
 * Upkeep: small jobs that are repeated, one run of each at a time.
 *
 * @module
 */

import type { Timers } from '../runtime/clock.ts';

export interface Upkeep {
  /** Runs a job now and again `everyMs` after each end. A failure is told and the job goes on. */
  every(everyMs: number, job: () => Promise<unknown>): void;
  /** No new runs; resolves when those under way have ended. */
  stop(): Promise<void>;
}

/** @param onFailed hears why a run failed */
export function createUpkeep(onFailed: (error: unknown) => void, timers: Timers = globalThis): Upkeep {
  const waiting = new Set<unknown>();
  const running = new Set<Promise<void>>();
  let stopped = false;

  function run(everyMs: number, job: () => Promise<unknown>): void {
    const ended: Promise<void> = job()
      .then(() => undefined, onFailed)
      .finally(() => {
        running.delete(ended);
        if (stopped) return;
        const timer = timers.setTimeout(() => {
          waiting.delete(timer);
          run(everyMs, job);
        }, everyMs);
        waiting.add(timer);
      });
    running.add(ended);
  }

  return {
    every: run,
    async stop() {
      stopped = true;
      for (const timer of waiting) timers.clearTimeout(timer);
      await Promise.all(running);
    },
  };
}
