/**
 * A tenth of all endpoints hang, at 300 webhooks a second, on real sockets and the real clock: the others must not notice.
 *
 * @module
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { eventually, pause } from '../../test/support/eventually.ts';
import { createDeliverer } from './deliverer.ts';
import { createWebhookSender } from './send.ts';
import { anEndpoint, anEvent } from './testing/events.ts';
import { createMemoryQueue } from './testing/memory-queue.ts';

const MERCHANTS = 100;
const HANGING = 10;
const RATE = 300;
const SECONDS = 20;
const HANG_MS = 30_000;

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
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

test('10 % of endpoints hang 30 s: the others hear within five seconds of the commit at p99', async () => {
  const arrivals = new Map<string, number>();
  const well = await listen((eventId) => {
    if (!arrivals.has(eventId)) arrivals.set(eventId, Date.now());
  }, 0);
  let hung = 0;
  const hangs = await listen(() => hung++, HANG_MS);
  const endpoints = Array.from({ length: MERCHANTS }, (_, i) =>
    anEndpoint({ merchantId: `merchant_${i}`, url: `${i < HANGING ? hangs : well}/hooks/${i}` }),
  );
  const queue = createMemoryQueue();
  const sender = createWebhookSender({
    allowPrivate: true,
    now: Date.now,
    monotonicMs: () => performance.now(),
  });
  const deliverer = createDeliverer({
    queues: [queue],
    holder: 'gateway-1',
    endpointsOf: async (merchantId) => endpoints.filter((one) => one.merchantId === merchantId),
    secretsOf: async ({ sealedSecret }) => [Buffer.from(sealedSecret).toString()],
    send: sender.send,
    disable: async () => undefined,
    now: Date.now,
    monotonicMs: () => performance.now(),
    random: Math.random,
    timers: globalThis,
    onTry: () => undefined,
    onDead: () => undefined,
    onTrouble: () => undefined,
  });
  deliverer.start();

  const commits = new Map<string, number>();
  let runningMax = 0;
  let inHandMax = 0;
  const began = performance.now();
  for (let made = 0; made < RATE * SECONDS; ) {
    const owed = Math.floor(((performance.now() - began) / 1000) * RATE);
    for (; made < Math.min(owed, RATE * SECONDS); made++) {
      const event = anEvent({ merchantId: `merchant_${made % MERCHANTS}`, createdAt: Date.now() });
      if (made % MERCHANTS >= HANGING) commits.set(event.eventId, event.createdAt);
      queue.add(event);
    }
    const { running, inHand } = deliverer.counters();
    runningMax = Math.max(runningMax, running);
    inHandMax = Math.max(inHandMax, inHand);
    await pause(5);
  }
  await eventually(() => expect(arrivals.size).toBe(commits.size));

  const tookMs = [...commits].map(([eventId, at]) => arrivals.get(eventId)! - at).sort((a, b) => a - b);
  const quantile = (share: number): number => tookMs[Math.floor(tookMs.length * share)]!;
  process.stdout.write(
    `isolation: ${tookMs.length} heard by endpoints that are well, ${hung} posts hung; commit to arrival p50 ${quantile(0.5)} ms, ` +
      `p99 ${quantile(0.99)} ms, max ${tookMs.at(-1)} ms; at most ${runningMax} under way, ${inHandMax} in hand\n`,
  );
  expect(quantile(0.99)).toBeLessThan(5000);
  expect(runningMax).toBeLessThanOrEqual(1024);
  await Promise.all([sender.close(), deliverer.stop()]);
}, 60_000);
