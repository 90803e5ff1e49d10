/**
 * Config secrets over the `config` token.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openConfigSecrets } from './config-secrets.ts';
import { holdModule } from './hold-module.ts';
import type { HsmOptions } from './hsm.ts';
import { ensureSoftHsmTokens } from './soft-hsm-tokens.ts';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const secret = new TextEncoder().encode('whsec_example');

let directory: string;
let options: HsmOptions;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-config-'));
  const { confFile, pinFiles } = await ensureSoftHsmTokens({ module: MODULE, directory });
  process.env.SOFTHSM2_CONF = confFile;
  holdModule(MODULE);
  options = {
    module: MODULE,
    tokenLabel: 'config',
    pinFile: pinFiles.config,
    threads: 1,
    pageCardsMax: 64,
    callTimeoutMs: 10_000,
  };
});

afterAll(() => rm(directory, { recursive: true, force: true }));

// First: a login is the whole process's, and whoever comes later is not asked for its PIN.
it('does not open with the PIN of the other token', async () => {
  const pinFile = join(directory, 'vault.pin');
  await expect(openConfigSecrets({ ...options, pinFile })).rejects.toMatchObject({ code: 'pin_refused' });
});

it('opens what another pool sealed, for the same context only', async () => {
  const [one, two] = await Promise.all([openConfigSecrets(options), openConfigSecrets(options)]);
  const sealed = await one.seal(secret, 'merchant_demo/webhook');
  expect(Buffer.from(sealed).includes('whsec')).toBe(false);
  expect(new TextDecoder().decode(secret)).toBe('whsec_example');
  expect(await two.open(sealed, 'merchant_demo/webhook')).toEqual(secret);
  await expect(two.open(sealed, 'merchant_other/webhook')).rejects.toMatchObject({
    code: 'sealed_data_refused',
  });
  await expect(two.open(sealed.subarray(0, 10), 'x')).rejects.toMatchObject({ code: 'sealed_data_refused' });
  const flipped = Uint8Array.from(sealed);
  flipped[flipped.length - 1]! ^= 1;
  await expect(two.open(flipped, 'merchant_demo/webhook')).rejects.toMatchObject({
    code: 'sealed_data_refused',
  });
  await one.close();
  await expect(one.seal(secret, 'x')).rejects.toMatchObject({ code: 'closed' });
  await two.close();
});
