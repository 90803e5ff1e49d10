/**
 * Set clock: time that stands still until a test moves it on, with its timers.
 *
 * @module
 */

import type { Timers } from '../../runtime/clock.ts';

export interface SetClock {
  /** Milliseconds since 1970. */
  now(): number;
  timers: Timers;
  /** Runs what falls due in the next `ms`, in order, each once all that the one before set off has settled. */
  advance(ms: number): Promise<void>;
}

interface Waiting {
  at: number;
  run: () => void;
}

/** @param busy whether something is under way that no timer of this clock ends, such as a database's answer */
export function createSetClock(startAt: number, busy: () => boolean = () => false): SetClock {
  const waiting = new Set<Waiting>();
  let time = startAt;

  async function settled(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (busy());
  }

  function firstUntil(until: number): Waiting | undefined {
    let first: Waiting | undefined;
    for (const one of waiting) if (one.at <= until && (first === undefined || one.at < first.at)) first = one;
    return first;
  }

  function setTimeout(run: () => void, ms: number): Waiting {
    const one = { at: time + ms, run };
    waiting.add(one);
    return one;
  }

  return {
    now: () => time,
    timers: {
      setTimeout,
      clearTimeout: (timer) => void waiting.delete(timer as Waiting),
      setImmediate: (run) => setTimeout(run, 0),
    },
    async advance(ms) {
      const until = time + ms;
      await settled();
      for (let first = firstUntil(until); first !== undefined; first = firstUntil(until)) {
        waiting.delete(first);
        time = first.at;
        first.run();
        await settled();
      }
      time = until;
    },
  };
}
