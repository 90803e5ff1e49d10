/**
 * Loop lag: how late the event loop of this thread runs its timers.
 *
 * @module
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** A timer each so often; Node's histogram counts the interval itself, which is taken off again. */
const RESOLUTION_MS = 20;

export interface LoopLag {
  p50Ms: number;
  p99Ms: number;
}

export interface LoopLagMonitor {
  /** Percentiles since the last reading, in milliseconds; begins a new window. */
  read(): LoopLag;
  stop(): void;
}

/** Begins to measure the loop of the calling thread: 50 wake-ups a second. */
export function monitorLoopLag(): LoopLagMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const lagMs = (percentile: number) =>
    histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(percentile) / 1e6 - RESOLUTION_MS);
  return {
    read() {
      const lag = { p50Ms: lagMs(50), p99Ms: lagMs(99) };
      histogram.reset();
      return lag;
    },
    stop() {
      histogram.disable();
    },
  };
}
