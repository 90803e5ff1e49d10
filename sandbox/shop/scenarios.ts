/**
 * Scenarios: all there are, of every till.
 * @module
 */
import { payuScenarios } from './payu-scenarios.ts';
import { plainScenarios } from './plain-scenarios.ts';
import { razorpayScenarios } from './razorpay-scenarios.ts';
import type { Scenario } from './scenario.ts';
import { stripeScenarios } from './stripe-scenarios.ts';
import type { TillName } from './tills.ts';

export const scenarios: readonly Scenario[] = [
  ...plainScenarios,
  ...razorpayScenarios,
  ...payuScenarios,
  ...stripeScenarios,
];

const byId = new Map(scenarios.map((scenario) => [scenario.id, scenario]));

/** The scenario of an id, or undefined. */
export function findScenario(id: string): Scenario | undefined {
  return byId.get(id);
}

/** Those of a till, at least one. */
export function scenariosOf(till: TillName): readonly Scenario[] {
  return scenarios.filter((scenario) => scenario.till === till);
}
