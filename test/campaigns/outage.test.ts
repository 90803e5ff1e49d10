/**
 * A few outages, small.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { seededRandom } from '../support/random.ts';
import { canRun } from '../support/required-servers.ts';
import { makeTrials } from './few-trials.ts';
import { outageOn } from './outage.ts';
import { type Fault, faultsOf, planOf } from './outage-faults.ts';
import type { LoadPayment } from './outage-load.ts';
import { othersWrong, tableOf } from './outage-table.ts';

const complete = (['redis-server', 'haproxy', 'kafka'] as const).every((server) =>
  canRun(server, 'the campaign of outages is'),
);

test.skipIf(!complete)(
  'while parts of a topology are away, nothing is lost and nothing is charged twice',
  async () => {
    const small = outageOn('small', { perSecond: 20, pauseMs: 3000, merchants: 12 });
    const figures = await makeTrials(small, 2);
    expect(figures['payments offered']).toBeGreaterThan(100);
  },
  240_000,
);

const NAMES = {
  gateways: ['gateway-1', 'gateway-2'],
  checkouts: ['checkout-1', 'checkout-2'],
  redis: ['redis'],
  brokers: ['kafka'],
  shards: ['postgres-shard-1', 'postgres-shard-2'],
};

test('a whole run plays every fault and the rolling restart last, a short one some of them by the seed', () => {
  const small = faultsOf(NAMES, seededRandom(1));
  const large = faultsOf({ ...NAMES, brokers: ['kafka-1', 'kafka-2', 'kafka-3'] }, seededRandom(1));
  for (const [faults, profile] of [[small, 'small'] as const, [large, 'large'] as const]) {
    expect(outageOn(profile).countDefault).toBe(faults.length);
    expect(faults.at(-1)).toMatchObject({ name: 'rolling restart', order: 'restart' });
    expect(planOf(faults, faults.length, seededRandom(2))).toEqual(faults);
  }
  const first = new Set(
    Array.from({ length: 100 }, (_, seed) => planOf(small, 2, seededRandom(seed))[0]!.name),
  );
  expect(first.size).toBeGreaterThan(5);
});

test('what went wrong is told by what a client must make of it, and at other shards for itself', () => {
  const fault: Fault = { name: 'a fault', order: 'pause', parts: ['postgres-shard-1'], database: 0 };
  const payment = (database: number, cause: string | null): LoadPayment => ({
    dueMs: 0,
    database,
    settled: true,
    cause,
    slowestMs: 20,
  });
  const during = [
    payment(0, 'intent 503 shard_unavailable'),
    payment(0, 'pay 503 without Retry-After'),
    payment(0, 'session connection_reset'),
    payment(0, 'pay timeout'),
    payment(0, 'final timeout'),
    payment(0, 'final FAILED not_sent'),
    payment(1, 'pay 502'),
    payment(1, null),
  ];
  const outcome = {
    fault,
    before: [payment(1, null)],
    during,
    after: [],
    wholeMs: 300,
    finalMs: null,
    pastKafka: 4,
  };
  expect(othersWrong(outcome)).toEqual([during[6]]);
  expect(tableOf([outcome])[2]).toBe(
    '| a fault (postgres-shard-1) | 8 | 1 | 7 (87.5 %): 1 502, 1 503 with Retry-After, 1 503 without Retry-After, 1 FAILED, 1 connection, 1 not final in 30 s, 1 timeout | 0 | 1 | 20 (20) | 0.3 | never | 4 |',
  );
});
