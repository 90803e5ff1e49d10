import { expect, test } from 'vitest';
import { makeTrials, SEED } from './few-trials.ts';
import { outcomes } from './outcomes.ts';

const ORDERS = 200;

test(`${ORDERS} orders at two banks with faults (seed ${SEED}): nothing is guessed, and all is known in its time`, async () => {
  const figures = await makeTrials(outcomes, ORDERS);
  // Only where orders went on to the second bank, and where they did not although their outcome was unknown, could anything be wrong.
  expect(figures['fallbacks: first_unreachable']).toBeGreaterThan(0);
  expect(figures['fallbacks: first_refused']).toBeGreaterThan(0);
  expect(figures['once unknown']).toBeGreaterThan(20);
  expect(figures['took a charge without a trace at bank A']).toBeGreaterThan(0);
  expect(figures['further attempts']).toBeGreaterThan(0);
}, 240_000);
