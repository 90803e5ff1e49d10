/**
 * The schedule over a stepped clock, pretended accounts and runs.
 *
 * @module
 */

import { expect, test } from 'vitest';
import type { SettlementScope } from '../domain/settlement.ts';
import { createSchedule, type ReportedAccount, type RunResult } from './schedule.ts';

const HOUR_MS = 3_600_000;
const INDIA_MS = 5.5 * HOUR_MS;

function account(name: string, processor: ReportedAccount['processor'] = 'STRIPE'): ReportedAccount {
  return { processor, account: name, merchantId: `merchant_of_${name}` };
}

/** A schedule at 06:30 UTC, or another time, with what it ran: `account day`. */
function world(start: string, accounts: ReportedAccount[], atMinutes = 390) {
  const clock = { now: Date.parse(start), ours: true };
  const done: { scope: SettlementScope; finishedAt: number }[] = [];
  const ran: string[] = [];
  const results = new Map<string, RunResult>();
  let reads = 0;
  const schedule = createSchedule({
    atMinutes,
    async *accounts() {
      reads++;
      for (const one of accounts) yield [one];
    },
    dayAheadMs: (processor) => (processor === 'RAZORPAY' ? INDIA_MS : 0),
    runs: {
      async doneSince(day) {
        return done.filter(({ scope }) => scope.day >= day);
      },
    },
    async run({ processor, account: name }, day) {
      ran.push(`${name} ${day}`);
      const result = results.get(`${name} ${day}`) ?? 'done';
      if (result === 'done') done.push({ scope: { processor, account: name, day }, finishedAt: clock.now });
      return result;
    },
    isOurs: () => clock.ours,
    now: () => clock.now,
  });
  /** Runs a round, and tells what it ran. */
  async function at(time: string): Promise<string[]> {
    clock.now = Date.parse(time);
    ran.length = 0;
    await schedule.round();
    return [...ran];
  }
  return { schedule, clock, done, results, at, reads: () => reads };
}

test('each account has its report of yesterday once a day, from that time of the day on', async () => {
  const { at, reads } = world('2026-01-22T06:00:00Z', [account('a'), account('b')]);
  expect(await at('2026-01-22T06:31:00Z')).toEqual(['a 2026-01-21', 'b 2026-01-21']);
  expect(await at('2026-01-22T06:32:00Z')).toEqual([]);
  expect(await at('2026-01-23T06:29:00Z')).toEqual([]);
  expect(reads()).toBe(1);
  expect(await at('2026-01-23T06:30:00Z')).toEqual(['a 2026-01-22', 'b 2026-01-22']);
});

test('yesterday is the one of the processor', async () => {
  const accounts = [account('s'), account('r', 'RAZORPAY')];
  const early = world('2026-01-22T06:30:00Z', accounts);
  expect(await early.at('2026-01-22T06:30:00Z')).toEqual(['s 2026-01-21', 'r 2026-01-21']);
  // In India the 23rd has begun.
  const late = world('2026-01-22T20:00:00Z', accounts, 20 * 60);
  expect(await late.at('2026-01-22T20:00:00Z')).toEqual(['s 2026-01-21', 'r 2026-01-22']);
});

test('one that fails keeps no other waiting, and is tried again ever more rarely until it is done', async () => {
  const { at, results } = world('2026-01-22T06:30:00Z', [account('a'), account('b')]);
  results.set('a 2026-01-21', 'unavailable');
  expect(await at('2026-01-22T06:30:00Z')).toEqual(['a 2026-01-21', 'b 2026-01-21']);
  const triedAt: string[] = [];
  for (let minute = 31; minute < 12 * 60; minute++) {
    const time = new Date(Date.parse('2026-01-22T06:00:00Z') + minute * 60_000).toISOString();
    if ((await at(time)).length > 0) triedAt.push(time.slice(11, 16));
  }
  expect(triedAt).toEqual(['06:35', '06:45', '07:05', '07:45', '09:05', '11:05', '13:05', '15:05', '17:05']);
  results.delete('a 2026-01-21');
  expect(await at('2026-01-22T19:05:00Z')).toEqual(['a 2026-01-21']);
  expect(await at('2026-01-22T23:59:00Z')).toEqual([]);
});

test('days that were missed are made up for, a week at most, and none before the first an account had', async () => {
  const { at, done } = world('2026-01-22T06:30:00Z', [account('a'), account('b'), account('new')]);
  const scope = { processor: 'STRIPE', account: 'a' } as const;
  for (const day of ['2026-01-18', '2026-01-20']) done.push({ scope: { ...scope, day }, finishedAt: 0 });
  done.push({ scope: { ...scope, account: 'b', day: '2026-01-14' }, finishedAt: 0 });
  const ran = await at('2026-01-22T06:30:00Z');
  expect(ran.filter((one) => one.startsWith('a'))).toEqual(['a 2026-01-19', 'a 2026-01-21']);
  expect(ran.filter((one) => one.startsWith('new'))).toEqual(['new 2026-01-21']);
  const ofB = ran.filter((one) => one.startsWith('b'));
  expect([ofB.length, ofB[0], ofB.at(-1)]).toEqual([7, 'b 2026-01-15', 'b 2026-01-21']);
});

test('a report of all accounts, as from a file, is one of each', async () => {
  const { at, done } = world('2026-01-22T06:30:00Z', [account('a'), account('b', 'PAYU')]);
  done.push({ scope: { processor: 'STRIPE', account: null, day: '2026-01-21' }, finishedAt: 0 });
  expect(await at('2026-01-22T06:30:00Z')).toEqual(['b 2026-01-21']);
});

test('whose duty it is not runs nothing, and one that loses it stops', async () => {
  const accounts = [account('a'), account('b')];
  const { at, clock, reads } = world('2026-01-22T06:30:00Z', accounts);
  clock.ours = false;
  expect(await at('2026-01-22T06:30:00Z')).toEqual([]);
  expect(reads()).toBe(0);
  clock.ours = true;
  accounts.unshift({
    ...account('thief'),
    get account() {
      clock.ours = false;
      return 'thief';
    },
  });
  expect(await at('2026-01-22T06:31:00Z')).toEqual([]);
  accounts.shift();
  clock.ours = true;
  expect(await at('2026-01-22T06:32:00Z')).toEqual(['a 2026-01-21', 'b 2026-01-21']);
});

test('a processor has waited since the oldest last report of its accounts, or since we know of one that never had any', async () => {
  const { schedule, clock, done } = world('2026-01-22T06:30:00Z', [
    account('a'),
    account('b'),
    account('r', 'RAZORPAY'),
  ]);
  for (const [name, day, finishedAt] of [
    ['a', '2026-01-20', 100],
    ['a', '2026-01-21', 300],
    ['b', '2026-01-20', 200],
  ] as const)
    done.push({ scope: { processor: 'STRIPE', account: name, day }, finishedAt });
  const startedAt = clock.now;
  clock.now += HOUR_MS;
  expect(await schedule.waitingSince()).toEqual(
    new Map([
      ['STRIPE', 200],
      ['RAZORPAY', startedAt],
    ]),
  );
});
