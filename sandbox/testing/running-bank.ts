/**
 * Running bank: the whole bank over real HTTP, in the process of the test, where it is there at once, or apart, where it can be killed.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { startSandbox } from '../sandbox.ts';
import { readSettings } from '../settings.ts';

/** A bank, and how it ends. */
export interface RunningBank {
  readonly url: string;
  /** Ends it: here in good order, apart by kill -9. */
  end(): Promise<void>;
}

/** `SANDBOX_*`. */
export type Environment = Readonly<Record<string, string>>;

/** Runs the bank in this process. A book that cannot be written is an error that nobody catches. */
export async function runHere(environment: Environment): Promise<RunningBank> {
  const read = readSettings(environment);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  const bank = await startSandbox(
    read.settings,
    () => undefined,
    (error) => {
      throw error;
    },
  );
  return { url: `http://127.0.0.1:${bank.port}`, end: () => bank.stop() };
}

/** Runs the bank in a process of its own. */
export async function runApart(environment: Environment): Promise<RunningBank> {
  const child = spawn(process.execPath, [new URL('../main.ts', import.meta.url).pathname], {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    url: `http://127.0.0.1:${JSON.parse(line).port}`,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
