/**
 * Metrics that nobody reads: what the real rooms count goes nowhere, since the trace has it.
 *
 * @module
 */

import type { Metrics } from '../../src/metrics/metrics.ts';

const NOTHING = { add: () => undefined, set: () => undefined, observe: () => undefined };

/** Every metric there is. */
export const SILENT_METRICS = new Proxy({}, { get: () => ({ of: () => NOTHING }) }) as Metrics;
