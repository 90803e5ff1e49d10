/**
 * `sluice merchant create` and `sluice merchant preferences` on databases that are named.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../../test/support/cluster.ts';
import type { ExitCode } from './command.ts';
import { sluice } from './sluice.ts';

let folder: string;
let cluster: Cluster;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-preferences-'));
  cluster = await startCluster(1);
});
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true });
});

async function run(line: string): Promise<{ code: ExitCode; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await sluice(line.split(' '), {
    env: {
      SLUICE_DATA_DIR: folder,
      SLUICE_PKCS11_MODULE: 'software',
      SLUICE_CONTROL_DATABASE_URL: cluster.services.control,
      SLUICE_VAULT_DATABASE_URL: cluster.services.vault,
      SLUICE_SHARD_DATABASE_URLS: cluster.services.shards.join(','),
    },
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join(''), err: err.join('\n') };
}

/** Writes an account file and returns its name. */
function accountFile(name: string, account: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  const secrets = { secretKey: `key of ${account}`, webhookSecret: `secret of ${account}` };
  writeFileSync(file, JSON.stringify({ account, ...secrets }));
  return file;
}

it('shows the preferences, changes them option by option, and never prints a secret', async () => {
  const [one, two] = [accountFile('one.json', 'acct_1'), accountFile('two.json', 'acct_2')];
  const made = await run(
    `merchant create --id m_1 --name Shop --processor sandbox --account-file ${one} --fee 1.5`,
  );
  expect(made.code, made.err).toBe(0);
  const at = (preferredProcessor: string, preferredAccount: string) => ({
    merchantId: 'm_1',
    merchantName: 'Shop',
    preferredProcessor,
    preferredAccount,
    fallbackProcessor: null as string | null,
    fallbackAccount: null as string | null,
    transactionFeePercent: '1.50',
  });
  const steps = [
    ['', at('SANDBOX', 'acct_1')],
    [
      ` --fallback sandbox_b --fallback-account-file ${two}`,
      { ...at('SANDBOX', 'acct_1'), fallbackProcessor: 'SANDBOX_B', fallbackAccount: 'acct_2' },
    ],
    [
      ' --processor sandbox_b --fallback sandbox',
      { ...at('SANDBOX_B', 'acct_2'), fallbackProcessor: 'SANDBOX', fallbackAccount: 'acct_1' },
    ],
    [' --no-fallback --fee 100', { ...at('SANDBOX_B', 'acct_2'), transactionFeePercent: '100.00' }],
    ['', { ...at('SANDBOX_B', 'acct_2'), transactionFeePercent: '100.00' }],
  ] as const;
  for (const [options, preferences] of steps) {
    const { code, out, err } = await run(`merchant preferences --id m_1${options}`);
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toEqual(preferences);
    expect(out).not.toContain('secret of');
    expect(out).not.toContain('key of');
  }
});

it('a merchant is made with its fallback, and both accounts default to those of the sandbox banks', async () => {
  accountFile('sandbox/accounts.json', 'acct_demo');
  accountFile('sandbox-b/accounts.json', 'acct_demo_b');
  const { code, err } = await run(
    'merchant create --id m_2 --name Shop --processor sandbox --fallback sandbox_b',
  );
  expect(code, err).toBe(0);
  const { out } = await run('merchant preferences --id m_2');
  expect(JSON.parse(out)).toMatchObject({
    preferredAccount: 'acct_demo',
    fallbackProcessor: 'SANDBOX_B',
    fallbackAccount: 'acct_demo_b',
  });
});

it.each([
  ['--id m_none', 1, '--id m_none: there is no such merchant'],
  ['--id m_none --fee 1', 1, '--id m_none: there is no such merchant'],
  ['--id m_3 --fallback sandbox', 2, '--fallback must be another processor than SANDBOX'],
  ['--id m_3 --fallback-account-file {one}', 2, '--fallback is needed'],
  [
    '--id m_3 --processor sandbox_b --account-file {one} --fallback sandbox_b',
    2,
    '--fallback must be another',
  ],
])('merchant preferences %s is refused by name', async (options, code, fault) => {
  const one = accountFile('three.json', 'acct_3');
  await run(`merchant create --id m_3 --name Shop --processor sandbox --account-file ${one}`);
  const refused = await run(`merchant preferences ${options.replace('{one}', one)}`);
  expect(refused).toMatchObject({ code, out: '' });
  expect(refused.err).toContain(fault);
  expect(JSON.parse((await run('merchant preferences --id m_3')).out)).toMatchObject({
    preferredAccount: 'acct_3',
    fallbackProcessor: null,
  });
});

it.each([
  ['account', ''],
  ['secretKey', ''],
  ['secretKey', 'key\n'],
  ['secretKey', ' key'],
  // With an empty secret anybody could sign a callback.
  ['webhookSecret', ''],
  ['webhookSecret', 'secret\n'],
])('an account file whose %s is %j is refused, and not repeated', async (field, value) => {
  const whole = { account: 'acct_4', secretKey: 'key', webhookSecret: 'secret' };
  const file = join(folder, 'four.json');
  writeFileSync(file, JSON.stringify({ ...whole, [field]: value }));
  const refused = await run(`merchant preferences --id m_1 --account-file ${file}`);
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.err).toContain(`--account-file ${file} must be JSON`);
});
