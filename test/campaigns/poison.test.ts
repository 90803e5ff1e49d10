import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { poison } from './poison.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const COUNT = 12;

test(`${COUNT} batches with rows PostgreSQL refuses (seed ${SEED}): exactly those fail, their neighbours are stored as sent`, async () => {
  const random = seededRandom(SEED);
  const report = await poison.run({ count: COUNT, seed: SEED, random, tell: console.log });
  expect(report.violations).toEqual([]);
  expect(report.trials).toBe(COUNT);
  expect(report.figures.neighbours).toBeGreaterThan(25 * COUNT);
  // They were together: a turn whose commit failed was split.
  expect(report.figures.commits!).toBeGreaterThan(2 * report.figures.turns!);
  expect(report.figures.acknowledged).toBeGreaterThan(20 * COUNT);
}, 120_000);
