/**
 * Where the banks in a box are found.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readStartOptions } from '../config/from-env.ts';
import { sandboxUrls } from './services.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-services-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

/** Address by processor. */
function found(env: Record<string, string> = {}): Record<string, string> {
  const read = readStartOptions({ SLUICE_DATA_DIR: dataDir, ...env });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return Object.fromEntries(
    sandboxUrls(read.options).map(({ processors: [processor], url }) => [processor, url]),
  );
}

it('a running profile has written down where both banks are', () => {
  const demo = { sandboxUrl: 'http://127.0.0.1:5001', sandboxBUrl: 'http://127.0.0.1:5002' };
  writeFileSync(join(dataDir, 'demo.json'), JSON.stringify(demo));
  expect(found()).toEqual({ SANDBOX: demo.sandboxUrl, SANDBOX_B: demo.sandboxBUrl });
  expect(found({ SLUICE_SANDBOX: 'off' })).toEqual({});
});

it('a profile of the version before had one bank', () => {
  writeFileSync(join(dataDir, 'demo.json'), JSON.stringify({ sandboxUrl: 'http://127.0.0.1:5001' }));
  expect(found()).toEqual({ SANDBOX: 'http://127.0.0.1:5001' });
});

it('without a profile the settings say where, and a bank on a port the system chose is not guessed', () => {
  expect(found()).toEqual({ SANDBOX: 'http://127.0.0.1:9400' });
  expect(found({ SLUICE_SANDBOX_B_URL: 'http://bank-b.internal' })).toEqual({
    SANDBOX: 'http://127.0.0.1:9400',
    SANDBOX_B: 'http://bank-b.internal',
  });
});
