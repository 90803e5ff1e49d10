/**
 * A PostgreSQL cluster of its own for a test file: control, vault and shard databases, migrated, with service roles; on one server,
 * or each shard on a server of its own.
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

/** One of a cluster's servers. */
export interface ClusterServer {
  /** Where its data and log are. */
  dataDir: string;
  /** Connection URL of its superuser. */
  adminUrl(database: string): string;
  /** Whether it runs; one that is paused does. */
  running(): boolean;
  /** kill -9 of the postmaster and every backend; resolves when they are gone. */
  kill(): Promise<void>;
  /** Starts it again on its port, after it has ended in whatever way. */
  again(): Promise<void>;
  /** Stops postmaster and backends where they are (SIGSTOP): connections stay, and nothing is answered. */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
}

export interface Cluster extends EmbeddedDatabases {
  postgres: EmbeddedPostgres;
  ranges: readonly ShardRange[];
  /** Where all of it is: data, WAL, server log. */
  folder: string;
  /** The server of control and vault, which has the shards as well unless they have their own. */
  server: ClusterServer;
  /** The server of each shard. */
  shardServers: readonly ClusterServer[];
  /** Connection URL of the superuser to the database of each shard. */
  shardAdminUrls: readonly string[];
  /** Each server once. */
  servers: readonly ClusterServer[];
  /** kill -9 of every server, whole; resolves when each runs again on its port, its log replayed. */
  crash(): Promise<void>;
  /** Whether the first server runs. */
  running(): boolean;
  /** Starts the first server, which has ended by itself, on the same port. */
  again(): Promise<void>;
  /** Stops the first server, lets something be done to its files, and starts it again. */
  restart(whileStopped: () => void): Promise<void>;
  /** Stops every server, paused ones too. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** `each`: every shard on a server of its own, control and vault on another. Default: one server for all. */
  servers?: 'one' | 'each';
  /** Folder of data and WAL of the first server; the caller removes it. Default: one in the cluster's own. */
  dataDir?: string;
  /** More for the environment of the servers. */
  environment?: Record<string, string>;
}

const RESTART_TRIES = 20;

/** Starts a cluster in a temporary folder; takes about a second for each server. */
export async function startCluster(shards = 2, options: ClusterOptions = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  // The servers run as another user when we are root.
  chmodSync(folder, 0o711);
  const { dataDir = join(folder, 'postgres'), environment = {}, servers = 'one' } = options;
  const started: StartedServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const first = await startServer(dataDir, environment, started);
    const own = servers === 'one' ? [] : Array.from({ length: shards }, (_, shard) => `shard-${shard + 1}`);
    const ownServers = await Promise.all(
      own.map((name) => startServer(join(folder, name), environment, started)),
    );
    const databases = await databasesOn(first, ownServers, shards);
    const shardServers = servers === 'one' ? Array.from({ length: shards }, () => first) : ownServers;
    await migrateAll(databases.owner, SERVICE_ROLES);
    return {
      ...databases,
      postgres: first.postgres(),
      ranges: evenShardMap(shards),
      folder,
      server: first,
      shardServers,
      shardAdminUrls: databases.owner.shards.map((url, at) =>
        shardServers[at]!.adminUrl(new URL(url).pathname.slice(1)),
      ),
      servers: started,
      running: first.running,
      async crash() {
        await Promise.all(started.map((server) => server.kill()));
        await Promise.all(started.map((server) => server.again()));
      },
      again: first.again,
      async restart(whileStopped) {
        await first.postgres().stop();
        whileStopped();
        await first.again();
      },
      stop,
    };
  } catch (error) {
    // The servers outlive this process unless they are stopped.
    await stop();
    throw error;
  }
}

/** The databases of an installation: a server that has one shard only names it `shard_1`, whichever it is. */
async function databasesOn(
  first: StartedServer,
  shardServers: readonly StartedServer[],
  shards: number,
): Promise<EmbeddedDatabases> {
  if (shardServers.length === 0) return await ensureDatabases(first.postgres(), first.dataDir, shards);
  const [front, ...own] = await Promise.all([
    ensureDatabases(first.postgres(), first.dataDir, 0),
    ...shardServers.map((server) => ensureDatabases(server.postgres(), server.dataDir, 1)),
  ]);
  return {
    services: { ...front.services, shards: own.flatMap(({ services }) => services.shards) },
    owner: { ...front.owner, shards: own.flatMap(({ owner }) => owner.shards) },
  };
}

interface StartedServer extends ClusterServer {
  /** As it was started last. */
  postgres(): EmbeddedPostgres;
  stop(): Promise<void>;
}

/** Starts one server and adds it to those that are to be stopped. */
async function startServer(
  dataDir: string,
  environment: Record<string, string>,
  started: StartedServer[],
): Promise<StartedServer> {
  let postgres = await startPostgres({ dataDir, environment });
  const { port } = postgres;
  /** Processes that are paused. */
  let paused: number[] = [];
  const everyPid = (): number[] => [...childrenOf(postgres.pid), postgres.pid];

  function resume(): void {
    for (const pid of paused.splice(0).reverse()) signalIfThere(pid, 'SIGCONT');
  }

  async function again(): Promise<void> {
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
  }

  const server: StartedServer = {
    dataDir,
    adminUrl: (database) => postgres.adminUrl(database),
    postgres: () => postgres,
    running: () => isRunning(postgres.identity),
    async kill() {
      // All of it at once: a backend that has lost no more than its postmaster finishes the commit it is at.
      for (const pid of everyPid().reverse()) signalIfThere(pid, 'SIGKILL');
      paused = [];
      await waitForEnd(postgres.identity, 10_000);
    },
    again,
    pause() {
      signalIfThere(postgres.pid, 'SIGSTOP');
      paused = everyPid();
      for (const pid of paused) signalIfThere(pid, 'SIGSTOP');
    },
    resume,
    async stop() {
      resume();
      await postgres.stop();
    },
  };
  started.push(server);
  return server;
}

/** Processes it has started that run now. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
