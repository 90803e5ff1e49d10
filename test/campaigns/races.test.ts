/**
 * Every kind of race twice; `npm run campaign -- races --count 200` is the whole campaign.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { RACES } from './race-kinds.ts';
import { races } from './races.ts';

const TRIALS = 2 * RACES.length;
const SEED = Number(Date.now() % 1_000_000);

test(`${TRIALS} races (seed ${SEED}): one effect, one answer, one charge, and no success is taken back`, async () => {
  const { trials, violations, figures } = await races.run({
    count: TRIALS,
    seed: SEED,
    random: seededRandom(SEED),
    tell: (line) => console.log(`races: ${line}`),
  });
  console.log(`races: seed ${SEED}`, figures);
  expect(violations).toEqual([]);
  expect(trials).toBe(TRIALS);
  expect(RACES.map(({ name }) => figures[name])).toEqual(RACES.map(() => 2));
  expect(figures['callbacks replayed']).toBe(4 * 20);
  expect(figures['status reads']).toBeGreaterThan(100);
}, 300_000);
