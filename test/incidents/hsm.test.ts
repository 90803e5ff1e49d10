/**
 * A PKCS#11 binding whose buffers were freed while the module wrote to them (incident 24): our calls under garbage collection.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findPkcs11Module } from '../../src/embedded/pkcs11-module.ts';
import { ensureSoftHsmTokens } from '../../src/hsm/soft-hsm-tokens.ts';

/** `ENCRYPTS=1000000` makes a night of it. */
const ENCRYPTS = Number(process.env.ENCRYPTS ?? 100_000);

const run = promisify(execFile);
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-gc-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test(`${ENCRYPTS} encrypts through a real token while garbage is collected: every byte is right, and the process lives`, async () => {
  const module = findPkcs11Module(undefined);
  const { confFile, pinFiles } = await ensureSoftHsmTokens({ module, directory });
  const child = fileURLToPath(new URL('./encrypt-under-gc.ts', import.meta.url));
  const { stdout } = await run(
    process.execPath,
    ['--expose-gc', child, module, pinFiles.vault, String(ENCRYPTS)],
    { env: { ...process.env, SOFTHSM2_CONF: confFile, MALLOC_PERTURB_: '165' } },
  );
  expect(JSON.parse(stdout)).toEqual({ encrypts: ENCRYPTS, wrong: 0 });
}, 600_000);
