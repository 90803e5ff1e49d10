/**
 * A server program run for tests: started, killed, frozen, started again, and never left behind.
 *
 * The kernel kills it when this process ends, however that ends (`setpriv --pdeathsig`, of util-linux).
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

export interface ServerCommand {
  program: string;
  args: readonly string[];
  /** All it says, on stdout and stderr. */
  logFile: string;
  /** Throws until the server answers. Asked again and again. */
  answers: () => Promise<unknown>;
  /** Milliseconds it may take until it answers. Default 60,000. */
  withinMs?: number;
  /** More for its environment. */
  environment?: Readonly<Record<string, string>>;
}

/** What tests do to any server. */
export interface ServerControl {
  /** Of the process that runs, or ran last. */
  readonly pid: number;
  /** Sends a signal, by default SIGKILL, and resolves when the process has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes it (SIGSTOP): its connections stay open and nobody answers. */
  pause(): void;
  /** Lets it go on after `pause`. */
  resume(): void;
  /** Starts it again as it was, at the same ports; resolves when it answers. */
  again(): Promise<void>;
}

/**
 * Starts a server; resolves when it answers.
 * @throws Error with the last it said, when it ends first or does not answer in time
 */
export async function startServer(command: ServerCommand): Promise<ServerControl> {
  let child = run(command);
  await answered(command, child);
  return {
    get pid() {
      return child.pid!;
    },
    kill: async (signal = 'SIGKILL') => {
      if (hasEnded(child)) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      // A frozen process ends by no other signal.
      if (signal !== 'SIGKILL') child.kill('SIGCONT');
      await ended;
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    again: async () => {
      child = run(command);
      await answered(command, child);
    },
  };
}

function run({ program, args, logFile, environment }: ServerCommand): ChildProcess {
  const log = openSync(logFile, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...environment },
  });
  closeSync(log);
  return child;
}

async function answered(command: ServerCommand, child: ChildProcess): Promise<void> {
  const { answers, withinMs = 60_000 } = command;
  const fault = once(child, 'error').then(([error]) => Promise.reject(error));
  try {
    await Promise.race([
      fault,
      eventually(() => (hasEnded(child) ? undefined : answers()), { withinMs, everyMs: 50 }),
    ]);
    if (hasEnded(child)) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`);
  } catch (error) {
    child.kill('SIGKILL');
    const said = readFileSync(command.logFile, 'utf8').slice(-4000);
    throw new Error(`${command.program} did not start: ${error}\n${said}`, { cause: error });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
