/**
 * Races: the same request many times at once, at one gateway and at two on the same databases. One effect, one answer, one charge,
 * and nobody who has seen SUCCESS ever sees anything else (design 8, 7).
 *
 * The kinds of races take turns in an order of the seed's; each has intents and keys of its own.
 *
 * @module
 */

import { shuffled } from '../support/random.ts';
import type { World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { allFinal, openCase } from './judgement.ts';
import { RACES } from './race-kinds.ts';
import { createRaceTrack } from './race-track.ts';
import { inWorld } from './setting.ts';

export const races: Campaign = {
  name: 'races',
  summary:
    'one key, one intent or one session many times at once, callbacks against answers; a trial is a race',
  countDefault: 200,
  // The callback leaves with the charge's answer: whichever is heard first.
  run: (run) => inWorld({ callbackDelayMs: 0 }, (world) => raceAll(world, run)),
};

async function raceAll(world: World, { count, random, tell }: CampaignRun): Promise<CampaignReport> {
  const gateways = await Promise.all([
    world.startGateway({ SLUICE_SHARD_THREADS: '0' }),
    world.startGateway({ SLUICE_SHARD_THREADS: '2' }),
  ]);
  const { log, judge } = openCase(world);
  const track = await createRaceTrack(world, gateways, log, random);
  const rounds = Array.from({ length: Math.ceil(count / RACES.length) }, () => shuffled(RACES, random));
  const made = new Map(RACES.map(({ name }) => [name, 0]));
  for (const [i, { name, race }] of rounds.flat().slice(0, count).entries()) {
    await race(track.of(name));
    made.set(name, made.get(name)! + 1);
    if ((i + 1) % 25 === 0) tell(`${i + 1} of ${count} races`);
  }
  await allFinal(world);
  const { violations, figures } = await judge();
  return {
    trials: [...made.values()].reduce((sum, times) => sum + times, 0),
    figures: { ...Object.fromEntries(made), ...track.figures(), ...figures },
    violations: [...track.violations, ...violations],
  };
}
