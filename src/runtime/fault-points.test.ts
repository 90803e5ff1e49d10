import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FAULT_POINTS } from '../domain/fault-points.ts';
import { BadSetting } from './errors.ts';
import { armFaultPoints, createPassPoint } from './fault-points.ts';

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
  // What it wrote before it stopped is in the pipe, and not read before this thread waits.
  await vi.waitFor(() => expect(said.out).toBe('before-send 1\n'), { timeout: 10_000, interval: 10 });
  child.kill('SIGCONT');
  const [code] = await closed;
  expect(code).toBe(0);
  expect(said.out.endsWith('after-send 3\n')).toBe(true);
});

test('throw at the second passing: the thread ends there, and the one started in its place lives', async () => {
  const { child, said } = pass('after-send=throw:2');
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  expect(said.err).toBe('fault-point after-send\n');
  const whole = [1, 2, 3].map((round) => `before-send ${round}\nafter-send ${round}\n`).join('');
  expect(said.out).toBe(`before-send 1\nafter-send 1\nbefore-send 2\n${whole}`);
});

test('nothing armed: passing does nothing', () => {
  for (const nothing of [undefined, '', []]) {
    const { armed, begin } = armFaultPoints(FAULT_POINTS, nothing, 'live');
    begin();
    const at = createPassPoint(FAULT_POINTS, armed, neverDies);
    for (const point of FAULT_POINTS) at(point);
  }
});

test('passings before the count has begun do not count', () => {
  const { armed, begin } = armFaultPoints(FAULT_POINTS, 'before-send=throw:2', 'test');
  const died: string[] = [];
  const at = createPassPoint(FAULT_POINTS, armed, (error) => died.push(error.message));
  for (let early = 0; early < 3; early++) at('before-send');
  begin();
  at('before-send');
  expect(died).toEqual([]);
  at('before-send');
  at('before-send');
  expect(died).toEqual(['fault point before-send']);
});

test('a message arms in place of what was armed before, and none disarms', () => {
  const { armed, begin } = armFaultPoints(FAULT_POINTS, 'on-message', 'test');
  const heard = process.listenerCount('message');
  begin();
  expect(process.listenerCount('message')).toBe(heard + 1);
  const hear = process.listeners('message').at(-1) as (message: unknown) => void;
  onTestFinished(() => {
    process.off('message', hear);
  });
  const died: string[] = [];
  const at = createPassPoint(FAULT_POINTS, armed, (error) => died.push(error.message));
  hear('before-send=throw');
  hear('after-send=throw');
  for (const point of ['before-send', 'after-send', 'after-send'] as const) at(point);
  hear('before-send=throw');
  hear('none');
  at('before-send');
  expect(died).toEqual(['fault point after-send']);
  expect(() => hear('explode')).toThrow(BadSetting);
});

function neverDies(error: Error): never {
  throw error;
}

test('every point there is can be armed', () => {
  for (const point of FAULT_POINTS)
    expect(() => armFaultPoints(FAULT_POINTS, `${point}=stop`, 'test')).not.toThrow();
});

test.each(['send=kill', 'before-send', 'before-send=explode', 'before-send=kill:0'])(
  '%s is refused',
  (spec) => {
    expect(() => armFaultPoints(FAULT_POINTS, spec, 'test')).toThrow(BadSetting);
  },
);

test('anything armed is refused in live mode', () => {
  expect(() => armFaultPoints(FAULT_POINTS, ['before-send=stop'], 'live')).toThrow(BadSetting);
});
