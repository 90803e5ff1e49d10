import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { makeTrials, SEED } from './few-trials.ts';
import { trialsOf, webhooks } from './webhooks.ts';

const KILLS = 1;

test(`${KILLS} kill while webhooks are under way (seed ${SEED}): every event arrives, as the outbox has it`, async () => {
  const figures = await makeTrials(webhooks, KILLS);
  expect(figures.events).toBeGreaterThan(KILLS * 15);
  expect(figures['mood 500']).toBeGreaterThan(0);
}, 180_000);

test('of a dozen trials three are long stops, and of a hundred some strike both gateways and some either', () => {
  const trials = trialsOf(100, seededRandom(1));
  expect(trials.slice(0, 12).filter(({ strike }) => strike === 'stop')).toHaveLength(3);
  expect(new Set(trials.map(({ strike, victims }) => `${strike} ${victims.join(' and ')}`)).size).toBe(6);
});
