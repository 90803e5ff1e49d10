/**
 * A long outage with thousands of events that wait, on a clock of the test: what it costs meanwhile, whom it disturbs, and when all
 * is delivered afterwards.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { createDeliverer } from './deliverer.ts';
import { RETRY_STEPS_MS } from './schedule.ts';
import type { SendResult } from './send.ts';
import { anEndpoint, anEvent } from './testing/events.ts';
import { createMemoryQueue } from './testing/memory-queue.ts';
import { createSetClock } from './testing/set-clock.ts';

const T0 = Date.UTC(2026, 0, 21, 10);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TIMEOUT_MS = 10_000;
const EVENTS = 2000;

test.each([
  ['half a minute', 30 * SECOND],
  ['an hour', HOUR],
])(
  `${EVENTS} events of an endpoint that times out for %s: bounded work, others undisturbed, all delivered`,
  async (name, outageMs) => {
    const queue = createMemoryQueue();
    const clock = createSetClock(T0, queue.busy);
    const [hangs, well] = [
      anEndpoint({ url: 'http://hangs/', merchantId: 'hangs' }),
      anEndpoint({ url: 'http://well/', merchantId: 'well' }),
    ];
    let out = true;
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.timers.setTimeout(resolve, ms));
    const posts: Array<{ url: string; id: string; at: number }> = [];
    const deliverer = createDeliverer({
      queues: [queue],
      holder: 'gateway-1',
      endpointsOf: async (merchantId) => (merchantId === 'hangs' ? [hangs] : [well]),
      secretsOf: async () => ['whsec_AAAA'],
      async send(url, { id }): Promise<SendResult> {
        posts.push({ url, id, at: clock.now() });
        const hanging = out && url === hangs.url;
        const durationMs = hanging ? TIMEOUT_MS : 50;
        await sleep(durationMs);
        return hanging
          ? { status: null, failure: 'timeout', durationMs, retryAfterMs: null }
          : { status: 204, failure: null, durationMs, retryAfterMs: null };
      },
      disable: async () => undefined,
      now: clock.now,
      monotonicMs: () => clock.now() - T0,
      random: () => 0.5,
      timers: clock.timers,
      onTry: () => undefined,
      onDead: () => expect.unreachable('nothing is given up'),
      onTrouble: (event, error) => expect.unreachable(`${event}: ${error}`),
    });
    deliverer.start();

    const wellCommits = new Map<string, number>();
    let inHandMax = 0;
    /** Rows written in each minute. */
    const rowsAMinute: number[] = [];
    let rowsBefore = 0;
    /** The merchant that is well has a payment each five seconds. */
    async function pass(ms: number): Promise<void> {
      for (const until = clock.now() + ms; clock.now() < until; ) {
        const event = anEvent({ merchantId: 'well', createdAt: clock.now() });
        wellCommits.set(`evt_${event.eventId}`, clock.now());
        queue.add(event);
        await clock.advance(5 * SECOND);
        if (clock.now() - T0 > 15 * SECOND) inHandMax = Math.max(inHandMax, deliverer.counters().inHand);
        if ((clock.now() - T0) % MINUTE !== 0) continue;
        rowsAMinute.push(queue.recordsWritten() - rowsBefore);
        rowsBefore = queue.recordsWritten();
      }
    }

    for (let i = 0; i < EVENTS; i++) queue.add(anEvent({ merchantId: 'hangs', createdAt: T0 }));
    await pass(outageMs);
    const during = posts.filter(({ url }) => url === hangs.url).length;
    const rows = [...queue.rows.values()].filter(({ endpointId }) => endpointId === hangs.endpointId);
    expect(rows).toHaveLength(EVENTS);
    expect(rows.every(({ tries, log, state }) => log.length === tries && state === 'waiting')).toBe(true);
    // One try at a time, and those under way at the beginning.
    expect(during).toBeGreaterThan(outageMs / TIMEOUT_MS / 2);
    expect(during).toBeLessThan(outageMs / TIMEOUT_MS + 20);
    // What waits lies in the database, and in a long outage all of it is looked at once in five minutes.
    expect(inHandMax).toBeLessThan(100);
    expect(Math.max(0, ...rowsAMinute)).toBeLessThan(EVENTS + 6500);
    expect(Math.max(0, ...rowsAMinute.slice(15))).toBeLessThan(EVENTS * 1.2);
    const rowsDuring = queue.recordsWritten();

    out = false;
    const returned = clock.now();
    const untried = rows.filter(({ tries }) => tries === 0);
    const deliveredAt = (of: typeof rows): number =>
      Math.max(...of.map(({ log }) => log.at(-1)!.at)) - returned;
    // As long as the outage was, five minutes at most, and what it takes to bring them: a hundred a second.
    await pass(Math.min(outageMs, 5 * MINUTE) + (EVENTS / 100) * SECOND + 2 * TIMEOUT_MS);
    expect(untried.every(({ state }) => state === 'delivered')).toBe(true);
    const untriedMs = deliveredAt(untried);
    // Those that have had tries come at the step of the schedule they have reached.
    await pass(RETRY_STEPS_MS[Math.max(...rows.map(({ tries }) => tries)) - 1]! * 1.05 + MINUTE);
    expect(rows.every(({ state }) => state === 'delivered')).toBe(true);

    const wellMs = posts.filter(({ url }) => url === well.url).map(({ id, at }) => at - wellCommits.get(id)!);
    expect(Math.max(...wellMs)).toBeLessThan(500);
    process.stdout.write(
      `outage of ${name}, ${EVENTS} events: ${during} tries and ${rowsDuring} rows written meanwhile (at most ${Math.max(...rowsAMinute)} a minute, ${Math.max(0, ...rowsAMinute.slice(15))} later), ` +
        `at most ${inHandMax} in hand; of ${untried.length} never tried the last delivered ${untriedMs / SECOND} s after the return, ` +
        `of all ${deliveredAt(rows) / MINUTE} min; the other endpoint heard within ${Math.max(...wellMs)} ms\n`,
    );
    const stopped = deliverer.stop();
    await clock.advance(5 * SECOND);
    await stopped;
  },
  60_000,
);
