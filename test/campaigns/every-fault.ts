/**
 * Every plan of faults once, as `npm test` makes them: the bank as one of the processors it speaks as. A file of tests for each, for a
 * process has one HSM.
 *
 * @module
 */

import { expect } from 'vitest';
import { FAULT_KINDS } from '../../sandbox/faults.ts';
import type { BankProcessor } from '../support/world.ts';
import { faultPlans } from './fault-plans.ts';
import { faultsAt } from './faults.ts';
import { makeTrials } from './few-trials.ts';

/** Meets every fault; all payments end as they must, and the records tell one story. */
export async function meetEveryFault(processor: BankProcessor): Promise<void> {
  const count = faultPlans(processor).length;
  const figures = await makeTrials(faultsAt(processor), count);
  expect(faultsThatStrike(processor).filter((name) => !(figures[name]! > 0))).toEqual([]);
  expect(figures.acknowledged).toBeGreaterThanOrEqual(2 * count);
  // A callback of another amount, and one that was overtaken.
  expect(figures['callbacks quarantined']).toBeGreaterThan(0);
  expect(figures['callbacks ignored']).toBeGreaterThan(0);
  // A closed payment that was charged late.
  if (processor !== 'PAYU') expect(figures['events payment.recovered']).toBeGreaterThan(0);
}

/**
 * Only a processor whose payments have orders can be kept from making one. What goes wrong in a report strikes the day after: the flow of
 * reconciliation orders those.
 */
function faultsThatStrike(processor: BankProcessor): string[] {
  return Object.entries(FAULT_KINDS)
    .filter(([step]) => step !== 'settlement' && (step !== 'order' || processor === 'RAZORPAY'))
    .flatMap(([step, kinds]) => kinds.map((kind) => `${step} ${kind}`));
}
