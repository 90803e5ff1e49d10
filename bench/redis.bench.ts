/**
 * Bench of Redis: what a session and a shared limit cost, in microseconds of CPU of this process and of the server, and in bytes there.
 *
 * Sessions are of the usual size; 128 calls are in flight, as of one busy thread. "raw" is the client alone with the same two commands.
 * Medians of three rounds, on one server and on a cluster of three masters.
 *
 * Run: npm run bench -- redis, or node bench/redis.bench.ts
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createRateLimit, createSharedRateLimit } from '../src/http/rate-limit.ts';
import { connectRedis, type RedisConnection } from '../src/storage/redis/connection.ts';
import { createRedisRateCounts } from '../src/storage/redis/rate-counts.ts';
import { createRedisSessions } from '../src/storage/redis/sessions.ts';
import type { CheckoutSession } from '../src/storage/sessions.ts';
import { type RedisServer, startRedis, startRedisCluster } from '../test/support/redis.ts';

const ROUNDS = 3;
const CALLS = 50_000;
const IN_FLIGHT = 128;
/** USER_HZ, in which /proc counts. */
const TICK_US = 10_000;

const SESSION: CheckoutSession = {
  paymentIntentId: `pi_${'0'.repeat(32)}`,
  merchantId: 'merchant_demo',
  transactionId: `txn_${'0'.repeat(31)}1`,
  orderId: `order_${'0'.repeat(12)}`,
  customerId: 'user_456789',
  createdAt: '2026-01-21T10:00:00.000Z',
  amount: 500_000,
  currency: 'INR',
  successUrl: 'https://shop.example.com/checkout/success?order=000000000000',
  cancelUrl: 'https://shop.example.com/checkout/cancel?order=000000000000',
  expiresAt: '2026-01-21T10:10:00.000Z',
};

let fallbacks = 0;

process.stdout.write(`${cpus().length} x ${cpus()[0]?.model}, node ${process.version}, ${ROUNDS} rounds\n`);
const server = await startRedis();
await bytesOf(server);
await measureAll('one server', [server], [server.url]);
await server.stop();
const cluster = await startRedisCluster();
await measureAll('three masters', cluster.masters, cluster.urls);
await cluster.stop();

/** What the server's memory grows by for each session, and what it says of the keys. */
async function bytesOf({ url }: RedisServer): Promise<void> {
  const connection = connectRedis({ urls: [url], caFile: undefined });
  const { client, opened } = connection;
  const used = async () => Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]);
  const store = createRedisSessions(connection);
  await opened;
  const before = await used();
  const ids = sessionIds();
  await inTurns(async (i) => await store.put(ids[i]!, SESSION, 600_000, 60_000));
  const grown = (await used()) - before;
  const usage = await Promise.all(
    [`session:${ids[0]}`, `session:expired:${ids[0]}`].map((key) => client.memory('USAGE', key)),
  );
  process.stdout.write(
    `a session: ${JSON.stringify(SESSION).length} bytes of JSON, MEMORY USAGE ${usage.join(' + ')}, ` +
      `used_memory ${(grown / CALLS).toFixed(0)} bytes with both keys and their ends\n`,
  );
  await client.flushall();
  connection.close();
}

async function measureAll(
  where: string,
  servers: readonly RedisServer[],
  urls: readonly string[],
): Promise<void> {
  const connection = connectRedis({ urls, caFile: undefined });
  await connection.opened;
  process.stdout.write(`\n${where.padEnd(48)}  Node µs  Redis µs\n`);
  for (const [what, one] of stepsOf(connection)) {
    const costs: { node: number; redis: number }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const cost = await costOf(servers, one);
      // The first warms up.
      if (round > 0) costs.push(cost);
    }
    const median = (side: 'node' | 'redis'): string =>
      costs
        .map((cost) => cost[side])
        .toSorted((a, b) => a - b)
        [ROUNDS >> 1]!.toFixed(2);
    process.stdout.write(`${what.padEnd(48)}${median('node').padStart(9)}${median('redis').padStart(10)}\n`);
  }
  process.stdout.write(`calls that fell back: ${fallbacks}\n`);
  connection.close();
}

function stepsOf(connection: RedisConnection): [string, (i: number) => unknown][] {
  const { client } = connection;
  const store = createRedisSessions(connection);
  const countsOf = createRedisRateCounts(connection);
  const json = JSON.stringify(SESSION);
  const ids = sessionIds();
  const merchantRate = { count: 10_000_000, perSeconds: 1, namesMax: 10_000 };
  const sessionRate = { count: 60, perSeconds: 60, namesMax: 100_000 };
  const [merchantHere, sessionHere] = [createRateLimit(merchantRate), createRateLimit(sessionRate)];
  const merchantShared = createSharedRateLimit(
    merchantRate,
    // Of a merchant with the usual limit at its full rate: a lot is 500.
    { take: (name, wanted) => countsOf({ limit: 'm', ...merchantRate }).take(name, Math.min(wanted, 500)) },
    fallback,
  );
  const sessionShared = createSharedRateLimit(
    sessionRate,
    countsOf({ limit: 's', ...sessionRate }),
    fallback,
  );
  return [
    [
      'raw: two SET',
      (i) =>
        Promise.all([
          client.set(`session:${ids[i]}`, json, 'PX', 600_000),
          client.set(`session:expired:${ids[i]}`, json, 'PX', 660_000),
        ]),
    ],
    ['a session kept', (i) => store.put(ids[i]!, SESSION, 600_000, 60_000)],
    [
      'raw: GET and PTTL',
      (i) => Promise.all([client.get(`session:${ids[i]}`), client.pttl(`session:${ids[i]}`)]),
    ],
    ['a session read', (i) => store.get(ids[i]!)],
    ['limit of a merchant, this thread alone', () => merchantHere('m', Date.now())],
    ['limit of a merchant, shared in lots of 500', () => merchantShared('m', Date.now())],
    ['limit of a session, this thread alone', (i) => sessionHere(ids[i]!, Date.now())],
    ['limit of a session, shared, one call each', (i) => sessionShared(ids[i]!, Date.now())],
  ];
}

/** A limit that fell back cost less than it would have: too many, and the machine is too busy to measure. */
function fallback(): void {
  fallbacks += 1;
}

function sessionIds(): string[] {
  return Array.from({ length: CALLS }, () => `sess_${randomBytes(16).toString('hex')}`);
}

async function costOf(servers: readonly RedisServer[], one: (i: number) => unknown) {
  const [nodeBefore, redisBefore] = [process.cpuUsage(), redisCpuUs(servers)];
  await inTurns(one);
  const { user, system } = process.cpuUsage(nodeBefore);
  return { node: (user + system) / CALLS, redis: (redisCpuUs(servers) - redisBefore) / CALLS };
}

async function inTurns(one: (i: number) => unknown): Promise<void> {
  let next = 0;
  const turn = async (): Promise<void> => {
    while (next < CALLS) await one(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, turn));
}

function redisCpuUs(servers: readonly RedisServer[]): number {
  let us = 0;
  for (const { pid } of servers) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    us += (Number(fields[11]) + Number(fields[12])) * TICK_US;
  }
  return us;
}
