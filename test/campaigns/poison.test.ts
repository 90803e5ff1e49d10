import { expect, test } from 'vitest';
import { makeTrials, SEED } from './few-trials.ts';
import { poison } from './poison.ts';

const COUNT = 12;

test(`${COUNT} batches with rows PostgreSQL refuses (seed ${SEED}): exactly those fail, their neighbours are stored as sent`, async () => {
  const figures = await makeTrials(poison, COUNT);
  expect(figures.neighbours).toBeGreaterThan(25 * COUNT);
  // They were together: a turn whose commit failed was split.
  expect(figures.commits!).toBeGreaterThan(2 * figures.turns!);
  expect(figures.acknowledged).toBeGreaterThan(20 * COUNT);
}, 120_000);
