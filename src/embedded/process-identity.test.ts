/**
 * A pid alone is no identity.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import {
  asIdentity,
  commandLine,
  identifyProcess,
  isRunning,
  signalProcess,
  waitForEnd,
} from './process-identity.ts';

it('knows this process and its command line', () => {
  const self = identifyProcess(process.pid);
  expect(self?.pid).toBe(process.pid);
  expect(self !== undefined && isRunning(self)).toBe(true);
  expect(commandLine(process.pid)[0]).toContain('node');
});

it('takes a reused pid for another process and never signals it', () => {
  const stranger = { pid: process.pid, startedAt: 'an earlier boot:1' };
  expect(isRunning(stranger)).toBe(false);
  expect(signalProcess(stranger, 'SIGKILL')).toBe(false);
});

it('sees the end of a child, also while it is a zombie', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('spawn', resolve));
  const identity = identifyProcess(child.pid as number);
  if (identity === undefined) throw new Error('the child has no identity');
  expect(await waitForEnd(identity, 0)).toBe(false);
  expect(signalProcess(identity, 'SIGKILL')).toBe(true);
  expect(await waitForEnd(identity, 5000)).toBe(true);
  expect(signalProcess(identity, 'SIGKILL')).toBe(false);
});

it('reads only what is an identity', () => {
  expect(asIdentity({ pid: 7, startedAt: 'x' })).toEqual({ pid: 7, startedAt: 'x' });
  for (const other of [null, 7, {}, { pid: -1, startedAt: 'x' }, { pid: 7 }, { pid: '7', startedAt: 'x' }]) {
    expect(asIdentity(other)).toBeUndefined();
  }
});
