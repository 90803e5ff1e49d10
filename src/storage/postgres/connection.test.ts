import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { created, freshIntent } from '../../../test/support/facts.ts';
import { type ShardStore, StorageError } from '../storage.ts';
import { ConnectionLost, createConnection, type PgLink } from './connection.ts';
import { createShardStore } from './shard-store.ts';

let cluster: Cluster;
let owner: pg.Client;
beforeAll(async () => {
  cluster = await startCluster(1);
  // Only the superuser may end sessions of another role.
  owner = new pg.Client(cluster.postgres.adminUrl('shard_1'));
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await cluster?.stop();
});

const waiting = { timeout: 10_000, interval: 5 };

/** Ends the sessions of an application; false when it has none. */
async function terminate(applicationName: string): Promise<boolean> {
  const { rowCount } = await owner.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
    [applicationName],
  );
  return rowCount !== 0;
}

/** Waits until a session of the application waits for a lock: its statement is under way. */
async function untilBlocked(applicationName: string): Promise<void> {
  await vi.waitFor(async () => {
    const { rowCount } = await owner.query(
      "select from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'",
      [applicationName],
    );
    expect(rowCount).toBe(1);
  }, waiting);
}

async function kindOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof StorageError) return error.kind;
    throw error;
  }
}

function link(applicationName: string, over: Partial<Parameters<typeof createConnection>[0]> = {}): PgLink {
  return createConnection({ connectionString: cluster.services.shards[0]!, applicationName, ...over });
}

function openStore(applicationName: string): { store: ShardStore; losses: Error[] } {
  const losses: Error[] = [];
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName,
    ownShard: 7,
    onLost: (error) => losses.push(error),
  });
  return { store, losses };
}

test('a session has its timeouts, its settings and its hook', async () => {
  const heard: string[] = [];
  const one = link('settings', {
    settings: { jit: 'off', plan_cache_mode: 'force_generic_plan' },
    statementTimeoutMs: 1234,
    lockTimeoutMs: 567,
    onConnect: async (client) => {
      heard.push((await client.query<{ one: number }>('select 1 as one')).rows[0]!.one.toString());
    },
  });
  expect(one.connected()).toBe(false);
  expect(await one.whenConnected(5000)).toBe(true);
  expect(heard).toEqual(['1']);
  const { rows } = await one.query<Record<string, string>>({
    text: `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
      current_setting('idle_in_transaction_session_timeout') as idle, current_setting('jit') as jit,
      current_setting('plan_cache_mode') as plans`,
  });
  expect(rows).toEqual([
    { statement: '1234ms', lock: '567ms', idle: '1234ms', jit: 'off', plans: 'force_generic_plan' },
  ]);
  await one.close();
});

test('a commit under way when its session is ended is uncertain, and the next ones work again', async () => {
  const { store, losses } = openStore('ended');
  const intent = freshIntent();
  expect(await kindOf(store.commit([created(freshIntent())]))).toBe('done');
  await owner.query('begin; lock table owned_ranges in access exclusive mode');
  const commit = kindOf(store.commit([created(intent)]));
  await untilBlocked('ended');
  expect(await terminate('ended')).toBe(true);
  expect(await commit).toBe('uncertain');
  await owner.query('rollback');
  expect(losses).not.toEqual([]);
  await vi.waitFor(async () => expect(await kindOf(store.commit([created(intent)]))).toBe('done'), waiting);
  await store.close();
});

test('while nobody can connect a turn is refused within its wait, and served again afterwards', async () => {
  const { store } = openStore('shut out');
  expect(await kindOf(store.commit([created(freshIntent())]))).toBe('done');
  await owner.query('alter role sluice_shard nologin');
  await terminate('shut out');
  await vi.waitFor(async () => {
    const startedAt = performance.now();
    expect(await kindOf(store.commit([created(freshIntent())]))).toBe('unavailable');
    expect(performance.now() - startedAt).toBeLessThan(1000);
  }, waiting);
  expect(
    await kindOf(store.prefetch({ payments: new Set([freshIntent().paymentIntentId]), keys: new Map() })),
  ).toBe('unavailable');
  await owner.query('alter role sluice_shard login');
  await vi.waitFor(
    async () => expect(await kindOf(store.commit([created(freshIntent())]))).toBe('done'),
    waiting,
  );
  await store.close();
});

test('a lock held too long ends the turn and not the connection', async () => {
  const { store, losses } = openStore('patient');
  const intent = freshIntent();
  await owner.query('begin; lock table payment_intents in access exclusive mode');
  expect(await kindOf(store.commit([created(intent)]))).toBe('lock_timeout');
  await owner.query('rollback');
  expect(await kindOf(store.commit([created(intent)]))).toBe('done');
  expect(losses).toEqual([]);
  await store.close();
});

test('queries that waited behind one whose connection broke are rejected too', async () => {
  const one = link('queue');
  await one.whenConnected(5000);
  await owner.query('begin; lock table owned_ranges in access exclusive mode');
  const failures = Promise.all(
    Array.from({ length: 3 }, () =>
      one.query({ text: 'select from owned_ranges' }).then(
        () => null,
        (error: unknown) => error,
      ),
    ),
  );
  await untilBlocked('queue');
  await terminate('queue');
  for (const failure of await failures) expect(failure).toBeInstanceOf(ConnectionLost);
  await owner.query('rollback');
  await one.close();
});

test('closed is closed: no query, no return', async () => {
  const one = link('closed');
  await one.whenConnected(5000);
  await one.close();
  expect(one.connected()).toBe(false);
  expect(await one.whenConnected(100)).toBe(false);
  await expect(one.query({ text: 'select' })).rejects.toBeInstanceOf(ConnectionLost);
});
