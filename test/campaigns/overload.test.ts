import { expect, test } from 'vitest';
import { makeTrials, SEED } from './few-trials.ts';
import { overload } from './overload.ts';

/** Each door at two, five and ten times its ceiling. */
const COUNT = 6;

test(`two, five and ten times the ceiling (seed ${SEED}): a share is done, the rest refused early, and nothing is lost`, async () => {
  const figures = await makeTrials(overload, COUNT);
  for (const door of ['merchant', 'lane']) {
    for (const times of [2, 5, 10]) expect(figures[`${door} ×${times}: refused`]).toBeGreaterThan(0);
  }
  expect(figures['payments of the other merchant']).toBeGreaterThan(COUNT);
}, 240_000);
