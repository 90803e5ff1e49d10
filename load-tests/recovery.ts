/**
 * Recovery: how long a gateway took to be itself again after a phase of trouble.
 *
 * @module
 */

import { type Phase, WARM_UP } from './schedule.ts';
import type { Second } from './timeline.ts';

/** A phase of the window, in seconds from its begin. */
export interface Span {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Completed of offered, in a second that counts as recovered. */
const ACHIEVED_SHARE = 0.9;
/** Of the p99 before the trouble. */
const P99_FACTOR = 2;

/** The phases of the window, the warm-up left out. */
export function spansOf(phases: readonly Phase[]): Span[] {
  let from = 0;
  return phases
    .filter(({ name }) => name !== WARM_UP)
    .map(({ name, seconds }) => {
      const span = { name, from, to: from + seconds };
      from = span.to;
      return span;
    });
}

/**
 * Whole seconds from the end of the trouble (the phase before the last) to the first second without errors, with nine in ten of the
 * offered payments completed, and with a p99 at most twice the median one before the trouble. Null when there was no trouble or
 * no such second.
 */
export function recoverySeconds(spans: readonly Span[], timeline: readonly Second[]): number | null {
  const [before, trouble, after] = spans;
  if (before === undefined || trouble === undefined || after === undefined) return null;
  const p99s = timeline
    .slice(0, Math.floor(before.to))
    .flatMap(({ p99 }) => p99 ?? [])
    .sort((a, b) => a - b);
  const p99Max = (p99s[Math.floor(p99s.length / 2)] ?? Number.POSITIVE_INFINITY) * P99_FACTOR;
  const first = timeline.find(
    ({ second, offered, achieved, errors, p99 }) =>
      second >= trouble.to &&
      second < Math.floor(after.to) &&
      errors === 0 &&
      achieved >= offered * ACHIEVED_SHARE &&
      (p99 ?? 0) <= p99Max,
  );
  return first === undefined ? null : first.second + 1 - Math.ceil(trouble.to);
}
