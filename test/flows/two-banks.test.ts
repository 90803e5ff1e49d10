/**
 * The two banks in a box of the profile that `npm start` brings: a fallback is an operator's one command, and either bank is gone with
 * the profile.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DemoFile } from '../../src/embedded/demo.ts';
import { identifyProcess, isRunning } from '../../src/embedded/process-identity.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { CARDS, createShop, type Shop } from '../support/shop.ts';

const ROOT = join(import.meta.dirname, '../..');
const READY_MS = 90_000;

let dataDir: string;
let environment: Record<string, string | undefined>;
let parent: ChildProcess;
let demo: DemoFile;
let shop: Shop;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-two-banks-'));
  const inherited = Object.entries(process.env).filter(
    ([key]) => !/^(SLUICE_|SANDBOX_|VITEST|NODE_)/.test(key),
  );
  environment = {
    ...Object.fromEntries(inherited),
    SLUICE_DATA_DIR: dataDir,
    SLUICE_API_PORT: String(await freePort()),
    SLUICE_CHECKOUT_PORT: String(await freePort()),
    SLUICE_OPS_PORT: String(await freePort()),
    SLUICE_SANDBOX_PORT: String(await freePort()),
  };
  parent = spawn(process.execPath, ['src/cli/sluice.ts', 'start'], {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  parent.stdout!.on('data', (chunk) => {
    said += chunk;
  });
  await eventually(() => assert.match(said, /Sluice is ready/), { withinMs: READY_MS });
  expect(said).toContain('merchant preferences --id merchant_demo --fallback sandbox_b');
  demo = read('demo.json');
  shop = createShop(demo, demo);
}, READY_MS + 10_000);

afterAll(async () => {
  await stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function stop(): Promise<void> {
  if (parent?.exitCode !== null) return;
  parent.kill('SIGTERM');
  await once(parent, 'exit');
}

function read<Content>(file: string): Content {
  return JSON.parse(readFileSync(join(dataDir, file), 'utf8')) as Content;
}

/** What a command of `sluice` prints as JSON. */
async function sluice(...words: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ['src/cli/sluice.ts', ...words], {
    cwd: ROOT,
    env: environment,
  });
  return JSON.parse(stdout);
}

test('without a fallback a charge that cannot be sent fails, and with one the second bank makes it', async () => {
  const refused = await shop.buy(CARDS.connectionRefused);
  const { body } = await shop.becomes(refused.transactionId, 'FAILED');
  expect(body).toMatchObject({ outcome: 'not_sent', processor: 'SANDBOX' });
  expect(await sluice('merchant', 'preferences', '--id', demo.merchantId, '--fallback', 'sandbox_b')).toEqual(
    {
      merchantId: demo.merchantId,
      merchantName: 'Millrace',
      preferredProcessor: 'SANDBOX',
      preferredAccount: 'acct_demo',
      fallbackProcessor: 'SANDBOX_B',
      fallbackAccount: 'acct_demo_b',
      transactionFeePercent: '2.00',
    },
  );
  // The gateway hears of it at once, but after us.
  const { transactionId } = await eventually(async () => {
    const again = await shop.buy(CARDS.connectionRefused);
    await shop.becomes(again.transactionId, 'SUCCESS', 1000);
    return again;
  });
  const paid = await shop.transaction(transactionId);
  expect(paid.body).toMatchObject({ outcome: 'charged', processor: 'SANDBOX_B' });
  const book = await (await fetch(`${demo.sandboxBUrl}/_bank/charges`)).text();
  expect(book).toContain(transactionId.replace('txn_', ''));
});

test('all processes are written down, and all are gone with the profile', async () => {
  const pids = Object.entries(read<Record<string, number>>('run.json'));
  expect(pids.map(([name]) => name)).toEqual(['gatewayPid', 'postgresPid', 'sandboxPid', 'sandboxBPid']);
  const processes = pids.map(([, pid]) => identifyProcess(pid)!);
  expect(processes.every(isRunning)).toBe(true);
  await stop();
  expect(processes.filter(isRunning)).toEqual([]);
  expect(existsSync(join(dataDir, 'run.json'))).toBe(false);
  expect(existsSync(join(dataDir, 'demo.json'))).toBe(true);
});
