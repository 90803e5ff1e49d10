/**
 * The breaker of the bus.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { createBusBreaker } from './breaker.ts';

test('three failures in a row open it; then one at a time is let through, each failure waits twice as long, a success closes it', () => {
  const breaker = createBusBreaker();
  breaker.ended(false, 0);
  breaker.ended(false, 0);
  breaker.ended(true, 0);
  breaker.ended(false, 0);
  breaker.ended(false, 0);
  expect(breaker.enter(0)).toBe(true);
  breaker.ended(false, 0);
  expect([breaker.state(), breaker.enter(999)]).toEqual(['open', false]);
  expect([breaker.enter(1000), breaker.enter(1000), breaker.state()]).toEqual([true, false, 'half_open']);
  breaker.ended(false, 1000);
  expect([breaker.enter(2999), breaker.enter(3000)]).toEqual([false, true]);
  breaker.ended(true, 3000);
  expect([breaker.state(), breaker.enter(3000), breaker.enter(3000)]).toEqual(['closed', true, true]);
});

test('it never waits longer than four seconds, and what was sent before it opened tells it nothing', () => {
  const breaker = createBusBreaker();
  for (const _ of [1, 2, 3]) breaker.ended(false, 0);
  breaker.ended(true, 0);
  expect(breaker.state()).toBe('open');
  let now = 0;
  for (const _ of [1, 2, 3, 4, 5]) {
    now += 4000;
    expect(breaker.enter(now)).toBe(true);
    breaker.ended(false, now);
  }
});
