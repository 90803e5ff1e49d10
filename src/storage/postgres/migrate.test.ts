import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { MigrationChanged, migrateDatabase } from './migrate.ts';

let cluster: Cluster;
let owner: pg.Client;
let service: pg.Client;
beforeAll(async () => {
  cluster = await startCluster(2);
  owner = new pg.Client(cluster.owner.shards[1]!);
  service = new pg.Client(cluster.services.shards[1]!);
  await owner.connect();
  await service.connect();
});
afterAll(async () => {
  await service?.end();
  await owner?.end();
  await cluster?.stop();
});

function shardTarget(range?: { low: number; high: number }) {
  return {
    connectionString: cluster.owner.shards[1]!,
    kind: 'shard' as const,
    serviceRole: 'sluice_shard',
    ...(range !== undefined && { range }),
  };
}

test('a second run applies nothing and leaves the owned range as it is', async () => {
  expect(await migrateDatabase(shardTarget({ low: 0, high: 1023 }))).toEqual({ applied: [] });
  const { rows } = await owner.query('select low, high, epoch from owned_ranges');
  expect(rows).toEqual([{ low: 512, high: 1023, epoch: 1 }]);
});

test('two at once on an empty database apply each file once', async () => {
  const admin = new pg.Client(cluster.postgres.adminUrl('postgres'));
  await admin.connect();
  await admin.query('create database fresh owner sluice_owner');
  await admin.end();
  const fresh = new URL(cluster.owner.control);
  fresh.pathname = '/fresh';
  const target = { connectionString: fresh.href, kind: 'control' as const, serviceRole: 'sluice_control' };
  const runs = await Promise.all([migrateDatabase(target), migrateDatabase(target), migrateDatabase(target)]);
  expect(runs.flatMap(({ applied }) => applied)).toEqual(['0001_control.sql', '0002_webhooks.sql']);
});

test('0002 leaves events from before as dispatched and numbers them by payment, on the days there are', async () => {
  const admin = new pg.Client(cluster.postgres.adminUrl('postgres'));
  await admin.connect();
  await admin.query('create database older owner sluice_owner');
  await admin.end();
  const older = new URL(cluster.owner.shards[0]!);
  older.pathname = '/older';
  const database = new pg.Client(older.href);
  await database.connect();
  try {
    const first = readFileSync(join(import.meta.dirname, 'migrations/shard/0001_payments.sql'), 'utf8');
    const checksum = createHash('sha256').update(first).digest('hex');
    await database.query(first);
    await database.query(
      'create table schema_migrations (name text primary key, checksum text not null, applied_at timestamptz not null default now())',
    );
    await database.query("insert into schema_migrations values ('0001_payments.sql', $1)", [checksum]);
    await database.query("select sluice_ensure_partitions('2026-01-05', '2026-01-05')");
    const id = (hex: string): string => `019b8cbdaf00700080000000000000${hex}`;
    await database.query(
      `insert into payment_intents (payment_intent_id, merchant_id, order_id, amount, currency, status, created_at, updated_at)
       select id::uuid, 'm', 'o', 1, 'INR', 'SUCCESS', now(), now() from unnest($1::text[]) id`,
      [[id('10'), id('20')]],
    );
    for (const [event, revision] of [
      ['a1', 4],
      ['a2', 2],
    ] as const) {
      await database.query(
        `insert into outbox (event_id, merchant_id, payment_intent_id, type, status, sequence, created_at)
         values ($1, 'm', $2, 'payment.failed', 'FAILED', $3, '2026-01-05 06:00Z')`,
        [id(event), id('10'), revision],
      );
    }
    const target = { connectionString: older.href, kind: 'shard' as const, serviceRole: 'sluice_shard' };
    expect(await migrateDatabase(target)).toEqual({ applied: ['0002_webhooks.sql'] });
    const events = await database.query(
      'select right(event_id::text, 2) as id, sequence, dispatched_at is not null as told, delivered_at from outbox order by 1',
    );
    const told = { told: true, delivered_at: null };
    // Of one moment: revision 2 came before revision 4.
    expect(events.rows).toEqual([
      { id: 'a1', sequence: 2, ...told },
      { id: 'a2', sequence: 1, ...told },
    ]);
    const intents = await database.query(
      'select event_sequence from payment_intents order by payment_intent_id',
    );
    expect(intents.rows).toEqual([{ event_sequence: 2 }, { event_sequence: 0 }]);
    const { rows } = await database.query<{ old_day: boolean; bare: string }>(
      `select to_regclass('webhook_deliveries_20260105') is not null as old_day,
         (select count(*) from pg_inherits p where inhparent = 'outbox'::regclass and not exists (
           select from pg_index where indrelid = p.inhrelid and indpred is not null)) as bare`,
    );
    // A partition without the partial index would be read whole for every look at the queue.
    expect(rows).toEqual([{ old_day: true, bare: '0' }]);
    await database.query(
      `insert into outbox (event_id, merchant_id, payment_intent_id, type, status, sequence, created_at)
       values ($1, 'm', $2, 'payment.failed', 'FAILED', 1, now())`,
      [id('b1'), id('20')],
    );
    const fresh = await database.query(
      'select right(event_id::text, 2) as id from outbox where dispatched_at is null',
    );
    expect(fresh.rows).toEqual([{ id: 'b1' }]);
  } finally {
    await database.end();
  }
});

test('a file that was changed after it was applied stops the migration', async () => {
  await owner.query("update schema_migrations set checksum = 'other' where name = '0001_payments.sql'");
  await expect(migrateDatabase(shardTarget())).rejects.toThrow(MigrationChanged);
  await expect(migrateDatabase(shardTarget())).rejects.toThrow('shard/0001_payments.sql');
});

test.each([
  'delete from payment_intents',
  'delete from transactions',
  'delete from outbox',
  'delete from processor_callbacks',
  'delete from idempotency_keys',
  'delete from incidents',
  'delete from owned_ranges',
  'truncate payment_intents',
  'truncate transactions',
  'truncate outbox',
  'delete from webhook_deliveries',
  'delete from webhook_lease',
  "update outbox set type = 'x'",
  "update processor_callbacks set word = 'null'",
  'update processor_callbacks set transaction_id = null',
  "update idempotency_keys set answer = ''",
  "update incidents set kind = ''",
  "update schema_migrations set checksum = ''",
  'alter table payment_intents drop column metadata',
  'insert into owned_ranges (low, high) values (0, 511)',
])('the service may not: %s', async (statement) => {
  await expect(service.query(statement)).rejects.toMatchObject({ code: '42501' });
});

test.each([
  'update outbox set dispatched_at = now(), delivered_at = now()',
  "update processor_callbacks set verdict = 'applied', reason = null",
  'select 1 from owned_ranges where low <= 512 for share',
])('the service may: %s', async (statement) => {
  await service.query(statement);
});

test('a service role may enter its own databases only', async () => {
  for (const database of ['control', 'vault']) {
    const url = new URL(cluster.services.shards[1]!);
    url.pathname = `/${database}`;
    const client = new pg.Client(url.href);
    client.on('error', () => undefined);
    await expect(client.connect(), database).rejects.toMatchObject({ code: '42501' });
  }
});
