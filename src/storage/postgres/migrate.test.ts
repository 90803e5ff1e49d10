import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { attemptFor, created, freshIntent, moved, started } from '../../../test/support/facts.ts';
import type { PaymentIntent } from '../../domain/payment-intent.ts';
import { createControlAdmin } from './control-admin.ts';
import { createControlReader } from './control-reader.ts';
import { type DatabaseKind, MigrationChanged, type MigrationTarget, migrateDatabase } from './migrate.ts';
import { createShardStore } from './shard-store.ts';

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

/** A database of its own as the version left it whose migrations were these, with nothing in it; `client` is its owner's. */
async function databaseOf(
  kind: DatabaseKind,
  name: string,
  migrations: readonly string[],
): Promise<{ url: string; client: pg.Client; target: MigrationTarget }> {
  const admin = new pg.Client(cluster.postgres.adminUrl('postgres'));
  await admin.connect();
  await admin.query(`create database ${name} owner sluice_owner`);
  await admin.end();
  const place = new URL(cluster.owner.control);
  place.pathname = `/${name}`;
  const client = new pg.Client(place.href);
  await client.connect();
  await client.query(
    'create table schema_migrations (name text primary key, checksum text not null, applied_at timestamptz not null default now())',
  );
  for (const file of migrations) {
    const sql = readFileSync(join(import.meta.dirname, 'migrations', kind, file), 'utf8');
    await client.query(sql);
    const checksum = createHash('sha256').update(sql).digest('hex');
    await client.query('insert into schema_migrations values ($1, $2)', [file, checksum]);
  }
  const target = { connectionString: place.href, kind, serviceRole: `sluice_${kind}` };
  return { url: place.href, client, target };
}

test('two at once on an empty database apply each file once', async () => {
  const { client, target } = await databaseOf('control', 'fresh', []);
  await client.end();
  const runs = await Promise.all([migrateDatabase(target), migrateDatabase(target), migrateDatabase(target)]);
  expect(runs.flatMap(({ applied }) => applied)).toEqual([
    '0001_control.sql',
    '0002_webhooks.sql',
    '0003_processor_accounts.sql',
    '0004_jobs.sql',
    '0005_settlement.sql',
  ]);
});

test('0002 leaves events from before as dispatched and numbers them by payment, on the days there are', async () => {
  const { client: database, target } = await databaseOf('shard', 'older', ['0001_payments.sql']);
  try {
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
    expect((await migrateDatabase(target)).applied).toContain('0002_webhooks.sql');
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

test('0003 makes the account in a merchant’s preferences one of its own, under the same seal', async () => {
  const { url, client, target } = await databaseOf('control', 'control_2', [
    '0001_control.sql',
    '0002_webhooks.sql',
  ]);
  const admin = createControlAdmin(url);
  const reader = createControlReader({ connectionString: url });
  try {
    await client.query(
      `insert into merchants (merchant_id, name, mode, created_at)
       values ('m_1', 'One', 'test', now()), ('m_2', 'Two', 'test', now()), ('m_3', 'Three', 'test', now())`,
    );
    await client.query(
      `insert into merchant_preferences
         (merchant_id, preferred_processor, fallback_processor, transaction_fee_percent, processor_account, config)
       values ('m_1', 'SANDBOX', 'PAYU', 1.5, 'acct_shared', '\\x01ff'), ('m_2', 'SANDBOX', null, 0, 'acct_shared', '\\x02')`,
    );
    expect(await migrateDatabase(target)).toEqual({
      applied: ['0003_processor_accounts.sql', '0004_jobs.sql', '0005_settlement.sql'],
    });
    const one = {
      merchantId: 'm_1',
      processor: 'SANDBOX',
      account: 'acct_shared',
      sealedConfig: Uint8Array.of(1, 255),
    };
    const two = { ...one, merchantId: 'm_2', sealedConfig: Uint8Array.of(2) };
    expect(await reader.account('m_1', 'SANDBOX', 'acct_shared')).toEqual(one);
    expect(await reader.accountsAt('SANDBOX', 'acct_shared')).toEqual([one, two]);
    // Its fallback was a name without an account: nothing was ever charged there.
    expect(await admin.findPreferences('m_1')).toEqual({
      merchantId: 'm_1',
      merchantName: 'One',
      preferredProcessor: 'SANDBOX',
      preferredAccount: 'acct_shared',
      fallbackProcessor: null,
      fallbackAccount: null,
      transactionFeePercent: '1.50',
    });
    expect(await admin.findPreferences('m_3')).toBeUndefined();
  } finally {
    await Promise.all([reader.close(), admin.close(), client.end()]);
  }
});

test('0003 leaves each incident once, reads an attempt of before with its one leg, and takes attempts without a card on the days there are', async () => {
  const { url, client, target } = await databaseOf('shard', 'shard_2_old', [
    '0001_payments.sql',
    '0002_webhooks.sql',
  ]);
  const store = createShardStore({ connectionString: url, applicationName: 'upgraded', ownShard: 7 });
  try {
    const today = new Date().toISOString().slice(0, 10);
    await client.query('select sluice_ensure_partitions($1, $1)', [today]);
    const intent = freshIntent();
    const { transactionId } = attemptFor(intent);
    await client.query(
      `insert into payment_intents (payment_intent_id, merchant_id, order_id, amount, currency, status, created_at, updated_at)
       values ($1, 'm', 'o', 5000, 'INR', 'PENDING', now(), now())`,
      [intent.paymentIntentId],
    );
    await client.query(
      `insert into transactions (transaction_id, payment_intent_id, attempt, merchant_id, amount, currency, status, outcome, leg,
         processor, processor_account, token, reopenable, revision, sender_nonce, send_before, card_brand, card_masked,
         card_expiry_month, card_expiry_year, card_fingerprint, evidence, created_at, updated_at)
       values ($1, $2, 1, 'm', 5000, 'INR', 'SENT', 'unknown', 1, 'SANDBOX', 'acct_1', 'tok_1', false, 1, 'n', now(), 'VISA',
         '411111****1111', 12, 2030, 'f', '[]', '2026-01-05 06:00Z', now())`,
      [transactionId, intent.paymentIntentId],
    );
    await client.query(
      `insert into incidents (transaction_id, payment_intent_id, kind, at) values
         ($1, $2, 'second_success', '2026-01-05 06:00Z'), ($1, $2, 'second_success', '2026-01-05 07:00Z')`,
      [transactionId, intent.paymentIntentId],
    );
    expect(await migrateDatabase({ ...target, range: { low: 0, high: 1023 } })).toEqual({
      applied: ['0003_outcomes.sql', '0004_bus.sql', '0005_jobs.sql', '0006_settlement.sql'],
    });
    const { rows } = await client.query(
      'select kind, detail, at, acknowledged_at from incidents order by at',
    );
    expect(rows).toEqual([
      {
        kind: 'second_success',
        detail: '',
        at: new Date('2026-01-05T06:00:00Z'),
        acknowledged_at: null,
      },
    ]);
    const needs = (one: PaymentIntent) => ({ payments: new Set([one.paymentIntentId]), keys: new Map() });
    const { payments } = await store.prefetch(needs(intent));
    expect(payments.get(intent.paymentIntentId)!.attempts).toMatchObject([
      {
        routing: {
          fallback: null,
          legs: [
            {
              leg: 1,
              processor: 'SANDBOX',
              processorAccount: 'acct_1',
              reason: 'preferred',
              at: Date.parse('2026-01-05T06:00:00Z'),
            },
          ],
        },
        card: { masked: '411111****1111', token: 'tok_1' },
        paymentMethodType: null,
        nextAction: null,
      },
    ]);
    const [before] = payments.get(intent.paymentIntentId)!.attempts;
    const word = { source: 'callback', leg: null, processorAccount: 'acct_1' } as const;
    const declined = moved(before!, { ...word, said: 'declined', elsewhere: true, referenceClosed: true });
    const charged = moved(declined.attempt, word);
    for (const move of [declined, charged])
      expect(await store.commit([move])).toMatchObject([{ effective: true }]);
    expect((await store.prefetch(needs(intent))).payments.get(intent.paymentIntentId)).toMatchObject({
      intent: { status: 'SUCCESS' },
      attempts: [{ status: 'SUCCESS', leg: 1, routing: before!.routing }],
    });
    const fresh = freshIntent();
    await store.commit([created(fresh)]);
    const byUpi = attemptFor(fresh, 1, { card: null, paymentMethodType: 'UPI' });
    expect(await store.commit([started(byUpi)])).toMatchObject([{ effective: true }]);
  } finally {
    await Promise.all([store.close(), client.end()]);
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
  'delete from operator_audit',
  "update operator_audit set reason = ''",
  'delete from owned_ranges',
  'truncate payment_intents',
  'truncate transactions',
  'truncate outbox',
  'delete from webhook_deliveries',
  'delete from job_leases',
  'delete from ledger_entries',
  'truncate ledger_entries',
  'update ledger_entries set suspense = 0',
  'delete from payment_ledger',
  "update payment_ledger set final_status = 'SUCCESS'",
  'delete from settlement_breaks',
  "update settlement_breaks set class = 'matched'",
  "update settlement_breaks set reported = 'null'",
  'delete from settlement_progress',
  'update settlement_progress set totals = totals',
  'delete from merchant_payouts',
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
  'update incidents set acknowledged_at = now()',
  "update settlement_breaks set state = 'dismissed', closed_at = now(), closed_by = 'asha', reason = 'x', detail = 'x'",
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
