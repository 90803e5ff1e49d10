/**
 * The command line: exit codes, and that the word to mend is named.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readOptions } from '../config/from-env.ts';
import { connectors } from '../connectors/registry.ts';
import type { ExitCode } from './command.ts';
import { CHARGEABLE } from './merchant-accounts.ts';
import { sluice } from './sluice.ts';

const DATABASES = {
  SLUICE_CONTROL_DATABASE_URL: 'postgres://u@127.0.0.1/control',
  SLUICE_VAULT_DATABASE_URL: 'postgres://u@127.0.0.1/vault',
  SLUICE_SHARD_DATABASE_URLS: 'postgres://u@127.0.0.1/shard_1',
};

const INTENT = 'pi_019b0000000070008000000000000000';
const TRANSACTION = 'txn_019b0000000070008000000000000001';

let folder: string;
let account: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  account = join(folder, 'account.json');
  writeFileSync(
    account,
    JSON.stringify({ account: 'acct_1', secretKey: 'bank_sk_1', webhookSecret: 'bank_whsec_1' }),
  );
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Ran {
  code: ExitCode;
  out: string;
  err: string;
}

async function run(line: string, env: Record<string, string> = {}): Promise<Ran> {
  return await runWords(line === '' ? [] : line.split(' '), env);
}

async function runWords(words: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const settings = { SLUICE_DATA_DIR: folder, ...env };
  const code = await sluice(words, {
    env: settings,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join(''), err: err.join('\n') };
}

it.each([
  ['', 'a command is needed'],
  ['strat', 'unknown command strat'],
  ['merchant', 'unknown command merchant'],
  ['merchant delete', 'unknown command merchant delete'],
  ['doctor --fast', '--fast'],
  ['version --loud', '--loud'],
  ['start --config /nowhere', '/nowhere'],
  ['merchant create --id m_1 --name Shop --processor SANDBOX', '--account-file'],
  ['merchant create --name Shop --processor SANDBOX', '--id'],
  [
    'merchant create --name Shop --processor PAYPAL',
    '--processor PAYPAL: this version can charge at SANDBOX, SANDBOX_B, RAZORPAY, PAYU, STRIPE only',
  ],
  [
    'merchant create --name Shop --processor paypal',
    '--processor paypal: this version can charge at SANDBOX, SANDBOX_B, RAZORPAY, PAYU, STRIPE only',
  ],
  [
    'merchant create --id m_1 --name Shop --processor sandbox --fallback PAYPAL',
    '--fallback PAYPAL: this version',
  ],
  [
    'merchant create --id m_1 --name Shop --processor sandbox --redirect-origin ftp://a.example',
    '--redirect-origin ftp',
  ],
  [
    'merchant create --id m_1 --name Shop --processor sandbox --webhook-url shop.example',
    '--webhook-url must be',
  ],
  [
    'merchant create --id m_1 --name Shop --processor sandbox --account-file {account} --fallback sandbox_b',
    '--fallback-account-file is needed',
  ],
  [
    'merchant create --id m_1 --name Shop --processor sandbox --account-file {account} --fallback-account-file x',
    '--fallback is needed',
  ],
  [
    'merchant create --id m_1 --name Shop --processor sandbox --account-file {account} --fallback sandbox_b --fallback-account-file /nowhere',
    '--fallback-account-file /nowhere cannot be read: ENOENT',
  ],
  ['merchant origins', '--id is needed'],
  ['merchant preferences --processor sandbox', '--id is needed'],
  ['merchant preferences --id m_1 --fallback paypal', '--fallback paypal: this version can charge'],
  ['merchant preferences --id m_1 --fallback sandbox_b --no-fallback', 'exclude each other'],
  [
    'merchant preferences --id m_1 --no-fallback --fallback-account-file {account}',
    '--no-fallback and --fallback-account-file',
  ],
  [
    'merchant preferences --id m_1 --processor sandbox --account-file /nowhere',
    '--account-file /nowhere cannot be read: ENOENT',
  ],
  ['merchant preferences --id m_1 --fee 100.01', '--fee 100.01 must be a percentage'],
  ['merchant preferences --id m_1 --fee 1,5', '--fee 1,5 must be a percentage'],
  [
    'merchant origins --id m_1 --add https://shop.example/paid',
    '--add https://shop.example/paid must be an origin',
  ],
  ['migrate --owner-password-file x', '--owner'],
  ['payments', 'unknown command payments'],
  ['reconcile --processor sandbox --date 2999-01-01 x.csv', '--date 2999-01-01 is in the future'],
  ['reconcile --processor sandbox --date 1970-01-01 x.csv', '--date 1970-01-01 is before'],
  ['reconcile payouts --from 0000-01-01 --to 0000-01-02', '--from 0000-01-01 is not a day'],
  ['payments unresolved --older-than soon', '--older-than soon is not a number of seconds'],
  ['payments show', 'an id is needed first'],
  ['payments show --json', 'an id is needed first'],
  ['payments show order_1', 'order_1 is no id of a payment'],
  [`payments resolve ${TRANSACTION} --reason r`, '--as is needed'],
  [
    `payments resolve ${TRANSACTION} --as paid --reason r`,
    '--as paid is none of success, failed, acknowledged',
  ],
  [`payments resolve ${TRANSACTION} --as success`, '--reason is needed'],
  [`payments resolve ${TRANSACTION} --as success --leg 3 --reason r`, '--leg 3 is none of 1, 2'],
  [`payments resolve ${TRANSACTION} --as failed --leg 1 --reason r`, 'it goes with --as success'],
  [`payments resolve ${INTENT} --as success --reason r`, 'is an intent: name its attempt, txn_…'],
])('sluice %s is misused', async (line, word) => {
  const { code, err } = await run(line.replace('{account}', account));
  expect(code).toBe(2);
  expect(err).toContain(word);
});

it.each([
  ['r'.repeat(501), 'longer than 500 characters'],
  ['   ', '--reason is empty'],
  ['the bank\u001b[2J said so', 'control character'],
  ['two\nlines', 'control character'],
  ['card 4111111111111111 was charged', 'look like a card number'],
  ['card 4111 1111 1111 1111 12/28', 'look like a card number'],
  ['card 4111-1111-1111-1111', 'look like a card number'],
])('a reason that must not be kept is refused (%#)', async (reason, word) => {
  const words = ['payments', 'resolve', TRANSACTION, '--as', 'success', '--reason', reason];
  const { code, err } = await runWords(words);
  expect([code, err]).toEqual([2, expect.stringContaining(word)]);
});

it('a bank’s own reference is no card number', async () => {
  // An acquirer's reference of 23 digits, and one of UPI with 12.
  const reason = 'ARN 74537606023000000000011, RRN 602312345678';
  const { code, err } = await runWords(
    ['payments', 'resolve', TRANSACTION, '--as', 'success', '--reason', reason],
    { SLUICE_API_PORT: 'x' },
  );
  expect([code, err]).toEqual([2, expect.stringContaining('SLUICE_API_PORT')]);
});

it('names every bad setting before it starts anything', async () => {
  const { code, err } = await run('start', { SLUICE_API_PORT: 'x', SLUICE_COLOUR: 'red' });
  expect(code).toBe(2);
  expect(err).toContain('SLUICE_API_PORT must be');
  expect(err).toContain('SLUICE_COLOUR is no setting');
});

it('merchants are made for every processor that can be charged, and no other', () => {
  const read = readOptions({
    ...DATABASES,
    SLUICE_PKCS11_MODULE: 'software',
  });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  expect(connectors(read.options).map(({ name }) => name)).toEqual(CHARGEABLE);
});

it('prints help and version', async () => {
  const help = await run('help');
  expect(help.code).toBe(0);
  for (const name of [
    'start',
    'migrate',
    'merchant create',
    'merchant origins',
    'merchant preferences',
    'payments unresolved',
    'payments show',
    'payments resolve',
    'doctor',
    'SLUICE_ROLES',
  ])
    expect(help.out).toContain(name);
  expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it('fails, and says what to start, when the embedded database does not run', async () => {
  const { code, err } = await run(
    `merchant create --id m_1 --name Shop --processor sandbox --account-file ${account}`,
  );
  expect(code).toBe(1);
  expect(err).toContain('npm start');
  expect((await run('migrate')).code).toBe(1);
});

it('the doctor has one line for each look', async () => {
  const ports = {
    SLUICE_API_PORT: '0',
    SLUICE_CHECKOUT_PORT: '0',
    SLUICE_OPS_PORT: '0',
    SLUICE_SANDBOX_PORT: '0',
  };
  const { out } = await run('doctor', { ...ports, SLUICE_PKCS11_MODULE: '/nowhere.so' });
  expect(out.trimEnd().split('\n')).toHaveLength(10);
  expect(out).toContain('ok   node: 22.');
  expect(out).toContain('ok   ports: free');
  expect(out).toContain(
    'ok   roles: api (API port), checkout (checkout port, vault), callbacks (API port), background',
  );
  expect(out).toContain('fail pkcs11 module: SLUICE_PKCS11_MODULE names /nowhere.so');
});

it('the doctor of a host without the checkout role wants nothing there that opens the vault', async () => {
  const nowhere = 'postgres://sluice:x@127.0.0.1:1/';
  const env = {
    SLUICE_ROLES: 'api,callbacks',
    SLUICE_API_PORT: '0',
    SLUICE_OPS_PORT: '0',
    SLUICE_CONTROL_DATABASE_URL: `${nowhere}control`,
    SLUICE_SHARD_DATABASE_URLS: `${nowhere}shard_1`,
    SLUICE_PKCS11_MODULE: 'software',
  };
  const open = await run('doctor', { ...env, SLUICE_VAULT_DATABASE_URL: `${nowhere}vault` });
  expect(open.out).toMatch(/^fail roles: SLUICE_VAULT_DATABASE_URL: take them off this host/m);
  const lacking = await run('doctor', env);
  expect(lacking.out).toMatch(/^fail roles: SLUICE_PUBLIC_CHECKOUT_URL is needed where the api role/m);
  // A gateway's own disk may be read-only.
  expect(lacking.out).toContain('ok   disk: commits go to the disks of the databases');
  const url = { SLUICE_PUBLIC_CHECKOUT_URL: 'https://pay.example.com' };
  expect((await run('doctor', { ...env, ...url })).out).toMatch(/^ok {3}roles: api \(API port\), callbacks/m);
});
