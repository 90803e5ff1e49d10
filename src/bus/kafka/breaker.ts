/**
 * Breaker: a Kafka that is away costs a few callbacks their deadline, and not each one.
 *
 * Closed, it opens after a few failures in a row. Open, nothing is tried. Then one is let through: its success closes the breaker, its
 * failure opens it again for twice as long.
 *
 * @module
 */

export type BusBreakerState = 'closed' | 'half_open' | 'open';

export interface BusBreaker {
  /** Whether to try; after true, `ended` hears of the group it went with. */
  enter(nowMs: number): boolean;
  ended(ok: boolean, nowMs: number): void;
  state(): BusBreakerState;
}

const FAILURES_MAX = 3;
const OPEN_MS = 1000;
const OPEN_MS_MAX = 4000;

/** Makes a closed breaker. */
export function createBusBreaker(): BusBreaker {
  let state: BusBreakerState = 'closed';
  let failures = 0;
  let openMs = OPEN_MS;
  let openUntil = 0;

  function open(nowMs: number): void {
    state = 'open';
    openUntil = nowMs + openMs;
    openMs = Math.min(openMs * 2, OPEN_MS_MAX);
  }

  return {
    enter(nowMs) {
      if (state === 'closed') return true;
      if (state === 'half_open' || nowMs < openUntil) return false;
      state = 'half_open';
      return true;
    },
    ended(ok, nowMs) {
      // What was sent while it was closed tells nothing any more.
      if (state === 'open') return;
      if (ok) {
        state = 'closed';
        failures = 0;
        openMs = OPEN_MS;
      } else if (state === 'half_open' || ++failures >= FAILURES_MAX) {
        failures = 0;
        open(nowMs);
      }
    },
    state: () => state,
  };
}
