/**
 * A charge behind its breaker: what counts against an account, and what it does to others.
 *
 * @module
 */

import { expect, test } from 'vitest';
import type { ProcessorWord } from '../domain/transaction.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createMetricRegistry } from '../metrics/registry.ts';
import { guarded } from './charges.ts';
import type { Charge, ChargeCard, ChargeRequest } from './connector.ts';

const CARD = {} as ChargeCard;
const BREAKER = {
  inFlightMax: 2,
  windowMs: 1000,
  windowCallsMin: 3,
  failureShare: 0.5,
  openMs: 100,
  openMsMax: 100,
};

function request(account: string): ChargeRequest {
  return {
    transactionId: '',
    amount: 1,
    currency: 'INR',
    orderId: '',
    leg: 1,
    account: { account, secretKey: '' },
    returnUrl: '',
    mayLeave: () => true,
  };
}

function word(over: Partial<ProcessorWord>): ProcessorWord {
  return {
    source: 'answer',
    said: 'charged',
    leg: 1,
    processor: 'SANDBOX',
    processorAccount: null,
    processorTxnId: null,
    amount: null,
    currency: null,
    failureCode: null,
    referenceClosed: false,
    elsewhere: false,
    nextAction: null,
    paymentMethodType: null,
    at: 0,
    detail: '',
    ...over,
  };
}

function behindBreaker(charge: Charge) {
  const registry = createMetricRegistry('test');
  let nowMs = 0;
  const deps = { metrics: createMetrics(registry), monotonicMs: () => nowMs, now: () => nowMs };
  const guardedCharge = guarded('SANDBOX', charge, deps, BREAKER);
  return {
    charge: (account = 'acct_1') => guardedCharge(request(account), { kind: 'card', card: CARD }),
    at(ms: number) {
      nowMs = ms;
    },
    async metric(name: string) {
      const parts = (await registry.collect()) as Array<{ name: string; values: object[] }>;
      return parts.find((part) => part.name === name)?.values;
    },
  };
}

const rows: Array<[string, Partial<ProcessorWord>, 'open' | 'closed']> = [
  ['unknown', { said: 'unknown' }, 'open'],
  ['not sent', { said: 'not_sent', failureCode: 'processor_unreachable' }, 'open'],
  ['not sent because we were late', { said: 'not_sent', failureCode: 'send_before_passed' }, 'closed'],
  ['not sent because we were full', { said: 'not_sent', failureCode: 'processor_busy' }, 'closed'],
  ['declined', { said: 'declined' }, 'closed'],
  ['accepted', { said: 'accepted' }, 'closed'],
  ['charged', { said: 'charged' }, 'closed'],
];
test.each(rows)('three charges that were %s', async (_, over, then) => {
  let calls = 0;
  const world = behindBreaker(async () => {
    calls++;
    return word(over);
  });
  for (let i = 0; i < 3; i++) expect(await world.charge()).toMatchObject(over);
  const next = await world.charge();
  expect(calls).toBe(then === 'open' ? 3 : 4);
  if (then === 'open') {
    expect(next).toMatchObject({ said: 'not_sent', failureCode: 'processor_unreachable', source: 'answer' });
  }
});

test('one account’s breaker does not stop another, and closes after a healthy probe', async () => {
  let healthy = false;
  const world = behindBreaker(async ({ account }) =>
    word({ said: healthy || account.account === 'acct_2' ? 'charged' : 'unknown' }),
  );
  for (let i = 0; i < 3; i++) await world.charge('acct_1');
  expect(await world.charge('acct_1')).toMatchObject({ said: 'not_sent' });
  expect(await world.charge('acct_2')).toMatchObject({ said: 'charged' });
  healthy = true;
  world.at(100);
  expect(await world.charge('acct_1')).toMatchObject({ said: 'charged' });
  expect(await world.charge('acct_1')).toMatchObject({ said: 'charged' });
});

test('charges under way at one account are bounded, and counted over all accounts', async () => {
  const gate = Promise.withResolvers<void>();
  const world = behindBreaker(async () => {
    await gate.promise;
    return word({});
  });
  const underWay = [world.charge(), world.charge(), world.charge('acct_2')];
  expect(await world.charge()).toMatchObject({ said: 'not_sent', failureCode: 'processor_busy' });
  expect(await world.metric('sluice_processor_in_flight')).toMatchObject([{ value: 3 }]);
  gate.resolve();
  await Promise.all(underWay);
  expect(await world.metric('sluice_processor_in_flight')).toMatchObject([{ value: 0 }]);
  expect(await world.charge()).toMatchObject({ said: 'charged' });
});

test('a charge that throws gives its place back and counts as trouble', async () => {
  const world = behindBreaker(() => Promise.reject(new Error('broken')));
  for (let i = 0; i < 3; i++) await expect(world.charge()).rejects.toThrow('broken');
  expect(await world.charge()).toMatchObject({ said: 'not_sent' });
});
