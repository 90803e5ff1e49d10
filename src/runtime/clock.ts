/**
 * Clock: the two readings of time, so that everything else is handed a number, and the shape of what waits.
 *
 * @module
 */

/**
 * What waits: Node's own timers unless something else is handed in, as the simulation does, whose time is not the
 * machine's.
 */
export interface Timers {
  setTimeout(run: () => void, ms: number): unknown;
  /** Undefined and what has run already: nothing. */
  clearTimeout(timer: unknown): void;
  setImmediate(run: () => void): unknown;
}

/** Wall clock, milliseconds since 1970. It may jump. */
export function now(): number {
  return Date.now();
}

const READINGS_APART_MS_MAX = 0.05;

function hrtimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * Where performance.now() of this thread is zero on process.hrtime, which is one for all threads but makes a bigint at each
 * reading. Read again while something stood between the readings: the difference would stay for the thread's life.
 */
function threadStart(): number {
  for (;;) {
    const before = hrtimeMs();
    const here = performance.now();
    if (hrtimeMs() - before <= READINGS_APART_MS_MAX) return before - here;
  }
}

const threadStartMs = threadStart();

/**
 * Milliseconds, with fractions, of a clock that never jumps. It is one for all threads of a process, to a twentieth of a
 * millisecond, so a deadline made in one thread can be read in another.
 */
export function monotonicMs(): number {
  return threadStartMs + performance.now();
}
