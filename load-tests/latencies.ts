/**
 * Latencies: HdrHistograms of microseconds with three digits.
 *
 * @module
 */

import { build, type JsHistogram } from 'hdr-histogram-js';

export type Latencies = JsHistogram;

/** Milliseconds; null where nothing was measured. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** A bar of a histogram: latencies from `fromMs` to below `toMs`. */
export interface Bar {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

const LATENCY_US_MAX = 600_000_000;

export function newLatencies(): Latencies {
  const request = {
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  } as const;
  // Without `useWebAssembly` it is one of plain arrays, whatever the type says.
  return build(request) as JsHistogram;
}

/** What is recorded for a latency: whole microseconds within the histogram's range. */
export function microseconds(ms: number): number {
  return Math.min(Math.max(1, Math.round(ms * 1000)), LATENCY_US_MAX);
}

/** Reads a histogram as milliseconds. */
export function percentilesOf(latencies: Latencies): Percentiles {
  if (latencies.totalCount === 0) return { p50: null, p90: null, p99: null, p999: null, max: null };
  // A percentile is the upper end of its bucket, which may lie above the largest value.
  const at = (percentile: number) =>
    Math.min(latencies.getValueAtPercentile(percentile), latencies.maxValue) / 1000;
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: latencies.maxValue / 1000 };
}

/** Bars whose widths grow by the same factor, `perDecade` of them for a factor of ten, from the first that is not empty to the last. */
export function barsOf(latencies: Latencies, perDecade: number): Bar[] {
  const counts = new Map<number, number>();
  for (let index = 0; index < latencies.countsArrayLength; index++) {
    const count = latencies.getCountAtIndex(index);
    if (count === 0) continue;
    const bar = Math.floor(Math.log10(Math.max(1, latencies.valueFromIndex(index))) * perDecade);
    counts.set(bar, (counts.get(bar) ?? 0) + count);
  }
  if (counts.size === 0) return [];
  const [first, last] = [Math.min(...counts.keys()), Math.max(...counts.keys())];
  const edgeMs = (bar: number) => 10 ** (bar / perDecade) / 1000;
  return Array.from({ length: last - first + 1 }, (_, at) => ({
    fromMs: edgeMs(first + at),
    toMs: edgeMs(first + at + 1),
    count: counts.get(first + at) ?? 0,
  }));
}
