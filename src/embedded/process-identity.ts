/**
 * Process identity: tells one process from a later one that was given the same pid.
 *
 * A pid in a file proves nothing after a crash: the number may belong to a stranger by then, or to nobody. The kernel's
 * start time of a process, in clock ticks since boot, together with the boot id never comes twice. Everything
 * here reads `/proc`, so the embedded profile runs on Linux only.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { pause } from './pause.ts';

/** A process named so that a reused pid is not mistaken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot id and start tick, as one opaque text. */
  readonly startedAt: string;
}

/** The identity of the process that has this pid now, or undefined when none runs (a zombie counts as none). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  const bootId = readProc('/proc/sys/kernel/random/boot_id');
  if (stat === undefined || bootId === undefined) return undefined;
  // The command name stands in parentheses and may hold spaces and parentheses itself: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTick = fields[19];
  if (startTick === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, startedAt: `${bootId.trim()}:${startTick}` };
}

/** Whether exactly this process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

/** The arguments the process was started with; empty when it is gone or not ours to read. */
export function commandLine(pid: number): readonly string[] {
  const text = readProc(`/proc/${pid}/cmdline`);
  if (text === undefined || text === '') return [];
  return text.replace(/\0+$/, '').split('\0');
}

/** Sends a signal to exactly this process. False when it no longer runs. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Resolves true as soon as the process has ended, false when it still runs after `timeoutMs`. */
export async function waitForEnd(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  // Not our child after an adoption, so no exit event comes: /proc is asked every 20 ms.
  const deadline = performance.now() + timeoutMs;
  while (isRunning(identity)) {
    if (performance.now() >= deadline) return false;
    await pause(20);
  }
  return true;
}

/** Reads an identity out of parsed JSON; undefined for any other shape. */
export function asIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, startedAt } = value as { pid?: unknown; startedAt?: unknown };
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return typeof startedAt === 'string' ? { pid, startedAt } : undefined;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
}
