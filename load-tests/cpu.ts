/**
 * CPU: the time the processes of a local gateway have used, from /proc.
 *
 * PostgreSQL works in one process per connection, so its figure is the postmaster, its living children and those it has buried; so is
 * the gateway's, for one that works in several processes (a baseline to compare with does).
 * Ticks are 10 ms, which is far below what a run of seconds uses.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs';
import type { Pids } from './target.ts';

/** CPU time used since each process began, µs; null where it cannot be read. */
export interface CpuTimes {
  readonly gateway: number | null;
  readonly postgres: number | null;
  readonly redis: number | null;
  readonly sandbox: number | null;
  readonly driver: number;
}

/** CPU time per payment, µs. */
export type CpuUsPerPayment = { readonly [part in keyof CpuTimes]: number | null };

/** USER_HZ, which Linux shows to programs as 100 on every architecture Node runs on. */
const TICK_US = 10_000;

interface ProcessTimes {
  readonly parent: number;
  /** user + system */
  readonly own: number;
  /** the same of children that ended and were waited for */
  readonly buried: number;
}

export function readCpuTimes(pids: Pids | null): CpuTimes {
  const { user, system } = process.cpuUsage();
  return {
    gateway: familyTime(pids?.gateway ?? null),
    postgres: familyTime(pids?.postgres ?? null),
    redis: ownTime(pids?.redis ?? null),
    sandbox: ownTime(pids?.sandbox ?? null),
    driver: user + system,
  };
}

/** The difference of two readings over a number of payments; null where either could not be read, or a process was replaced. */
export function cpuPerPayment(before: CpuTimes, after: CpuTimes, payments: number): CpuUsPerPayment {
  const per = (from: number | null, to: number | null) =>
    from === null || to === null || to < from || payments === 0 ? null : Math.round((to - from) / payments);
  return {
    gateway: per(before.gateway, after.gateway),
    postgres: per(before.postgres, after.postgres),
    redis: per(before.redis, after.redis),
    sandbox: per(before.sandbox, after.sandbox),
    driver: per(before.driver, after.driver),
  };
}

/**
 * Reads `/proc/<pid>/stat`. The second field, the name, is in parentheses and may hold anything, so fields count from the last one.
 * Null when the text is no such line.
 */
export function readStat(text: string): ProcessTimes | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [parent, utime, stime, cutime, cstime] = [1, 11, 12, 13, 14].map((at) => Number(fields[at]));
  const times = { parent: parent!, own: utime! + stime!, buried: cutime! + cstime! };
  return Object.values(times).every(Number.isInteger) ? times : null;
}

function ownTime(pid: number | null): number | null {
  const times = pid === null ? null : timesOf(String(pid));
  return times === null ? null : times.own * TICK_US;
}

function familyTime(pid: number | null): number | null {
  const head = pid === null ? null : timesOf(String(pid));
  if (head === null) return null;
  let ticks = head.own + head.buried;
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? timesOf(name) : null;
    if (child?.parent === pid) ticks += child.own;
  }
  return ticks * TICK_US;
}

/** Null when the process has ended, or there is no /proc. */
function timesOf(pid: string): ProcessTimes | null {
  try {
    return readStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}
