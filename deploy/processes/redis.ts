/**
 * Redis: one server, or three masters of a cluster.
 *
 * Each write is in the append-only file before it is answered (the operating system syncs it within a second), so that a killed server
 * comes back with its sessions. Nothing is evicted: a session that was granted is there until its end.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { answersPing } from './listening.ts';
import type { Program } from './part.ts';
import type { Ports } from './ports.ts';

/** Masters notice within this that one of them is gone. */
const NODE_TIMEOUT_MS = '2000';
const CLUSTER_TIMEOUT_MS = 30_000;

/** How the servers are run. */
export function redisPrograms(names: readonly string[], folder: string, ports: Ports): Program[] {
  return names.map((name) => {
    const home = join(folder, name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const port = ports(name);
    return {
      name,
      executable: 'redis-server',
      args: [...serverWords(port, home), ...(names.length === 1 ? [] : clusterWords(ports(busOf(name))))],
      env: { PATH: process.env.PATH },
      isReady: () => answersPing(port),
    };
  });
}

function serverWords(port: number, home: string): string[] {
  const words = [
    ['--bind', '127.0.0.1'],
    ['--port', String(port)],
    ['--dir', home],
    ['--save', ''],
    ['--appendonly', 'yes'],
    ['--appendfsync', 'everysec'],
    ['--maxmemory', '256mb'],
    ['--maxmemory-policy', 'noeviction'],
  ];
  return words.flat();
}

function clusterWords(busPort: number): string[] {
  const words = [
    ['--cluster-enabled', 'yes'],
    ['--cluster-port', String(busPort)],
    ['--cluster-node-timeout', NODE_TIMEOUT_MS],
    // The slots of a lost master are lost; those of the others are not.
    ['--cluster-require-full-coverage', 'no'],
  ];
  return words.flat();
}

/** The listeners of the servers: for clients, and in a cluster for one another. */
export function redisListeners(names: readonly string[]): string[] {
  return names.length === 1 ? [...names] : names.flatMap((name) => [name, busOf(name)]);
}

/** Deals the slots to servers that know nothing of each other yet; resolves when every one of them knows that all are dealt. */
export async function joinCluster(names: readonly string[], ports: Ports): Promise<void> {
  if (names.length === 1) return;
  if (!(await isJoined(ports(names[0]!)))) {
    const servers = names.map((name) => `127.0.0.1:${ports(name)}`);
    await redisCli(['--cluster', 'create', ...servers, '--cluster-yes']);
  }
  const until = performance.now() + CLUSTER_TIMEOUT_MS;
  for (const name of names) {
    while (!(await isJoined(ports(name)))) {
      if (performance.now() > until) throw new Error(`${name} did not join the cluster`);
      await pause(100);
    }
  }
}

async function isJoined(port: number): Promise<boolean> {
  const info = await redisCli(['-p', String(port), 'cluster', 'info']);
  return info.includes('cluster_state:ok') && info.includes('cluster_slots_assigned:16384');
}

async function redisCli(words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('redis-cli', [...words]);
  return stdout;
}

function busOf(name: string): string {
  return `${name}-bus`;
}
