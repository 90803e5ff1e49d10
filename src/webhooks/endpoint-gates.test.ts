/**
 * Gates on a clock of the test: how many tries an endpoint has under way, what trouble does to that, and when the rest comes again.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { createEndpointGates, type GateLimits } from './endpoint-gates.ts';
import type { SendResult } from './send.ts';
import { createSetClock } from './testing/set-clock.ts';

const T0 = Date.UTC(2026, 0, 21, 10);
const MINUTE = 60_000;
const OK: SendResult = { status: 200, failure: null, durationMs: 100, retryAfterMs: null };
const TIMEOUT: SendResult = { status: null, failure: 'timeout', durationMs: 10_000, retryAfterMs: null };
const DOWN: SendResult = { status: 500, failure: 'http_status', durationMs: 100, retryAfterMs: null };

function open(limits: Partial<GateLimits> = {}) {
  const clock = createSetClock(T0);
  const gates = createEndpointGates({ now: clock.now, timers: clock.timers, limits });
  /** Ends of the tries under way, by endpoint, oldest first. */
  const running = new Map<string, Array<(result: SendResult | null) => void>>();
  const put: number[] = [];
  const under = (endpoint: string): number => running.get(endpoint)?.length ?? 0;

  /** As the gate says: null, or milliseconds from now on. */
  function offer(endpoint = 'shop'): number | null {
    const at = gates.offer(endpoint, {
      run: () => new Promise((resolve) => running.set(endpoint, [...(running.get(endpoint) ?? []), resolve])),
      put: (moment) => put.push(moment - clock.now()),
    });
    return at === null ? null : at - clock.now();
  }

  /** The oldest try under way ends. */
  async function end(result: SendResult | null, endpoint = 'shop'): Promise<void> {
    running.get(endpoint)!.shift()!(result);
    await clock.advance(0);
  }

  async function endAll(result: SendResult | null, endpoint = 'shop'): Promise<void> {
    while (under(endpoint) > 0) await end(result, endpoint);
  }

  return { clock, gates, put, under, offer, end, endAll };
}

test('a share begins small, grows by one with each success, and ends at its bound', async () => {
  const { offer, end, under } = open({ shareStart: 2, shareMax: 5 });
  for (let i = 0; i < 30; i++) expect(offer()).toBeNull();
  const seen = [under('shop')];
  for (let i = 0; i < 6; i++) {
    await end(OK);
    seen.push(under('shop'));
  }
  expect(seen).toEqual([2, 3, 4, 5, 5, 5, 5]);
});

test('after a timeout one try at a time is under way, and what waited is sent away', async () => {
  const { offer, end, endAll, put, under } = open({ shareStart: 5 });
  for (let i = 0; i < 8; i++) expect(offer()).toBeNull();
  expect(under('shop')).toBe(5);
  await end(TIMEOUT);
  expect(put).toHaveLength(3);
  expect(offer()).toBeGreaterThanOrEqual(1000);
  await endAll(TIMEOUT);
  expect(offer()).toBeNull();
  expect(offer()).toBeGreaterThanOrEqual(1000);
  expect(under('shop')).toBe(1);
  // Well again: it grows from there.
  await end(OK);
  for (let i = 0; i < 9; i++) offer();
  expect(under('shop')).toBe(2);
});

test('a quick failure halves the share, down to four', async () => {
  const { offer, end, endAll, under } = open({ shareStart: 16 });
  const seen: number[] = [];
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 20; i++) offer();
    seen.push(under('shop'));
    await end(DOWN);
    // Only the first of each round is to count.
    await endAll(null);
  }
  expect(seen).toEqual([16, 8, 4, 4]);
});

test('a try that could not be made says nothing of its endpoint', async () => {
  const { offer, end, under } = open({ shareStart: 2 });
  for (let i = 0; i < 9; i++) expect(offer()).toBeNull();
  for (let i = 0; i < 5; i++) {
    await end(null);
    expect(under('shop')).toBe(2);
  }
});

test('endpoints in trouble are given no more than half of the slots; one that is well has the rest', async () => {
  const { offer, end, under, gates } = open({ slotsMax: 8, troubledSlotsMax: 4, shareStart: 8 });
  const troubled = Array.from({ length: 6 }, (_, i) => `down${i}`);
  for (const endpoint of troubled) {
    offer(endpoint);
    await end(DOWN, endpoint);
  }
  for (const endpoint of troubled) offer(endpoint);
  expect(troubled.map(under)).toEqual([1, 1, 1, 1, 0, 0]);
  for (let i = 0; i < 9; i++) offer('well');
  expect(under('well')).toBe(4);
  expect([gates.running(), gates.room()]).toEqual([8, false]);
  // A slot of theirs that is free again is theirs again, and one of the well is not.
  await end(DOWN, 'down0');
  expect(offer('down5')).toBeNull();
  await end(OK, 'well');
  expect(offer('down4')).not.toBeNull();
});

test('a try that runs for long is trouble before it has ended', async () => {
  const { offer, end, under, clock, put } = open({ slotsMax: 8, troubledSlotsMax: 2, slowMs: 2000 });
  offer('a');
  offer('b');
  await clock.advance(1999);
  expect(offer('a')).toBeNull();
  await clock.advance(1);
  expect([under('a'), under('b')]).toEqual([2, 1]);
  expect(offer('a')).toBeGreaterThanOrEqual(1000);
  expect(offer('b')).toBeGreaterThanOrEqual(1000);
  expect(offer('c')).toBeNull();
  // Its answer, late as it is, clears it.
  await end(OK, 'b');
  expect(offer('b')).toBeNull();
  expect(put).toEqual([]);
});

test('Retry-After pauses an endpoint, with whatever status it came', async () => {
  for (const result of [OK, DOWN, { ...DOWN, status: 429 }]) {
    const { offer, end, clock } = open();
    offer();
    await end({ ...result, retryAfterMs: 90_000 });
    expect(offer()).toBe(90_000);
    await clock.advance(89_999);
    expect(offer()).not.toBeNull();
    await clock.advance(1);
    expect(offer()).toBeNull();
  }
});

test.each([429, 502, 503, 504])(
  '%i pauses for 5 s, twice as long each time, 5 min at most',
  async (status) => {
    const { offer, end, clock } = open();
    const pauses: number[] = [];
    for (let i = 0; i < 9; i++) {
      expect(offer()).toBeNull();
      await end({ ...DOWN, status });
      const from = clock.now();
      while (offer() !== null) await clock.advance(1000);
      pauses.push(clock.now() - from);
      await end(null);
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1000));
    // A success ends the growth.
    offer();
    await end(OK);
    offer();
    await end({ ...DOWN, status });
    await clock.advance(5000);
    expect(offer()).toBeNull();
  },
);

test('other failures pause nothing', async () => {
  const { offer, end } = open();
  for (const result of [DOWN, { ...DOWN, status: 404 }, TIMEOUT]) {
    expect(offer()).toBeNull();
    await end(result);
  }
  expect(offer()).toBeNull();
});

test('what waits in memory is bounded', () => {
  const { offer } = open({ shareStart: 1, waitingMax: 3 });
  expect(Array.from({ length: 6 }, () => offer()).map((at) => at === null)).toEqual([
    ...Array(4).fill(true),
    ...Array(2).fill(false),
  ]);
});

test('places are as far apart as tries end, for as long as the trouble has lasted; from there on they are close, and never at once', async () => {
  const { offer, end, clock } = open({ shareStart: 1 });
  /** What a thousand that come now are told. */
  const places = (): number[] => Array.from({ length: 1000 }, () => offer()!);
  const apart = (of: readonly number[]): number[] => of.slice(1).map((at, i) => at - of[i]!);
  const wide = (of: readonly number[]): number => apart(of).filter((ms) => ms > 100).length;
  offer();
  await end(TIMEOUT);
  // What a try takes is learnt: about ten seconds.
  for (let i = 0; i < 30; i++) {
    offer();
    await end(TIMEOUT);
  }
  offer();
  const first = places();
  expect(first[0]).toBe(1000);
  expect(wide(first)).toBe(1);
  expect(Math.min(...apart(first))).toBeGreaterThanOrEqual(10);
  expect(first.at(-1)).toBeLessThan(1000 + 10_000 + 1000 * 10);
  await clock.advance(2 * MINUTE);
  const later = places();
  expect([12, 13]).toContain(wide(later));
  expect(later.at(-1)).toBeLessThan(2 * MINUTE + 1000 + 10_000 + 1000 * 10);
  await clock.advance(60 * MINUTE);
  const last = places();
  expect([30, 31]).toContain(wide(last));
  expect(last.at(-1)).toBeLessThan(5 * MINUTE + 1000 + 10_000 + 1000 * 10);
  // Well again: nobody is sent behind those places.
  await end(OK);
  expect(Array.from({ length: 100 }, () => offer()).find((again) => again !== null)).toBe(1000);
});

test('an endpoint that answers 2xx and asks for patience keeps nothing waiting in memory', async () => {
  const { offer, endAll, put, under } = open({ shareStart: 2 });
  for (let i = 0; i < 9; i++) expect(offer()).toBeNull();
  await endAll({ ...OK, retryAfterMs: MINUTE });
  expect(under('shop')).toBe(0);
  expect(put).toHaveLength(7);
  expect(Math.min(...put)).toBeGreaterThanOrEqual(MINUTE);
});

test('sixteen endpoints that answer well but slowly leave most of the memory to others', async () => {
  const { offer, endAll } = open();
  const endpoints = Array.from({ length: 16 }, (_, i) => `slow${i}`);
  // Each has shown that it takes 1.9 s, just below what counts as trouble, until its share is full.
  for (const endpoint of endpoints) {
    for (let i = 0; i < 80; i++) {
      offer(endpoint);
      await endAll({ ...OK, durationMs: 1900 }, endpoint);
    }
  }
  const kept = endpoints.flatMap((endpoint) => Array.from({ length: 1000 }, () => offer(endpoint)));
  expect(kept.filter((again) => again === null).length).toBeLessThan(2000);
});

test('tries that could not be made come again one after the other, not all at once', () => {
  const { gates } = open();
  const places = Array.from({ length: 1000 }, () => gates.later('shop') - T0);
  expect(places[0]).toBe(1000);
  expect(places.at(-1)).toBeGreaterThanOrEqual(1000 + 999 * 10);
});

test('close sends away what waits, and nothing starts any more', async () => {
  const { offer, end, put, under, gates } = open({ shareStart: 2 });
  for (let i = 0; i < 5; i++) offer();
  gates.close();
  expect(put).toHaveLength(3);
  expect(gates.room()).toBe(false);
  await end(OK);
  expect(under('shop')).toBe(1);
  expect(offer()).toBeGreaterThanOrEqual(1000);
  expect(offer('another')).toBeGreaterThanOrEqual(1000);
  await end(OK);
  expect(gates.running()).toBe(0);
});

test('of more endpoints than are remembered, those at rest are forgotten', async () => {
  const { offer, end } = open({ gatesMax: 2, shareStart: 1 });
  offer('kept');
  offer('rests');
  await end({ ...DOWN, retryAfterMs: MINUTE }, 'rests');
  expect(offer('rests')).not.toBeNull();
  offer('third');
  await end(OK, 'third');
  // Nothing is known of it any more; the one under way is.
  expect(offer('rests')).toBeNull();
  expect(offer('kept')).toBeNull();
  await end(TIMEOUT, 'kept');
  expect(offer('kept')).toBeNull();
});
