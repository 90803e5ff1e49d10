/**
 * A PostgreSQL cluster of its own for a test file: control, vault and shard databases, migrated, with service roles.
 *
 * @module
 */

import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedDatabases, ensureDatabases, SERVICE_ROLES } from '../../src/embedded/databases.ts';
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts';
import { isRunning, waitForEnd } from '../../src/embedded/process-identity.ts';
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
  /** Whether the server runs. */
  running(): boolean;
  /** Starts the server that has ended by itself, on the same port. */
  again(): Promise<void>;
  /** Stops the server, lets something be done to its files, and starts it again. */
  restart(whileStopped: () => void): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Folder of data and WAL; the caller removes it. Default: one in the cluster's own. */
  dataDir?: string;
  /** More for the server's environment. */
  environment?: Record<string, string>;
}

const RESTART_TRIES = 20;

/** Starts a cluster in a temporary folder; takes about a second. */
export async function startCluster(shards = 2, options: ClusterOptions = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  // The server runs as another user when we are root.
  chmodSync(folder, 0o711);
  const { dataDir = join(folder, 'postgres'), environment = {} } = options;
  let postgres = await startPostgres({ dataDir, environment });
  const { port } = postgres;
  const stop = async (): Promise<void> => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const again = async (): Promise<void> => {
    await waitForEnd(postgres.identity, 10_000);
    // The backends of the dead server notice one after the other; until the last has gone no other may start.
    for (let tries = 1; ; tries++) {
      try {
        postgres = await startPostgres({ dataDir, port, environment });
        return;
      } catch (error) {
        if (tries === RESTART_TRIES) throw error;
      }
    }
  };
  const crash = async (): Promise<void> => {
    // All of it at once: a backend that has lost no more than its postmaster finishes the commit it is at.
    for (const pid of [postgres.pid, ...childrenOf(postgres.pid)]) killIfThere(pid);
    await again();
  };
  const restart = async (whileStopped: () => void): Promise<void> => {
    await postgres.stop();
    whileStopped();
    await again();
  };
  try {
    const databases = await ensureDatabases(postgres, dataDir, shards);
    await migrateAll(databases.owner, SERVICE_ROLES);
    return {
      ...databases,
      postgres,
      ranges: evenShardMap(shards),
      folder,
      running: () => isRunning(postgres.identity),
      crash,
      again,
      restart,
      stop,
    };
  } catch (error) {
    // The server outlives this process unless it is stopped.
    await stop();
    throw error;
  }
}

/** Processes it has started that run now. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
