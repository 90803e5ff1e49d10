import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { firstIdAt } from '../../domain/ids.ts';
import { createPartitionUpkeep, ensurePartitions, retirePartitions } from './partitions.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const TABLES = [
  'idempotency_keys',
  'outbox',
  'payment_intents',
  'processor_callbacks',
  'transactions',
  'webhook_deliveries',
];

let cluster: Cluster;
let owner: pg.Client;
let service: pg.Client;
beforeAll(async () => {
  cluster = await startCluster(1);
  owner = new pg.Client(cluster.owner.shards[0]!);
  service = new pg.Client(cluster.services.shards[0]!);
  await owner.connect();
  await service.connect();
});
afterAll(async () => {
  await service?.end();
  await owner?.end();
  await cluster?.stop();
});

async function attached(digits: number): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    "select relname as name from pg_inherits join pg_class on oid = inhrelid where relkind = 'r' and relname ~ $1 order by 1",
    [`_[0-9]{${digits}}$`],
  );
  return rows.map(({ name }) => name);
}

/** Those of days. */
function partitions(): Promise<string[]> {
  return attached(8);
}

async function insertIntent(id: string, status: string): Promise<void> {
  await service.query(
    `insert into payment_intents (payment_intent_id, merchant_id, order_id, amount, currency, status, created_at, updated_at)
     values ($1, 'm', 'o', 1, 'INR', $2, now(), now())`,
    [id, status],
  );
}

async function insertAttempt(intentId: string, status: string): Promise<void> {
  await service.query(
    `insert into transactions (transaction_id, payment_intent_id, attempt, merchant_id, amount, currency, status, outcome,
       leg, processor, processor_account, token, reopenable, revision, sender_nonce, send_before, card_brand, card_masked,
       card_expiry_month, card_expiry_year, card_fingerprint, evidence, created_at, updated_at)
     values ($1, $2, 1, 'm', 1, 'INR', $3, 'unknown', 1, 'SANDBOX', 'a', 't', false, 0, 'n', now(), 'VISA', '411111****1111',
       1, 30, 'f', '[]', now(), now())`,
    [`${intentId.slice(0, 31)}1`, intentId, status],
  );
}

function idOn(day: string, offsetMs = 0): string {
  return `${firstIdAt(Date.parse(`${day}T00:00:00Z`) + offsetMs).slice(0, 12)}70008${'0'.repeat(15)}`;
}

test('a migrated database has partitions from yesterday to a week ahead, for each table', async () => {
  const { rows } = await owner.query<{ now: Date }>('select now()');
  const days = Array.from({ length: 9 }, (_, n) =>
    new Date(rows[0]!.now.getTime() + (n - 1) * DAY_MS).toISOString().slice(0, 10).replaceAll('-', ''),
  );
  expect(await partitions()).toEqual(TABLES.flatMap((table) => days.map((day) => `${table}_${day}`)));
});

test('the ledger has the months of the payments there are and the one ahead', async () => {
  const { rows } = await owner.query<{ now: Date }>('select now()');
  const [from, to] = [-1, 31].map((days) => new Date(rows[0]!.now.getTime() + days * DAY_MS));
  const months = new Set<string>();
  for (let at = from!; at <= to!; at = new Date(at.getTime() + DAY_MS)) {
    months.add(at.toISOString().slice(0, 7).replace('-', ''));
  }
  expect(await attached(6)).toEqual(
    ['ledger_entries', 'payment_ledger'].flatMap((table) => [...months].map((month) => `${table}_${month}`)),
  );
});

test('the service makes the days around any date, once, and two at the same time make them once', async () => {
  const now = new Date('2031-03-30T23:59:59.999Z');
  const upkeeps = [0, 1].map(() => createPartitionUpkeep(cluster.services.shards[0]!));
  const made = await Promise.all(upkeeps.map((upkeep) => upkeep.run(now)));
  expect(made.toSorted()).toEqual([0, 54]);
  expect(await upkeeps[0]!.run(now)).toBe(0);
  expect(await upkeeps[0]!.run(new Date(now.getTime() + 1))).toBe(6);
  await Promise.all(upkeeps.map((upkeep) => upkeep.close()));
});

test('first and last id of a day lie in its partition', async () => {
  await ensurePartitions(service, { now: new Date('2032-06-15T12:00:00Z'), daysAhead: 1 });
  for (const [id, partition] of [
    [idOn('2032-06-15'), 'payment_intents_20320615'],
    [idOn('2032-06-15', DAY_MS - 1), 'payment_intents_20320615'],
    [idOn('2032-06-16'), 'payment_intents_20320616'],
  ] as const) {
    await insertIntent(id, 'SUCCESS');
    const { rows } = await service.query(
      'select tableoid::regclass::text as name from payment_intents where payment_intent_id = $1',
      [id],
    );
    expect(rows).toEqual([{ name: partition }]);
  }
});

test('attaching waits for no writer, and no writer for it', async () => {
  await owner.query('begin');
  await owner.query(
    "insert into incidents (transaction_id, payment_intent_id, kind) select gen_random_uuid(), gen_random_uuid(), 'k'",
  );
  await owner.query('update payment_intents set updated_at = now() where payment_intent_id = $1', [
    idOn('2032-06-15'),
  ]);
  expect(await ensurePartitions(service, { now: new Date('2033-01-10T00:00:00Z'), daysAhead: 0 })).toBe(12);
  await owner.query('rollback');
});

test('the service can make neither tables nor a century of partitions, and can drop nothing', async () => {
  await expect(service.query('create table mine (n int)')).rejects.toMatchObject({ code: '42501' });
  await expect(service.query('drop table payment_intents_20320615')).rejects.toMatchObject({ code: '42501' });
  await expect(
    service.query('alter table payment_intents detach partition payment_intents_20320615'),
  ).rejects.toMatchObject({ code: '42501' });
  await expect(
    service.query("select sluice_ensure_partitions('2040-01-01', '2140-01-01')"),
  ).rejects.toMatchObject({ code: '22023' });
});

test('old days are dropped, but for those with open payments or unmatched callbacks; incidents and audit stay', async () => {
  for (const day of ['2020-01-01', '2020-01-02', '2020-01-03', '2020-01-04', '2020-01-05']) {
    await ensurePartitions(service, { now: new Date(`${day}T12:00:00Z`), daysAhead: 0 });
  }
  await insertIntent(idOn('2020-01-01'), 'FAILED');
  await insertAttempt(idOn('2020-01-01'), 'FAILED');
  await insertIntent(idOn('2020-01-02'), 'FAILED');
  await insertAttempt(idOn('2020-01-02'), 'PROCESSING');
  await insertIntent(idOn('2020-01-03'), 'PENDING');
  await service.query(
    "insert into processor_callbacks (day, processor, event_id, verdict, received_at) values ('2020-01-04', 'SANDBOX', 'e', 'unmatched', now())",
  );
  const gone = idOn('2020-01-01');
  await service.query(
    `insert into incidents (transaction_id, payment_intent_id, kind, at) values ($1, $1, 'second_charge', '2020-01-01')`,
    [gone],
  );
  await service.query(
    `insert into operator_audit (transaction_id, operator, action, reason, at)
     values ($1, 'asha', 'incident_acknowledged', 'refunded', '2020-01-01')`,
    [gone],
  );
  const before = await partitions();
  const retired = await retirePartitions(cluster.owner.shards[0]!, {
    now: new Date('2020-01-12T00:00:00Z'),
    retentionDays: 7,
  });
  expect(retired.kept).toEqual([
    { partition: 'transactions_20200102', reason: 'open_attempt' },
    { partition: 'payment_intents_20200102', reason: 'open_attempt' },
    { partition: 'transactions_20200103', reason: 'pending_intent' },
    { partition: 'payment_intents_20200103', reason: 'pending_intent' },
    { partition: 'processor_callbacks_20200104', reason: 'unmatched_callback' },
  ]);
  const days = (table: string, all: string[]): string[] =>
    all
      .filter((name) => name.startsWith(`${table}_2019`) || name.startsWith(`${table}_2020`))
      .map((name) => name.slice(-8));
  const after = await partitions();
  expect(days('transactions', after)).toEqual(['20200102', '20200103', '20200105']);
  expect(days('payment_intents', after)).toEqual(['20200102', '20200103', '20200105']);
  expect(days('outbox', after)).toEqual(['20200105']);
  expect(days('webhook_deliveries', after)).toEqual(['20200105']);
  expect(days('processor_callbacks', after)).toEqual(['20200104', '20200105']);
  expect(days('idempotency_keys', after)).toEqual([]);
  expect(retired.dropped).toHaveLength(before.length - after.length);
  const { rows } = await owner.query(
    'select kind, action from incidents join operator_audit using (transaction_id) where transaction_id = $1',
    [gone],
  );
  expect(rows).toEqual([{ kind: 'second_charge', action: 'incident_acknowledged' }]);
});

test('a run that was cut short is finished by the next; a table that somebody else detached is kept', async () => {
  const doomed = 'sluice: retired, to be dropped';
  await owner.query(`comment on table transactions_20200105 is '${doomed}'`);
  await owner.query('alter table transactions detach partition transactions_20200105 concurrently');
  await owner.query('alter table outbox detach partition outbox_20200105 concurrently');
  await detachHalfway('payment_intents', 'payment_intents_20200105', doomed);
  const retired = await retirePartitions(cluster.owner.shards[0]!, {
    now: new Date('2020-01-13T00:00:00Z'),
    retentionDays: 7,
  });
  expect(retired.dropped).toEqual([
    'webhook_deliveries_20200105',
    'transactions_20200105',
    'processor_callbacks_20200105',
    'payment_intents_20200105',
  ]);
  const { rows } = await owner.query("select to_regclass('outbox_20200105')::text as name");
  expect(rows).toEqual([{ name: 'outbox_20200105' }]);
});

/** A detach that waits for a reader and is cancelled leaves the partition marked as pending. */
async function detachHalfway(parent: string, partition: string, comment: string): Promise<void> {
  await owner.query(`comment on table ${partition} is '${comment}'`);
  await service.query('begin');
  await service.query(`select from ${parent} limit 1`);
  const other = new pg.Client(cluster.owner.shards[0]!);
  await other.connect();
  await other.query("set lock_timeout = '100ms'");
  await expect(
    other.query(`alter table ${parent} detach partition ${partition} concurrently`),
  ).rejects.toMatchObject({ code: '55P03' });
  await other.end();
  await service.query('commit');
}

test('days with an event no merchant was told of yet are kept, and the day of its payment', async () => {
  for (const day of ['2021-01-01', '2021-01-02', '2021-01-03', '2021-01-04']) {
    await ensurePartitions(service, { now: new Date(`${day}T12:00:00Z`), daysAhead: 0 });
  }
  // A payment of the second that ended on the third, and one that began and ended on the fourth.
  await insertIntent(idOn('2021-01-02'), 'SUCCESS');
  await insertIntent(idOn('2021-01-04'), 'SUCCESS');
  await insertEvent(idOn('2021-01-03', 1), idOn('2021-01-02'), null);
  await insertEvent(idOn('2021-01-04', 1), idOn('2021-01-04'), new Date());
  await service.query(
    `insert into webhook_deliveries (endpoint_id, event_id, merchant_id, state, tries, replays, next_at, log, created_at, updated_at)
     values (gen_random_uuid(), $1, 'm', 'waiting', 1, 0, now(), '[]', now(), now())`,
    [idOn('2021-01-04', 1)],
  );
  const at = { now: new Date('2021-01-20T00:00:00Z'), retentionDays: 7 };
  const kept = (await retirePartitions(cluster.owner.shards[0]!, at)).kept.filter(({ partition }) =>
    partition.includes('_2021'),
  );
  expect(kept.map(({ partition }) => partition)).toEqual([
    'transactions_20210102',
    'payment_intents_20210102',
    'webhook_deliveries_20210103',
    'outbox_20210103',
    'webhook_deliveries_20210104',
    'transactions_20210104',
    'payment_intents_20210104',
    'outbox_20210104',
  ]);
  expect(new Set(kept.map(({ reason }) => reason))).toEqual(new Set(['untold_event']));
  await service.query("update webhook_deliveries set state = 'dead', next_at = null");
  await service.query('update outbox set dispatched_at = now()');
  const then = await retirePartitions(cluster.owner.shards[0]!, at);
  expect(then.kept.filter(({ partition }) => partition.includes('_2021'))).toEqual([]);
});

test('where Kafka is configured, days with what is still to be put there are kept', async () => {
  for (const day of ['2021-02-01', '2021-02-02', '2021-02-03'])
    await ensurePartitions(service, { now: new Date(`${day}T12:00:00Z`), daysAhead: 0 });
  await service.query('insert into status_relay values ($1, 1, $2)', [
    idOn('2021-02-01'),
    idOn('2021-02-02', 1),
  ]);
  await service.query(
    `insert into processor_callbacks (day, processor, event_id, verdict, relay, received_at)
     values ('2021-02-03', 'SANDBOX', 'cb', 'applied', true, now())`,
  );
  const at = { now: new Date('2021-02-20T00:00:00Z'), retentionDays: 7 };
  const kept = async (relays: boolean): Promise<string[]> =>
    (await retirePartitions(cluster.owner.shards[0]!, { ...at, relays })).kept
      .filter(({ partition }) => partition.includes('_202102'))
      .map(({ partition, reason }) => `${partition} ${reason}`);
  expect(await kept(true)).toEqual([
    'payment_intents_20210201 unrelayed',
    'outbox_20210202 unrelayed',
    'processor_callbacks_20210203 unrelayed',
  ]);
  expect(await kept(false)).toEqual([]);
});

async function insertEvent(eventId: string, intentId: string, dispatchedAt: Date | null): Promise<void> {
  await service.query(
    `insert into outbox (event_id, merchant_id, payment_intent_id, type, status, sequence, created_at)
     values ($1, 'm', $2, 'payment.succeeded', 'SUCCESS', 1, now())`,
    [eventId, intentId],
  );
  await service.query('update outbox set dispatched_at = $2 where event_id = $1', [eventId, dispatchedAt]);
}

test('a day is kept while somebody is still to look at the settlement of one of its payments', async () => {
  await ensurePartitions(service, { now: new Date('2021-06-02T12:00:00Z'), daysAhead: 0 });
  const [open, closed] = [idOn('2021-06-01'), idOn('2021-06-02')].map((id) => `${id.slice(0, 31)}1`);
  await service.query(
    `insert into settlement_breaks (run_id, line, processor, day, class, state, detail, subject_id, transaction_id, found_at)
     values (1, 1, 'SANDBOX', '2021-06-03', 'amount_differs', 'open', 'x', $1, $1, now()),
            (1, 2, 'SANDBOX', '2021-06-03', 'amount_differs', 'accepted', 'x', $2, $2, now())`,
    [open, closed],
  );
  const retired = await retirePartitions(cluster.owner.shards[0]!, {
    now: new Date('2021-06-20T00:00:00Z'),
    retentionDays: 7,
  });
  expect(retired.kept.filter(({ partition }) => partition.includes('202106'))).toEqual([
    { partition: 'transactions_20210601', reason: 'open_break' },
    { partition: 'payment_intents_20210601', reason: 'open_break' },
  ]);
  expect(retired.dropped).toContain('transactions_20210602');
});

test('a retention that would take young payments is refused', async () => {
  for (const retentionDays of [0, 6, 7.5, Number.NaN]) {
    await expect(
      retirePartitions(cluster.owner.shards[0]!, { now: new Date(), retentionDays }),
    ).rejects.toThrow(RangeError);
  }
});
