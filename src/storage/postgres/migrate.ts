/**
 * Migrate: brings one database to the tables of this version.
 *
 * Files run in the order of their names, each in a transaction of its own, under one advisory lock. What was applied is
 * kept with its checksum: a file changed after it was applied stops the start instead of being ignored. The service role
 * gets what the program does and no more: no DELETE and no TRUNCATE on payments, nothing but SELECT and INSERT on the ledger.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { ensurePartitions } from './partitions.ts';
import { serverOf } from './server.ts';

export type DatabaseKind = 'control' | 'vault' | 'shard';

export interface MigrationTarget {
  /** Connection string of the role that owns the tables. */
  connectionString: string;
  kind: DatabaseKind;
  /** Login role of the service. */
  serviceRole: string;
  /** For a shard database that owns nothing yet: the logical shards it gets, both ends included. */
  range?: { low: number; high: number };
}

/** A file that was applied has changed since. */
export class MigrationChanged extends Error {
  constructor(name: string) {
    super(`migration ${name} was changed after it was applied; write a new one instead`);
    this.name = 'MigrationChanged';
  }
}

/** Any number, the same in every gateway: who migrates holds it. */
const ADVISORY_LOCK = 5_102_026;
const CONNECT_TIMEOUT_MS = 10_000;

/** Applies what is missing and tells which files that were. */
export async function migrateDatabase(target: MigrationTarget): Promise<{ applied: string[] }> {
  const client = new pg.Client({
    ...serverOf(target.connectionString),
    application_name: 'sluice migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
    const applied = await applyMissing(client, target.kind);
    for (const grant of grantsOf(target)) await client.query(grant);
    if (target.kind === 'shard') await prepareShard(client, target.range);
    return { applied };
  } finally {
    await client.end();
  }
}

async function applyMissing(client: pg.Client, kind: DatabaseKind): Promise<string[]> {
  await client.query(
    'create table if not exists schema_migrations (name text primary key, checksum text not null, applied_at timestamptz not null default now())',
  );
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'select name, checksum from schema_migrations',
  );
  const known = new Map(rows.map(({ name, checksum }) => [name, checksum]));
  const applied: string[] = [];
  for (const { name, sql, checksum } of migrationsOf(kind)) {
    if (known.has(name)) {
      if (known.get(name) !== checksum) throw new MigrationChanged(`${kind}/${name}`);
      continue;
    }
    // One simple query is one transaction: all of a file, or nothing.
    const mark = `insert into schema_migrations (name, checksum) values ('${name}', '${checksum}');`;
    await client.query(`begin;\n${sql}\n${mark}\ncommit;`);
    applied.push(name);
  }
  return applied;
}

function migrationsOf(kind: DatabaseKind): Array<{ name: string; sql: string; checksum: string }> {
  const folder = join(import.meta.dirname, 'migrations', kind);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const sql = readFileSync(join(folder, name), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

async function prepareShard(client: pg.Client, range: MigrationTarget['range']): Promise<void> {
  if (range !== undefined) {
    await client.query(
      'insert into owned_ranges (low, high) select $1::int, $2::int where not exists (select from owned_ranges)',
      [range.low, range.high],
    );
  }
  const { rows } = await client.query<{ now: Date }>('select now()');
  await ensurePartitions(client, { now: rows[0]!.now });
}

/** What the service role may do. Repeated at every run, so that a new table is covered by the file that makes it. */
function grantsOf({ kind, serviceRole }: MigrationTarget): string[] {
  const role = pg.escapeIdentifier(serviceRole);
  const rights: Record<DatabaseKind, string[]> = {
    control: [
      `grant select, insert, update on merchants, api_keys, merchant_preferences, processor_accounts, shard_map to ${role}`,
      `grant select, insert, update, delete on checkout_sessions, webhook_endpoints to ${role}`,
      `grant select, insert, delete on api_idempotency_keys to ${role}`,
      `grant select, insert, update on job_leases to ${role}`,
      `grant select, insert, delete on settlement_runs, settlement_bad_lines to ${role}`,
      `grant update (state, report, finished_at) on settlement_runs to ${role}`,
    ],
    vault: [
      `grant select, insert on vault_pages, vault_audit to ${role}`,
      `grant select, insert, update on vault_key_versions to ${role}`,
    ],
    shard: [
      `grant select, insert, update on payment_intents, transactions, recovery_progress to ${role}`,
      `grant select, insert on idempotency_keys, outbox, processor_callbacks, incidents, operator_audit to ${role}`,
      `grant update (acknowledged_at) on incidents to ${role}`,
      `grant update (dispatched_at, delivered_at) on outbox to ${role}`,
      `grant select, insert, update on webhook_deliveries, job_leases to ${role}`,
      `grant update (verdict, reason, relay) on processor_callbacks to ${role}`,
      `grant select, insert, delete on status_relay to ${role}`,
      `grant select, insert on ledger_entries, payment_ledger, settlement_progress, settlement_breaks to ${role}`,
      `grant select on ledger_postings to ${role}`,
      `grant update (state, detail, closed_at, closed_by, reason) on settlement_breaks to ${role}`,
      `grant select, insert, update on merchant_payouts to ${role}`,
      // FOR SHARE asks for the right to update; there is no statement that does.
      `grant select, update on owned_ranges to ${role}`,
      `grant execute on all functions in schema public to ${role}`,
    ],
  };
  return [
    'revoke all on schema public from public',
    'revoke execute on all functions in schema public from public',
    `grant usage on schema public to ${role}`,
    `grant select on schema_migrations to ${role}`,
    ...rights[kind],
  ];
}
