/**
 * A PostgreSQL cluster of its own for a test file: control, vault and shard databases, migrated, with service roles.
 *
 * @module
 */

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evenRanges, migrateAll } from '../../src/cli/migrations.ts';
import { type EmbeddedDatabases, ensureDatabases, SERVICE_ROLES } from '../../src/embedded/databases.ts';
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts';
import type { ShardRange } from '../../src/storage/control.ts';

export interface Cluster extends EmbeddedDatabases {
  postgres: EmbeddedPostgres;
  ranges: readonly ShardRange[];
  stop(): Promise<void>;
}

/** Starts a cluster in a temporary folder; takes about a second. */
export async function startCluster(shards = 2): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  // The server runs as another user when we are root.
  chmodSync(folder, 0o711);
  const dataDir = join(folder, 'postgres');
  const postgres = await startPostgres({ dataDir });
  const stop = async (): Promise<void> => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const databases = await ensureDatabases(postgres, dataDir, shards);
    await migrateAll(databases.owner, SERVICE_ROLES);
    return { ...databases, postgres, ranges: evenRanges(shards), stop };
  } catch (error) {
    // The server outlives this process unless it is stopped.
    await stop();
    throw error;
  }
}
