/**
 * Commits as a lane does: what met another gateway's row (40001) is run again on a new snapshot. Anything else, a deadlock
 * too, is the test's.
 *
 * @module
 */

import type { Effect, Fact } from '../../src/domain/facts.ts';
import { type ShardStore, StorageError } from '../../src/storage/storage.ts';

/** Another gateway may be met once for each commit of its own; a test makes fewer than this at a time. */
const SNAPSHOTS_MAX = 100;

export async function commitAsLane(
  store: Pick<ShardStore, 'commit'>,
  facts: readonly Fact[],
): Promise<Effect[]> {
  for (let snapshots = 1; ; snapshots++) {
    try {
      return await store.commit(facts);
    } catch (error) {
      if (!metAnotherGateway(error) || snapshots === SNAPSHOTS_MAX) throw error;
    }
  }
}

function metAnotherGateway(error: unknown): boolean {
  return error instanceof StorageError && error.kind === 'repeat' && error.message.endsWith(' 40001');
}
