import { Redis } from 'ioredis';
import { afterAll, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis, startRedisCluster } from '../../../test/support/redis.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import { type SessionStore, SessionStoreError } from '../sessions.ts';
import { sessionStoreContract } from '../sessions-contract.ts';
import { connectRedis } from './connection.ts';
import { createRedisSessions } from './sessions.ts';

const installed = canRun('redis-server', 'the Redis session store is');

describe.skipIf(!installed)('redis', () => {
  sessionStoreContract('redis', async () => {
    const server = await startRedis();
    const stores: [SessionStore, SessionStore] = [openStore([server.url]), openStore([server.url])];
    return {
      stores,
      breakServer: () => server.stop(),
      close: async () => {
        await Promise.all(stores.map((store) => store.close()));
        await server.stop();
      },
    };
  });

  sessionStoreContract('redis cluster of three masters', async () => {
    const cluster = await startRedisCluster();
    const { urls } = cluster;
    const stores: [SessionStore, SessionStore] = [openStore(urls), openStore(urls)];
    return {
      stores,
      breakServer: () => cluster.stop(),
      close: async () => {
        await Promise.all(stores.map((store) => store.close()));
        await cluster.stop();
      },
    };
  });

  const started: RedisServer[] = [];
  afterAll(() => Promise.all(started.map((server) => server.stop())));

  test('keys, content and lifetimes are the requirements’ own', async () => {
    const server = await startRedis();
    started.push(server);
    const store = openStore([server.url]);
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
    const server = await startRedis({ policy: 'allkeys-lru' });
    started.push(server);
    const store = openStore([server.url]);
    await expect(store.ping()).rejects.toThrow(
      /SLUICE_REDIS_URL: maxmemory-policy is allkeys-lru and must be noeviction/,
    );
    await store.close();
  });

  test('a Redis that does not answer is refused in about a second, and one that comes back is used again', async () => {
    const server = await startRedis();
    started.push(server);
    const store = openStore([server.url]);
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
    expect(() => openStore([])).toThrow(RangeError);
  });
});

/** A store with a connection of its own. */
function openStore(urls: readonly string[]): SessionStore {
  const redis = connectRedis({ urls, caFile: undefined });
  return { ...createRedisSessions(redis), close: async () => redis.close() };
}
