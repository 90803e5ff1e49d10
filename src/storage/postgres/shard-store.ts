/**
 * Shard store: the one connection of a lane to its database, with its plans pinned.
 *
 * @module
 */

import type { ShardStore } from '../storage.ts';
import { commitTurn } from './commit-turn.ts';
import { createConnection } from './connection.ts';
import { storageErrorOf } from './errors.ts';
import { prefetch } from './prefetch.ts';

export interface ShardStoreOptions {
  connectionString: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** A logical shard of the lane. */
  ownShard: number;
  /** What is decided is also to be relayed to Kafka. Default: no. */
  relays?: boolean;
  /** Hears of every loss of the connection, and of a failed try each ten seconds. */
  onLost?(error: Error): void;
  /** Hears that a lost connection is there again. */
  onBack?(): void;
}

/** A shard store that tells whether its database is there. */
export interface PostgresShardStore extends ShardStore {
  connected(): boolean;
}

/**
 * A plan prepared on an empty partition became fifteen times slower as it grew; nested loops over primary keys are right
 * at every size (design 6). JIT and parallel workers cost more than such a statement.
 */
export const PINNED_PLANS = {
  plan_cache_mode: 'force_generic_plan',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_seqscan: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  synchronous_commit: 'on',
};

/**
 * A statement that waited for another gateway's row must not go on with it: PostgreSQL then evaluates parts of the statement
 * again (EvalPlanQual), and the parts that depend on them lose rows, so that an attempt ended and its intent did not. At this level
 * it fails with 40001 instead, and the lane runs it again on a snapshot that has the other's row (decision 0007).
 */
const OWN_SNAPSHOT = { default_transaction_isolation: 'repeatable\\ read' };

/** A connection that was lost comes back within this, or turns are refused until it does: its merchants get 503 quickly. */
const RECONNECT_WAIT_MS = 200;

/** Opens the store; it connects in the background. */
export function createShardStore({
  connectionString,
  applicationName,
  ownShard,
  relays = false,
  onLost,
  onBack,
}: ShardStoreOptions): PostgresShardStore {
  const link = createConnection({
    connectionString,
    applicationName,
    settings: { ...PINNED_PLANS, ...OWN_SNAPSHOT, ...(relays && { 'sluice.relay': 'on' }) },
    // The reads of a turn go in one round trip.
    pipeline: true,
    ...(onLost !== undefined && { onLost }),
    ...(onBack !== undefined && { onBack }),
  });
  return {
    async prefetch(needs) {
      if (!link.connected()) await link.whenBack(RECONNECT_WAIT_MS);
      return await prefetch(link, needs).catch((error: unknown) => {
        throw storageErrorOf(error);
      });
    },
    async commit(facts) {
      if (!link.connected()) await link.whenBack(RECONNECT_WAIT_MS);
      return await commitTurn(link, facts, ownShard).catch((error: unknown) => {
        throw storageErrorOf(error);
      });
    },
    connected: link.connected,
    close: link.close,
  };
}
