/**
 * A kept process comes back when it dies, and does not when it was asked to end.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { KeptProcess } from './kept-process.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.ts';
import { forgetProcesses, recordedProcesses, recordProcesses, stopStrays } from './run-files.ts';

let dataDir: string;
let said: string[];
let starts: ProcessIdentity[];
let kept: KeptProcess | undefined;

const READY = 'console.log(JSON.stringify({ ready: true, port: 7 })); setInterval(() => {}, 1000);';

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-kept-'));
  said = [];
  starts = [];
});

afterEach(async () => {
  await kept?.stop(1000);
  kept = undefined;
  rmSync(dataDir, { recursive: true });
});

function keep(script: string, readyTimeoutMs = 10_000): KeptProcess {
  kept = new KeptProcess({
    name: 'child',
    executable: process.execPath,
    args: ['-e', script],
    env: { PATH: process.env.PATH },
    logFile: join(dataDir, 'child.log'),
    readyTimeoutMs,
    restartDelayMs: 10,
    restartDelayMsMax: 40,
    restartHealthyMs: 60_000,
    onChange: (identity) => {
      if (identity !== undefined) starts.push(identity);
    },
    say: (text) => said.push(text),
  });
  return kept;
}

it('is ready when its line says so, and lives in a session of its own', async () => {
  expect(await keep(READY).start()).toEqual({ ready: true, port: 7 });
  const pid = starts[0]?.pid as number;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ');
  expect(Number(fields?.[3])).toBe(pid);
});

it('is started again when it was killed, each time', async () => {
  await keep(READY).start();
  for (let round = 1; round <= 3; round += 1) {
    process.kill(starts.at(-1)?.pid as number, 'SIGKILL');
    await vi.waitFor(
      () => expect(said.filter((text) => text.includes('runs again'))).toHaveLength(round),
      10_000,
    );
  }
  expect(new Set(starts.map(({ pid }) => pid)).size).toBe(4);
});

it('is not started again after stop, and is killed when it will not go', async () => {
  await keep(`process.on('SIGTERM', () => {}); ${READY}`).start();
  await kept?.stop(100);
  expect(starts).toHaveLength(1);
  expect(isRunning(starts[0] as ProcessIdentity)).toBe(false);
  expect(said.join()).toContain('killed');
});

it('tells the end of its log when the first start fails', async () => {
  const start = keep('console.error("no such database"); process.exitCode = 1;').start();
  await expect(start).rejects.toMatchObject({
    code: 'process_failed',
    message: expect.stringContaining('no such database'),
  });
});

it('leaves nothing behind when it is stopped while it starts', async () => {
  const start = keep('setInterval(() => {}, 1000);', 60_000).start();
  const refused = expect(start).rejects.toMatchObject({ code: 'process_failed' });
  await kept?.stop(1000);
  await refused;
  for (const identity of starts) expect(isRunning(identity)).toBe(false);
});

it('of a killed parent is stopped by the next run, each of them', async () => {
  const [gateway, sandbox, sandboxB] = [await startStray(), await startStray(), await startStray()];
  recordProcesses(dataDir, { gateway, sandbox, sandboxB });
  expect(JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8'))).toEqual({
    gatewayPid: gateway.pid,
    postgresPid: null,
    sandboxPid: sandbox.pid,
    sandboxBPid: sandboxB.pid,
  });
  expect(await stopStrays(dataDir, 5000)).toEqual(['gateway', 'sandbox', 'sandbox-b']);
  expect([gateway, sandbox, sandboxB].filter(isRunning)).toEqual([]);
  forgetProcesses(dataDir);
  expect(recordedProcesses(dataDir)).toEqual({});
});

/** A child in a session of its own, as one that outlived its parent. */
async function startStray(): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', READY], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return identifyProcess(child.pid as number) as ProcessIdentity;
}

it('leaves strangers alone whose pid stands in the file of a dead run', async () => {
  const self = identifyProcess(process.pid) as ProcessIdentity;
  recordProcesses(dataDir, { gateway: { ...self, startedAt: 'an earlier boot:1' } });
  expect(await stopStrays(dataDir, 1000)).toEqual([]);
  writeFileSync(join(dataDir, 'processes.json'), '{"gateway":');
  expect(await stopStrays(dataDir, 1000)).toEqual([]);
});
