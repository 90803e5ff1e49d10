import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FAULT_POINTS } from '../domain/fault-points.ts';
import { BadSetting } from './errors.ts';
import { createFaultPoints } from './fault-points.ts';

const CHILD = new URL('./testing/fault-points-child.ts', import.meta.url).pathname;

/** A process that passes before-send and after-send three times each in a worker thread, saying so. */
function pass(spec: string) {
  const child = spawn(process.execPath, [CHILD, spec], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (bytes) => {
    said.out += bytes;
  });
  child.stderr.on('data', (bytes) => {
    said.err += bytes;
  });
  return { child, said };
}

function stateOf(child: ChildProcess): string {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0]!;
}

test('kill at the third passing: nothing after it happens', async () => {
  const { child, said } = pass('before-send=kill:3');
  const [, signal] = await once(child, 'close');
  expect(signal).toBe('SIGKILL');
  expect(said.err).toContain('fault-point before-send\n');
  expect(said.out).toBe('before-send 1\nafter-send 1\nbefore-send 2\nafter-send 2\n');
});

test('stop at the first passing: the process stands until it is continued, then goes on', async () => {
  const { child, said } = pass('after-send=stop');
  const closed = once(child, 'close');
  await vi.waitFor(() => expect(stateOf(child)).toBe('T'), { timeout: 10_000, interval: 10 });
  expect(said.out).toBe('before-send 1\n');
  child.kill('SIGCONT');
  const [code] = await closed;
  expect(code).toBe(0);
  expect(said.out.endsWith('after-send 3\n')).toBe(true);
});

test('nothing armed: passing does nothing', () => {
  for (const nothing of [undefined, '', []]) {
    const at = createFaultPoints(FAULT_POINTS, nothing, 'live');
    for (const point of FAULT_POINTS) at(point);
  }
});

test.each(['send=kill', 'before-send', 'before-send=explode', 'before-send=kill:0'])(
  '%s is refused',
  (spec) => {
    expect(() => createFaultPoints(FAULT_POINTS, spec, 'test')).toThrow(BadSetting);
  },
);

test('anything armed is refused in live mode', () => {
  expect(() => createFaultPoints(FAULT_POINTS, ['before-send=stop'], 'live')).toThrow(BadSetting);
});
