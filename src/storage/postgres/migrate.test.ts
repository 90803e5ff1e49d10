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
  expect(runs.flatMap(({ applied }) => applied)).toEqual(['0001_control.sql']);
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
