import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates } from '../../../test/support/certificates.ts';
import { eventually } from '../../../test/support/eventually.ts';
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../../../test/support/redis.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import { connectRedis, type RedisConnection } from './connection.ts';
import { RedisAway, RedisRefused } from './errors.ts';

const KEYS = Array.from({ length: 60 }, () => `k${randomBytes(8).toString('hex')}`);

const installed = canRun('redis-server', 'how Redis is connected to, and lost, is');

describe.skipIf(!installed)('connection', () => {
  let server: RedisServer;
  let cluster: RedisCluster;
  const connections: RedisConnection[] = [];

  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
  }, 60_000);
  afterEach(() => {
    for (const connection of connections.splice(0)) connection.close();
  });
  afterAll(() => Promise.all([server?.stop(), cluster?.stop()]));

  async function connect(urls: readonly string[], more: Partial<Parameters<typeof connectRedis>[0]> = {}) {
    const connection = connectRedis({ urls, caFile: undefined, ...more });
    connections.push(connection);
    await connection.opened;
    return connection;
  }

  /** Writes every key; resolves with those that were taken, and how long the slowest took. */
  async function writeAll(connection: RedisConnection) {
    const asked = performance.now();
    const ends = await Promise.allSettled(KEYS.map((key) => connection.command(key, 'set', '1')));
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(RedisAway);
    const taken = KEYS.filter((_, i) => ends[i]!.status === 'fulfilled');
    return { taken, tookMs: performance.now() - asked };
  }

  test('of a server that hangs each call is refused within a second, every later one at once, until it goes on', async () => {
    const away: number[] = [];
    const connection = await connect([server.url], { onAway: (servers) => away.push(servers) });
    expect((await writeAll(connection)).taken).toEqual(KEYS);
    server.pause();
    try {
      const first = await writeAll(connection);
      expect(first.taken).toEqual([]);
      expect(first.tookMs).toBeLessThan(1500);
      const second = await writeAll(connection);
      expect(second.taken).toEqual([]);
      expect(second.tookMs).toBeLessThan(300);
      expect(away).toEqual([1]);
      await expect(connection.check()).rejects.toThrow(RedisAway);
    } finally {
      server.resume();
    }
    await eventually(async () => expect((await writeAll(connection)).taken).toEqual(KEYS));
    expect(away).toEqual([1, 0]);
    await connection.check();
  });

  test('a server that is dead is refused at once, from the first call on and at the start too, and used when it is back', async () => {
    const connection = await connect([server.url]);
    await server.kill();
    const late = await connect([server.url]);
    for (const one of [connection, late]) {
      const { taken, tookMs } = await writeAll(one);
      expect(taken).toEqual([]);
      expect(tookMs).toBeLessThan(300);
    }
    await server.again();
    for (const one of [connection, late]) {
      await eventually(async () => expect((await writeAll(one)).taken).toEqual(KEYS));
    }
  });

  test('nothing that was refused is done later', async () => {
    const connection = await connect([server.url]);
    await server.kill();
    await Promise.allSettled(Array.from({ length: 50 }, () => connection.command('counter', 'incr')));
    await server.again();
    await eventually(async () => expect(await connection.command('counter', 'incr')).toBe(1));
  });

  test('of a cluster one dead master takes its keys alone, and they come back with it', async () => {
    const connection = await connect(cluster.urls);
    expect((await writeAll(connection)).taken).toEqual(KEYS);
    const [first, ...others] = cluster.masters;
    await first!.kill();
    const rounds: string[][] = [];
    for (const until = performance.now() + 3000; performance.now() < until; ) {
      const { taken, tookMs } = await writeAll(connection);
      rounds.push(taken);
      expect(tookMs).toBeLessThan(1000);
    }
    // Longer than the masters take to agree that one is lost.
    const kept = rounds.at(-1)!;
    expect(kept.length).toBeGreaterThan(KEYS.length / 3);
    expect(kept.length).toBeLessThan(KEYS.length);
    for (const taken of rounds) expect(taken).toEqual(kept);
    await expect(connection.check()).rejects.toThrow(RedisAway);
    for (const { url } of others) expect(await sizeOf(url)).toBeGreaterThan(0);
    await first!.again();
    await eventually(async () => expect((await writeAll(connection)).taken).toEqual(KEYS));
    await eventually(() => connection.check());
  }, 30_000);

  test('of a cluster one silent master takes its keys alone, at once after a second', async () => {
    const connection = await connect(cluster.urls);
    const whole = await writeAll(connection);
    expect(whole.taken).toEqual(KEYS);
    const [, second] = cluster.masters;
    second!.pause();
    try {
      const found = await writeAll(connection);
      expect(found.taken.length).toBeGreaterThan(KEYS.length / 3);
      expect(found.taken.length).toBeLessThan(KEYS.length);
      const after = await writeAll(connection);
      expect(after.taken).toEqual(found.taken);
      expect(after.tookMs).toBeLessThan(300);
    } finally {
      second!.resume();
    }
    await eventually(async () => expect((await writeAll(connection)).taken).toEqual(KEYS));
  }, 30_000);

  test('a cluster whose masters all died is used again when they are back', async () => {
    const connection = await connect(cluster.urls);
    await Promise.all(cluster.masters.map((master) => master.kill()));
    expect((await writeAll(connection)).taken).toEqual([]);
    await Promise.all(cluster.masters.map((master) => master.again()));
    await eventually(async () => expect((await writeAll(connection)).taken).toEqual(KEYS));
    await eventually(() => connection.check());
  }, 30_000);

  test('slots that move while they are written to lose nothing', async () => {
    const connection = await connect(cluster.urls);
    expect((await writeAll(connection)).taken).toEqual(KEYS);
    const nodes = cluster.urls.map((url) => new Redis(url));
    try {
      const [from, to] = [String(await nodes[0]!.cluster('MYID')), String(await nodes[1]!.cluster('MYID'))];
      const slots = await Promise.all(KEYS.map((key) => nodes[0]!.cluster('KEYSLOT', key)));
      const moved = (
        await Promise.all(slots.map(async (slot) => [slot, await isHere(nodes[0]!, slot)] as const))
      )
        .filter(([, here]) => here)
        .map(([slot]) => slot)
        .slice(0, 8);
      expect(moved.length).toBe(8);
      for (const slot of moved) await moveSlot(slot, { nodes, from, to });
      // All at once, so that one batch holds commands that are each sent elsewhere.
      expect((await writeAll(connection)).taken).toEqual(KEYS);
    } finally {
      for (const node of nodes) node.disconnect();
    }
  }, 30_000);

  test('one master of a cluster that would evict is refused by name, even while another is dead', async () => {
    const connection = await connect(cluster.urls);
    await connection.check();
    const master = new Redis(cluster.urls[1]!);
    await master.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(connection.check()).rejects.toThrow(RedisRefused);
    await cluster.masters[0]!.kill();
    await expect(connection.check()).rejects.toThrow(/allkeys-lru and must be noeviction/);
    await master.config('SET', 'maxmemory-policy', 'noeviction');
    master.disconnect();
    await cluster.masters[0]!.again();
  }, 30_000);

  test('by rediss the server is spoken to in TLS 1.3 when the named authority signed it, and else not at all', async () => {
    const certificates = makeCertificates();
    const { ca } = certificates;
    const secured = await startRedis({ tls: { ...certificates.server, ca } });
    try {
      const trusting = await connect([secured.url], { caFile: ca });
      expect(await trusting.command('a', 'set', '1')).toBe('OK');
      const lost: string[] = [];
      const strict = await connect([secured.url], {
        caFile: certificates.strangeCa,
        onLost: (error) => lost.push(error.message),
      });
      await expect(strict.command('a', 'get')).rejects.toThrow(RedisAway);
      expect(lost.join()).toMatch(/certificate/);
      expect(() => connectRedis({ urls: [secured.url], caFile: '/no/such.pem' })).toThrow(/no such file/);
    } finally {
      await secured.stop();
      certificates.remove();
    }
  });
});

async function sizeOf(url: string): Promise<number> {
  const redis = new Redis(url);
  const size = await redis.dbsize();
  redis.disconnect();
  return size;
}

async function isHere(node: Redis, slot: number): Promise<boolean> {
  return Number(await node.call('CLUSTER', 'COUNTKEYSINSLOT', slot)) > 0;
}

/** Moves a slot with its keys, as a resharding does. */
async function moveSlot(
  slot: number,
  { nodes, from, to }: { nodes: readonly Redis[]; from: string; to: string },
): Promise<void> {
  const [source, target] = nodes as [Redis, Redis];
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from);
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to);
  const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
  const { host, port } = target.options;
  await source.call('MIGRATE', host!, port!, '', 0, 5000, 'REPLACE', 'KEYS', ...keys);
  for (const node of nodes) await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', to);
}
