/**
 * What processors say by callback: signed, durable, in any order, any number of times (design 7, 10).
 *
 * @module
 */

import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { answered } from '../support/callback-answer.ts';
import { queryShards } from '../support/databases.ts';
import { type Answer, bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let gateway: Gateway;
let shop: Shop;

beforeAll(async () => {
  // The bank's own callbacks come late: these tests send theirs.
  world = await startWorld({ callbackDelayMs: 600_000 });
  gateway = await world.startGateway();
  shop = createShop(world, gateway);
});
afterAll(() => world?.stop());

interface Said {
  transactionId: string;
  type?: string;
  eventId?: string;
  data?: Record<string, unknown>;
}

/** A callback as the bank sends it. */
function event({
  transactionId,
  type = 'charge.succeeded',
  eventId = `sbevt_${randomUUID()}`,
  data = {},
}: Said): string {
  const status = type.slice('charge.'.length);
  const charge = {
    id: 'ch_test',
    reference: transactionId,
    account: 'acct_demo',
    amount: 5000,
    currency: 'INR',
    status,
    ...data,
  };
  return JSON.stringify({ event_id: eventId, type, created: Date.now(), data: charge });
}

async function send(
  body: string,
  secret = world.webhookSecret,
  timestamp = Math.floor(Date.now() / 1000),
): Promise<Answer> {
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return await post(body, { 'x-sandbox-timestamp': String(timestamp), 'x-sandbox-signature': signature });
}

async function post(body: string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${gateway.apiUrl}/webhooks/sandbox`, { method: 'POST', headers, body });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** The bank's id of the charge, once it has it. */
function chargeIdOf(transactionId: string): Promise<string> {
  return vi.waitFor(
    async () => {
      const [line] = await bookOf(world, transactionId);
      expect(line).toBeDefined();
      return line!.id;
    },
    { timeout: 10_000 },
  );
}

/** Its row, once it is there: where Kafka carries callbacks it is applied after its answer. */
function recorded(eventId: string): Promise<Array<{ verdict: string; reason: string | null }>> {
  const select = 'select verdict, reason from processor_callbacks where event_id = $1';
  return vi.waitFor(
    async () => {
      const rows = await queryShards<{ verdict: string; reason: string | null }>(world, select, [eventId]);
      expect(rows).toHaveLength(1);
      return rows;
    },
    { timeout: 10_000 },
  );
}

/** Sends it; resolves when its row has this verdict. */
async function takes(said: Said, verdict: string): Promise<void> {
  const eventId = `sbevt_${randomUUID()}`;
  expect((await send(event({ ...said, eventId }))).body.verdict).toEqual(answered(verdict));
  expect(await recorded(eventId)).toMatchObject([{ verdict }]);
}

test('a callback before the answer decides, and the answer after it changes nothing', async () => {
  await fetch(`${world.bankUrl}/_bank/delay`, {
    method: 'POST',
    body: JSON.stringify({ ms: 700, callbackMs: 50 }),
  });
  const { transactionId } = await shop.buy(CARDS.success);
  await shop.becomes(transactionId, 'SUCCESS', 600);
  await fetch(`${world.bankUrl}/_bank/delay`, {
    method: 'POST',
    body: JSON.stringify({ ms: 0, callbackMs: 600_000 }),
  });
  const events = await queryShards(world, 'select from outbox where transaction_id = $1', [
    transactionId.slice(4),
  ]);
  expect(events).toHaveLength(1);
});

test('the same callback three times: applied once, durable each time it is answered 200, one event for the merchant', async () => {
  const { transactionId } = await shop.buy(CARDS.processingForEver);
  const id = await chargeIdOf(transactionId);
  const eventId = `sbevt_${randomUUID()}`;
  const body = event({ transactionId, eventId, data: { id } });
  const answers = [await send(body), await send(body), await send(body)];
  expect(answers.map(({ status, body: { verdict } }) => [status, verdict])).toEqual([
    [200, answered('applied')],
    [200, answered('duplicate')],
    [200, answered('duplicate')],
  ]);
  expect(await recorded(eventId)).toMatchObject([{ verdict: 'applied' }]);
  await shop.becomes(transactionId, 'SUCCESS');
  expect(
    await queryShards(world, 'select from outbox where transaction_id = $1', [transactionId.slice(4)]),
  ).toHaveLength(1);
});

test('twenty deliveries of one callback at once: one change', async () => {
  const { transactionId } = await shop.buy(CARDS.processingForEver);
  const id = await chargeIdOf(transactionId);
  const body = event({ transactionId, data: { id } });
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(body)));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  await shop.becomes(transactionId, 'SUCCESS');
  expect(
    await queryShards(world, 'select from outbox where transaction_id = $1', [transactionId.slice(4)]),
  ).toHaveLength(1);
});

test('out of order: processing after success is ignored, a late success after failure wins', async () => {
  const { transactionId } = await shop.buy(CARDS.success);
  await shop.becomes(transactionId, 'SUCCESS');
  const id = await chargeIdOf(transactionId);
  await takes({ transactionId, type: 'charge.processing', data: { id } }, 'ignored');
  await takes({ transactionId, type: 'charge.declined', data: { id } }, 'ignored');
  await shop.becomes(transactionId, 'SUCCESS');

  const failed = await shop.buy(CARDS.declined);
  await shop.becomes(failed.transactionId, 'FAILED');
  const [declined] = await bookOf(world, failed.transactionId);
  await takes({ transactionId: failed.transactionId, data: { id: declined!.id } }, 'applied');
  await shop.becomes(failed.transactionId, 'SUCCESS');
  const types = await queryShards<{ type: string }>(
    world,
    'select type from outbox where transaction_id = $1 order by sequence',
    [failed.transactionId.slice(4)],
  );
  expect(types.map(({ type }) => type)).toEqual(['payment.attempt_failed', 'payment.recovered']);
});

test.each([
  ['another amount', { amount: 1 }, 'amount_mismatch'],
  ['another currency', { currency: 'USD' }, 'currency_mismatch'],
])('a callback with %s is quarantined and changes nothing', async (_, data, reason) => {
  const { transactionId } = await shop.buy(CARDS.processingForEver);
  const eventId = `sbevt_${randomUUID()}`;
  expect(await send(event({ transactionId, eventId, data }))).toMatchObject({
    status: 200,
    body: { verdict: answered('quarantined') },
  });
  expect(await recorded(eventId)).toEqual([{ verdict: 'quarantined', reason }]);
  expect((await shop.transaction(transactionId)).body.status).toBe('PROCESSING');
});

test('a callback for a transaction that is not there is kept, answered 200, and matched when it is', async () => {
  const paymentIntentId = await shop.intent();
  const { sessionId } = await shop.session(paymentIntentId);
  const transactionId = `txn_${paymentIntentId.slice(3, -1)}1`;
  const eventId = `sbevt_${randomUUID()}`;
  const body = event({ transactionId, eventId, data: { id: 'ch_early' } });
  expect(await send(body)).toMatchObject({ status: 200, body: { verdict: answered('unmatched') } });
  expect(await recorded(eventId)).toMatchObject([{ verdict: 'unmatched' }]);
  // The answer to this card says nothing, not even the charge's id: only the early callback can end it.
  expect((await shop.pay(sessionId, CARDS.notChargedHtml502)).status).toBe(202);
  await shop.becomes(transactionId, 'SUCCESS');
  await vi.waitFor(async () => expect(await recorded(eventId)).toMatchObject([{ verdict: 'applied' }]), {
    timeout: 10_000,
  });
  expect(
    await queryShards(world, 'select from outbox where transaction_id = $1', [transactionId.slice(4)]),
  ).toHaveLength(1);
});

test.each([
  [
    'a flipped bit in the body',
    (body: string) => send(body).then(() => post(body.replace('5000', '5001'), headersOf(body))),
  ],
  ['another secret', (body: string) => send(body, 'wrong')],
  ['an old timestamp', (body: string) => send(body, undefined, Math.floor(Date.now() / 1000) - 3600)],
  ['a timestamp of the future', (body: string) => send(body, undefined, Math.floor(Date.now() / 1000) + 600)],
  ['no signature', (body: string) => post(body, {})],
  [
    'an empty signature',
    (body: string) => post(body, { 'x-sandbox-timestamp': '1', 'x-sandbox-signature': '' }),
  ],
])('%s is refused with 401', async (_, forge) => {
  expect((await forge(event({ transactionId: `txn_${'0'.repeat(32)}` }))).status).toBe(401);
});

function headersOf(body: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  return {
    'x-sandbox-timestamp': timestamp,
    'x-sandbox-signature': createHmac('sha256', world.webhookSecret)
      .update(`${timestamp}.${body}`)
      .digest('hex'),
  };
}

test('a callback that names another account than its secret belongs to is refused with 401', async () => {
  const { transactionId } = await shop.buy(CARDS.processingForEver);
  expect((await send(event({ transactionId, data: { account: 'acct_else' } }))).status).toBe(401);
  expect((await shop.transaction(transactionId)).body.status).toBe('PROCESSING');
});

test('a signed body that is no callback is refused with 400', async () => {
  expect((await send('not json')).status).toBe(400);
  expect((await send('{}')).status).toBe(400);
});

test('a callback about a reference of somebody else is recorded as quarantined', async () => {
  const eventId = `sbevt_${randomUUID()}`;
  expect(await send(event({ transactionId: 'order-17', eventId }))).toMatchObject({ status: 200 });
  expect(await recorded(eventId)).toEqual([{ verdict: 'quarantined', reason: 'reference_not_ours' }]);
});
