import { expect, test } from 'vitest';
import { FAULT_KINDS } from '../../sandbox/faults.ts';
import { FAULT_PLANS } from './fault-plans.ts';
import { faults } from './faults.ts';
import { makeTrials, SEED } from './few-trials.ts';

/** Every plan once. */
const COUNT = FAULT_PLANS.length;

test(`payments meet every fault of the bank once (seed ${SEED}): all end as they must, and the records tell one story`, async () => {
  const figures = await makeTrials(faults, COUNT);
  const names = Object.entries(FAULT_KINDS).flatMap(([step, kinds]) =>
    kinds.map((kind) => `${step} ${kind}`),
  );
  expect(names.filter((name) => !(figures[name]! > 0))).toEqual([]);
  expect(figures.acknowledged).toBeGreaterThanOrEqual(2 * COUNT);
  // A closed payment that was charged late, and a callback of another amount.
  expect(figures['events payment.recovered']).toBeGreaterThan(0);
  expect(figures['callbacks quarantined']).toBeGreaterThan(0);
  expect(figures['callbacks ignored']).toBeGreaterThan(0);
}, 240_000);
