/**
 * A few kills of each target; `npm run campaign -- kill --count 300` is the whole campaign.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { kill } from './kill.ts';
import { planOf, ROUND, STRIKES } from './kill-plan.ts';

const KILLS = 12;
const SEED = Number(Date.now() % 1_000_000);

test(`${KILLS} kills under load (seed ${SEED}): nothing acknowledged is lost, nothing is charged twice, all ends final`, async () => {
  const { trials, violations, figures } = await kill.run({
    count: KILLS,
    seed: SEED,
    random: seededRandom(SEED),
    tell: (line) => console.log(`kill: ${line}`),
  });
  console.log(`kill: seed ${SEED}`, figures);
  expect(violations).toEqual([]);
  expect(trials).toBe(KILLS);
  // Only where intents had several attempts and shoppers were left in doubt could anything have been charged twice.
  expect(figures['further attempts']).toBeGreaterThan(0);
  expect(figures['checkouts without an answer']).toBeGreaterThan(0);
  expect(figures.acknowledged).toBeGreaterThan(KILLS * 10);
}, 300_000);

test('a round has every kill once, and the first dozen of any seed has every target', () => {
  const names = (strikes: readonly { target: string; at: string }[]): string[] =>
    strikes.map(({ target, at }) => `${target} ${at}`).sort();
  for (let seed = 0; seed < 100; seed++) {
    const plan = planOf(ROUND, seededRandom(seed));
    expect(names(plan)).toEqual(names(STRIKES.flat()));
    expect(new Set(plan.slice(0, KILLS).map(({ target }) => target)).size).toBe(4);
  }
});
