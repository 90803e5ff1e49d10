import { expect, test } from 'vitest';
import { createStorageBreaker } from './storage-breaker.ts';

const LIMITS = { silentMs: 1000, probeMs: 150 };

test('a call that is silent for too long opens it, and its answer closes it whatever it was', () => {
  const breaker = createStorageBreaker(LIMITS);
  breaker.sent(0);
  expect([breaker.state(999), breaker.state(1000)]).toEqual(['closed', 'open']);
  breaker.answered();
  expect(breaker.state(1500)).toBe('closed');
  breaker.sent(2000);
  breaker.failed('poisoned');
  expect([breaker.turnEnded(), breaker.state(9000)]).toEqual([false, 'closed']);
});

test('after a call without an answer a probe has less time, until a whole turn is answered', () => {
  const breaker = createStorageBreaker(LIMITS);
  breaker.sent(0);
  breaker.failed('uncertain');
  expect([breaker.turnEnded(), breaker.state(7000)]).toEqual([false, 'half_open']);
  breaker.sent(7000);
  breaker.answered();
  // The same turn's commit: what it read proves nothing of a disk that does not write.
  breaker.sent(7010);
  expect([breaker.state(7159), breaker.state(7160)]).toEqual(['half_open', 'open']);
  breaker.failed('uncertain');
  expect([breaker.turnEnded(), breaker.state(14_000)]).toEqual([true, 'half_open']);
  breaker.sent(14_000);
  breaker.answered();
  expect([breaker.turnEnded(), breaker.state(14_001)]).toEqual([false, 'closed']);
});

test('what is refused at once, and a turn that asks storage nothing, leave it as it is', () => {
  const breaker = createStorageBreaker(LIMITS);
  breaker.sent(0);
  breaker.failed('unavailable');
  expect([breaker.turnEnded(), breaker.state(1)]).toEqual([false, 'closed']);
  breaker.sent(2);
  breaker.failed('uncertain');
  breaker.turnEnded();
  breaker.sent(3);
  breaker.failed('unavailable');
  expect([breaker.turnEnded(), breaker.turnEnded(), breaker.state(4)]).toEqual([false, false, 'half_open']);
});
