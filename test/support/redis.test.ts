import { readFileSync } from 'node:fs';
import { Cluster, Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeCertificates } from './certificates.ts';
import { startRedis, startRedisCluster } from './redis.ts';
import { canRun } from './required-servers.ts';

describe.skipIf(!canRun('redis-server', 'the Redis of other tests is'))('redis', () => {
  test('a server that was killed comes back at its port, empty', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    await redis.set('key', 'value');
    await server.kill();
    await server.again();
    expect(await redis.get('key')).toBeNull();
  });

  test('a paused server answers once it goes on', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    await redis.set('key', 'value');
    server.pause();
    const asked = redis.get('key');
    server.resume();
    expect(await asked).toBe('value');
    await server.flush();
    expect(await redis.get('key')).toBeNull();
  });

  test('three masters answer for keys of all slots', async () => {
    const { masters, urls, stop } = await startRedisCluster();
    onTestFinished(stop);
    const cluster = new Cluster([...urls]);
    onTestFinished(() => cluster.disconnect());
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`);
    await Promise.all(keys.map((key) => cluster.set(key, key)));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys);
    const counts = await Promise.all(cluster.nodes('master').map((master) => master.dbsize()));
    expect(counts).toHaveLength(masters.length);
    for (const count of counts) expect(count).toBeGreaterThan(50);
  });

  test('a TLS listener lets in who shows a certificate of its authority, and nobody by TLS 1.2', async () => {
    const certificates = makeCertificates();
    onTestFinished(certificates.remove);
    const { server, client, ca, stranger } = certificates;
    const redis = await startRedis({ tls: { ...server, ca, clientCertificates: true } });
    onTestFinished(() => redis.stop());
    const ping = async (shown: typeof client, maxVersion?: 'TLSv1.2'): Promise<string> => {
      const connection = new Redis(redis.url, {
        lazyConnect: true,
        retryStrategy: () => null,
        tls: {
          ca: readFileSync(ca),
          cert: readFileSync(shown.certificate),
          key: readFileSync(shown.key),
          ...(maxVersion && { maxVersion }),
        },
      });
      connection.on('error', () => undefined);
      try {
        return await connection.ping();
      } finally {
        connection.disconnect();
      }
    };
    expect(await ping(client)).toBe('PONG');
    await expect(ping(stranger)).rejects.toThrow();
    await expect(ping(client, 'TLSv1.2')).rejects.toThrow();
  });
});
