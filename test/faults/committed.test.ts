/**
 * Promise 1 of the design at its root: a commit that has returned is on disk, so it outlives the server.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createShardStore } from '../../src/storage/postgres/shard-store.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { created, freshIntent } from '../support/facts.ts';

const KILLS = 3;
/** One right after the other up to the kill, so that the server has had no quiet moment to write what it owes. */
const COMMITS = 100;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster(1);
});
afterAll(() => cluster?.stop());

test('every commit that has returned is there after kill -9 of PostgreSQL', async () => {
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'committed',
    ownShard: 7,
  });
  for (let kill = 0; kill < KILLS; kill++) {
    const ids = new Set<string>();
    await eventually(async () => {
      while (ids.size < COMMITS) {
        const intent = freshIntent();
        expect(await store.commit([created(intent)])).toEqual([{ effective: true }]);
        ids.add(intent.paymentIntentId);
      }
    });
    await cluster.crash();
    const { payments } = await eventually(() => store.prefetch({ payments: ids, keys: new Map() }));
    expect([...payments].filter(([, payment]) => payment === null).map(([id]) => id)).toEqual([]);
  }
  await store.close();
}, 60_000);
