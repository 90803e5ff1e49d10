import { describe, expect, test } from 'vitest';
import { type Breaker, type BreakerOptions, type CallEnd, createBreaker, type Permit } from './breaker.ts';

const OPTIONS: BreakerOptions = {
  inFlightMax: 3,
  windowMs: 1000,
  windowCallsMin: 4,
  failureShare: 0.5,
  rowFailures: 6,
  rowMs: 2000,
  openMs: 100,
  openMsMax: 300,
};

function call(breaker: Breaker, end: CallEnd, at: number): void {
  breaker.finished(permitOf(breaker, at), end, at);
}

function permitOf(breaker: Breaker, at: number): Permit {
  const entry = breaker.enter(at);
  if (!entry.ok) throw new Error(`refused: ${entry.reason}`);
  return entry.permit;
}

function openedAt(at: number): Breaker {
  const breaker = createBreaker(OPTIONS);
  for (let i = 0; i < 4; i++) call(breaker, 'failed', at);
  return breaker;
}

// s served, f failed, ~ silent; a number moves the clock by so many ms.
describe('when it opens', () => {
  test.each([
    ['ffff', 'open', 'all of the fewest calls that count'],
    ['fff', 'closed', 'too few calls'],
    ['ssff', 'open', 'exactly the share'],
    ['sssff', 'closed', 'less than the share'],
    ['sssfff', 'open', 'the share, reached later'],
    ['fff 1000 f', 'closed', 'failures of an older window do not count'],
    ['fff 999 f', 'open', 'the last moment of a window'],
    ['~~~~~~', 'closed', 'calls that tell nothing'],
    ['ssssssss', 'closed', 'a processor that serves'],
    ['ff 1000 ff 1000 ff', 'open', 'a row of failures too rare for any window'],
    ['ff 1000 ff 1000 f', 'closed', 'a row too short'],
    ['ff 1000 ff 1000 sff', 'closed', 'a row that was broken by one that was served'],
    ['ff 1000 f~f 1000 ~ff', 'open', 'calls that tell nothing break no row'],
    ['fff 1000 fff', 'closed', 'a row that came all at once, twice'],
    ['fff 1000 fff 1000 f', 'open', 'such a row that goes on'],
  ])('%s → %s: %s', (script, state) => {
    const breaker = createBreaker(OPTIONS);
    let now = 0;
    for (const step of script.match(/\d+|[sf~]/g)!) {
      if (/\d/.test(step)) now += Number(step);
      else call(breaker, step === 's' ? 'served' : step === 'f' ? 'failed' : 'silent', now);
    }
    expect(breaker.state()).toBe(state);
  });
});

test('open, it refuses; then one probe at a time', () => {
  const breaker = openedAt(0);
  expect(breaker.enter(99)).toEqual({ ok: false, reason: 'open' });
  const probe = permitOf(breaker, 100);
  expect(breaker.state()).toBe('half_open');
  expect(breaker.enter(100)).toEqual({ ok: false, reason: 'open' });
  breaker.finished(probe, 'served', 150);
  expect(breaker.state()).toBe('closed');
});

test('each failed probe doubles the wait, up to a bound; a served one resets it', () => {
  const breaker = openedAt(0);
  let now = 0;
  for (const waitMs of [100, 200, 300, 300]) {
    expect(breaker.enter(now + waitMs - 1).ok).toBe(false);
    now += waitMs;
    call(breaker, 'failed', now);
  }
  call(breaker, 'served', now + 300);
  for (let i = 0; i < 4; i++) call(breaker, 'failed', 5000);
  expect(breaker.enter(5099).ok).toBe(false);
  expect(breaker.enter(5100).ok).toBe(true);
});

test('a probe that tells nothing makes room for another', () => {
  const breaker = openedAt(0);
  call(breaker, 'silent', 100);
  expect(breaker.state()).toBe('half_open');
  call(breaker, 'served', 101);
  expect(breaker.state()).toBe('closed');
});

test('a call that ends after the breaker opened and closed again is not counted', () => {
  const breaker = createBreaker({ ...OPTIONS, inFlightMax: 100 });
  const old = [0, 1, 2, 3, 4, 5, 6, 7].map(() => permitOf(breaker, 0));
  for (const permit of old.slice(0, 4)) breaker.finished(permit, 'failed', 1);
  call(breaker, 'served', 200);
  for (const permit of old.slice(4)) breaker.finished(permit, 'failed', 201);
  expect(breaker.state()).toBe('closed');
  expect(breaker.inFlight()).toBe(0);
});

test('a row that ended before the breaker closed is not gone on with', () => {
  const breaker = createBreaker(OPTIONS);
  for (const at of [0, 0, 1000, 1000, 2000, 2000]) call(breaker, 'failed', at);
  call(breaker, 'served', 2100);
  call(breaker, 'failed', 4000);
  expect(breaker.state()).toBe('closed');
});

test('calls under way are bounded', () => {
  const breaker = createBreaker(OPTIONS);
  const permits = [1, 2, 3].map(() => permitOf(breaker, 0));
  expect(breaker.enter(0)).toEqual({ ok: false, reason: 'busy' });
  breaker.finished(permits[0]!, 'served', 1);
  expect(breaker.enter(1).ok).toBe(true);
});
