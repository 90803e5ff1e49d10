/**
 * When an event is tried again, and how long that goes on.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { nextTryAt, RETRY_STEPS_MS, readRetryAfter } from './schedule.ts';

const DAY = 24 * 60 * 60 * 1000;
const T0 = Date.UTC(2026, 0, 21, 10);

test('ten tries, none before its step, none later than a tenth after it', () => {
  const steps = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
  expect(RETRY_STEPS_MS.map((ms) => ms / 1000)).toEqual(steps);
  for (const [i, seconds] of steps.entries()) {
    expect(nextTryAt(i + 1, T0, 0, null)).toBe(T0 + seconds * 1000);
    expect(nextTryAt(i + 1, T0, 0.999, null)).toBeLessThanOrEqual(T0 + seconds * 1100);
  }
  expect(nextTryAt(10, T0, 0, null)).toBeNull();
});

test('Retry-After delays and never hastens', () => {
  expect(nextTryAt(1, T0, 0, 60_000)).toBe(T0 + 60_000);
  expect(nextTryAt(2, T0, 0, 1000)).toBe(T0 + 300_000);
  expect(nextTryAt(10, T0, 0, 60_000)).toBeNull();
});

test.each([
  ['120', 120_000],
  ['0', 0],
  [' 7 ', 7000],
  ['9999999999', DAY],
  ['Wed, 21 Jan 2026 10:01:00 GMT', 60_000],
  ['Wed, 21 Jan 2026 09:00:00 GMT', 0],
  ['Thu, 21 Jan 2027 10:00:00 GMT', DAY],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
  ['2026-01-21', null],
  ['Wed, 99 Jan 2026 10:01:00 GMT', null],
  ['', null],
  [undefined, null],
])('Retry-After %j is %j ms', (header, ms) => {
  expect(readRetryAfter(header, T0)).toBe(ms);
});
