/**
 * Payments at which the shopper must act, as a merchant and a shopper without a browser see them: UPI and 3-D Secure by API, the
 * way back from the bank with lies in it, and with Redis or PostgreSQL gone.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as schemas from '../../src/http/schemas.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { bookOf, CARDS, cardFields, chargesOf, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const ASKS = '4000008100000004';
const DEBIT = '4000008000000005';

let world: World;
let gateway: Gateway;
let shop: Shop;
let redis: ChildProcess;

beforeAll(async () => {
  // Callbacks that come at once would hide whether anybody asks.
  world = await startWorld({ callbackDelayMs: 60_000 });
  const port = await freePort();
  redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve) =>
    redis.stdout!.on('data', (text) => String(text).includes('Ready to accept') && resolve()),
  );
  gateway = await world.startGateway({ SLUICE_REDIS_URL: `redis://127.0.0.1:${port}` });
  shop = createShop(world, gateway);
});

afterAll(async () => {
  redis?.kill('SIGKILL');
  await world?.stop();
});

/** A checkout page or the way back to it, as a browser that follows nothing by itself. */
const visit = (path: string, init: RequestInit = {}) =>
  fetch(new URL(path, gateway.checkoutUrl), { redirect: 'manual', ...init });

/** What the shopper chooses on the bank's page; resolves with where the bank sends a browser. */
async function choose(url: string, choice: string): Promise<string> {
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `choice=${choice}`,
  });
  return answer.headers.get('location') ?? '';
}

/** The transaction once the bank has asked for the shopper. */
async function asking(transactionId: string) {
  return await eventually(
    async () => {
      const { body } = await shop.transaction(transactionId);
      expect(body.nextAction).not.toBeNull();
      expect(schemas.Transaction.strict().parse(body)).toEqual(body);
      return body;
    },
    { withinMs: 20_000 },
  );
}

/** A payment whose shopper is at the bank, and what his browser keeps. */
async function handedOver() {
  const bought = await shop.buy(ASKS);
  const { nextAction } = await asking(bought.transactionId);
  const page = await visit(
    `/checkout/result?transaction=${bought.transactionId}&session=${bought.sessionId}`,
  );
  const cookie = page.headers.getSetCookie().map((one) => one.split(';', 1)[0]);
  return { ...bought, bankUrl: nextAction.url as string, cookie: cookie.join('; ') };
}

test('UPI by JSON: what the shopper is to do, then success by the question of a page that waits, and the story', async () => {
  const paymentIntentId = await shop.intent();
  const { sessionId } = await shop.session(paymentIntentId);
  const pay = (body: object) =>
    visit('/internal/payment/process', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sessionId, ...body }),
    });
  const wrong = await pay({ method: 'netbanking' });
  expect(wrong.status).toBe(400);
  expect(await wrong.json()).toMatchObject({
    code: 'invalid_request',
    errors: [{ pointer: '/method', detail: 'must be card or upi' }],
  });
  const started = await pay({ method: 'upi' });
  expect(started.status).toBe(202);
  const { transactionId } = (await started.json()) as { transactionId: string };
  const transaction = await asking(transactionId);
  expect(transaction).toMatchObject({
    status: 'PROCESSING',
    outcome: 'action_required',
    paymentMethodType: 'UPI',
    card: null,
    nextAction: { type: 'upi_intent', link: expect.stringMatching(/^upi:\/\/pay\?/) },
    routing: { fallback: null, legs: [{ leg: 1, processor: 'SANDBOX', reason: 'preferred' }] },
  });
  await choose(`${world.bankUrl}/upi/${transaction.processorTxnId}`, 'approve');
  // A page without script is loaded again and again, and each time may have the bank asked.
  await eventually(
    async () => {
      const page = await visit(`/checkout/result?transaction=${transactionId}`);
      expect(await page.text()).toContain('data-result="paid"');
    },
    { withinMs: 20_000 },
  );
  const { body } = await shop.transaction(transactionId);
  expect(body).toMatchObject({ status: 'SUCCESS', nextAction: null, paymentMethodType: 'UPI' });
  const story = await shop.get(`/v1/payment/transaction/${transactionId}/events`);
  const { events } = schemas.TransactionEvents.strict().parse(story.body);
  expect(events.map(({ type, source }) => `${type} ${source}`)).toEqual([
    'intent_created sluice',
    'attempt_started sluice',
    'routed sluice',
    'action_required answer',
    'charged query',
    'attempt_succeeded query',
  ]);
});

/** As a PCI-certified merchant, which needs no session. */
async function payByKey(body: object) {
  return await visit('/v1/payment/process', {
    method: 'POST',
    headers: { authorization: `Bearer ${world.secretKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ merchantId: world.merchantId, paymentIntentId: await shop.intent(), ...body }),
  });
}

test('a merchant with its own page sees where to send the shopper, and takes cards only', async () => {
  expect((await payByKey({ method: 'upi' })).status).toBe(400);
  const answer = await payByKey(cardFields(ASKS));
  const { transactionId } = (await answer.json()) as { transactionId: string };
  const { nextAction } = await asking(transactionId);
  expect(nextAction).toMatchObject({
    type: 'redirect',
    url: expect.stringContaining(`${world.bankUrl}/3ds/`),
  });
  expect(Date.parse(nextAction.expiresAt)).toBeGreaterThan(Date.now());
});

test('the kind of a card is known from its processor’s answer', async () => {
  const types = [];
  for (const card of [CARDS.success, DEBIT]) {
    const { transactionId } = await shop.buy(card);
    types.push((await shop.becomes(transactionId, 'SUCCESS')).body.paymentMethodType);
  }
  expect(types).toEqual(['CREDIT_CARD', 'DEBIT_CARD']);
});

test('the way back: the bank is asked before the page is shown, and the session comes from the browser', async () => {
  const { transactionId, sessionId, bankUrl, cookie } = await handedOver();
  expect(bankUrl + cookie).not.toContain(`${sessionId}/`);
  const back = await choose(bankUrl, 'approve');
  expect(back).not.toContain(sessionId);
  const answer = await visit(back, { headers: { cookie } });
  expect([answer.status, answer.headers.get('location')]).toEqual([
    303,
    `/checkout/result?transaction=${transactionId}&session=${sessionId}`,
  ]);
  // No callback has come; it is final all the same.
  expect((await shop.transaction(transactionId)).body.status).toBe('SUCCESS');
  const { body } = await shop.get(`/v1/payment/transaction/${transactionId}/events`);
  expect(body.events.map(({ type }: { type: string }) => type)).toContain('shopper_returned');
});

test('a way back with lies in it, by GET and by POST, moves nothing', async () => {
  const mine = await handedOver();
  const other = await handedOver();
  const lies = `transaction=${mine.transactionId}&status=succeeded&charge=ch_1&reference=${other.transactionId}&transaction=${other.transactionId}`;
  const byGet = await visit(`/checkout/return?${lies}`, { headers: { cookie: other.cookie } });
  expect(byGet.headers.get('location')).toBe(`/checkout/result?transaction=${mine.transactionId}`);
  const byPost = await visit(`/checkout/return?${lies}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'status=succeeded&PaRes=abc',
  });
  expect([byPost.status, byPost.headers.get('location')]).toEqual([
    303,
    `/checkout/return?transaction=${mine.transactionId}`,
  ]);
  for (const { transactionId, paymentIntentId } of [mine, other]) {
    expect((await shop.transaction(transactionId)).body).toMatchObject({
      status: 'PROCESSING',
      outcome: 'action_required',
    });
    expect(await chargesOf(world, paymentIntentId)).toEqual([]);
  }
  // It was no more than a shopper who came back too early: approved, it is paid.
  await visit(await choose(mine.bankUrl, 'approve'));
  expect((await bookOf(world, mine.transactionId)).at(-1)).toMatchObject({ effect: 'charged' });
  await shop.becomes(mine.transactionId, 'SUCCESS');
});

test('a form of more than the bound is not read, and a GET without a transaction names no payment', async () => {
  const { transactionId } = await handedOver();
  const large = await visit(`/checkout/return?transaction=${transactionId}`, {
    method: 'POST',
    body: 'x'.repeat(65 * 1024),
  });
  expect(large.status).toBe(413);
  expect((await visit('/checkout/return?status=succeeded')).status).toBe(404);
});

test('Redis is gone meanwhile: the shopper ends on the true page, without the session', async () => {
  const { transactionId, bankUrl, cookie } = await handedOver();
  redis.kill('SIGKILL');
  await once(redis, 'exit');
  const answer = await visit(await choose(bankUrl, 'decline'), { headers: { cookie } });
  expect(answer.headers.get('location')).toBe(`/checkout/result?transaction=${transactionId}`);
  const page = await (await visit(answer.headers.get('location')!)).text();
  expect(page).toContain('not confirmed with your bank');
  expect(page).not.toContain('Try another card');
});

test('PostgreSQL is gone meanwhile: the page says that nothing can be looked up, and later how it ended', async () => {
  const started = await payByKey(cardFields(ASKS));
  const { transactionId } = (await started.json()) as { transactionId: string };
  const { nextAction } = await asking(transactionId);
  await Promise.all(world.cluster.servers.map((server) => server.kill()));
  const back = await choose(nextAction.url, 'approve');
  const answer = await visit(back);
  expect(answer.headers.get('location')).toBe(`/checkout/result?transaction=${transactionId}`);
  const unknown = await visit(answer.headers.get('location')!);
  expect(unknown.status).toBe(503);
  expect(await unknown.text()).toContain('We cannot look this up right now');
  await Promise.all(world.cluster.servers.map((server) => server.again()));
  await eventually(
    async () => {
      const page = await visit(`/checkout/result?transaction=${transactionId}`);
      expect(await page.text()).toContain('data-result="paid"');
    },
    { withinMs: 40_000 },
  );
});
