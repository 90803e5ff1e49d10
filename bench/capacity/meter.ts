/**
 * Meter: what the parts of a site have used so far, in CPU time, WAL, commits and memory.
 *
 * CPU is read from /proc in ticks of 10 ms. A PostgreSQL backend shows its database in its title, so a server's time is known by database;
 * what has none (checkpointer, walwriter, autovacuum, io workers) is `upkeep`.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import pg from 'pg';
import { readStat } from '../../load-tests/cpu.ts';
import { ROLE_PROCESSES, type RoleProcess, type Site } from './site.ts';

export const CPU_PARTS = [
  ...ROLE_PROCESSES,
  'shard database',
  'shard upkeep',
  'control database',
  'vault database',
  'front upkeep',
] as const;
export type CpuPart = (typeof CPU_PARTS)[number];

/** µs since each process began. */
export type CpuReading = Readonly<Record<CpuPart, number>>;

/** What PostgreSQL and the gateways have counted since they began. */
export interface Counts {
  readonly shardWalBytes: number;
  readonly shardFsyncs: number;
  readonly frontWalBytes: number;
  readonly frontFsyncs: number;
  /** Turns that committed something. */
  readonly turns: number;
  readonly pages: number;
}

const TICK_US = 10_000;
const BACKEND = /^postgres: \S+ (\S+) [\d.]+\(\d+\)/;

export function readCpu({ gateways, servers }: Site): CpuReading {
  const front = serverTimes(servers.front.postmasterPid);
  const shard = serverTimes(servers.shard.postmasterPid);
  const roles = Object.fromEntries(
    ROLE_PROCESSES.map((role) => [role, ownTicks(gateways[role].pid) * TICK_US]),
  ) as Record<RoleProcess, number>;
  return {
    ...roles,
    'shard database': shard.of('shard_1'),
    'shard upkeep': shard.of('upkeep'),
    'control database': front.of('control'),
    'vault database': front.of('vault'),
    'front upkeep': front.of('upkeep'),
  };
}

/** CPU time by database, and `upkeep`; backends that have ended are with upkeep. */
function serverTimes(postmaster: number): { of(database: string): number } {
  const { own, buried } = readStat(readFileSync(`/proc/${postmaster}/stat`, 'utf8'))!;
  const ticks = new Map([['upkeep', own + buried]]);
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
    .split(' ')
    .filter(Boolean);
  for (const pid of children) {
    const name = BACKEND.exec(textOf(`/proc/${pid}/cmdline`))?.[1] ?? 'upkeep';
    ticks.set(name, (ticks.get(name) ?? 0) + ownTicks(Number(pid)));
  }
  return { of: (database) => (ticks.get(database) ?? 0) * TICK_US };
}

function ownTicks(pid: number): number {
  return readStat(textOf(`/proc/${pid}/stat`))?.own ?? 0;
}

/** Empty when the process has ended. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Resident memory of each gateway process, MB. */
export function readRss({ gateways }: Site): Record<RoleProcess, number> {
  return Object.fromEntries(
    ROLE_PROCESSES.map((role) => {
      const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(textOf(`/proc/${gateways[role].pid}/status`))!;
      return [role, Math.round(Number(kilobytes) / 1024)];
    }),
  ) as Record<RoleProcess, number>;
}

/** Backends tell their statistics when they rest for ten seconds: read them no sooner after a load. */
export async function readCounts({ databaseUrls, gateways }: Site): Promise<Counts> {
  const [front, shard] = await Promise.all([walOf(databaseUrls.vault), walOf(databaseUrls.shard)]);
  const pages = await Promise.all(
    ROLE_PROCESSES.map((role) => fetchText(`${gateways[role].opsUrl}/metrics`)),
  );
  return {
    shardWalBytes: shard.bytes,
    shardFsyncs: shard.fsyncs,
    frontWalBytes: front.bytes,
    frontFsyncs: front.fsyncs,
    turns: sumOf(pages, 'sluice_commit_seconds_count'),
    pages: sumOf(pages, 'sluice_hsm_pages_total'),
  };
}

async function walOf(url: string): Promise<{ bytes: number; fsyncs: number }> {
  const [row] = await rowsOf<{ bytes: string; fsyncs: string }>(
    url,
    `select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes,
            (select sum(fsyncs) from pg_stat_io where object = 'wal') as fsyncs`,
  );
  return { bytes: Number(row!.bytes), fsyncs: Number(row!.fsyncs) };
}

async function fetchText(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

function sumOf(pages: readonly string[], metric: string): number {
  const lines = pages.flatMap((page) => page.split('\n')).filter((line) => line.startsWith(metric));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** One query on a connection of its own. */
export async function rowsOf<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
