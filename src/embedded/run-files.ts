/**
 * Run files: which processes belong to this data folder, for people, scripts and the next start.
 *
 * `run.json` holds the pids of the children, as scripts expect them; the parent's is in `lock`. `processes.json` holds the same with start times, so
 * that the next start after a crash stops what is ours and never a stranger that was given the same pid.
 *
 * @module
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeDurably } from './private-file.ts';
import { asIdentity, type ProcessIdentity, signalProcess, waitForEnd } from './process-identity.ts';

/** The processes of one data folder; undefined is not running. */
export interface RunningProcesses {
  readonly gateway?: ProcessIdentity | undefined;
  readonly postgres?: ProcessIdentity | undefined;
  readonly sandbox?: ProcessIdentity | undefined;
  /** The second bank in a box. */
  readonly sandboxB?: ProcessIdentity | undefined;
}

/** Writes both files. */
export function recordProcesses(dataDir: string, processes: RunningProcesses): void {
  writeDurably(join(dataDir, 'processes.json'), `${JSON.stringify(processes)}\n`);
  const run = {
    gatewayPid: processes.gateway?.pid ?? null,
    postgresPid: processes.postgres?.pid ?? null,
    sandboxPid: processes.sandbox?.pid ?? null,
    sandboxBPid: processes.sandboxB?.pid ?? null,
  };
  writeDurably(join(dataDir, 'run.json'), `${JSON.stringify(run)}\n`);
}

/** Removes both files after an orderly stop. */
export function forgetProcesses(dataDir: string): void {
  rmSync(join(dataDir, 'processes.json'), { force: true });
  rmSync(join(dataDir, 'run.json'), { force: true });
}

/** What the earlier run of this folder recorded, alive or not. */
export function recordedProcesses(dataDir: string): RunningProcesses {
  const found = readJson(join(dataDir, 'processes.json'));
  if (typeof found !== 'object' || found === null) return {};
  const { gateway, postgres, sandbox, sandboxB } = found as Record<string, unknown>;
  return {
    gateway: asIdentity(gateway),
    postgres: asIdentity(postgres),
    sandbox: asIdentity(sandbox),
    sandboxB: asIdentity(sandboxB),
  };
}

/**
 * Stops the gateway and the sandboxes an earlier run left behind. PostgreSQL is not touched: it is adopted. Returns
 * the names of those that were still running.
 */
export async function stopStrays(dataDir: string, timeoutMs: number): Promise<readonly string[]> {
  const stopped: string[] = [];
  const { gateway, sandbox, sandboxB } = recordedProcesses(dataDir);
  const named = [
    ['gateway', gateway],
    ['sandbox', sandbox],
    ['sandbox-b', sandboxB],
  ] as const;
  for (const [name, identity] of named) {
    if (identity === undefined || !signalProcess(identity, 'SIGTERM')) continue;
    stopped.push(name);
    if (await waitForEnd(identity, timeoutMs)) continue;
    signalProcess(identity, 'SIGKILL');
    await waitForEnd(identity, 5000);
  }
  return stopped;
}
