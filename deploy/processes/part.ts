/**
 * Part: a process of the topology by its name, started again whenever it ends unasked, as a container with `restart: always` is.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../../src/config/limits.ts';
import { KeptPostgres } from '../../src/embedded/kept-postgres.ts';
import { KeptProcess } from '../../src/embedded/kept-process.ts';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from '../../src/embedded/process-identity.ts';

/** One part. */
export interface Part {
  readonly name: string;
  /** What asks its process to end in order. */
  readonly endSignal: 'SIGTERM' | 'SIGINT';
  /** Its process; undefined while it is down. */
  identity(): ProcessIdentity | undefined;
  /** Its process and those that one has started. */
  processes(): readonly ProcessIdentity[];
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** Ends it for good: in order, and roughly after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/** A program that is run as a part. */
export interface Program {
  readonly name: string;
  readonly executable: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For a program that prints no ready line. */
  readonly isReady?: () => Promise<boolean>;
}

/** What the topology gives each part. */
export interface PartSurroundings {
  readonly logDir: string;
  /** Called when its process has changed. */
  readonly onChange: () => void;
  /** Tells people what happened, one line each. */
  readonly say: (text: string) => void;
}

const READY_TIMEOUT_MS = 120_000;
/** See `startAgain`. */
const FIRST_STARTS_MAX = 3;

/** A program of ours or of others. */
export function programPart(program: Program, { logDir, onChange, say }: PartSurroundings): Part {
  const kept = new KeptProcess({
    ...program,
    logFile: join(logDir, `${program.name}.log`),
    readyTimeoutMs: READY_TIMEOUT_MS,
    restartDelayMs: LIMITS.restartDelayMs,
    restartDelayMsMax: LIMITS.restartDelayMsMax,
    restartHealthyMs: LIMITS.restartHealthyMs,
    onChange,
    say,
  });
  const identity = (): ProcessIdentity | undefined => runningOf(kept.identity);
  return {
    name: program.name,
    endSignal: 'SIGTERM',
    identity,
    processes: () => withChildren(identity()),
    start: () => startAgain(kept),
    stop: (timeoutMs) => kept.stop(timeoutMs),
  };
}

/** A PostgreSQL server, and what is to be done as soon as it first answers. */
export function postgresPart(
  server: {
    readonly name: string;
    readonly dataDir: string;
    readonly port: number;
    readonly prepare: (postgres: EmbeddedPostgres) => Promise<void>;
  },
  { onChange, say }: PartSurroundings,
): Part {
  const { name, dataDir, port, prepare } = server;
  let running: ProcessIdentity | undefined;
  const kept = new KeptPostgres({
    dataDir,
    port,
    restartDelayMs: LIMITS.restartDelayMs,
    restartDelayMsMax: LIMITS.restartDelayMsMax,
    onChange: (postgres) => {
      running = postgres.identity;
      onChange();
    },
    say: (text) => say(`${name}: ${text}`),
  });
  const identity = (): ProcessIdentity | undefined => runningOf(running);
  return {
    name,
    endSignal: 'SIGINT',
    identity,
    processes: () => withChildren(identity()),
    start: async () => await prepare(await kept.start()),
    stop: (timeoutMs) => kept.stop(timeoutMs),
  };
}

/**
 * SoftHSM rewrites a token's file at every login, and a process that loads the module at that very moment does not find the
 * token and ends. Several gateways that start at once meet that now and then; a first start is not repeated by who keeps it.
 */
async function startAgain(kept: KeptProcess): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await kept.start();
      return;
    } catch (error) {
      if (tries === FIRST_STARTS_MAX || !String(error).includes('token_not_found')) throw error;
    }
  }
}

function runningOf(identity: ProcessIdentity | undefined): ProcessIdentity | undefined {
  return identity !== undefined && isRunning(identity) ? identity : undefined;
}

function withChildren(identity: ProcessIdentity | undefined): ProcessIdentity[] {
  if (identity === undefined) return [];
  const children = childrenOf(identity.pid).flatMap((pid) => identifyProcess(pid) ?? []);
  return [identity, ...children];
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
