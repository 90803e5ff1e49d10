/**
 * Scenario: what every scenario is given and gives.
 *
 * @module
 */

import type { ArrivalOptions, Load } from './arrivals.ts';
import type { Measurement } from './measurement.ts';
import type { PaymentRecord } from './payment-record.ts';
import type { Target } from './target.ts';

/** What a scenario works with for its whole life, over all steps of a climb. */
export interface ScenarioContext {
  readonly target: Target;
  readonly record: PaymentRecord;
  /** Connections to each listener. */
  readonly connectionsMax: number;
  readonly firstPollMs: number;
}

/** A prepared scenario. */
export interface Scenario {
  /** Loads the target and resolves when all it began has ended. Calls `measurement.endWindow` when no more is begun. */
  run(load: Load, options: ArrivalOptions, measurement: Measurement): Promise<void>;
  close(): void;
}

/** The gateway could not be used at all; the message says how it answered. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

/** A request is given up after this; longer than any deadline of the gateway. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Differs from run to run, so that order ids do. */
export function newRunId(): string {
  return `${Date.now().toString(36)}-${process.pid.toString(36)}`;
}
