/**
 * A server without roles and a host without tokens become an installation, by commands that can all be run again.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { findPkcs11Module } from '../embedded/pkcs11-module.ts';
import { type EmbeddedPostgres, startPostgres } from '../embedded/postgres.ts';
import { sluice } from './sluice.ts';

let folder: string;
let postgres: EmbeddedPostgres;
let env: Record<string, string>;
let logins: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-setup-'));
  // The server runs as another user when we are root.
  chmodSync(folder, 0o711);
  postgres = await startPostgres({ dataDir: join(folder, 'postgres') });
  const admin = new URL(postgres.adminUrl('postgres'));
  const url = (role: string, database: string) => `postgres://${role}:pass_${role}@${admin.host}/${database}`;
  const hsm = join(folder, 'hsm');
  env = {
    SLUICE_DATA_DIR: join(folder, 'demo'),
    SLUICE_PKCS11_MODULE: findPkcs11Module(undefined),
    SLUICE_PKCS11_PIN_FILE: join(hsm, 'vault', 'pin'),
    SLUICE_CONFIG_PIN_FILE: join(hsm, 'config', 'pin'),
    SLUICE_CONTROL_DATABASE_URL: url('s_control', 'control'),
    SLUICE_VAULT_DATABASE_URL: url('s_vault', 'vault'),
    SLUICE_SHARD_DATABASE_URLS: `${url('s_shard', 'shard_1')},${url('s_shard', 'shard_2')}`,
    SLUICE_SANDBOX_URL: 'http://bank:9400',
  };
  writeFileSync(join(folder, 'superuser'), `${decodeURIComponent(admin.password)}\n`);
  writeFileSync(join(folder, 'owner'), "it's hard\n");
  logins = ['--superuser', admin.username, '--superuser-password-file', join(folder, 'superuser')];
  logins.push('--owner', 's_owner', '--owner-password-file', join(folder, 'owner'));
  mkdirSync(hsm);
  writeFileSync(join(folder, 'softhsm2.conf'), `directories.tokendir = ${hsm}\nlog.level = ERROR\n`);
  // SoftHSM reads its configuration's place from the environment when it is loaded.
  process.env.SOFTHSM2_CONF = join(folder, 'softhsm2.conf');
}, 60_000);

afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const context = { env, out: (text: string) => out.push(text), err: (text: string) => err.push(text) };
  return { code: await sluice(words, context), out: out.join(''), err: err.join('\n') };
}

async function canConnect(text: string, database: string): Promise<boolean> {
  const url = new URL(text);
  url.pathname = `/${database}`;
  const client = new Client({ connectionString: url.href });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

test('roles and databases are made once, each service enters its own only, and migrate finds what it needs', async () => {
  expect(await run('setup', 'databases', ...logins)).toEqual({
    code: 0,
    out: 'control: made\nvault: made\nshard_1: made\nshard_2: made\n',
    err: '',
  });
  const again = await run('setup', 'databases', ...logins);
  expect(again.out).toBe('control: is there\nvault: is there\nshard_1: is there\nshard_2: is there\n');
  const migrated = await run('migrate', '--owner', 's_owner', '--owner-password-file', join(folder, 'owner'));
  expect(migrated).toMatchObject({ code: 0, err: '' });
  expect(await canConnect(env.SLUICE_VAULT_DATABASE_URL!, 'vault')).toBe(true);
  for (const other of ['control', 'shard_1', 'postgres']) {
    expect(await canConnect(env.SLUICE_VAULT_DATABASE_URL!, other)).toBe(other === 'postgres');
  }
  expect(await canConnect(env.SLUICE_CONTROL_DATABASE_URL!, 'vault')).toBe(false);
});

test('a password changed in the connection strings is changed on the server by the next run', async () => {
  const before = env.SLUICE_VAULT_DATABASE_URL!;
  env.SLUICE_VAULT_DATABASE_URL = before.replace('pass_s_vault', 'p%40ss%27word');
  await run('setup', 'databases', ...logins);
  expect(await canConnect(env.SLUICE_VAULT_DATABASE_URL, 'vault')).toBe(true);
  expect(await canConnect(before, 'vault')).toBe(false);
});

test.each<[string, () => Record<string, string>, string]>([
  [
    'the superuser as a service',
    () => ({ SLUICE_CONTROL_DATABASE_URL: service(logins[1]!, 'control') }),
    'is the superuser',
  ],
  [
    'the owner as a service',
    () => ({ SLUICE_CONTROL_DATABASE_URL: service('s_owner', 'control') }),
    'owns the',
  ],
  [
    'the vault’s role elsewhere',
    () => ({ SLUICE_CONTROL_DATABASE_URL: service('s_vault', 'control') }),
    'vault',
  ],
  [
    'somebody’s role with rights',
    () => ({ SLUICE_CONTROL_DATABASE_URL: service('other_admin', 'control') }),
    'other_admin is there and has rights',
  ],
  [
    'somebody’s database',
    () => ({ SLUICE_CONTROL_DATABASE_URL: service('s_control', 'others') }),
    'others is there and belongs to other_admin',
  ],
])('%s is refused, and nothing of it is changed', async (_, more, why) => {
  const client = new Client({ connectionString: postgres.adminUrl('postgres') });
  await client.connect();
  onTestFinished(() => client.end());
  const look = async () => [
    (await client.query('select rolname, rolsuper, rolcreatedb, rolpassword from pg_authid order by 1')).rows,
    (await client.query('select datname, datacl::text from pg_database order by 1')).rows,
  ];
  if ((await client.query("select 1 from pg_roles where rolname = 'other_admin'")).rowCount === 0) {
    await client.query("create role other_admin login createdb password 'theirs'");
    await client.query('create database others owner other_admin');
  }
  const before = await look();
  const mine = env;
  env = { ...env, ...more() };
  const { code, err } = await run('setup', 'databases', ...logins);
  env = mine;
  expect([code, err]).toEqual([1, expect.stringContaining(why)]);
  expect(await look()).toEqual(before);
});

test('an owner’s password of any characters opens the databases for migrate', async () => {
  writeFileSync(join(folder, 'owner'), 'a%40b:/?#[]@\n');
  expect(await run('setup', 'databases', ...logins)).toMatchObject({ code: 0 });
  const migrated = await run('migrate', '--owner', 's_owner', '--owner-password-file', join(folder, 'owner'));
  expect(migrated).toMatchObject({ code: 0, err: '' });
});

/** A connection string of the same server. */
function service(role: string, database: string): string {
  const url = new URL(env.SLUICE_CONTROL_DATABASE_URL!);
  [url.username, url.password, url.pathname] = [role, 'x', `/${database}`];
  return url.href;
}

test('each token lies in a folder of its own, and one without the other is whole', async () => {
  const hsm = join(folder, 'hsm');
  expect((await run('setup', 'tokens', '--directory', hsm)).out).toBe(
    `${join(hsm, 'vault')}: made\n${join(hsm, 'config')}: made\n`,
  );
  expect((await run('setup', 'tokens', '--directory', hsm)).out).toContain('config: is there');
  renameSync(join(hsm, 'vault'), join(folder, 'vault-away'));
  expect(tokensSeen()).toEqual(['config']);
  renameSync(join(folder, 'vault-away'), join(hsm, 'vault'));
  expect(tokensSeen()).toEqual(['config', 'vault']);
});

test('a token whose making was cut short is made by the next run with the PIN that is there', async () => {
  const vault = join(folder, 'hsm', 'vault');
  const pin = readFileSync(join(vault, 'pin'), 'utf8');
  rmSync(join(vault, 'token.object'));
  expect((await run('setup', 'tokens', '--directory', join(folder, 'hsm'))).out).toContain('vault: made');
  expect(readFileSync(join(vault, 'pin'), 'utf8')).toBe(pin);
  expect(tokensSeen()).toEqual(['config', 'vault']);
});

test('the demo merchant’s webhooks go to the bank between the containers, its shoppers to the shop', async () => {
  const words = ['setup', 'demo', '--api-url', 'http://balancer:8080', '--shop-url', 'http://127.0.0.1:9401'];
  for (const _ of ['first', 'again']) {
    expect(await run(...words)).toMatchObject({ code: 0, err: '' });
    expect(await endpointsAndOrigins()).toEqual([
      ['merchant_demo', 'http://bank:9400/shop/webhooks', true],
      ['merchant_demo_payu', 'http://bank:9400/shop/webhooks/payu', true],
      ['merchant_demo_razorpay', 'http://bank:9400/shop/webhooks/razorpay', true],
      ['merchant_demo_stripe', 'http://bank:9400/shop/webhooks/stripe', true],
    ]);
  }
  expect(existsSync(join(folder, 'demo', 'demo.json'))).toBe(true);
  const accounts = readFileSync(join(folder, 'demo', 'sandbox', 'accounts.json'), 'utf8');
  expect(accounts).toContain('http://balancer:8080/webhooks/sandbox');
});

test.each([
  ['setup databases', '--superuser is needed'],
  ['setup databases --superuser postgres --superuser-password-file /nowhere', '/nowhere cannot be read'],
  ['setup tokens', '--directory is needed'],
  ['setup demo --api-url http://a:1/x --shop-url http://b:1', '--api-url http://a:1/x must be an origin'],
])('%s is a misuse that names the word to mend', async (line, named) => {
  const { code, err } = await run(...line.split(' '));
  expect(code).toBe(2);
  expect(err).toContain(named);
});

/** Labels of the tokens a new process finds. */
function tokensSeen(): string[] {
  const text = execFileSync('softhsm2-util', ['--show-slots'], { encoding: 'utf8' });
  return [...text.matchAll(/Label: +(\S+)/g)].map((found) => found[1]!).sort();
}

async function endpointsAndOrigins(): Promise<unknown[][]> {
  const client = new Client({ connectionString: postgres.adminUrl('control') });
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({
      rowMode: 'array',
      text: `select m.merchant_id, e.url, m.redirect_origins @> array['http://127.0.0.1:9401']
             from merchants m join webhook_endpoints e using (merchant_id) order by 1`,
    });
    return rows;
  } finally {
    await client.end();
  }
}
