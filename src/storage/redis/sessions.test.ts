import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../../../test/support/ports.ts';
import { type SessionStore, SessionStoreError } from '../sessions.ts';
import { sessionStoreContract } from '../sessions-contract.ts';
import { createRedisSessions } from './sessions.ts';

interface RedisServer {
  url: string;
  port: number;
  stop(): Promise<void>;
}

const installed = isInstalled();
if (!installed) {
  const notice =
    'redis-server is not installed: the Redis session store is NOT tested (apt-get install redis-server)';
  if (process.env.CI === 'true') throw new Error(notice);
  process.stderr.write(`\n*** ${notice} ***\n\n`);
}

describe.skipIf(!installed)('redis', () => {
  sessionStoreContract('redis', async () => {
    const server = await startRedis();
    const stores: [SessionStore, SessionStore] = [
      createRedisSessions([server.url]),
      createRedisSessions([server.url]),
    ];
    return {
      stores,
      breakServer: () => server.stop(),
      close: async () => {
        await Promise.all(stores.map((store) => store.close()));
        await server.stop();
      },
    };
  });

  sessionStoreContract('redis cluster of two masters', async () => {
    const servers = await startRedisCluster();
    const seeds = servers.map(({ url }) => url);
    const stores: [SessionStore, SessionStore] = [createRedisSessions(seeds), createRedisSessions(seeds)];
    const stopAll = async (): Promise<void> => {
      await Promise.all(servers.map((server) => server.stop()));
    };
    return {
      stores,
      breakServer: stopAll,
      close: async () => {
        await Promise.all(stores.map((store) => store.close()));
        await stopAll();
      },
    };
  });

  const started: RedisServer[] = [];
  afterAll(() => Promise.all(started.map((server) => server.stop())));

  test('keys, content and lifetimes are the requirements’ own', async () => {
    const server = await startRedis();
    started.push(server);
    const store = createRedisSessions([server.url]);
    const id = `sess_${'ab'.repeat(16)}`;
    const session = {
      paymentIntentId: `pi_${'0'.repeat(32)}`,
      merchantId: 'merchant_a',
      transactionId: `txn_${'0'.repeat(31)}1`,
      orderId: 'order_1',
      customerId: null,
      createdAt: '2026-01-21T10:00:00.000Z',
      amount: 1,
      currency: 'INR',
      successUrl: 'https://shop.example/success',
      cancelUrl: 'https://shop.example/cancel',
      expiresAt: '2026-01-21T10:10:00.000Z',
    };
    await store.put(id, session, 600_000, 60_000);
    const redis = new Redis(server.url);
    expect((await redis.keys('*')).sort()).toEqual([`session:expired:${id}`, `session:${id}`]);
    expect(JSON.parse((await redis.get(`session:${id}`))!)).toEqual(session);
    expect(await redis.get(`session:expired:${id}`)).toBe(await redis.get(`session:${id}`));
    expect(await redis.ttl(`session:${id}`)).toBeGreaterThanOrEqual(599);
    expect(await redis.ttl(`session:${id}`)).toBeLessThanOrEqual(600);
    expect(await redis.ttl(`session:expired:${id}`)).toBeGreaterThanOrEqual(659);
    expect(await redis.ttl(`session:expired:${id}`)).toBeLessThanOrEqual(660);
    redis.disconnect();
    await store.close();
  });

  test('a Redis that evicts is refused by name', async () => {
    const server = await startRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']);
    started.push(server);
    const store = createRedisSessions([server.url]);
    await expect(store.ping()).rejects.toThrow(
      /SLUICE_REDIS_URL: maxmemory-policy is allkeys-lru and must be noeviction/,
    );
    await store.close();
  });

  test('a Redis that does not answer is refused in about a second, and one that comes back is used again', async () => {
    const server = await startRedis();
    started.push(server);
    const lost: string[] = [];
    const store = createRedisSessions([server.url], (error) => lost.push(error.message));
    await store.ping();
    const redis = new Redis(server.url);
    await redis.call('CLIENT', 'PAUSE', '2500', 'ALL');
    const asked = performance.now();
    await expect(store.get(`sess_${'0'.repeat(32)}`)).rejects.toThrow(SessionStoreError);
    expect(performance.now() - asked).toBeLessThan(2000);
    await expect
      .poll(() => store.ping().then(() => 'answered', String), { timeout: 10_000 })
      .toBe('answered');
    redis.disconnect();
    await store.close();
  });

  test('no URL at all is refused', () => {
    expect(() => createRedisSessions([])).toThrow(RangeError);
  });
});

function isInstalled(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function startRedis(more: string[] = []): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const port = await freePort();
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir];
  const child = spawn('redis-server', [...place, '--save', '', '--appendonly', 'no', ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await untilReady(child);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startRedisCluster(): Promise<RedisServer[]> {
  const flags = ['--cluster-enabled', 'yes', '--cluster-port'];
  const servers = [
    await startRedis([...flags, String(await freePort())]),
    await startRedis([...flags, String(await freePort())]),
  ];
  const [first, second] = servers.map(({ url }) => new Redis(url));
  await first!.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
  await second!.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
  await first!.call('CLUSTER', 'SET-CONFIG-EPOCH', '1');
  await second!.call('CLUSTER', 'SET-CONFIG-EPOCH', '2');
  const secondBus = await busPort(second!);
  await first!.call('CLUSTER', 'MEET', '127.0.0.1', String(servers[1]!.port), secondBus);
  for (const node of [first!, second!]) {
    await vi.waitFor(
      async () =>
        expect(String(await node.call('CLUSTER', 'INFO'))).toMatch(
          /cluster_state:ok[\s\S]*cluster_known_nodes:2/,
        ),
      20_000,
    );
    node.disconnect();
  }
  return servers;
}

async function busPort(node: Redis): Promise<string> {
  const [, port] = (await node.call('CONFIG', 'GET', 'cluster-port')) as string[];
  return port!;
}

async function untilReady(child: ChildProcess): Promise<void> {
  let said = '';
  for await (const chunk of child.stdout!) {
    said += String(chunk);
    if (said.includes('Ready to accept connections')) break;
  }
  if (!said.includes('Ready to accept connections')) throw new Error(`redis-server did not start: ${said}`);
}
