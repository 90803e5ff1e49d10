/**
 * Judgement of a campaign: waits until recovery has settled what the trouble left behind, then has the three records joined.
 *
 * @module
 */

import { verify } from '../../src/verification/verify.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import type { World } from '../support/world.ts';

/** Recovery needs some 10 s with the short times of a campaign; a bank or gateway just back may double it. */
const SETTLED_MS = 120_000;

/**
 * Waits until no attempt is open. One that stays open is no error here: the judgement names it.
 * @returns whether all were final in time
 */
export async function allFinal(world: World, withinMs = SETTLED_MS): Promise<boolean> {
  const open = (): Promise<unknown[]> =>
    queryShards(world, "select from transactions where status not in ('SUCCESS', 'FAILED') limit 1");
  return await eventually(
    async () => {
      if ((await open()).length > 0) throw new Error('an attempt is open');
      return true;
    },
    { withinMs, everyMs: 300 },
  ).catch(() => false);
}

/** What `verify` finds: a line for each rule that was broken, and what it has counted. */
export interface Judgement {
  violations: string[];
  figures: Record<string, number>;
}

/** Joins client log, book and databases of a world. Whatever is open by now is stuck. */
export async function judge(world: World, clientLog: string): Promise<Judgement> {
  const { rules, counts, remarks } = await verify({
    shardDatabaseUrls: world.cluster.owner.shards,
    book: world.bankUrl,
    clientLog,
    unknownAfterMs: 0,
    now: Date.now(),
  });
  const broken = rules.filter(({ count }) => count > 0);
  return {
    violations: [
      ...broken.map(({ rule, what, count, ids }) => `${rule}: ${what}: ${count} (${ids.join(', ')})`),
      ...remarks,
    ],
    figures: { ...counts },
  };
}
