/**
 * A reconciling process, and when it is struck.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ToldEnd, ToldProgress } from './reconcile-child.ts';
import type { Errand } from './reconcile-here.ts';

const COMMAND = new URL('./reconcile-child.ts', import.meta.url).pathname;

export interface ChildEnd {
  /** Null: it was killed. */
  code: number | null;
  progress: ToldProgress[];
  /** Null: it did not come to its end. */
  end: ToldEnd | null;
  error: string;
}

/**
 * Starts one and resolves when it has ended.
 * @param onProgress hears each step; may kill it
 */
export async function reconcileInChild(
  errand: Errand,
  onProgress: (told: ToldProgress, kill: () => void) => void = () => undefined,
): Promise<ChildEnd> {
  const child = spawn(process.execPath, [COMMAND, JSON.stringify(errand)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  const ended: ChildEnd = { code: null, progress: [], end: null, error: '' };
  child.stderr.on('data', (bytes: Buffer) => {
    ended.error += bytes;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const told = JSON.parse(line) as ToldProgress | ToldEnd;
    if (!('phase' in told)) ended.end = told;
    else {
      ended.progress.push(told);
      onProgress(told, kill);
    }
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { ...ended, code };
}
