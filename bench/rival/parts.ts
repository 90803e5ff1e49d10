/**
 * Parts: the real parts a rival of Sluice stands on, the same ones Sluice has: PostgreSQL with fsync, a SoftHSM token, the bank in a box,
 * and Redis where it is asked for.
 *
 * All of it lives in one temporary folder and on free ports of loopback, and is gone after `stop`.
 *
 * @module
 */

import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findPkcs11Module } from '../../src/embedded/pkcs11-module.ts';
import { type EmbeddedPostgres, freePort, startPostgres } from '../../src/embedded/postgres.ts';
import { ensureSoftHsmTokens } from '../../src/hsm/soft-hsm-tokens.ts';
import { endChild, startChild } from './child.ts';

/** The account at the bank that all payments are charged through. */
export interface BankAccount {
  readonly account: string;
  readonly secretKey: string;
  readonly webhookSecret: string;
}

/** What a rival's server is told: where its parts are and where it is to listen. Fits into JSON. */
export interface Place {
  /** The bank calls back here, and the driver looks for the server here. */
  readonly port: number;
  readonly apiUrl: string;
  /** Connection strings by the names that were asked for. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly bankUrl: string;
  readonly account: BankAccount;
  /** Null where none was asked for. */
  readonly redisPort: number | null;
  /** The token `vault`. */
  readonly token: { readonly module: string; readonly confFile: string; readonly pinFile: string };
}

/** Running parts. */
export interface Parts {
  /** Everything is in here; also where the load driver looks for demo.json and run.json. */
  readonly folder: string;
  readonly place: Place;
  readonly pids: { readonly postgres: number; readonly bank: number; readonly redis: number | null };
  stop(): Promise<void>;
}

export interface PartsOptions {
  readonly redis: boolean;
  /** Made empty. */
  readonly databases: readonly string[];
}

const ROOT = join(import.meta.dirname, '../..');

/** Starts them; takes about two seconds. On failure what was started is stopped. */
export async function startParts(options: PartsOptions): Promise<Parts> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  // PostgreSQL runs as another user when we are root.
  chmodSync(folder, 0o711);
  const children: ChildProcess[] = [];
  let postgres: EmbeddedPostgres | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(endChild));
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    postgres = await startPostgres({ dataDir: join(folder, 'postgres') });
    await createDatabases(postgres, options.databases);
    const module = findPkcs11Module(undefined);
    const tokens = await ensureSoftHsmTokens({ module, directory: join(folder, 'hsm') });
    const port = await freePort();
    const apiUrl = `http://127.0.0.1:${port}`;
    const account = {
      account: 'acct_bench',
      secretKey: `bank_sk_${randomBytes(12).toString('hex')}`,
      webhookSecret: randomBytes(24).toString('hex'),
    };
    const bank = await startBank(folder, { ...account, callbackUrl: `${apiUrl}/webhooks/sandbox` }, children);
    const redis = options.redis ? await startRedis(folder, children) : null;
    const databaseUrl = postgres.adminUrl;
    return {
      folder,
      place: {
        port,
        apiUrl,
        databaseUrls: Object.fromEntries(options.databases.map((name) => [name, databaseUrl(name)])),
        bankUrl: `http://127.0.0.1:${bank.port}`,
        account,
        redisPort: redis?.port ?? null,
        token: { module, confFile: tokens.confFile, pinFile: tokens.pinFiles.vault },
      },
      pids: { postgres: postgres.pid, bank: bank.pid, redis: redis?.pid ?? null },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createDatabases(postgres: EmbeddedPostgres, names: readonly string[]): Promise<void> {
  const admin = new pg.Client({ connectionString: postgres.adminUrl('postgres') });
  await admin.connect();
  try {
    for (const name of names) await admin.query(`create database ${name}`);
  } finally {
    await admin.end();
  }
}

async function startBank(
  folder: string,
  account: BankAccount & { callbackUrl: string },
  children: ChildProcess[],
): Promise<{ port: number; pid: number }> {
  const dataDir = join(folder, 'bank');
  mkdirSync(dataDir);
  const { child, line } = await startChild(children, {
    name: 'the bank',
    command: process.execPath,
    words: [join(ROOT, 'sandbox/main.ts')],
    env: { SANDBOX_PORT: '0', SANDBOX_DATA_DIR: dataDir, SANDBOX_ACCOUNTS: JSON.stringify([account]) },
    readyWhen: '{"ready":true',
  });
  return { port: (JSON.parse(line) as { port: number }).port, pid: child.pid! };
}

/** Without snapshots: sessions and keys may be lost, and writing them out would only slow the rival down. */
async function startRedis(folder: string, children: ChildProcess[]): Promise<{ port: number; pid: number }> {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const { child } = await startChild(children, {
    name: 'redis-server (apt-get install redis-server)',
    command: 'redis-server',
    words: [...settings, '--dir', folder],
    env: {},
    readyWhen: 'Ready to accept connections',
  });
  return { port, pid: child.pid! };
}
