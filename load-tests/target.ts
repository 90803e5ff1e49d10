/**
 * Target: which gateway is loaded.
 *
 * Without `--target` it is the one of this checkout, read from `demo.json` and `run.json` in the data folder; only then there are
 * merchants for the load, the CPU time of its processes can be read, and the audit reads its databases.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Merchant } from './wire.ts';

/** A gateway to load. URLs without a trailing slash. */
export interface Target {
  readonly apiUrl: string;
  /** Null when unknown: it is then read from the first session's redirectUrl. */
  readonly checkoutUrl: string | null;
  /** The one that was named, or those the gateway came with (a rival of bench does); null where the load makes its own. */
  readonly merchants: readonly Merchant[] | null;
  /** The bank in a box behind it; null where none is known. */
  readonly sandboxUrl: string | null;
  /** Of the local gateway; null where it is another: its databases are not Sluice's, or not at hand. */
  readonly dataDir: string | null;
  /** Null when the gateway is not on this machine. */
  readonly pids: Pids | null;
}

export interface Pids {
  readonly gateway: number | null;
  readonly postgres: number | null;
  /** Of a gateway that has one of its own (the baseline of bench). */
  readonly redis: number | null;
  readonly sandbox: number | null;
}

/** What the command line says of the target. */
export interface TargetArguments {
  readonly target: string | null;
  readonly key: string | null;
  readonly merchant: string | null;
  readonly sandbox: string | null;
}

/** There is nothing to load; the message says what to do. */
export class NoTargetError extends Error {
  override readonly name = 'NoTargetError';
}

/**
 * Finds the target.
 * @throws NoTargetError when nothing was named and no local gateway has left its files
 */
export function findTarget(given: TargetArguments, env: NodeJS.ProcessEnv): Target {
  if (given.target !== null) {
    return {
      apiUrl: trimmed(given.target),
      checkoutUrl: null,
      merchants: [{ merchantId: given.merchant ?? 'merchant_demo', secretKey: given.key ?? '' }],
      sandboxUrl: given.sandbox === null ? null : trimmed(given.sandbox),
      dataDir: null,
      pids: null,
    };
  }
  const dataDir = resolve(env.SLUICE_DATA_DIR || 'data');
  const demo = readFields(join(dataDir, 'demo.json'));
  if (demo === null) {
    throw new NoTargetError(
      `there is no ${join(dataDir, 'demo.json')}: start Sluice first (npm start), set SLUICE_DATA_DIR to its data folder, or name one with --target URL --key K`,
    );
  }
  const text = (name: string): string => {
    const value = demo[name];
    if (typeof value !== 'string') throw new NoTargetError(`${join(dataDir, 'demo.json')} has no ${name}`);
    return value;
  };
  const merchants = Array.isArray(demo.merchants) ? (demo.merchants as Merchant[]) : null;
  return {
    apiUrl: trimmed(text('apiUrl')),
    checkoutUrl: trimmed(text('checkoutUrl')),
    merchants,
    sandboxUrl: trimmed(text('sandboxUrl')),
    dataDir: merchants === null ? dataDir : null,
    pids: readPids(join(dataDir, 'run.json')),
  };
}

/** The processes of a local gateway as they are now (a restarted one has another pid); null without `run.json`. */
function readPids(file: string): Pids | null {
  const run = readFields(file);
  if (run === null) return null;
  const pid = (name: string) => (typeof run[name] === 'number' ? run[name] : null);
  return {
    gateway: pid('gatewayPid'),
    postgres: pid('postgresPid'),
    redis: pid('redisPid'),
    sandbox: pid('sandboxPid'),
  };
}

function readFields(file: string): Record<string, unknown> | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new NoTargetError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new NoTargetError(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function trimmed(url: string): string {
  return url.replace(/\/+$/, '');
}
