/**
 * A tenth of all endpoints hang, at 300 webhooks a second, on PostgreSQL, real sockets and the real clock: the others must not notice.
 *
 * @module
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../test/support/cluster.ts';
import { eventually, pause } from '../../test/support/eventually.ts';
import { created, freshEventId, freshIntent } from '../../test/support/facts.ts';
import { createShardStore } from '../storage/postgres/shard-store.ts';
import { createWebhookQueue } from '../storage/postgres/webhook-queue.ts';
import { createDeliverer } from './deliverer.ts';
import { createWebhookSender } from './send.ts';
import { anEndpoint } from './testing/events.ts';

const MERCHANTS = 100;
const HANGING = 10;
const RATE = 300;
const SECONDS = 12;
const HANG_MS = 30_000;

let cluster: Cluster;
const servers: Server[] = [];
beforeAll(async () => {
  cluster = await startCluster(1);
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await cluster?.stop();
});

async function listen(hear: (eventId: string) => void, answerAfterMs: number): Promise<string> {
  const server = createServer((request, response) => {
    hear(String(request.headers['webhook-id']).slice('evt_'.length));
    request.resume();
    if (answerAfterMs === 0) response.writeHead(204).end();
    else setTimeout(() => response.writeHead(204).end(), answerAfterMs).unref();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A payment of each merchant, whose events are committed by the call, many at once. */
async function openOutbox(connectionString: string) {
  const intents = Array.from({ length: MERCHANTS }, (_, i) => freshIntent({ merchantId: `merchant_${i}` }));
  const store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'test',
    ownShard: 7,
  });
  await store.commit(intents.map((intent) => created(intent)));
  await store.close();
  const client = new pg.Client({ connectionString });
  await client.connect();
  return {
    async commit(events: ReadonlyArray<{ eventId: string; merchant: number; sequence: number }>) {
      await client.query({
        name: 'events',
        text: `insert into outbox (event_id, merchant_id, payment_intent_id, transaction_id, type, status, sequence, created_at)
          select e.event_id, 'merchant_' || e.merchant, e.intent_id, null, 'payment.succeeded', 'SUCCESS', e.sequence, now()
          from unnest($1::uuid[], $2::int4[], $3::uuid[], $4::int4[]) as e(event_id, merchant, intent_id, sequence)`,
        values: [
          events.map(({ eventId }) => eventId),
          events.map(({ merchant }) => merchant),
          events.map(({ merchant }) => intents[merchant]!.paymentIntentId),
          events.map(({ sequence }) => sequence),
        ],
      });
    },
    async undelivered(): Promise<number> {
      const text = 'select count(*)::int as count from outbox where delivered_at is null';
      return (await client.query<{ count: number }>(text)).rows[0]!.count;
    },
    close: () => client.end(),
  };
}

test('10 % of endpoints hang 30 s: the others hear within five seconds of the commit at p99', async () => {
  const arrivals = new Map<string, number>();
  const well = await listen((eventId) => {
    if (!arrivals.has(eventId)) arrivals.set(eventId, Date.now());
  }, 0);
  let hung = 0;
  const hangs = await listen(() => hung++, HANG_MS);
  const endpoints = new Map(
    Array.from({ length: MERCHANTS }, (_, i) => {
      const merchantId = `merchant_${i}`;
      return [merchantId, anEndpoint({ merchantId, url: `${i < HANGING ? hangs : well}/hooks/${i}` })];
    }),
  );
  const outbox = await openOutbox(cluster.owner.shards[0]!);
  const queue = createWebhookQueue(cluster.services.shards[0]!);
  const sender = createWebhookSender({
    allowPrivate: true,
    now: Date.now,
    monotonicMs: () => performance.now(),
  });
  const deliverer = createDeliverer({
    queues: [queue],
    holder: 'gateway-1',
    endpointsOf: async (merchantId) => [endpoints.get(merchantId)!],
    secretsOf: async ({ sealedSecret }) => [Buffer.from(sealedSecret).toString()],
    send: sender.send,
    disable: async () => undefined,
    now: Date.now,
    monotonicMs: () => performance.now(),
    random: Math.random,
    timers: globalThis,
    onTry: () => undefined,
    onDead: () => undefined,
    onTrouble: (event, error) => process.stdout.write(`isolation: ${event} ${String(error)}\n`),
  });
  deliverer.start();

  const commits = new Map<string, number>();
  let runningMax = 0;
  let inHandMax = 0;
  const began = performance.now();
  for (let made = 0; made < RATE * SECONDS; ) {
    const owed = Math.min(Math.floor(((performance.now() - began) / 1000) * RATE), RATE * SECONDS);
    const batch = Array.from({ length: owed - made }, (_, i) => ({
      eventId: freshEventId(),
      merchant: (made + i) % MERCHANTS,
      sequence: 1 + Math.floor((made + i) / MERCHANTS),
    }));
    made = owed;
    await outbox.commit(batch);
    const committedAt = Date.now();
    for (const { eventId, merchant } of batch) if (merchant >= HANGING) commits.set(eventId, committedAt);
    const { running, inHand } = deliverer.counters();
    runningMax = Math.max(runningMax, running);
    inHandMax = Math.max(inHandMax, inHand);
    await pause(5);
  }
  await eventually(() => expect(arrivals.size).toBe(commits.size));
  // Of those that are well, the database knows.
  await eventually(async () =>
    expect(await outbox.undelivered()).toBe((RATE * SECONDS * HANGING) / MERCHANTS),
  );

  // One that arrives before the answer to its commit has taken no time.
  const tookMs = [...commits]
    .map(([eventId, at]) => Math.max(0, arrivals.get(eventId)! - at))
    .sort((a, b) => a - b);
  const quantile = (share: number): number => tookMs[Math.floor(tookMs.length * share)]!;
  process.stdout.write(
    `isolation: ${tookMs.length} heard by endpoints that are well, ${hung} posts hung; commit to arrival p50 ${quantile(0.5)} ms, ` +
      `p99 ${quantile(0.99)} ms, max ${tookMs.at(-1)} ms; at most ${runningMax} under way, ${inHandMax} in hand\n`,
  );
  expect(quantile(0.99)).toBeLessThan(5000);
  expect(runningMax).toBeLessThanOrEqual(1024);
  await Promise.all([sender.close(), deliverer.stop()]);
  await Promise.all([queue.close(), outbox.close()]);
}, 60_000);
