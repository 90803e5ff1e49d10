/**
 * A charge behind its breaker: what counts against an account, and what it does to others.
 *
 * @module
 */

import { expect, test, vi } from 'vitest';
import { readOptions } from '../config/from-env.ts';
import { makeId, transactionIdOf } from '../domain/ids.ts';
import type { ProcessorName, ProcessorWord } from '../domain/processor-word.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createMetricRegistry } from '../metrics/registry.ts';
import { startScriptedServer } from '../outbound/testing/scripted-server.ts';
import { BREAKER_DEFAULTS, type BreakerOptions } from './breaker.ts';
import { createCharges, guarded } from './charges.ts';
import type { Charge, ChargeCard, ChargeMethod, ChargeRequest } from './connector.ts';

const CARD = {} as ChargeCard;
const BREAKER = {
  inFlightMax: 2,
  windowMs: 1000,
  windowCallsMin: 3,
  failureShare: 0.5,
  rowFailures: 100,
  rowMs: 1000,
  openMs: 100,
  openMsMax: 100,
};

function request(account: string): ChargeRequest {
  return {
    transactionId: transactionIdOf(makeId(0, 7, new Uint8Array(8)), 1),
    amount: 1,
    currency: 'INR',
    orderId: '',
    leg: 1,
    account: { account, secretKey: '' },
    returnUrl: '',
    browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
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

function behindBreaker(charge: Charge, breaker: BreakerOptions = BREAKER) {
  const registry = createMetricRegistry('test');
  let nowMs = 0;
  const deps = { metrics: createMetrics(registry), monotonicMs: () => nowMs, now: () => nowMs };
  const charges: Partial<Record<ProcessorName, Charge>> = {
    SANDBOX: guarded('SANDBOX', charge, deps, breaker),
    SANDBOX_B: guarded('SANDBOX_B', charge, deps, breaker),
  };
  return {
    charge: (account = 'acct_1', processor: ProcessorName = 'SANDBOX') =>
      charges[processor]!(request(account), { kind: 'card', card: CARD }),
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
    expect(next).toMatchObject({ said: 'not_sent', failureCode: 'processor_breaker_open', source: 'answer' });
  }
});

test('one account’s breaker stops no other account or processor, and closes after a healthy probe', async () => {
  let healthy = false;
  let calls = 0;
  const world = behindBreaker(async ({ account }) => {
    calls++;
    return word({ said: healthy || account.account === 'acct_2' ? 'charged' : 'unknown' });
  });
  for (let i = 0; i < 3; i++) await world.charge('acct_1');
  expect(await world.charge('acct_1')).toMatchObject({ said: 'not_sent' });
  expect(await world.charge('acct_2')).toMatchObject({ said: 'charged' });
  expect(await world.charge('acct_1', 'SANDBOX_B')).toMatchObject({ said: 'unknown' });
  expect(calls).toBe(5);
  healthy = true;
  world.at(100);
  expect(await world.charge('acct_1')).toMatchObject({ said: 'charged' });
  expect(await world.charge('acct_1')).toMatchObject({ said: 'charged' });
});

test('the metric shows the account that is worst off, and nothing once all are well', async () => {
  let healthy = false;
  const world = behindBreaker(async ({ account }) =>
    word({ said: healthy || account.account === 'acct_2' ? 'charged' : 'unknown' }),
  );
  const state = async () => (await world.metric('sluice_breaker_state'))?.[0];
  for (let i = 0; i < 3; i++) await world.charge('acct_1');
  await world.charge('acct_2');
  expect(await state()).toMatchObject({ value: 2 });
  healthy = true;
  world.at(100);
  await world.charge('acct_1');
  expect(await state()).toMatchObject({ value: 0 });
});

test('charges under way are bounded for each account and processor, and counted over the accounts', async () => {
  const gate = Promise.withResolvers<void>();
  const world = behindBreaker(async () => {
    await gate.promise;
    return word({});
  });
  const underWay = [world.charge(), world.charge(), world.charge('acct_2')];
  expect(await world.charge()).toMatchObject({ said: 'not_sent', failureCode: 'processor_busy' });
  expect(await world.metric('sluice_processor_in_flight')).toMatchObject([{ value: 3 }]);
  const elsewhere = world.charge('acct_1', 'SANDBOX_B');
  gate.resolve();
  await Promise.all(underWay);
  expect(await elsewhere).toMatchObject({ said: 'charged' });
  expect(await world.metric('sluice_processor_in_flight')).toMatchObject([{ value: 0 }, { value: 0 }]);
  expect(await world.charge()).toMatchObject({ said: 'charged' });
});

test('a bank that hangs is given up as well by an account with one charge a second', async () => {
  const world = behindBreaker(async () => word({ said: 'unknown' }), BREAKER_DEFAULTS);
  for (let second = 0; second < BREAKER_DEFAULTS.rowFailures; second++) {
    world.at(second * 1000);
    expect(await world.charge()).toMatchObject({ said: 'unknown' });
  }
  expect(await world.charge()).toMatchObject({ failureCode: 'processor_breaker_open' });
});

test('a bank that hangs: once its charges time out, later ones are turned away at once, and one probe at a time waits', async () => {
  const TIMEOUT_MS = 10_000;
  const waiting: Array<() => void> = [];
  const world = behindBreaker(
    () => new Promise((resolve) => waiting.push(() => resolve(word({ said: 'unknown' })))),
    BREAKER_DEFAULTS,
  );
  const timeOut = async (charges: Array<Promise<ProcessorWord>>, ms: number): Promise<void> => {
    world.at(ms);
    for (const end of waiting.splice(0)) end();
    await Promise.all(charges);
  };
  const hanging = Array.from({ length: BREAKER_DEFAULTS.windowCallsMin }, () => world.charge());
  await timeOut(hanging, TIMEOUT_MS);
  const turnedAway = { said: 'not_sent', failureCode: 'processor_breaker_open', processorTxnId: null };
  for (let i = 0; i < 100; i++) expect(await world.charge()).toMatchObject(turnedAway);
  expect(waiting).toHaveLength(0);

  world.at(TIMEOUT_MS + BREAKER_DEFAULTS.openMs);
  const probe = world.charge();
  for (let i = 0; i < 100; i++) expect(await world.charge()).toMatchObject(turnedAway);
  expect(waiting).toHaveLength(1);
  const probedMs = 2 * TIMEOUT_MS + BREAKER_DEFAULTS.openMs;
  await timeOut([probe], probedMs);
  world.at(probedMs + BREAKER_DEFAULTS.openMs);
  expect(await world.charge()).toMatchObject(turnedAway);
});

test('a charge that throws gives its place back and counts as trouble', async () => {
  const world = behindBreaker(() => Promise.reject(new Error('broken')));
  for (let i = 0; i < 3; i++) await expect(world.charge()).rejects.toThrow('broken');
  expect(await world.charge()).toMatchObject({ said: 'not_sent' });
});

test('the setting of charges under way reaches every processor, and one account that hangs leaves room for another', async () => {
  const bank = await startScriptedServer();
  bank.answer(() => undefined);
  const read = readOptions({
    SLUICE_CONTROL_DATABASE_URL: 'postgres://u:x@127.0.0.1:5432/control',
    SLUICE_VAULT_DATABASE_URL: 'postgres://u:x@127.0.0.1:5432/vault',
    SLUICE_SHARD_DATABASE_URLS: 'postgres://u:x@127.0.0.1:5432/shard',
    SLUICE_PKCS11_MODULE: 'software',
    SLUICE_SANDBOX_URL: bank.origin,
    SLUICE_SANDBOX_B_URL: bank.origin,
    SLUICE_PROCESSOR_TIMEOUT_MS: '60000',
    SLUICE_PROCESSOR_IN_FLIGHT_MAX: '2',
  });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  const charges = createCharges(read.options, {
    metrics: createMetrics(createMetricRegistry('test')),
    monotonicMs: () => performance.now(),
    now: Date.now,
    faultPoint: () => undefined,
  });
  const upi: ChargeMethod = { kind: 'upi' };
  const charge = (processor: ProcessorName, account: string) =>
    charges.chargeOf(processor)!(request(account), upi);
  const hanging: Array<Promise<ProcessorWord>> = [];
  for (const processor of ['SANDBOX', 'SANDBOX_B'] as const) {
    hanging.push(charge(processor, 'acct_1'), charge(processor, 'acct_1'));
    expect(await charge(processor, 'acct_1')).toMatchObject({ failureCode: 'processor_busy', processor });
    hanging.push(charge(processor, 'acct_2'), charge(processor, 'acct_2'));
  }
  await vi.waitFor(() => expect(bank.requests).toHaveLength(8));
  await charges.close();
  for (const word of await Promise.all(hanging)) expect(word).toMatchObject({ said: 'unknown' });
  await bank.close();
});
