/**
 * The deliverer with a database in memory, on a clock of the test: who hears what, when, how often, and what trouble costs whom.
 *
 * @module
 */

import { afterEach, expect, test, vi } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import type { WebhookEndpoint } from '../storage/webhook-endpoints.ts';
import { createDeliverer, type Deliverer, type DelivererDeps } from './deliverer.ts';
import { RETRY_STEPS_MS } from './schedule.ts';
import type { SendResult } from './send.ts';
import { anEndpoint, anEvent } from './testing/events.ts';
import { createMemoryQueue, type MemoryQueue } from './testing/memory-queue.ts';

const T0 = Date.UTC(2026, 0, 21, 10);
const HOUR = 60 * 60 * 1000;
const OK: SendResult = { status: 200, failure: null, durationMs: 1, retryAfterMs: null };
const DOWN: SendResult = { status: 500, failure: 'http_status', durationMs: 1, retryAfterMs: null };

const deliverers: Deliverer[] = [];
afterEach(async () => {
  await Promise.all(deliverers.splice(0).map((deliverer) => deliverer.stop()));
});

interface Scene {
  queue: MemoryQueue;
  now: number;
  /** What was posted where, in order, with the clock's time. */
  posts: Array<{ url: string; id: string; body: string; at: number }>;
  answer(url: string): SendResult | Promise<SendResult>;
  disabled: string[];
  trouble: string[];
  deliverer: Deliverer;
}

function open(
  endpoints: WebhookEndpoint[],
  over: Partial<DelivererDeps> = {},
  queue: MemoryQueue = createMemoryQueue(),
): Scene {
  const scene: Scene = {
    queue,
    now: T0,
    posts: [],
    answer: () => OK,
    disabled: [],
    trouble: [],
    deliverer: undefined as unknown as Deliverer,
  };
  scene.deliverer = createDeliverer({
    queues: [queue],
    holder: 'gateway-1',
    endpointsOf: async (merchantId) => endpoints.filter((one) => one.merchantId === merchantId),
    secretsOf: async ({ sealedSecret }) => [Buffer.from(sealedSecret).toString()],
    async send(url, { id, body }) {
      scene.posts.push({ url, id, body: body.toString(), at: scene.now });
      return await scene.answer(url);
    },
    async disable(endpointId) {
      scene.disabled.push(endpointId);
      const endpoint = endpoints.find((one) => one.endpointId === endpointId)!;
      endpoint.disabledAt = scene.now;
    },
    now: () => scene.now,
    monotonicMs: () => performance.now(),
    random: () => 0,
    timers: globalThis,
    onTry: () => undefined,
    onDead: () => undefined,
    onTrouble: (event) => scene.trouble.push(event),
    ...over,
  });
  deliverers.push(scene.deliverer);
  scene.deliverer.start();
  return scene;
}

function delivered(scene: Scene): number {
  return [...scene.queue.rows.values()].filter(({ state }) => state === 'delivered').length;
}

test('a thousand events are told in one write of many, and once', async () => {
  const scene = open([anEndpoint()]);
  for (let i = 0; i < 1000; i++) scene.queue.add(anEvent());
  await eventually(() => {
    // What found no place in memory is told a moment later.
    scene.now += 1000;
    expect(delivered(scene)).toBe(1000);
  });
  expect(new Set(scene.posts.map(({ id }) => id)).size).toBe(1000);
  expect(scene.posts).toHaveLength(1000);
  expect(
    [...scene.queue.rows.values()].every(({ state, tries }) => state === 'delivered' && tries === 1),
  ).toBe(true);
  expect(scene.queue.writes()).toBeLessThan(50);
});

test('each endpoint hears what it asked for; what nobody wants is dispatched too', async () => {
  const all = anEndpoint({ url: 'http://all/' });
  const failures = anEndpoint({ url: 'http://failures/', eventTypes: ['payment.failed'] });
  const off = anEndpoint({ url: 'http://off/', disabledAt: T0 });
  const scene = open([all, failures, off]);
  scene.queue.add(anEvent());
  scene.queue.add(anEvent({ type: 'payment.failed', status: 'FAILED' }));
  scene.queue.add(anEvent({ merchantId: 'merchant_without_endpoints' }));
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  expect(scene.posts.map(({ url }) => url).sort()).toEqual([
    'http://all/',
    'http://all/',
    'http://failures/',
  ]);
});

test('26 hours of outage: every event comes afterwards, at its moment, with the id and body it had', async () => {
  const scene = open([anEndpoint()]);
  scene.answer = () => (scene.now < T0 + 26 * HOUR ? DOWN : OK);
  const events = Array.from({ length: 4 }, () => anEvent());
  for (const event of events) scene.queue.add(event);
  await eventually(() => expect(scene.posts).toHaveLength(4));
  for (let tries = 1; ; tries++) {
    await eventually(() =>
      expect([...scene.queue.rows.values()].filter((row) => row.tries === tries)).toHaveLength(4),
    );
    const next = scene.queue.nextAt();
    if (next === undefined) break;
    scene.now = next;
  }
  // The seventh try, 31 hours after the first, is the first after the outage.
  const steps = RETRY_STEPS_MS.slice(0, 7);
  let at = T0;
  const moments = [T0, ...steps.map((step) => (at += step))].filter(
    (_, i, all) => i === 0 || all[i - 1]! < T0 + 26 * HOUR,
  );
  for (const { eventId } of events) {
    const posts = scene.posts.filter(({ id }) => id === `evt_${eventId}`);
    expect(posts.map((post) => post.at)).toEqual(moments);
    expect(new Set(posts.map(({ body }) => body)).size).toBe(1);
  }
  expect([...scene.queue.rows.values()].every(({ state }) => state === 'delivered')).toBe(true);
});

test('many events of an outage wait their turn without losing tries, and all come afterwards', async () => {
  const scene = open([anEndpoint()]);
  scene.answer = () => (scene.now < T0 + 26 * HOUR ? { ...DOWN, status: null, failure: 'timeout' } : OK);
  for (let i = 0; i < 300; i++) scene.queue.add(anEvent());
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  const during = scene.posts.length;
  // Of what has not been tried, none has a try less.
  const made = [...scene.queue.rows.values()].reduce(
    (sum, { log, tries }) => sum + (log.length === tries ? tries : 999),
    0,
  );
  expect(made).toBe(during);
  scene.now = T0 + 26 * HOUR;
  await eventually(() => {
    scene.now += 10_000;
    expect(delivered(scene)).toBe(300);
  });
  expect(scene.now).toBeLessThan(T0 + 28 * HOUR);
});

test('the tenth failure is the last; a replay begins anew', async () => {
  const dead = vi.fn();
  const scene = open([anEndpoint()], { onDead: dead });
  scene.answer = () => DOWN;
  const event = anEvent();
  scene.queue.add(event);
  for (let tries = 1; tries <= 10; tries++) {
    await eventually(() => expect([...scene.queue.rows.values()][0]?.tries).toBe(tries));
    scene.now = scene.queue.nextAt() ?? scene.now;
  }
  const [row] = scene.queue.rows.values();
  expect(row).toMatchObject({ state: 'dead', nextAt: null });
  expect(row!.log.map(({ at }) => at - T0)).toEqual(
    [0, ...RETRY_STEPS_MS].map((_, i) => RETRY_STEPS_MS.slice(0, i).reduce((sum, step) => sum + step, 0)),
  );
  expect(dead).toHaveBeenCalledExactlyOnceWith('schedule');
  scene.answer = () => OK;
  scene.queue.replay(event.eventId, row!.endpointId, scene.now);
  await eventually(() => expect(row).toMatchObject({ state: 'delivered', tries: 1 }));
  expect(new Set(scene.posts.map(({ id }) => id)).size).toBe(1);
});

test('patience that was asked for at one URL is not owed to the next', async () => {
  const endpoint = anEndpoint({ url: 'http://before/' });
  const scene = open([endpoint]);
  scene.answer = (url) => (url === 'http://before/' ? { ...DOWN, status: 503, retryAfterMs: 24 * HOUR } : OK);
  const event = anEvent();
  scene.queue.add(event);
  await eventually(() => expect(scene.queue.nextAt()).toBe(T0 + 24 * HOUR));
  endpoint.url = 'http://after/';
  scene.queue.replay(event.eventId, endpoint.endpointId, scene.now);
  await eventually(() => expect(delivered(scene)).toBe(1));
});

test('410 disables the endpoint, and what waited for it is dead', async () => {
  const endpoint = anEndpoint();
  const scene = open([endpoint]);
  scene.answer = () => DOWN;
  scene.queue.add(anEvent());
  await eventually(() => expect([...scene.queue.rows.values()][0]?.tries).toBe(1));
  scene.answer = () => ({ ...DOWN, status: 410 });
  scene.queue.add(anEvent());
  await eventually(() => expect(scene.disabled).toEqual([endpoint.endpointId]));
  scene.now = T0 + HOUR;
  await eventually(() =>
    expect([...scene.queue.rows.values()].map(({ state }) => state)).toEqual(['dead', 'dead']),
  );
  expect(scene.posts).toHaveLength(2);
});

test('an endpoint that asks for patience is left alone, the others are not', async () => {
  const [busy, well] = [anEndpoint({ url: 'http://busy/' }), anEndpoint({ url: 'http://well/' })];
  const scene = open([busy, well]);
  scene.answer = (url) => (url === busy.url ? { ...DOWN, status: 429, retryAfterMs: 60_000 } : OK);
  scene.queue.add(anEvent());
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  for (let i = 0; i < 50; i++) scene.queue.add(anEvent());
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  expect(scene.posts.filter(({ url }) => url === well.url)).toHaveLength(51);
  expect(scene.posts.filter(({ url }) => url === busy.url)).toHaveLength(1);
  const waiting = [...scene.queue.rows.values()].filter(({ endpointId }) => endpointId === busy.endpointId);
  // The first has had a try; the others kept theirs, in order, behind the pause.
  expect(waiting.map(({ tries }) => tries)).toEqual([1, ...Array(50).fill(0)]);
  const places = waiting.slice(1).map(({ nextAt }) => nextAt!);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(Math.min(...places)).toBeGreaterThanOrEqual(T0 + 60_000);
  scene.answer = () => OK;
  await eventually(() => {
    scene.now += 5000;
    expect(waiting.every(({ state }) => state === 'delivered')).toBe(true);
  });
});

test('an endpoint that hangs is parked after a second; its answer is a second record', async () => {
  const scene = open([anEndpoint()]);
  let answer!: (result: SendResult) => void;
  scene.answer = () => new Promise((resolve) => (answer = resolve));
  const event = anEvent();
  scene.queue.add(event);
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  const row = [...scene.queue.rows.values()][0]!;
  expect(row).toMatchObject({ state: 'waiting', tries: 0, log: [] });
  expect(row.nextAt).toBeGreaterThan(T0 + 10_000);
  // Even when the guard's time comes it is not sent twice by the one who has it in hand.
  scene.now = row.nextAt!;
  await new Promise((resolve) => setTimeout(resolve, 400));
  answer(OK);
  await eventually(() => expect(row).toMatchObject({ state: 'delivered', tries: 1 }));
  expect(scene.posts).toHaveLength(1);
});

test('a hanging endpoint with a thousand events holds few slots and nothing of it in memory', async () => {
  const [hangs, well] = [
    anEndpoint({ url: 'http://hangs/' }),
    anEndpoint({ url: 'http://well/', merchantId: 'm2' }),
  ];
  const scene = open([hangs, well], { limits: { slotsMax: 16, troubledSlotsMax: 8, slowMs: 100 } });
  scene.answer = (url) => (url === hangs.url ? new Promise(() => undefined) : OK);
  for (let i = 0; i < 1000; i++) scene.queue.add(anEvent());
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  const began = performance.now();
  for (let i = 0; i < 100; i++) scene.queue.add(anEvent({ merchantId: 'm2' }));
  await eventually(() => expect(scene.posts.filter(({ url }) => url === well.url)).toHaveLength(100));
  expect(performance.now() - began).toBeLessThan(2000);
  expect(scene.deliverer.counters().running).toBeLessThanOrEqual(8);
  await eventually(() => expect(scene.deliverer.counters().inHand).toBeLessThanOrEqual(8));
  deliverers.splice(0);
});

test.each(['newEvents', 'due'] as const)(
  'what %s has read before it was written, and tells after, is not posted twice',
  async (read) => {
    const queue = createMemoryQueue();
    const askNow = queue[read] as (...args: number[]) => Promise<unknown[]>;
    /** The try whose record is held: the first, or the one that is due after a failure. */
    const posted = read === 'due' ? 2 : 1;
    let staleReads = 0;
    /** The answer of a read that saw something in hand comes only when that is written; the write waits for the read. */
    let seen: () => void = () => undefined;
    const stale = new Promise<void>((resolve) => (seen = resolve));
    const scene = open([anEndpoint()], {}, {
      ...queue,
      async [read](...args: number[]) {
        const answer = await askNow(...args);
        if (scene.posts.length < posted || answer.length === 0 || staleReads > 0) return answer;
        staleReads++;
        seen();
        await eventually(() => expect(scene.deliverer.counters().inHand).toBe(0));
        return answer;
      },
      async record(...args) {
        if (scene.posts.length === posted) await stale;
        return await queue.record(...args);
      },
    } as MemoryQueue);
    if (read === 'due') {
      scene.answer = () => (scene.posts.length < 2 ? DOWN : OK);
    }
    scene.queue.add(anEvent());
    if (read === 'due') {
      await eventually(() => expect(scene.queue.nextAt()).toBeDefined());
      scene.now = scene.queue.nextAt()!;
    }
    await eventually(() => expect([delivered(scene), staleReads]).toEqual([1, 1]));
    // Rounds in which a second post would have been made.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(scene.posts).toHaveLength(posted);
  },
);

test('without its database nothing is posted; afterwards all is, once', async () => {
  const scene = open([anEndpoint()]);
  scene.queue.failWith(new Error('gone'));
  scene.queue.add(anEvent());
  await eventually(() => expect(scene.trouble).toContain('webhook_round_failed'));
  expect(scene.posts).toEqual([]);
  scene.queue.failWith(null);
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  expect(scene.posts).toHaveLength(1);
});

test('who has lost the lease writes nothing, and delivers again when it is back', async () => {
  const scene = open([anEndpoint()]);
  scene.queue.add(anEvent());
  await eventually(() => expect(delivered(scene)).toBe(1));
  scene.queue.takeLease('gateway-2');
  scene.queue.add(anEvent());
  await eventually(() => expect(scene.posts).toHaveLength(2));
  await eventually(() => expect(scene.deliverer.counters().inHand).toBe(0));
  expect([delivered(scene), scene.queue.undispatched()]).toEqual([1, 1]);
  scene.queue.takeLease(null);
  await eventually(() => expect(delivered(scene)).toBe(2));
});

test('secrets that cannot be opened are no failure of the endpoint', async () => {
  let broken = true;
  const scene = open([anEndpoint()], {
    secretsOf: async () => (broken ? Promise.reject(new Error('no token')) : ['whsec_AAAA']),
  });
  scene.queue.add(anEvent());
  await eventually(() => expect(scene.queue.undispatched()).toBe(0));
  const [row] = scene.queue.rows.values();
  expect(row).toMatchObject({ state: 'waiting', tries: 0, log: [] });
  broken = false;
  scene.now = row!.nextAt!;
  await eventually(() => expect(row).toMatchObject({ state: 'delivered', tries: 1 }));
});

test('a stop waits for what is under way and leaves the lease', async () => {
  const scene = open([anEndpoint()]);
  scene.answer = async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return OK;
  };
  scene.queue.add(anEvent());
  await eventually(() => expect(scene.posts).toHaveLength(1));
  await scene.deliverer.stop();
  deliverers.splice(0);
  expect([...scene.queue.rows.values()].map(({ state }) => state)).toEqual(['delivered']);
  expect(await scene.queue.hold('gateway-2', 5000)).toBe(true);
});
