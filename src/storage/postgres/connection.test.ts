import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { ConnectionLost, connectOnce, createConnection } from './connection.ts';

let cluster: Cluster;
let admin: pg.Client;
beforeAll(async () => {
  cluster = await startCluster(1);
  admin = new pg.Client(cluster.postgres.adminUrl('postgres'));
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await cluster?.stop();
});

function options(applicationName: string) {
  return { connectionString: cluster.services.control, applicationName };
}

async function backends(applicationName: string): Promise<number> {
  const { rows } = await admin.query<{ n: number }>(
    'select count(*)::int as n from pg_stat_activity where application_name = $1',
    [applicationName],
  );
  return rows[0]!.n;
}

async function terminate(applicationName: string): Promise<void> {
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
    applicationName,
  ]);
}

test('timeouts and settings are the session’s', async () => {
  const link = createConnection({
    ...options('settings'),
    statementTimeoutMs: 1234,
    settings: { jit: 'off' },
  });
  expect(await link.whenConnected(5000)).toBe(true);
  const { rows } = await link.query({
    text: `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
      current_setting('idle_in_transaction_session_timeout') as idle, current_setting('jit') as jit`,
  });
  expect(rows).toEqual([{ statement: '1234ms', lock: '2s', idle: '1234ms', jit: 'off' }]);
  await link.close();
});

test('before it is connected, and after it is closed, a query is refused at once as not sent', async () => {
  const link = createConnection(options('early'));
  const refused = { name: 'ConnectionLost', code: '08006', sent: false };
  await expect(link.query({ text: 'select 1' })).rejects.toMatchObject(refused);
  await link.whenConnected(5000);
  await link.close();
  expect(link.connected()).toBe(false);
  await expect(link.query({ text: 'select 1' })).rejects.toMatchObject(refused);
  expect(await link.whenConnected(60_000)).toBe(false);
});

test('a query under way when the connection breaks is rejected as sent, and the connection comes back', async () => {
  const lost: Error[] = [];
  const link = createConnection({ ...options('broken'), onLost: (error) => lost.push(error) });
  await link.whenConnected(5000);
  const slow = link.query({ text: 'select pg_sleep(4)' });
  const refusal = expect(slow).rejects.toMatchObject({ code: '08006', sent: true });
  await vi.waitFor(async () => expect(await backends('broken')).toBe(1), 5000);
  await terminate('broken');
  await refusal;
  expect(lost).toHaveLength(1);
  expect(await link.whenConnected(5000)).toBe(true);
  expect((await link.query({ text: 'select 1 as one' })).rows).toEqual([{ one: 1 }]);
  expect(await backends('broken')).toBe(1);
  await link.close();
});

test('an idle connection that breaks is noticed and comes back', async () => {
  const lost: Error[] = [];
  const link = createConnection({ ...options('idle'), onLost: (error) => lost.push(error) });
  await link.whenConnected(5000);
  await terminate('idle');
  await vi.waitFor(() => expect(lost).toHaveLength(1), 5000);
  expect(await link.whenConnected(5000)).toBe(true);
  await link.close();
  await vi.waitFor(async () => expect(await backends('idle')).toBe(0), 5000);
});

test('the server’s own errors are passed on and leave the connection open', async () => {
  const link = createConnection({ ...options('errors'), statementTimeoutMs: 100 });
  await link.whenConnected(5000);
  await expect(link.query({ text: 'select 1/0' })).rejects.toMatchObject({ code: '22012' });
  await expect(link.query({ text: 'select pg_sleep(1)' })).rejects.toMatchObject({ code: '57014' });
  expect(link.connected()).toBe(true);
  await link.close();
});

test('a connection whose set-up fails is ended, tried again, and never leaks', async () => {
  let tries = 0;
  const link = createConnection({
    ...options('set-up'),
    onConnect: async (client) => {
      tries += 1;
      await client.query(tries < 3 ? 'select no_such_column' : 'select 1');
    },
  });
  expect(await link.whenConnected(5000)).toBe(true);
  expect(tries).toBe(3);
  await vi.waitFor(async () => expect(await backends('set-up')).toBe(1), 5000);
  await link.close();
});

test('a server that cannot be reached rejects', async () => {
  const unreachable = 'postgres://nobody@127.0.0.1:1/none';
  await expect(connectOnce({ connectionString: unreachable, applicationName: 'x' })).rejects.toThrow(
    'ECONNREFUSED',
  );
  const lost: Error[] = [];
  const link = createConnection({
    connectionString: unreachable,
    applicationName: 'x',
    onLost: (error) => lost.push(error),
  });
  await vi.waitFor(() => expect(lost.length).toBeGreaterThan(1), 5000);
  await expect(link.query({ text: 'select 1' })).rejects.toThrow(ConnectionLost);
  await link.close();
});
