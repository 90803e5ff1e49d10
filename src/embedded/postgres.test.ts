/**
 * The embedded cluster: made once, found again, adopted when it outlived its parent, and durable as promised.
 *
 * @module
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { clockDifferenceMs } from './connect.ts';
import { ensureDatabases } from './databases.ts';
import { KeptPostgres } from './kept-postgres.ts';
import { type EmbeddedPostgres, findRunningPostgres, startPostgres } from './postgres.ts';

let folder: string;
let dataDir: string;
let postgres: EmbeddedPostgres;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-postgres-'));
  chmodSync(folder, 0o711);
  dataDir = join(folder, 'postgres');
  // What a start cut short during initdb leaves.
  mkdirSync(join(dataDir, 'cluster.new'), { recursive: true });
  writeFileSync(join(dataDir, 'cluster.new', 'PG_VERSION'), '18\n');
  postgres = await startPostgres({ dataDir });
});

afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true });
});

async function ask(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

it('commits to disk and checks its pages', async () => {
  const settings = ['fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums'];
  const rows = await ask(
    postgres.adminUrl('postgres'),
    `select ${settings.map((name) => `current_setting('${name}') as ${name}`).join()}`,
  );
  expect(rows[0]).toEqual({
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    data_checksums: 'on',
  });
});

it('keeps folder and password to its account', () => {
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600);
});

it('writes no values into its log', async () => {
  const broken = `do $$ begin raise exception 'refused' using detail = 'Key (pan)=(secret-value)'; end $$`;
  await expect(ask(postgres.adminUrl('postgres'), broken)).rejects.toThrow('refused');
  await expect(ask(postgres.adminUrl('postgres'), "select 'secret-value'::int")).rejects.toThrow();
  const text = readdirSync(join(dataDir, 'log'))
    .map((name) => readFileSync(join(dataDir, 'log', name), 'utf8'))
    .join('');
  expect(text).toContain('ready to accept connections');
  expect(text).not.toMatch(/refused|secret-value/);
});

it('adopts the server that runs on the folder', async () => {
  const again = await startPostgres({ dataDir });
  expect([again.adopted, again.pid, again.port]).toEqual([true, postgres.pid, postgres.port]);
});

it('does not take a stranger with its old pid for the server', () => {
  const other = join(folder, 'other');
  mkdirSync(join(other, 'cluster'), { recursive: true });
  writeFileSync(join(other, 'cluster', 'postmaster.pid'), `${process.pid}\n${join(other, 'cluster')}\n`);
  expect(findRunningPostgres(other)).toBeUndefined();
  writeFileSync(join(other, 'cluster', 'postmaster.pid'), `${postgres.pid}\n`);
  expect(findRunningPostgres(other)).toBeUndefined();
});

it('has a database and a role for each service, closed to the others', async () => {
  const { services, owner } = await ensureDatabases(postgres, dataDir, 2);
  expect(await ensureDatabases(postgres, dataDir, 2)).toEqual({ services, owner });
  for (const url of [services.control, services.vault, ...services.shards, owner.control]) {
    expect(Math.abs(await clockDifferenceMs(url))).toBeLessThan(1000);
  }
  const foreign = new URL(services.control);
  foreign.pathname = '/vault';
  await expect(ask(foreign.href, 'select 1')).rejects.toThrow('permission denied');
  await expect(ensureDatabases(postgres, dataDir, 3)).rejects.toMatchObject({ code: 'setting_refused' });
});

it('comes back on its port with all data after it was killed', async () => {
  await ask(postgres.adminUrl('postgres'), 'create table kept as select 42 as answer');
  const said: string[] = [];
  const kept = new KeptPostgres({
    dataDir,
    restartDelayMs: 50,
    restartDelayMsMax: 500,
    onChange: (running) => {
      postgres = running;
    },
    say: (text) => said.push(text),
  });
  await kept.start();
  const killed = postgres;
  process.kill(killed.pid, 'SIGKILL');
  await vi.waitFor(() => expect(said).toContain('PostgreSQL runs again'), { timeout: 25_000, interval: 50 });
  expect(postgres.pid).not.toBe(killed.pid);
  expect(postgres.port).toBe(killed.port);
  expect(await ask(postgres.adminUrl('postgres'), 'select answer from kept')).toEqual([{ answer: 42 }]);
  await kept.stop(10_000);
  expect(findRunningPostgres(dataDir)).toBeUndefined();
});
