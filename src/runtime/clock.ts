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

/** performance.now() starts at zero in each thread; process.hrtime is one for all, but each reading of it makes a bigint. */
const threadStartMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/**
 * Milliseconds, with fractions, of a clock that never jumps. It is one for all threads of a process, to a few microseconds,
 * so a deadline made in one thread can be read in another.
 */
export function monotonicMs(): number {
  return threadStartMs + performance.now();
}
