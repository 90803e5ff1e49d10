/**
 * Arrivals: when payments begin.
 *
 * Closed loop: a fixed number under way, the next begins when one ends; it finds the ceiling but slows down with the server. Open
 * loop: they begin by schedule whatever the server does, and each is told when it was due, so that a late start counts as
 * latency (no coordinated omission). Both end when all they began has ended.
 *
 * @module
 */

import { dueTimes, durationMsOf, type Phase, warmUpMsOf } from './schedule.ts';

/** How much load. */
export type Load =
  | { readonly kind: 'concurrency'; readonly inFlight: number }
  /** Payments a second, evenly spaced. */
  | { readonly kind: 'rate'; readonly perSecond: number };

export interface ArrivalOptions {
  readonly phases: readonly Phase[];
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
  /** The first may begin now; those due before `warmUpMs` have passed are warm-up. */
  begin(nowMs: number, warmUpMs: number): void;
  /** An arrival of the schedule that could not begin because too many were under way. */
  overrun(dueMs: number, nowMs: number): void;
  /** Nothing is begun from here on. */
  endWindow(nowMs: number): void;
}

/** Runs the loop that `load` names. */
export function arrive(
  load: Load,
  options: ArrivalOptions,
  begin: Begin,
  counts: ArrivalCounts,
): Promise<void> {
  return load.kind === 'concurrency'
    ? closedLoop(load.inFlight, options, begin, counts)
    : openLoop(load.perSecond, options, begin, counts);
}

/** Keeps `inFlight` payments under way. */
async function closedLoop(
  inFlight: number,
  { phases, signal }: ArrivalOptions,
  begin: Begin,
  counts: ArrivalCounts,
): Promise<void> {
  const startMs = performance.now();
  const endMs = startMs + durationMsOf(phases);
  counts.begin(startMs, warmUpMsOf(phases));
  const shopper = async (): Promise<void> => {
    let nowMs = performance.now();
    while (nowMs < endMs && !signal.aborted) {
      const well = await begin(nowMs);
      if (!well) await pause(PAUSE_AFTER_FAILURE_MS);
      nowMs = performance.now();
    }
    counts.endWindow(nowMs);
  };
  await Promise.all(Array.from({ length: inFlight }, shopper));
}

/** Begins `perSecond` payments a second, times the factor of each phase. */
function openLoop(
  perSecond: number,
  { phases, signal }: ArrivalOptions,
  begin: Begin,
  counts: ArrivalCounts,
): Promise<void> {
  const startMs = performance.now();
  const endMs = startMs + durationMsOf(phases);
  counts.begin(startMs, warmUpMsOf(phases));
  const due = dueTimes(perSecond, phases);
  let next = due.next();
  let underWay = 0;
  let over = false;
  return new Promise((resolve, reject) => {
    const settle = () => {
      underWay -= 1;
      if (underWay === 0 && over) resolve();
    };
    const arriveAt = (dueMs: number) => {
      if (underWay >= OPEN_LOOP_IN_FLIGHT_MAX) return counts.overrun(dueMs, performance.now());
      underWay += 1;
      begin(dueMs).then(settle, reject);
    };
    const tick = () => {
      const nowMs = performance.now();
      while (!next.done && startMs + next.value <= nowMs) {
        arriveAt(startMs + next.value);
        next = due.next();
      }
      if (!signal.aborted && nowMs < endMs) return void setTimeout(tick, 1);
      counts.endWindow(Math.min(nowMs, endMs));
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
