import { expect, test } from 'vitest';
import type { RateCounts, Taken } from '../storage/rate-counts.ts';
import { createSharedRateLimit } from './rate-limit.ts';

/** Counts of all gateways, in memory; `hold` keeps the answers back until `release`. */
function sharedCounts(count: number) {
  let used = 0;
  const wanted: number[] = [];
  let held: (() => void)[] | null = null;
  const counts: RateCounts = {
    take(_name, want) {
      wanted.push(want);
      const granted = Math.max(0, Math.min(want, count - used));
      used += want;
      const taken: Taken = { granted, remainingMs: 1000 };
      return new Promise((resolve) => (held === null ? resolve(taken) : held.push(() => resolve(taken))));
    },
  };
  return {
    counts,
    wanted,
    nextWindow: () => {
      used = 0;
    },
    hold: () => {
      held = [];
    },
    release: () => {
      const answers = held ?? [];
      held = null;
      for (const answer of answers) answer();
    },
  };
}

function limitOf(counts: RateCounts, count: number, fallbacks: string[] = []) {
  return createSharedRateLimit({ count, perSeconds: 1, namesMax: 10 }, counts, () => fallbacks.push('once'));
}

test('a small limit is exact over two threads, and a new window begins with the counts’ own', async () => {
  const { counts, nextWindow } = sharedCounts(6);
  const [one, other] = [limitOf(counts, 6), limitOf(counts, 6)];
  const passed: boolean[] = [];
  for (let i = 0; i < 5; i++) passed.push(await one('a', 0), await other('a', 0));
  expect(passed.filter(Boolean)).toHaveLength(6);
  nextWindow();
  expect([await one('a', 999), await one('a', 1000)]).toEqual([false, true]);
});

test('a large limit is taken in lots: a hundred calls for a whole window of it, and as exact', async () => {
  const { counts, wanted } = sharedCounts(10_000);
  const [one, other] = [limitOf(counts, 10_000), limitOf(counts, 10_000)];
  let passed = 0;
  for (let i = 0; i < 8000; i++) passed += Number(await one('a', 0)) + Number(await other('a', 0));
  expect(passed).toBe(10_000);
  expect(wanted.length).toBeLessThanOrEqual(102);
});

test('those who come while a lot is asked for wait for it together and ask once for all', async () => {
  const { counts, wanted, hold, release } = sharedCounts(50);
  const limit = limitOf(counts, 50);
  hold();
  const asked = Array.from({ length: 30 }, () => limit('a', 0));
  expect(wanted).toEqual([1]);
  release();
  expect(await Promise.all(asked)).toEqual(Array(30).fill(true));
  expect(wanted).toEqual([1, 29]);
});

test('while a window has no more, nothing is asked', async () => {
  const { counts, wanted } = sharedCounts(2);
  const limit = limitOf(counts, 50);
  for (let i = 0; i < 20; i++) await limit('a', 0);
  expect(wanted).toEqual([1, 1, 1]);
});

test('while the counts are away the thread’s own bucket decides, at once, and each such request is told', async () => {
  const fallbacks: string[] = [];
  const limit = limitOf({ take: () => null }, 3, fallbacks);
  expect([1, 2, 3, 4].map(() => limit('a', 0))).toEqual([true, true, true, false]);
  expect(fallbacks).toHaveLength(3);
});

test('counts that do not answer in time let pass who waited, each told', async () => {
  const fallbacks: string[] = [];
  const limit = limitOf({ take: () => Promise.resolve(null) }, 3, fallbacks);
  expect(await Promise.all([1, 2, 3, 4].map(() => limit('a', 0)))).toEqual([true, true, true, false]);
  expect(fallbacks).toHaveLength(3);
});

test('a thread never lets pass more than its own bucket would, whatever the counts grant', async () => {
  const limit = limitOf({ take: async (_, want) => ({ granted: want, remainingMs: 1000 }) }, 5);
  let passed = 0;
  for (let i = 0; i < 50; i++) passed += Number(await limit('a', 0));
  expect(passed).toBe(5);
});
