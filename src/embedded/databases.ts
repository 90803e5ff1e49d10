/**
 * Databases: the roles and databases of the embedded cluster.
 *
 * `sluice_owner` owns the tables and runs the migrations; the services log in as `sluice_control`, `sluice_vault` and
 * `sluice_shard`, which may connect to their own databases only. What is made and with which passwords
 * is written down before it is made, so that a start cut short anywhere is finished by the next one.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Databases } from '../config/options.ts';
import { EmbeddedError } from './embedded-error.ts';
import type { EmbeddedPostgres } from './postgres.ts';
import { readJson, writeDurably } from './private-file.ts';

/** Connection strings of the service roles and of the owner, database by database. */
export interface EmbeddedDatabases {
  readonly services: Databases & { readonly vault: string };
  readonly owner: Databases & { readonly vault: string };
}

/** The login roles of the services. */
export const SERVICE_ROLES = {
  control: 'sluice_control',
  vault: 'sluice_vault',
  shard: 'sluice_shard',
} as const;
const OWNER_ROLE = 'sluice_owner';
const ROLES = [OWNER_ROLE, ...Object.values(SERVICE_ROLES)];

interface ClusterPlan {
  readonly shards: number;
  readonly passwords: Readonly<Record<string, string>>;
}

/** Makes the roles and databases that are missing. Safe to run at every start. */
export async function ensureDatabases(
  postgres: EmbeddedPostgres,
  postgresDir: string,
  shards: number,
): Promise<EmbeddedDatabases> {
  const plan = loadPlan(join(postgresDir, 'roles.json'), shards);
  const admin = new Client({ connectionString: postgres.adminUrl('postgres') });
  await admin.connect();
  try {
    for (const role of ROLES) await ensureRole(admin, role, passwordOf(plan, role));
    await ensureDatabase(admin, 'control', SERVICE_ROLES.control);
    await ensureDatabase(admin, 'vault', SERVICE_ROLES.vault);
    for (const name of shardNames(plan.shards)) await ensureDatabase(admin, name, SERVICE_ROLES.shard);
    await ensureStatistics(admin);
  } finally {
    await admin.end();
  }
  return connectionStrings(postgres.port, plan);
}

/** The connection strings of a cluster made earlier; nothing is asked of the server. */
export function knownDatabases(postgresDir: string, port: number): EmbeddedDatabases {
  const plan = readJson(join(postgresDir, 'roles.json')) as ClusterPlan | undefined;
  if (plan !== undefined) return connectionStrings(port, plan);
  throw new EmbeddedError(
    'data_dir_unusable',
    `${postgresDir}/roles.json is missing: the first start was not finished`,
  );
}

function loadPlan(file: string, shards: number): ClusterPlan {
  const found = readJson(file) as ClusterPlan | undefined;
  if (found === undefined) {
    const passwords = Object.fromEntries(ROLES.map((role) => [role, randomBytes(24).toString('hex')]));
    const plan: ClusterPlan = { shards, passwords };
    writeDurably(file, `${JSON.stringify(plan)}\n`);
    return plan;
  }
  if (found.shards === shards) return found;
  throw new EmbeddedError(
    'setting_refused',
    `SLUICE_EMBEDDED_SHARDS is ${shards}, but this data folder was made with ${found.shards}; payments do not move by a setting`,
  );
}

async function ensureRole(admin: Client, role: string, password: string): Promise<void> {
  const { rowCount } = await admin.query('select 1 from pg_roles where rolname = $1', [role]);
  const verb = rowCount === 0 ? 'create' : 'alter';
  // DDL takes no parameters. The password is hex of our own making, and statements are never logged.
  await admin.query(`${verb} role ${role} login nosuperuser nocreatedb nocreaterole password '${password}'`);
}

async function ensureDatabase(admin: Client, name: string, serviceRole: string): Promise<void> {
  const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount === 0) await admin.query(`create database ${name} owner ${OWNER_ROLE}`);
  await admin.query(`revoke all on database ${name} from public`);
  await admin.query(`grant connect on database ${name} to ${serviceRole}`);
}

async function ensureStatistics(admin: Client): Promise<void> {
  const { rowCount } = await admin.query(
    "select 1 from pg_settings where name = 'shared_preload_libraries' and setting like '%pg_stat_statements%'",
  );
  if (rowCount === 1) await admin.query('create extension if not exists pg_stat_statements');
}

function connectionStrings(port: number, plan: ClusterPlan): EmbeddedDatabases {
  const address = (role: string, database: string): string =>
    `postgres://${role}:${passwordOf(plan, role)}@127.0.0.1:${port}/${database}`;
  const shards = shardNames(plan.shards);
  return {
    services: {
      control: address(SERVICE_ROLES.control, 'control'),
      vault: address(SERVICE_ROLES.vault, 'vault'),
      shards: shards.map((name) => address(SERVICE_ROLES.shard, name)),
    },
    owner: {
      control: address(OWNER_ROLE, 'control'),
      vault: address(OWNER_ROLE, 'vault'),
      shards: shards.map((name) => address(OWNER_ROLE, name)),
    },
  };
}

function shardNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `shard_${index + 1}`);
}

function passwordOf(plan: ClusterPlan, role: string): string {
  const password = plan.passwords[role];
  if (password === undefined)
    throw new EmbeddedError('data_dir_unusable', `roles.json has no password for ${role}`);
  return password;
}
