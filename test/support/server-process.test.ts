import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from './eventually.ts';
import { startServer } from './server-process.ts';

function logFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-server-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'log.txt');
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a server ends with the process that started it, even by kill -9', async () => {
  const script = `import { startServer } from './server-process.ts';
    const command = { program: 'sleep', args: ['600'], logFile: '${logFile()}', answers: async () => {} };
    console.log((await startServer(command)).pid);
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: starter.stdout }), 'line');
  const pid = Number(line);
  expect(isThere(pid)).toBe(true);
  starter.kill('SIGKILL');
  await eventually(() => expect(isThere(pid)).toBe(false));
});

test('a server that ends before it answers is an error with what it said', async () => {
  const command = {
    program: 'sh',
    args: ['-c', 'echo the port is taken >&2; exit 3'],
    logFile: logFile(),
    answers: () => Promise.reject(new Error('no answer')),
  };
  await expect(startServer(command)).rejects.toThrow(
    /sh did not start: .*ended with 3[\s\S]*the port is taken/,
  );
});
