import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { makeTrials, SEED } from './few-trials.ts';
import { pause, trialsOf } from './pause.ts';

const TRIALS = 6;

test(`${TRIALS} pauses (seed ${SEED}): charged at most once, and every intent ends as the book says`, async () => {
  const figures = await makeTrials(pause, TRIALS);
  const stops = Object.entries(figures).filter(([name]) => name.startsWith('stopped at'));
  expect(stops.reduce((sum, [, times]) => sum + times, 0)).toBeGreaterThanOrEqual(TRIALS - 1);
  expect(figures['posts without an answer in long stops']).toBeGreaterThan(0);
}, 300_000);

test('a hundred trials have every pair, and half of each variant', () => {
  const trials = trialsOf(100, seededRandom(1));
  const pairs = trials.filter((trial) => trial.kind === 'pair');
  expect(trials.length - pairs.length).toBe(10);
  expect(new Set(pairs.map(({ points }) => points.join(' '))).size).toBe(81);
  for (const field of ['resumed', 'order'] as const) {
    const counts = [...Map.groupBy(pairs, (trial) => trial[field]).values()].map(({ length }) => length);
    expect(counts).toHaveLength(2);
    for (const count of counts) expect(Math.abs(count - 45)).toBeLessThanOrEqual(5);
  }
});
