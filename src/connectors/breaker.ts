/**
 * Breaker: stops calling a processor account that does not serve, and bounds the calls under way to it.
 *
 * Closed, it counts calls in windows of time and opens when enough of them met trouble of the infrastructure
 * (not sent, or sent and not answered; a decline is an answer). An account with few calls never fills a window: it
 * opens after a row of failures with nothing served between, if the row has lasted a while, since calls that break
 * all at once are one trouble and may be over. Open, it refuses before anything is sent, which is proof for the
 * caller that nothing was. Then one probe at a time is let through: the first that is answered closes it, one that
 * fails opens it again for twice as long.
 *
 * A pure state machine: the time is handed in.
 *
 * @module
 */

export interface BreakerOptions {
  /** Calls under way at once; one more is refused as `busy`. */
  inFlightMax: number;
  /** Calls are counted in windows of this length. */
  windowMs: number;
  /** A window with fewer finished calls opens nothing. */
  windowCallsMin: number;
  /** Share of failures in a window, 0 to 1, that opens it. */
  failureShare: number;
  /** Failures in a row, with nothing served between, that open it however few calls there are. */
  rowFailures: number;
  /** From the first to the last of such a row at least: a burst is for the window to judge. */
  rowMs: number;
  /** How long it stays open the first time; each failed probe doubles it. */
  openMs: number;
  openMsMax: number;
}

export const BREAKER_DEFAULTS: BreakerOptions = {
  inFlightMax: 2048,
  windowMs: 10_000,
  windowCallsMin: 50,
  failureShare: 0.6,
  // One call a second that hangs: open 7 s after the first timed out, where the window would never have had its 50 calls.
  rowFailures: 8,
  rowMs: 1000,
  openMs: 2000,
  openMsMax: 30_000,
};

export type BreakerState = 'closed' | 'half_open' | 'open';

/** Leave to make one call; handed back to `finished`. */
export interface Permit {
  probe: boolean;
  /** Which closed period the call began in: its end tells nothing about a later one. */
  period: number;
}

export type Entry = { ok: true; permit: Permit } | { ok: false; reason: 'busy' | 'open' };

/**
 * What a call tells about the account: `served`, `failed`, or `silent` when it ended before the processor could
 * have shown anything (our own deadline passed).
 */
export type CallEnd = 'served' | 'failed' | 'silent';

export interface Breaker {
  enter(nowMs: number): Entry;
  /** Every permit is handed back exactly once. */
  finished(permit: Permit, end: CallEnd, nowMs: number): void;
  state(): BreakerState;
  inFlight(): number;
}

/** Makes the breaker of one account. */
export function createBreaker(options: BreakerOptions = BREAKER_DEFAULTS): Breaker {
  let state: BreakerState = 'closed';
  let inFlight = 0;
  let period = 0;
  let probing = false;
  let windowFrom = Number.NEGATIVE_INFINITY;
  let calls = 0;
  let failures = 0;
  let row = 0;
  let rowFrom = 0;
  let openUntil = 0;
  let openMs = options.openMs;

  function open(nowMs: number): void {
    state = 'open';
    openUntil = nowMs + openMs;
    openMs = Math.min(openMs * 2, options.openMsMax);
  }

  function close(nowMs: number): void {
    state = 'closed';
    period++;
    openMs = options.openMs;
    row = 0;
    newWindow(nowMs);
  }

  function newWindow(nowMs: number): void {
    windowFrom = nowMs;
    calls = 0;
    failures = 0;
  }

  function count(end: CallEnd, nowMs: number): void {
    if (nowMs - windowFrom >= options.windowMs) newWindow(nowMs);
    calls++;
    if (end === 'failed') {
      failures++;
      if (row === 0) rowFrom = nowMs;
      row++;
    } else {
      row = 0;
    }
    if (isShareReached() || isRowLong(nowMs)) open(nowMs);
  }

  function isShareReached(): boolean {
    return calls >= options.windowCallsMin && failures >= calls * options.failureShare;
  }

  function isRowLong(nowMs: number): boolean {
    return row >= options.rowFailures && nowMs - rowFrom >= options.rowMs;
  }

  return {
    enter(nowMs) {
      if (inFlight >= options.inFlightMax) return { ok: false, reason: 'busy' };
      if (state === 'open' && nowMs >= openUntil) state = 'half_open';
      if (state === 'open' || (state === 'half_open' && probing)) return { ok: false, reason: 'open' };
      probing = state === 'half_open';
      inFlight++;
      return { ok: true, permit: { probe: probing, period } };
    },
    finished(permit, end, nowMs) {
      inFlight--;
      if (permit.probe) {
        probing = false;
        if (end === 'served') close(nowMs);
        else if (end === 'failed') open(nowMs);
      } else if (end !== 'silent' && state === 'closed' && permit.period === period) {
        count(end, nowMs);
      }
    },
    state: () => state,
    inFlight: () => inFlight,
  };
}
