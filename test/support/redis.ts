/**
 * Redis for tests: one server, or a cluster of masters that share the slots. Each starts in a tenth of a second.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { ServerTls } from './certificates.ts';
import { eventually } from './eventually.ts';
import { freePort } from './ports.ts';
import { type ServerControl, startServer } from './server-process.ts';

export interface RedisOptions {
  /** What it does when its memory (100 MB, then) is full. Default: there is no limit, and it evicts nothing. */
  policy?: string;
  /** Clients speak TLS 1.3. */
  tls?: ServerTls;
}

export interface RedisServer extends ServerControl {
  readonly url: string;
  /** Forgets everything. */
  flush(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export interface RedisCluster {
  /** One per master. */
  readonly urls: readonly string[];
  readonly masters: readonly RedisServer[];
  /** Ends all of them. */
  stop(): Promise<void>;
}

const SLOTS = 16_384;

/** Milliseconds after which masters take one for lost; by default 15,000. */
const CLUSTER_NODE_TIMEOUT_MS = 2000;

/** Starts one server, empty, that keeps nothing on disk. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { policy, tls } = options;
  const memory = policy === undefined ? [] : ['--maxmemory', '100mb', '--maxmemory-policy', policy];
  const plainPort = await freePort();
  if (tls === undefined) return startAt(plainPort, memory, `redis://127.0.0.1:${plainPort}`);
  const tlsPort = await freePort();
  return startAt(plainPort, [...memory, ...tlsArguments(tlsPort, tls)], `rediss://127.0.0.1:${tlsPort}`);
}

/** Starts a cluster without replicas; resolves when every master knows all and serves. */
export async function startRedisCluster(options: { masters?: number } = {}): Promise<RedisCluster> {
  const { masters: count = 3 } = options;
  const ports: { client: number; bus: number }[] = [];
  for (let i = 0; i < count; i++) ports.push({ client: await freePort(), bus: await freePort() });
  const masters = await Promise.all(
    ports.map(({ client, bus }) => startAt(client, clusterArguments(bus), `redis://127.0.0.1:${client}`)),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(masters.map((master) => master.stop()));
  };
  try {
    await joinMasters(ports);
  } catch (error) {
    await stop();
    throw error;
  }
  return { urls: masters.map(({ url }) => url), masters, stop };
}

/** Gives each master its share of the slots and makes them known to each other. */
async function joinMasters(ports: readonly { client: number; bus: number }[]): Promise<void> {
  for (const [i, { client }] of ports.entries()) {
    const first = Math.ceil((SLOTS * i) / ports.length);
    const last = Math.ceil((SLOTS * (i + 1)) / ports.length) - 1;
    await ask(client, async (master) => {
      await master.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
      await master.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      const [{ client: to, bus }] = ports as [{ client: number; bus: number }];
      if (i > 0) await master.call('CLUSTER', 'MEET', '127.0.0.1', to, bus);
    });
  }
  for (const { client } of ports) {
    await eventually(() =>
      ask(client, async (master) => {
        const info = String(await master.call('CLUSTER', 'INFO'));
        const whole = info.includes('cluster_state:ok') && info.includes(`cluster_size:${ports.length}`);
        if (!whole) throw new Error(`the Redis cluster did not come together:\n${info}`);
      }),
    );
  }
}

async function startAt(plainPort: number, more: readonly string[], url: string): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const place = ['--port', String(plainPort), '--bind', '127.0.0.1', '--dir', data];
  const control = await startServer({
    program: 'redis-server',
    args: [...place, '--save', '', '--appendonly', 'no', ...more],
    logFile: join(folder, 'log.txt'),
    answers: () => ask(plainPort, (redis) => redis.ping()),
  });
  return Object.assign(control, {
    url,
    flush: () => ask(plainPort, async (redis) => void (await redis.flushall())),
    stop: async () => {
      await control.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

/** The plain port stays open beside the other: the tests' own questions need no certificate. */
function tlsArguments(port: number, tls: ServerTls): string[] {
  return [
    ...['--tls-port', String(port)],
    ...['--tls-protocols', 'TLSv1.3'],
    ...['--tls-cert-file', tls.certificate],
    ...['--tls-key-file', tls.key],
    ...['--tls-ca-cert-file', tls.ca],
    ...['--tls-auth-clients', tls.clientCertificates ? 'yes' : 'no'],
  ];
}

function clusterArguments(busPort: number): string[] {
  return [
    ...['--cluster-enabled', 'yes'],
    ...['--cluster-port', String(busPort)],
    ...['--cluster-node-timeout', String(CLUSTER_NODE_TIMEOUT_MS)],
    // With one master lost the others go on with their keys.
    ...['--cluster-require-full-coverage', 'no'],
  ];
}

async function ask<Answer>(port: number, question: (redis: Redis) => Promise<Answer>): Promise<Answer> {
  const redis = new Redis(port, '127.0.0.1', {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  // What fails is told by connect, too.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}
