/**
 * Calls that hang: abandoned, counted, repeated once on a fresh worker, and no further past the bound.
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { HsmOptions } from './hsm.ts';
import { MemoryVault } from './testing/memory-vault.ts';
import { createTokenizerOver } from './tokenizer.ts';
import { createVaultPool, type VaultPool } from './vault-pool.ts';

/**
 * A worker that hangs in as many seals as the shared counter says, as a stuck module would: its thread waits
 * outside the event loop. It dies instead when the counter is negative.
 */
const WORKER = `
import { workerData } from 'node:worker_threads';
import { readFileSync, writeFileSync } from 'node:fs';
const counter = workerData.pinFile;
export default function handle(task) {
  if (task.type === 'probe') return { ok: true, answer: { type: 'probed', ivMadeBy: 'caller' } };
  if (task.type !== 'seal-pages') return { ok: true, answer: { type: 'done' } };
  const hangs = Number(readFileSync(counter, 'utf8'));
  if (hangs !== 0) writeFileSync(counter, String(hangs - Math.sign(hangs)));
  if (hangs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (hangs < 0) process.exit(1);
  const pages = task.pages.map(({ text }) => ({
    iv: new Uint8Array(12), ciphertext: new Uint8Array(16), fingerprints: Array(text[1]).fill('f'.repeat(32)),
  }));
  return { ok: true, answer: { type: 'pages-sealed', pages } };
}`;

let directory: string;
let workerFile: string;
let counter: string;
let pool: VaultPool;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-worker-pool-'));
  workerFile = join(directory, 'worker.mjs');
  counter = join(directory, 'hangs');
  await writeFile(workerFile, WORKER);
});

afterEach(() => pool.close());
afterAll(() => rm(directory, { recursive: true, force: true }));

async function start(hangs: number) {
  await writeFile(counter, '0');
  const options: HsmOptions = {
    module: 'none',
    tokenLabel: 'none',
    pinFile: counter,
    threads: 1,
    pageCardsMax: 64,
    callTimeoutMs: 1_000,
    abandonedWorkersMax: 3,
  };
  pool = createVaultPool(options, workerFile);
  const tokenizer = await createTokenizerOver(options, new MemoryVault(), pool);
  await writeFile(counter, String(hangs));
  return tokenizer;
}

it('a page whose call hangs is sealed by a fresh worker', async () => {
  const tokenizer = await start(1);
  expect(await tokenizer.tokenize(card(), inMs(20_000))).toMatchObject({ masked: '411111****1111' });
  expect(tokenizer.health()).toMatchObject({ status: 'degraded', abandonedWorkers: 1 });
});

it('a page whose worker dies is sealed by a fresh worker', async () => {
  const tokenizer = await start(-1);
  expect(await tokenizer.tokenize(card(), inMs(20_000))).toMatchObject({ masked: '411111****1111' });
  expect(tokenizer.health().abandonedWorkers).toBe(0);
});

it('a page whose worker is ended from outside is sealed by a fresh worker', async () => {
  const tokenizer = await start(0);
  const sealing = tokenizer.tokenize(card(), inMs(20_000));
  pool.loseWorker();
  expect(await sealing).toMatchObject({ masked: '411111****1111' });
  expect(await tokenizer.tokenize(card(), inMs(20_000))).toMatchObject({ masked: '411111****1111' });
  expect(tokenizer.health()).toMatchObject({ status: 'ok', abandonedWorkers: 0 });
});

it('past the bound nothing more is risked, and health asks for a new process', async () => {
  const tokenizer = await start(100);
  expect(await tokenizer.tokenize(card(), inMs(20_000))).toMatchObject({ refused: 'hsm_unavailable' });
  expect(tokenizer.health()).toMatchObject({ status: 'degraded', abandonedWorkers: 2 });
  expect(await tokenizer.tokenize(card(), inMs(20_000))).toMatchObject({ refused: 'hsm_unavailable' });
  expect(tokenizer.health()).toMatchObject({ status: 'replace_process', abandonedWorkers: 3 });
  expect(await tokenizer.tokenize(card(), inMs(20_000))).toMatchObject({ detail: 'workers_exhausted' });
});

function card() {
  const ascii = (value: string): Uint8Array => new TextEncoder().encode(value);
  const pan = ascii('4111111111111111');
  return { pan, expiryMonth: 12, expiryYear: 2030, cvv: ascii('123'), cardholderName: ascii('Asha Rao') };
}

function inMs(ms: number): number {
  return Number(process.hrtime.bigint()) / 1e6 + ms;
}
