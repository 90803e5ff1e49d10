/**
 * A PostgreSQL cluster of its own for a test file: control, vault and shard databases, migrated, with service roles.
 *
 * @module
 */

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedDatabases, ensureDatabases, SERVICE_ROLES } from '../../src/embedded/databases.ts';
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts';
import { waitForEnd } from '../../src/embedded/process-identity.ts';
import { migrateAll } from '../../src/setup/migrations.ts';
import type { ShardRange } from '../../src/storage/control.ts';
import { evenShardMap } from '../../src/storage/shard-map.ts';

export interface Cluster extends EmbeddedDatabases {
  postgres: EmbeddedPostgres;
  ranges: readonly ShardRange[];
  /** Where all of it is: data, WAL, server log. */
  folder: string;
  /** kill -9 of the whole server; resolves when it runs again on the same port, its log replayed. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

const RESTART_TRIES = 20;

/** Starts a cluster in a temporary folder; takes about a second. */
export async function startCluster(shards = 2): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  // The server runs as another user when we are root.
  chmodSync(folder, 0o711);
  const dataDir = join(folder, 'postgres');
  let postgres = await startPostgres({ dataDir });
  const { port } = postgres;
  const stop = async (): Promise<void> => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const crash = async (): Promise<void> => {
    process.kill(postgres.pid, 'SIGKILL');
    await waitForEnd(postgres.identity, 10_000);
    // The backends of the dead server notice one after the other; until the last has gone no other may start.
    for (let tries = 1; ; tries++) {
      try {
        postgres = await startPostgres({ dataDir, port });
        return;
      } catch (error) {
        if (tries === RESTART_TRIES) throw error;
      }
    }
  };
  try {
    const databases = await ensureDatabases(postgres, dataDir, shards);
    await migrateAll(databases.owner, SERVICE_ROLES);
    return { ...databases, postgres, ranges: evenShardMap(shards), folder, crash, stop };
  } catch (error) {
    // The server outlives this process unless it is stopped.
    await stop();
    throw error;
  }
}
