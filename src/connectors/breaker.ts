/**
 * Breaker: stops charging a processor account that does not answer, and bounds the charges under way at it.
 *
 * Open before a byte is sent means `not_sent`, so the shopper may try another card or processor at once. Only
 * infrastructure trouble counts (not sent, unknown); a decline is a healthy answer.
 *
 * ## closed
 * Charges go through. Failures within the window open it, when they are many and half of all.
 * ## open
 * Nothing goes through until the pause is over.
 * ## half open
 * One charge goes through as a probe; it closes or opens again.
 *
 * @module
 */

export interface BreakerOptions {
  inFlightMax: number;
  /** Failures within the window that open it, if they are at least half of the calls. */
  failuresMin: number;
  windowMs: number;
  /** How long it stays open before a probe. */
  pauseMs: number;
}

export const BREAKER_DEFAULTS: BreakerOptions = {
  // Little's law: 10,000/s at 200 ms.
  inFlightMax: 2048,
  failuresMin: 20,
  windowMs: 10_000,
  pauseMs: 5000,
};

export type BreakerState = 'closed' | 'open' | 'half_open';
export type Admission = 'admitted' | 'breaker_open' | 'processor_busy';

export interface Breaker {
  /** Asks to send one charge. After `admitted`, `done` is called once. */
  admit(nowMs: number): Admission;
  done(healthy: boolean, nowMs: number): void;
  state(): BreakerState;
  inFlight(): number;
}

/** A closed breaker. Times are handed in, monotonic. */
export function createBreaker(options: BreakerOptions = BREAKER_DEFAULTS): Breaker {
  let state: BreakerState = 'closed';
  let inFlight = 0;
  let calls = 0;
  let failures = 0;
  let windowFromMs = 0;
  let openUntilMs = 0;
  let probing = false;

  function open(nowMs: number): void {
    state = 'open';
    openUntilMs = nowMs + options.pauseMs;
    probing = false;
  }

  function close(nowMs: number): void {
    state = 'closed';
    calls = 0;
    failures = 0;
    windowFromMs = nowMs;
  }

  return {
    admit(nowMs) {
      if (state === 'open' && nowMs >= openUntilMs) state = 'half_open';
      if (state === 'open' || (state === 'half_open' && probing)) return 'breaker_open';
      if (inFlight >= options.inFlightMax) return 'processor_busy';
      if (state === 'half_open') probing = true;
      inFlight++;
      return 'admitted';
    },
    done(healthy, nowMs) {
      inFlight--;
      if (state === 'half_open') {
        if (healthy) close(nowMs);
        else open(nowMs);
        probing = false;
        return;
      }
      if (state === 'open') return;
      if (nowMs - windowFromMs > options.windowMs) close(nowMs);
      calls++;
      if (healthy) return;
      failures++;
      if (failures >= options.failuresMin && failures * 2 >= calls) open(nowMs);
    },
    state: () => state,
    inFlight: () => inFlight,
  };
}
