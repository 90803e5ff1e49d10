/**
 * Connect: the way of operators' commands into an embedded profile that runs.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import type { StartOptions } from '../config/options.ts';
import { serverOf } from '../storage/postgres/server.ts';
import { type EmbeddedDatabases, knownDatabases } from './databases.ts';
import { EmbeddedError } from './embedded-error.ts';
import { findPkcs11Module } from './pkcs11-module.ts';
import { findRunningPostgres, rememberedPort } from './postgres.ts';

/** The HSM of a data folder. */
export interface EmbeddedHsm {
  readonly module: string;
  /** SoftHSM's configuration; undefined for a module whose tokens are the operator's. */
  readonly confFile: string | undefined;
  readonly pinFiles: { readonly vault: string; readonly config: string };
}

/** Databases and HSM of a data folder whose PostgreSQL runs. */
export interface RunningProfile {
  readonly databases: EmbeddedDatabases;
  readonly hsm: EmbeddedHsm;
}

/** Throws `postgres_failed` when the folder's server does not run. */
export function connectEmbedded(options: StartOptions): RunningProfile {
  const postgresDir = join(options.dataDir, 'postgres');
  const port = rememberedPort(postgresDir);
  if (findRunningPostgres(postgresDir) === undefined || port === undefined) {
    throw new EmbeddedError(
      'postgres_failed',
      `the embedded PostgreSQL of ${options.dataDir} (SLUICE_DATA_DIR) does not run: run \`npm start\`, or set SLUICE_CONTROL_DATABASE_URL and the others`,
    );
  }
  const directory = join(options.dataDir, 'hsm');
  const confFile = join(directory, 'softhsm2.conf');
  return {
    databases: knownDatabases(postgresDir, port),
    hsm: {
      module: findPkcs11Module(options.hsm.module),
      confFile: existsSync(confFile) ? confFile : undefined,
      pinFiles: {
        vault: options.hsm.vault.pinFile ?? join(directory, 'vault.pin'),
        config: options.hsm.config.pinFile ?? join(directory, 'config.pin'),
      },
    },
  };
}

/** Asks a database for its clock; the host's clock is read half a round trip later. Rejects when it cannot be reached. */
export async function clockDifferenceMs(connectionString: string): Promise<number> {
  const client = new Client({
    ...serverOf(connectionString),
    connectionTimeoutMillis: 5000,
    query_timeout: 5000,
  });
  await client.connect();
  try {
    const askedAt = Date.now();
    const { rows } = await client.query<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    return (askedAt + Date.now()) / 2 - (rows[0]?.ms ?? 0);
  } finally {
    await client.end();
  }
}
