/**
 * Child: a process of a bench that says when it is ready, and is waited for when it is stopped.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly words: readonly string[];
  /** The child's environment, beside PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** What the line on stdout holds that says so. */
  readonly readyWhen: string;
}

const READY_MS = 60_000;

/**
 * Starts a process and puts it on the list of those to end. Resolves with the line that said it is ready; rejects when it ends or is
 * silent before. Its stderr is ours.
 */
export function startChild(
  list: ChildProcess[],
  options: ChildOptions,
): Promise<{ child: ChildProcess; line: string }> {
  const { name, command, words, env, readyWhen } = options;
  const child = spawn(command, words, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  list.push(child);
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(late);
      reject(new Error(`${name} did not start: ${reason}`));
    };
    const late = setTimeout(() => fail(`not ready in ${READY_MS / 1000} s`), READY_MS);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.includes(readyWhen)) return;
      clearTimeout(late);
      resolve({ child, line });
    });
  });
}

/** SIGTERM, and its end waited for. A process that has ended already is none. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
