import { expect, test } from 'vitest';
import { FAULT_KINDS } from '../../sandbox/faults.ts';
import { seededRandom } from '../support/random.ts';
import { FAULT_PLANS } from './fault-plans.ts';
import { faults } from './faults.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** Every plan once. */
const COUNT = FAULT_PLANS.length;

test(`payments meet every fault of the bank once (seed ${SEED}): all end as they must, and the records tell one story`, async () => {
  const random = seededRandom(SEED);
  const report = await faults.run({ count: COUNT, seed: SEED, random, tell: console.log });
  expect(report.violations).toEqual([]);
  expect(report.trials).toBe(COUNT);
  const names = Object.entries(FAULT_KINDS).flatMap(([step, kinds]) =>
    kinds.map((kind) => `${step} ${kind}`),
  );
  expect(names.filter((name) => !(report.figures[name]! > 0))).toEqual([]);
  expect(report.figures.acknowledged).toBeGreaterThanOrEqual(2 * COUNT);
  // A closed payment that was charged late, and a callback of another amount.
  expect(report.figures['events payment.recovered']).toBeGreaterThan(0);
  expect(report.figures['callbacks quarantined']).toBeGreaterThan(0);
  expect(report.figures['callbacks ignored']).toBeGreaterThan(0);
}, 240_000);
