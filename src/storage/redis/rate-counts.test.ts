import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { type RedisServer, startRedis } from '../../../test/support/redis.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import { connectRedis, type RedisConnection } from './connection.ts';
import { createRedisRateCounts } from './rate-counts.ts';

const installed = canRun('redis-server', 'rate limits that gateways share are');

describe.skipIf(!installed)('rate counts', () => {
  let server: RedisServer;
  let redis: Redis;
  let threads: RedisConnection[];

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
    redis.on('error', () => undefined);
    threads = [1, 2].map(() => connectRedis({ urls: [server.url], caFile: undefined }));
    await Promise.all(threads.map(({ opened }) => opened));
  });
  afterAll(async () => {
    for (const thread of threads) thread.close();
    redis.disconnect();
    await server.stop();
  });

  test('what two threads are granted of a window is its limit, the last of it in part', async () => {
    const options = { limit: 'card', count: 25, perSeconds: 60 };
    const [one, other] = threads.map((thread) => createRedisRateCounts(thread)(options));
    const granted = [await one!.take('a', 10), await other!.take('a', 10), await one!.take('a', 10)];
    expect(granted.map((taken) => taken?.granted)).toEqual([10, 10, 5]);
    expect(granted[2]!.remainingMs).toBeGreaterThan(50_000);
    expect(granted[2]!.remainingMs).toBeLessThanOrEqual(60_000);
    expect((await other!.take('a', 1))?.granted).toBe(0);
    expect((await other!.take('b', 1))?.granted).toBe(1);
  });

  test('a window ends, and its key with it', async () => {
    const counts = createRedisRateCounts(threads[0]!)({ limit: 'brief', count: 1, perSeconds: 1 });
    expect((await counts.take('a', 1))?.granted).toBe(1);
    expect((await counts.take('a', 1))?.granted).toBe(0);
    await eventually(async () => expect(await redis.keys('limit:brief:*')).toEqual([]));
    expect((await counts.take('a', 1))?.granted).toBe(1);
  });

  test('of a name only a digest is written, as short for a long name, and every key has an end', async () => {
    const counts = createRedisRateCounts(threads[0]!)({ limit: 'ip', count: 5, perSeconds: 30 });
    await Promise.all(['192.0.2.7', '{x}', 'long'.repeat(5000)].map((name) => counts.take(name, 1)));
    const keys = await redis.keys('limit:ip:*');
    expect(keys).toHaveLength(3);
    for (const key of keys) {
      expect(key).toMatch(/^limit:ip:[\w-]{22}$/);
      expect(await redis.ttl(key)).toBeGreaterThan(0);
    }
  });

  test('a Redis that lost its scripts is given them again', async () => {
    const counts = createRedisRateCounts(threads[0]!)({ limit: 'script', count: 5, perSeconds: 30 });
    expect((await counts.take('a', 1))?.granted).toBe(1);
    await redis.script('FLUSH');
    expect((await counts.take('a', 4))?.granted).toBe(4);
  });

  test('while Redis hangs one call waits a moment and the others not at all; then it is asked again', async () => {
    const counts = createRedisRateCounts(threads[0]!)({ limit: 'hang', count: 1000, perSeconds: 60 });
    expect((await counts.take('a', 1))?.granted).toBe(1);
    server.pause();
    try {
      const asked = performance.now();
      expect(await counts.take('a', 1)).toBeNull();
      expect(performance.now() - asked).toBeLessThan(500);
      expect(counts.take('b', 1)).toBeNull();
      await eventually(() => expect(threads[0]!.isAway('limit:hang:b')).toBe(true));
      expect(counts.take('b', 1)).toBeNull();
    } finally {
      server.resume();
    }
    await eventually(async () => expect((await counts.take('a', 1))?.granted).toBe(1));
  });
});
