import { expect, test } from 'vitest';
import { clock, STEPS } from './clock.ts';
import { makeTrials, SEED } from './few-trials.ts';

/** Every step once. */
const COUNT = STEPS.length;

test(`clocks step an hour and midnight passes under load (seed ${SEED}): nothing is lost, doubled or sent after its time`, async () => {
  const figures = await makeTrials(clock, COUNT);
  expect(STEPS.filter(({ name }) => figures[name] !== 1)).toEqual([]);
  expect(figures['payments under load']).toBeGreaterThan(100);
  expect(figures.acknowledged).toBeGreaterThan(200);
}, 240_000);
