/**
 * `sluice merchant create`, `sluice merchant preferences` and `sluice merchant contract` on databases that are named.
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
function accountFile(name: string, account: string, secret = `secret of ${account}`): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  const secrets = { secretKey: `key of ${account}`, webhookSecret: secret };
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

it('an account that another merchant has, and secrets that are none, are refused by the option that gave them', async () => {
  const [own, owners] = [accountFile('own.json', 'acct_own'), accountFile('owners.json', 'acct_owner')];
  for (const [id, file] of [
    ['m_own', own],
    ['m_owner', owners],
  ])
    await run(`merchant create --id ${id} --name Shop --processor sandbox --account-file ${file}`);
  const guessed = accountFile('guessed.json', 'acct_owner', 'a guessed secret');
  const made = await run(
    `merchant create --id m_new --name Shop --processor sandbox --account-file ${guessed}`,
  );
  expect(made).toMatchObject({
    code: 1,
    err: expect.stringContaining('account_conflict: --account-file acct_owner: another merchant'),
  });
  const changed = await run(`merchant preferences --id m_own --account-file ${guessed}`);
  expect([changed.code, changed.err]).toEqual([
    2,
    expect.stringContaining('--account-file acct_owner: another'),
  ]);
  const short = await run(
    `merchant preferences --id m_own --account-file ${accountFile('short.json', 'acct_own', 'short')}`,
  );
  expect([short.code, short.err]).toEqual([2, expect.stringContaining('webhookSecret must have at least 8')]);
  expect(`${made.err} ${changed.err} ${short.err}`).not.toMatch(/secret of|guessed secret/);
});

it('the contract of each account is told, made with the merchant, changed and forgotten, and stays when credentials change', async () => {
  const [one, two] = [accountFile('c1.json', 'acct_c1'), accountFile('c2.json', 'acct_c2')];
  const made = await run(
    `merchant create --id m_con --name Shop --processor sandbox --account-file ${one} --fallback sandbox_b --fallback-account-file ${two} --fee-percent 2 --fee-tax-percent 18`,
  );
  expect(made.code, made.err).toBe(0);
  const at = (feePercent: string | null, feeTaxPercent: string | null) => ({
    processor: 'SANDBOX',
    account: 'acct_c1',
    feePercent,
    feeTaxPercent,
  });
  const second = { processor: 'SANDBOX_B', account: 'acct_c2', feePercent: null, feeTaxPercent: null };
  const other = { ...second, feePercent: '0.50', feeTaxPercent: '0.00' };
  const steps = [
    ['', [at('2.00', '18.00'), second]],
    [' --processor sandbox --fee-percent 1.75 --fee-tax-percent 9.5', [at('1.75', '9.50'), second]],
    [' --processor sandbox_b --account acct_c2 --fee-percent 0.5', [at('1.75', '9.50'), other]],
    [' --processor sandbox --no-fee', [at(null, null), other]],
  ] as const;
  for (const [options, contracts] of steps) {
    const { code, out, err } = await run(`merchant contract --id m_con${options}`);
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toEqual(contracts);
  }
  const renewed = accountFile('c2.json', 'acct_c2', 'another secret');
  await run(`merchant preferences --id m_con --fallback sandbox_b --fallback-account-file ${renewed}`);
  expect(JSON.parse((await run('merchant contract --id m_con')).out)).toEqual([at(null, null), other]);
});

const NO_CONTRACTS = [
  ['contract --id m_none', 1, '--id m_none: there is no such merchant'],
  ['contract --id m_fee --processor sandbox', 2, '--fee-percent or --no-fee is needed with --processor'],
  ['contract --id m_fee --account acct_fee', 2, '--fee-percent or --no-fee is needed with --account'],
  ['contract --id m_fee --fee-percent 2', 2, '--processor is needed'],
  ['contract --id m_fee --processor sandbox --fee-percent 100.01', 2, '--fee-percent must be a percentage'],
  ['contract --id m_fee --processor sandbox --fee-percent 1.234', 2, '--fee-percent must be a percentage'],
  ['contract --id m_fee --processor sandbox --fee-percent=-1', 2, '--fee-percent must be a percentage'],
  ['contract --id m_fee --processor sandbox --fee-tax-percent 18', 2, '--fee-percent is needed'],
  [
    'contract --id m_fee --processor sandbox --fee-percent 2 --fee-tax-percent x',
    2,
    '--fee-tax-percent must',
  ],
  ['contract --id m_fee --processor sandbox --fee-percent 2 --no-fee', 2, 'not both'],
  ['contract --id m_fee --processor payu --fee-percent 2', 2, 'the merchant has no account there'],
  [
    'contract --id m_fee --processor sandbox --account acct_no --no-fee',
    2,
    '--account acct_no: the merchant',
  ],
  [
    'create --id m_fee2 --name Shop --processor sandbox --account-file {one} --fee-percent two',
    2,
    '--fee-percent',
  ],
] as const;

it('what cannot be a contract is refused by name, and changes nothing', async () => {
  const one = accountFile('fee.json', 'acct_fee');
  await run(
    `merchant create --id m_fee --name Shop --processor sandbox --account-file ${one} --fee-percent 3`,
  );
  for (const [line, code, fault] of NO_CONTRACTS) {
    const refused = await run(`merchant ${line.replace('{one}', one)}`);
    expect(refused, line).toMatchObject({ code, out: '', err: expect.stringContaining(fault) });
  }
  expect(JSON.parse((await run('merchant contract --id m_fee')).out)).toMatchObject([{ feePercent: '3.00' }]);
});

it('of two accounts at one processor the one is to be named', async () => {
  const [one, two] = [accountFile('t1.json', 'acct_t1'), accountFile('t2.json', 'acct_t2')];
  await run(`merchant create --id m_two --name Shop --processor sandbox --account-file ${one}`);
  await run(`merchant preferences --id m_two --processor sandbox --account-file ${two}`);
  const refused = await run('merchant contract --id m_two --processor sandbox --fee-percent 2');
  expect(refused).toMatchObject({
    code: 2,
    err: expect.stringContaining('--account is needed: acct_t1, acct_t2'),
  });
});
