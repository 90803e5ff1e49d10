/**
 * The day after on real parts: payments are made, the bank's report is fetched and comes as a file, with what can be wrong with it; breaks
 * are found, told on every surface, resolved and not found again.
 *
 * @module
 */

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sluice } from '../../src/cli/sluice.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const ADMIN_KEY = 'an-admin-key-of-some-length';
/** A bank in a box settles on the day it charges. */
const today = new Date().toISOString().slice(0, 10);

let world: World;
let gateway: Gateway;
let shop: Shop;
/** Paid, in this order, with amounts that tell them apart. */
const paid: string[] = [];
let declined: string;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway({ SLUICE_ADMIN_KEY: ADMIN_KEY });
  shop = createShop(world, gateway);
  for (const amount of [10_000, 20_000, 30_000, 40_000, 50_000, 60_000]) {
    const { transactionId } = await shop.buy(CARDS.success, amount);
    paid.push(transactionId);
  }
  ({ transactionId: declined } = await shop.buy(CARDS.declined, 70_000));
  await Promise.all([...paid.map((id) => shop.becomes(id, 'SUCCESS')), shop.becomes(declined, 'FAILED')]);
});
afterAll(() => world?.stop());

interface Ran {
  code: number;
  out: string;
  err: string;
}

function settings(): Record<string, string> {
  return {
    SLUICE_DATA_DIR: world.folder,
    SLUICE_CONTROL_DATABASE_URL: world.cluster.services.control,
    SLUICE_VAULT_DATABASE_URL: world.cluster.services.vault!,
    SLUICE_SHARD_DATABASE_URLS: world.cluster.services.shards.join(','),
    SLUICE_SANDBOX_URL: world.bankUrl,
    ...world.hsmEnv,
  };
}

async function run(...words: string[]): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await sluice(['reconcile', ...words], {
    env: settings(),
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join(''), err: err.join('\n') };
}

function fetchReport(...more: string[]): Promise<Ran> {
  return run('--processor', 'sandbox', '--date', today, '--fetch', ...more);
}

function readFile(file: string, ...more: string[]): Promise<Ran> {
  return run('--processor', 'sandbox', '--date', today, file, ...more);
}

async function order(fault: string, amount: number): Promise<void> {
  const response = await fetch(`${world.bankUrl}/_bank/faults`, {
    method: 'POST',
    body: JSON.stringify({ step: 'settlement', fault, amount }),
  });
  expect(response.status).toBeLessThan(300);
}

async function admin(path: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(`${gateway.opsUrl}/admin/settlement${path}`, {
    ...init,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
  });
}

interface Break {
  breakId: string;
  class: string;
  state: string;
  transactionId: string | null;
}

async function breaks(...more: string[]): Promise<Break[]> {
  const { code, out } = await run('breaks', '--json', ...more);
  expect(code).toBe(0);
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** A plain report with its trailer. */
function writePlain(name: string, rows: readonly (readonly (string | number)[])[]): string {
  const path = join(world.folder, name);
  const net = rows.reduce((sum, row) => sum + Number(row[7]), 0);
  const lines = [
    'transaction_id,processor_txn_id,kind,status,amount,fee,tax,net,currency,movement_id',
    ...rows.map((row) => row.join(',')),
    `trailer,${rows.length},${net}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

test('a fetched report is posted, what is wrong is told by class, and a person is to look', async () => {
  await order('otherAmount', 20_000);
  await order('addUnknown', 30_000);
  await order('twice', 40_000);
  const report = join(world.folder, 'report.html');
  const { code, out, err } = await fetchReport('--report', report);
  expect([code, err]).toEqual([1, '']);
  expect(out).toMatch(/^matched +5 /m);
  expect(out).toMatch(/^amount_differs +1 /m);
  expect(out).toMatch(/^unknown_here +1 /m);
  expect(out).toMatch(/^twice +1 /m);
  expect(out).toMatch(/^ {2}sum +0\.00 INR$/m);
  expect(out).toContain('A person is to look.');
  expect((await breaks()).map((one) => one.class).sort()).toEqual([
    'amount_differs',
    'twice',
    'unknown_here',
  ]);
  expect(readFileSync(report, 'utf8')).toContain('<h2>For a person</h2>');
  const sums = await queryShards(
    world,
    'select sum(processor_receivable + processor_fees + processor_tax + merchant_payable + merchant_fees + suspense)::text as sum, count(*)::int as count from ledger_entries',
  );
  expect(sums.reduce((sum, one) => sum + Number(one.count), 0)).toBe(8);
});

test('the same report again changes nothing, says so, and exits as then', async () => {
  const before = await queryShards(world, 'select subject_id, entry from ledger_entries order by 1, 2');
  const { code, out, err } = await fetchReport();
  expect(code).toBe(1);
  expect(err).toMatch(/reconciled before, as run 1: nothing was changed/);
  expect(out).toMatch(/^amount_differs +1 /m);
  expect(await queryShards(world, 'select subject_id, entry from ledger_entries order by 1, 2')).toEqual(
    before,
  );
});

test('a break is resolved by command and by the admin API, once, with its reason', async () => {
  const [differs, unknown] = (await breaks())
    .filter((one) => one.class !== 'twice')
    .sort((a, b) => (a.class < b.class ? -1 : 1));
  const words = ['resolve', differs!.breakId, '--reason', 'the bank agreed', '--by', 'asha', '--as'];
  expect(await run(...words, 'accepted')).toEqual({
    ...{ code: 0, err: '' },
    out: `${differs!.breakId} is accepted now (amount_differs)\n`,
  });
  expect((await run(...words, 'accepted')).code).toBe(1);
  const body = JSON.stringify({ as: 'dismissed', reason: 'another shop’s', operator: 'ravi' });
  const path = `/breaks/${unknown!.breakId}/resolve`;
  const answer = await admin(path, { method: 'POST', body });
  expect([answer.status, await answer.json()]).toMatchObject([200, { state: 'dismissed', closedBy: 'ravi' }]);
  expect((await admin(path, { method: 'POST', body })).status).toBe(409);
  expect(await breaks()).toHaveLength(1);
  expect(await breaks('--state', 'accepted')).toMatchObject([{ breakId: differs!.breakId }]);
});

test('the admin API shows runs, pages and payouts to whoever has its key, and to nobody else', async () => {
  const { runs } = (await (await admin('/runs')).json()) as { runs: { runId: number }[] };
  expect(runs.map(({ runId }) => runId)).toEqual([1]);
  expect(await (await admin('/runs/1')).json()).toMatchObject({ rows: 8, needsPerson: true });
  const page = await admin('/runs/1?format=html');
  expect([page.status, page.headers.get('content-security-policy')]).toMatchObject([
    200,
    expect.stringContaining("default-src 'none'"),
  ]);
  expect((await (await admin('/runs/1?format=csv')).text()).split('\r\n')[0]).toMatch(/^record,class,/);
  expect((await admin('/runs/99')).status).toBe(404);
  const { breaks: open } = (await (await admin('/breaks?class=twice')).json()) as { breaks: Break[] };
  expect(open).toMatchObject([{ class: 'twice' }]);
  const wrong = await fetch(`${gateway.opsUrl}/admin/settlement/runs`, {
    headers: { authorization: 'Bearer another-key-of-some-length' },
  });
  expect(wrong.status).toBe(401);
});

test('payouts are the same for operator and merchant, and its own alone', async () => {
  const { code, out } = await run('payouts', '--from', today, '--to', today, '--output', 'json');
  expect(code).toBe(0);
  const [own] = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(own).toMatchObject({
    merchantId: world.merchantId,
    processor: 'SANDBOX',
    currency: 'INR',
    payments: 6,
  });
  const { status, body } = await shop.get(`/v1/payouts?from=${today}&to=${today}`);
  expect([status, body.payouts]).toMatchObject([
    200,
    [{ day: today, payments: 6, payable: Number(own.payable) }],
  ]);
  const other = createShop(world, gateway, await world.addMerchant('merchant_other'), 'merchant_other');
  expect((await other.get(`/v1/payouts?from=${today}&to=${today}`)).body).toEqual({ payouts: [] });
  expect((await shop.get('/v1/payouts?from=2026-02-31&to=2026-03-01')).status).toBe(400);
});

test('a file corrects what had failed here through its actor, and the run says how many', async () => {
  const [charge] = await bookOf(world, declined);
  const file = writePlain('late.csv', [
    [declined, charge!.id, 'payment', 'settled', 70_000, 1400, 252, 68_348, 'INR', 'mov_late'],
  ]);
  const { code, out } = await readFile(file, '--output', 'json', '--wait', '20');
  expect(JSON.parse(out)).toMatchObject({ corrections: { made: 1, waiting: 0, refused: 0 } });
  expect(code).toBe(0);
  await shop.becomes(declined, 'SUCCESS');
});

test('a report that is not whole posts nothing, and says which line and why', async () => {
  const whole = writePlain('whole.csv', [
    ['order_7', 'ch_7', 'payment', 'settled', 5000, 100, 18, 4882, 'INR', 'mov_7'],
  ]);
  const cut = join(world.folder, 'cut.csv');
  writeFileSync(cut, readFileSync(whole, 'utf8').split('\n').slice(0, 2).join('\n'));
  const { code, out, err } = await readFile(cut);
  expect([code, out]).toEqual([1, '']);
  expect(err).toMatch(/is refused \(truncated\): .*cut\.csv.*; nothing was posted/);
  const checked = await readFile(whole, '--sha256', '0'.repeat(64));
  expect([checked.code, checked.err]).toEqual([1, expect.stringContaining('(checksum_differs)')]);
  const { out: runs } = await run('runs', '--json');
  expect(runs.trimEnd().split('\n')).toHaveLength(2);
});

test('a line that cannot be read is set aside by its number, and the rest is posted', async () => {
  const file = writePlain('one-bad.csv', [
    ['order_8', 'ch_8', 'payment', 'settled', 5000, 100, 18, 4882, 'INR', 'mov_8'],
    ['order_9', 'ch_9', 'payment', 'settled', 'many', 0, 0, 0, 'INR', 'mov_9'],
  ]);
  const { code, out } = await readFile(file);
  expect(code).toBe(1);
  expect(out).toMatch(/^ {2}line 3: amount is no integer/m);
  expect(out).toMatch(/^unknown_here +1 /m);
  const runId = /: run (\d+), done$/m.exec(out)![1]!;
  expect((await run('show', runId)).out).toMatch(/^ {2}line 3: amount is no integer/m);
});

test('the command ends at once on a signal, and the same command goes on', async () => {
  const child = spawn(
    process.execPath,
    ['src/cli/sluice.ts', 'reconcile', '--processor', 'sandbox', '--date', today, '-'],
    { env: { PATH: process.env.PATH, ...settings() }, stdio: ['pipe', 'ignore', 'pipe'] },
  );
  const said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  // It keeps its standard input, which never ends, in a file without a name: it listens for signals by then.
  const files = `/proc/${child.pid}/fd`;
  await eventually(() =>
    expect(readdirSync(files).map((fd) => readlinkSync(join(files, fd)))).toContainEqual(
      expect.stringMatching(/report-\w+\.tmp \(deleted\)$/),
    ),
  );
  child.kill('SIGINT');
  expect(await ended).toBe(1);
  expect(said.join('')).toBe('sluice: stopped; the same command goes on where this one was\n');
});

test('whoever reads no output, or cannot keep it, changes neither the run nor its exit code', async () => {
  const file = writePlain('unread.csv', [
    ['order_10', 'ch_10', 'payment', 'settled', 5000, 100, 18, 4882, 'INR', 'mov_10'],
  ]);
  const child = spawn(
    process.execPath,
    ['src/cli/sluice.ts', 'reconcile', '--processor', 'sandbox', '--date', today, file],
    { env: { PATH: process.env.PATH, ...settings() }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child.stdout.destroy();
  child.stderr.destroy();
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(1);
  expect((await run('runs', '--limit', '1')).out).toMatch(/ done .*unread\.csv$/m);

  const full = openSync('/dev/full', 'w');
  const kept = spawnSync(process.execPath, ['src/cli/sluice.ts', 'reconcile', 'runs'], {
    env: { PATH: process.env.PATH, ...settings() },
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  expect([kept.status, kept.stderr]).toEqual([1, 'sluice: standard output cannot be written: ENOSPC\n']);
});

test('of several accounts one that fails keeps no other waiting, and each is told by its name', async () => {
  await world.addMerchant('merchant_late', { account: { account: 'acct_late' } });
  const { TMPDIR: before } = process.env;
  process.env.TMPDIR = '/nowhere';
  const { code, err } = await fetchReport().finally(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });
  expect(code).toBe(1);
  for (const account of ['acct_demo', 'acct_late'])
    expect(err).toContain(`account ${account} failed: a report cannot be kept in /nowhere`);
});

test('misuse is found before anything is opened', async () => {
  expect((await run('--processor', 'sandbox', '--date', '2026-02-31', 'x.csv')).code).toBe(2);
  expect((await run('--processor', 'sandbox', '--date', today)).code).toBe(2);
  expect((await run('--processor', 'sandbox', '--date', today, '--fetch', 'x.csv')).code).toBe(2);
  expect((await run('--processor', 'nobody', '--date', today, 'x.csv')).code).toBe(2);
  expect((await run('resolve', 'brk_x', '--as', 'accepted', '--reason', 'r')).code).toBe(2);
  expect((await run('show')).code).toBe(2);
});
