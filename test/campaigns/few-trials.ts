/**
 * A few trials of a campaign, as `npm test` makes them.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { seededRandom } from '../support/random.ts';
import type { Campaign, CampaignReport } from './campaign.ts';

/** Of every campaign of this run; the environment's `SEED` brings one back. */
export const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

/**
 * Makes the trials and resolves with the figures.
 * @throws AssertionError when a promise was broken, or fewer trials were made
 */
export async function makeTrials(campaign: Campaign, count: number): Promise<CampaignReport['figures']> {
  const { name } = campaign;
  const tell = (line: string): void => console.log(`${name}: ${line}`);
  const { trials, figures, violations } = await campaign.run({
    count,
    seed: SEED,
    random: seededRandom(SEED),
    tell,
  });
  console.log(`${name}: seed ${SEED}`, figures);
  assert.deepEqual(violations, []);
  assert.equal(trials, count);
  return figures;
}
