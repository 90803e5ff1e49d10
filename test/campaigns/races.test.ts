import { expect, test } from 'vitest';
import { makeTrials, SEED } from './few-trials.ts';
import { RACES } from './race-kinds.ts';
import { races } from './races.ts';

/** Every kind twice. */
const TRIALS = 2 * RACES.length;

test(`${TRIALS} races (seed ${SEED}): one effect, one answer, one charge, and no success is taken back`, async () => {
  const figures = await makeTrials(races, TRIALS);
  expect(RACES.map(({ name }) => figures[name])).toEqual(RACES.map(() => 2));
  expect(figures['callbacks replayed']).toBe(4 * 20);
  expect(figures['status reads']).toBeGreaterThan(100);
}, 300_000);
