/**
 * One parent per data folder, whatever the last one died of.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockDataDir, lockHolder } from './data-dir-lock.ts';
import { identifyProcess } from './process-identity.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

it('is held once, names its holder, and is free after release', async () => {
  const lock = await lockDataDir(dataDir);
  expect(lockHolder(join(dataDir, 'lock'))).toEqual(identifyProcess(process.pid));
  await expect(lockDataDir(dataDir)).rejects.toMatchObject({
    code: 'data_dir_locked',
    message: expect.stringContaining(`process ${process.pid}`),
  });
  await lock.release();
  expect(existsSync(join(dataDir, 'lock'))).toBe(false);
  await (await lockDataDir(dataDir)).release();
});

it('is taken by exactly one of many that come at once', async () => {
  writeFileSync(join(dataDir, 'lock'), JSON.stringify({ pid: 1, startedAt: 'long ago' }));
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataDir(dataDir)));
  const held = tries.filter((result) => result.status === 'fulfilled');
  expect(held).toHaveLength(1);
  for (const { value } of held) await value.release();
});

it('is free again when its holder was killed', async () => {
  const holder = spawnHolder();
  await once(holder.stdout, 'data');
  await expect(lockDataDir(dataDir)).rejects.toMatchObject({
    message: expect.stringContaining(`process ${holder.pid}`),
  });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(existsSync(join(dataDir, 'lock'))).toBe(true);
  await (await lockDataDir(dataDir)).release();
});

it('is not kept by a stranger with the pid of a dead holder', async () => {
  writeFileSync(join(dataDir, 'lock'), JSON.stringify({ pid: process.ppid, startedAt: 'an earlier boot:1' }));
  const lock = await lockDataDir(dataDir);
  expect(JSON.parse(readFileSync(join(dataDir, 'lock'), 'utf8')).pid).toBe(process.pid);
  await lock.release();
});

it('respects a live holder named in the file though its socket is out of sight', async () => {
  const parent = identifyProcess(process.ppid);
  writeFileSync(join(dataDir, 'lock'), JSON.stringify(parent));
  await expect(lockDataDir(dataDir)).rejects.toMatchObject({ code: 'data_dir_locked' });
});

function spawnHolder() {
  const module = new URL('./data-dir-lock.ts', import.meta.url).href;
  const script = `import { lockDataDir } from ${JSON.stringify(module)};
    await lockDataDir(${JSON.stringify(dataDir)});
    console.log('held');
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
