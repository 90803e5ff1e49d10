import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { clock, STEPS } from './clock.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** Every step once. */
const COUNT = STEPS.length;

test(`clocks step an hour and midnight passes under load (seed ${SEED}): nothing is lost, doubled or sent after its time`, async () => {
  const random = seededRandom(SEED);
  const report = await clock.run({ count: COUNT, seed: SEED, random, tell: console.log });
  expect(report.violations).toEqual([]);
  expect(report.trials).toBe(COUNT);
  expect(STEPS.filter(({ name }) => report.figures[name] !== 1)).toEqual([]);
  expect(report.figures['payments under load']).toBeGreaterThan(100);
  expect(report.figures.acknowledged).toBeGreaterThan(200);
}, 240_000);
