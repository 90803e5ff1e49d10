/**
 * Arrivals: when payments begin.
 *
 * Closed loop: a fixed number under way, the next begins when one ends; it finds the ceiling but slows down with the server. Open
 * loop: they begin by schedule whatever the server does, and each is told when it was due, so that a late start counts as
 * latency (no coordinated omission). Both end when all they began has ended.
 *
 * @module
 */

/** How much load. */
export type Load =
  | { readonly kind: 'concurrency'; readonly inFlight: number }
  /** Payments a second, evenly spaced. */
  | { readonly kind: 'rate'; readonly perSecond: number };

export interface ArrivalOptions {
  readonly durationMs: number;
  /** Ends the arrivals early. */
  readonly signal: AbortSignal;
}

/**
 * One payment, from start to end. Must not reject.
 * @param dueMs when it was to begin, by `performance.now()`
 * @returns whether it went well
 */
export type Begin = (dueMs: number) => Promise<boolean>;

/** Under way at once in an open loop; more would only measure the memory of the driver. */
export const OPEN_LOOP_IN_FLIGHT_MAX = 20_000;
/** A client that was refused waits this long before the next try, else refusals are all that is measured. */
const PAUSE_AFTER_FAILURE_MS = 20;

/** What the loops tell of themselves (a Measurement does). */
export interface ArrivalCounts {
  /** The first may begin now. */
  beginWindow(nowMs: number): void;
  /** An arrival of the schedule that could not begin because too many were under way. */
  overrun(nowMs: number): void;
  /** Nothing is begun from here on. */
  endWindow(nowMs: number): void;
}

/** Keeps `inFlight` payments under way for `durationMs`. */
export async function closedLoop(
  inFlight: number,
  options: ArrivalOptions,
  begin: Begin,
  counts: ArrivalCounts,
): Promise<void> {
  const startMs = performance.now();
  const endMs = startMs + options.durationMs;
  counts.beginWindow(startMs);
  const shopper = async (): Promise<void> => {
    let nowMs = performance.now();
    while (nowMs < endMs && !options.signal.aborted) {
      const well = await begin(nowMs);
      if (!well) await pause(PAUSE_AFTER_FAILURE_MS);
      nowMs = performance.now();
    }
    counts.endWindow(nowMs);
  };
  await Promise.all(Array.from({ length: inFlight }, shopper));
}

/** Begins `perSecond` payments a second for `durationMs`. */
export function openLoop(
  perSecond: number,
  options: ArrivalOptions,
  begin: Begin,
  counts: ArrivalCounts,
): Promise<void> {
  const startMs = performance.now();
  counts.beginWindow(startMs);
  const total = Math.floor((options.durationMs * perSecond) / 1000);
  let arrived = 0;
  let underWay = 0;
  let over = false;
  return new Promise((resolve, reject) => {
    const settle = () => {
      underWay -= 1;
      if (underWay === 0 && over) resolve();
    };
    const arrive = (dueMs: number) => {
      arrived += 1;
      if (underWay >= OPEN_LOOP_IN_FLIGHT_MAX) return counts.overrun(performance.now());
      underWay += 1;
      begin(dueMs).then(settle, reject);
    };
    const tick = () => {
      const nowMs = performance.now();
      const dueMs = () => startMs + (arrived * 1000) / perSecond;
      while (arrived < total && dueMs() <= nowMs) arrive(dueMs());
      const ended = options.signal.aborted || nowMs >= startMs + options.durationMs;
      if (!ended) return void setTimeout(tick, 1);
      counts.endWindow(Math.min(nowMs, startMs + options.durationMs));
      over = true;
      if (underWay === 0) resolve();
    };
    tick();
  });
}

/** A wait of the client, as a shopper or a poll has it. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
