/**
 * Timeline: what happened in each second of a window.
 *
 * Arrivals stand in the second they were due, everything else in the second it was heard of. What happened before the window
 * is not in it. Times come from the caller (`performance.now()`).
 *
 * @module
 */

import { type Latencies, newLatencies, percentilesOf } from './latencies.ts';

/** One second. `p99`, in ms, is over all answers heard in it but the waits for the final status and their polls. */
export interface Second {
  readonly second: number;
  /** Due in it. */
  readonly offered: number;
  /** Completed in it. */
  readonly achieved: number;
  readonly errors: number;
  readonly p99: number | null;
}

interface Counts {
  offered: number;
  achieved: number;
  errors: number;
  p99: number | null;
}

export class Timeline {
  readonly #seconds: Counts[] = [];
  readonly #latencies: Latencies = newLatencies();
  #startMs = 0;
  #achieved = 0;
  /** The second that `#latencies` is of. */
  #open = 0;

  /** The window begins at `startMs`, which may be yet to come. */
  begin(startMs: number): void {
    this.#startMs = startMs;
  }

  get startMs(): number {
    return this.#startMs;
  }

  offered(dueMs: number): void {
    const counts = this.#at(dueMs);
    if (counts !== null) counts.offered += 1;
  }

  achieved(nowMs: number): void {
    const counts = this.#at(nowMs);
    if (counts === null) return;
    counts.achieved += 1;
    this.#achieved += 1;
  }

  failed(nowMs: number): void {
    const counts = this.#at(nowMs);
    if (counts !== null) counts.errors += 1;
  }

  answered(latencyUs: number, nowMs: number): void {
    if (this.#at(nowMs) === null) return;
    this.#enter(nowMs);
    this.#latencies.recordValue(latencyUs);
  }

  /** Ends the last second. */
  end(nowMs: number): void {
    this.#enter(nowMs);
    this.#closeSecond();
  }

  /** Completed from the window's begin until now. */
  get achievedInAll(): number {
    return this.#achieved;
  }

  /** All seconds until now, also those without anything. */
  get seconds(): readonly Second[] {
    return this.#seconds.map((counts, second) => ({ second, ...counts }));
  }

  /** The last second that is over at `nowMs`; null before the first is. */
  lastBefore(nowMs: number): Second | null {
    this.#enter(nowMs);
    const second = this.#open - 1;
    const counts = this.#seconds[second];
    return counts === undefined ? null : { second, ...counts };
  }

  #at(ms: number): Counts | null {
    const second = Math.floor((ms - this.#startMs) / 1000);
    if (second < 0) return null;
    while (this.#seconds.length <= second)
      this.#seconds.push({ offered: 0, achieved: 0, errors: 0, p99: null });
    return this.#seconds[second]!;
  }

  /** Closes the seconds that are over. */
  #enter(nowMs: number): void {
    const second = Math.floor((nowMs - this.#startMs) / 1000);
    while (this.#open < second) this.#closeSecond();
  }

  #closeSecond(): void {
    const counts = this.#seconds[this.#open];
    if (counts !== undefined) counts.p99 = percentilesOf(this.#latencies).p99;
    this.#latencies.reset();
    this.#open += 1;
  }
}
