import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { makeTrials, SEED } from './few-trials.ts';
import { kill } from './kill.ts';
import { planOf, ROUND, STRIKES } from './kill-plan.ts';

const KILLS = 15;

test(`${KILLS} kills under load (seed ${SEED}): nothing acknowledged is lost, nothing is charged twice, all ends final`, async () => {
  const figures = await makeTrials(kill, KILLS);
  // Only where intents had several attempts and shoppers were left in doubt could anything have been charged twice.
  expect(figures['further attempts']).toBeGreaterThan(0);
  expect(figures['checkouts without an answer']).toBeGreaterThan(0);
  expect(figures.acknowledged).toBeGreaterThan(KILLS * 10);
}, 300_000);

test(`a round has every kill once, and the first ${KILLS} of any seed have every target`, () => {
  const names = (strikes: readonly { target: string; at: string }[]): string[] =>
    strikes.map(({ target, at }) => `${target} ${at}`).sort();
  for (let seed = 0; seed < 100; seed++) {
    const plan = planOf(ROUND, seededRandom(seed));
    expect(names(plan)).toEqual(names(STRIKES.flat()));
    expect(new Set(plan.slice(0, KILLS).map(({ target }) => target)).size).toBe(4);
  }
});
