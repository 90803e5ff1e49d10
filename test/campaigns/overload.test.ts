import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { overload } from './overload.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** Each door at two, five and ten times its ceiling. */
const COUNT = 6;

test(`two, five and ten times the ceiling (seed ${SEED}): a share is done, the rest refused early, and nothing is lost`, async () => {
  const random = seededRandom(SEED);
  const report = await overload.run({ count: COUNT, seed: SEED, random, tell: console.log });
  expect(report.violations).toEqual([]);
  expect(report.trials).toBe(COUNT);
  for (const door of ['merchant', 'lane']) {
    for (const times of [2, 5, 10]) expect(report.figures[`${door} ×${times}: refused`]).toBeGreaterThan(0);
  }
  expect(report.figures['payments of the other merchant']).toBeGreaterThan(COUNT);
}, 240_000);
