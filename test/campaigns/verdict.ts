/**
 * Verdict: what `verify` says of a world, as a campaign reports it.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { type VerifyRequest, verify } from '../../src/verification/verify.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import type { World } from '../support/world.ts';

export interface Verdict {
  violations: string[];
  figures: Record<string, number>;
}

/** Waits until recovery has settled what was left open. */
export async function everyAttemptFinal(world: World): Promise<void> {
  const open = "select transaction_id from transactions where status not in ('SUCCESS', 'FAILED')";
  await eventually(async () => assert.deepEqual(await queryShards(world, open), []), {
    withinMs: 90_000,
    everyMs: 500,
  });
}

/** Joins the client log with the databases and the bank's book. Every attempt must be final. */
export async function verdictOf(
  world: Pick<World, 'cluster'> & { bankUrl: string | null },
  clientLog: string,
  over: Partial<VerifyRequest> = {},
): Promise<Verdict> {
  const { rules, counts } = await verify({
    shardDatabaseUrls: world.cluster.owner.shards,
    book: world.bankUrl,
    clientLog,
    unknownAfterMs: 0,
    now: Date.now(),
    ...over,
  });
  const broken = rules.filter(({ count }) => count > 0);
  return {
    violations: broken.map(({ rule, what, count, ids }) => `${rule} (${what}): ${count}: ${ids.join(' ')}`),
    figures: { ...counts },
  };
}
