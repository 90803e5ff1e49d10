import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { FIRST_PORT, freePort, LAST_PORT } from './ports.ts';

/** More than a block has, so that processes meet in their neighbours' blocks. */
const PORTS = 100;

test('a port is handed out once, also to those who ask at once', async () => {
  const ports = await Promise.all(Array.from({ length: PORTS }, freePort));
  expect(new Set(ports).size).toBe(PORTS);
  expect(ports.filter((port) => port < FIRST_PORT || port > LAST_PORT)).toEqual([]);
});

test('a port somebody listens at is passed over', async () => {
  const next = (await freePort()) + 1;
  const server = createServer().listen(next, '127.0.0.1');
  await once(server, 'listening');
  expect(await freePort()).not.toBe(next);
  server.close();
});

/** Prints its ports and lives until it is killed. */
const SCRIPT = `import { freePort } from './ports.ts';
console.log(JSON.stringify(await Promise.all(Array.from({ length: ${PORTS} }, freePort))));
process.stdin.resume();`;

async function portsOf(child: ChildProcess): Promise<number[]> {
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  return JSON.parse(line);
}

test('processes that live at once have ports of their own', async () => {
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module-typescript', '--eval', SCRIPT], {
      cwd: import.meta.dirname,
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  try {
    const ports = (await Promise.all(children.map(portsOf))).flat();
    expect(new Set(ports).size).toBe(4 * PORTS);
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
});
