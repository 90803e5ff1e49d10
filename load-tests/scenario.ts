/**
 * Scenario: what every scenario is given and gives.
 *
 * @module
 */

import type { ArrivalOptions, Load } from './arrivals.ts';
import type { Bank } from './bank.ts';
import type { ClientRecord } from './client-record.ts';
import type { Measurement } from './measurement.ts';
import type { Phase } from './schedule.ts';
import type { WebhookReceiver } from './webhook-receiver.ts';
import type { Wire } from './wire.ts';

/** What a scenario works with for its whole life, over all steps of a climb. */
export interface ScenarioContext {
  readonly apiUrl: string;
  readonly checkoutUrl: string;
  readonly wire: Wire;
  /** How many merchants the wire knows. */
  readonly merchants: number;
  readonly record: ClientRecord;
  /** The processor, where it is a bank in a box. */
  readonly bank: Bank | null;
  /** Longest the gateway waits for a processor's answer, ms. */
  readonly processorTimeoutMs: number;
  /** Connections to each listener. */
  readonly connectionsMax: number;
  /** Where the merchants hear of their payments; null without webhooks. */
  readonly webhooks: WebhookReceiver | null;
  readonly firstPollMs: number;
  /** Whether the shopper's browser asks for the checkout page before it posts the form. */
  readonly page: boolean;
  /** From 0 to below 1, by the run's seed. */
  random(): number;
}

/** A prepared scenario. */
export interface Scenario {
  /** Loads the target and resolves when all it began has ended. */
  run(load: Load, options: ArrivalOptions, measurement: Measurement): Promise<void>;
  close(): void | Promise<void>;
}

/** One scenario, by name. */
export interface ScenarioDefinition {
  readonly name: string;
  /** One line for the usage. */
  readonly summary: string;
  /** Loads that make sense; the first is taken when none is named. */
  readonly loads: readonly (Load['kind'] | 'max')[];
  /** Whether it makes whole payments, of which merchants hear. */
  readonly pays: boolean;
  /** Whether the bank's operator must be reached. */
  readonly needsBank?: boolean;
  /** Seconds of its window when none are named. */
  readonly secondsDefault: number;
  /** What the window of so many seconds consists of. */
  phases(seconds: number, factor: number): readonly Phase[];
  prepare(context: ScenarioContext): Promise<Scenario>;
}

/** A window without change. */
export function steady(seconds: number): readonly Phase[] {
  return [{ name: 'steady', seconds, factor: 1 }];
}

/** The gateway could not be used at all; the message says how it answered. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

/** A request is given up after this; longer than any deadline of the gateway. */
export const REQUEST_TIMEOUT_MS = 30_000;
