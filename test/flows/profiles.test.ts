/**
 * The other profiles, a small part of each: the whole of them is `npm run test:services` and `npm run test:clusters`.
 *
 * Each is run by a child, which reads its profile when it starts.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, test } from 'vitest';
import { skippedIn } from '../support/profile.ts';
import { canRun } from '../support/required-servers.ts';

const ROOT = join(import.meta.dirname, '../..');
const CHILD_MS = 240_000;

const run = promisify(execFile);

const unasked = skippedIn(['services', 'clusters'], 'a part of the other profiles: this run is one of them');
const installed =
  canRun('redis-server', 'the profile services is') &&
  canRun('kafka', 'the profiles services and clusters are');

/** Runs a script of the checkout in a profile; rejects with all it wrote when it fails. */
async function inProfile(profile: string, ...words: string[]): Promise<void> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SLUICE_|VITEST|NODE_)/.test(name));
  const env = { ...Object.fromEntries(inherited), SLUICE_TEST_PROFILE: profile };
  try {
    await run(process.execPath, words, { cwd: ROOT, env, timeout: CHILD_MS, killSignal: 'SIGINT' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${profile}: ${words.join(' ')} failed\n${stdout}${stderr}`, { cause: error });
  }
}

function files(profile: string, ...names: string[]): Promise<void> {
  const paths = names.map((name) => `test/flows/${name}.test.ts`);
  return inProfile(profile, 'node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=1', ...paths);
}

describe.skipIf(unasked || !installed)('the other profiles', { timeout: 2 * CHILD_MS }, () => {
  test('Redis, Kafka, three shard servers, two processes a gateway: callbacks are applied once', () =>
    files('services', 'callbacks'));

  test('the same with kill -9 of gateway, PostgreSQL and bank: nothing is lost and nothing doubled', () =>
    inProfile('services', 'test/campaigns/run.ts', 'kill', '--count', '3', '--seed', '1'));

  test('a cluster of Redis and three brokers: payments and callbacks', () =>
    files('clusters', 'payment', 'callbacks'));
});
