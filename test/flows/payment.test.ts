/**
 * Whole payments over HTTP on real PostgreSQL, SoftHSM and the bank in a box.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { query } from '../support/databases.ts';
import { bookOf, CARDS, chargesOf, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let gateway: Gateway;
let shop: Shop;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway({ SLUICE_SHARD_THREADS: '2' });
  shop = createShop(world, gateway);
});
afterAll(() => world?.stop());

describe('one payment', () => {
  test('from intent to SUCCESS: the bank has charged once what the merchant asked for', async () => {
    const { paymentIntentId, transactionId } = await shop.buy(CARDS.success, 4999);
    const { body } = await shop.becomes(transactionId, 'SUCCESS');
    expect(body).toMatchObject({
      paymentIntentId,
      amount: 4999,
      currency: 'INR',
      outcome: 'charged',
      failureCode: null,
      processor: 'SANDBOX',
    });
    expect(body.completedAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(body.card).toMatchObject({
      brand: 'VISA',
      masked: '411111****1111',
      expiryMonth: '12',
      expiryYear: '2030',
    });
    expect(await bookOf(world, transactionId)).toMatchObject([
      { amount: 4999, currency: 'INR', effect: 'charged' },
    ]);
    expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body).toMatchObject({
      status: 'SUCCESS',
    });
  });

  test.each([
    [CARDS.declined, 'card_declined'],
    [CARDS.insufficientFunds, 'insufficient_funds'],
  ])(
    'card %s fails with %s, charges nothing, and a second card pays the same intent',
    async (card, failureCode) => {
      const { paymentIntentId, sessionId, transactionId } = await shop.buy(card);
      expect((await shop.becomes(transactionId, 'FAILED')).body).toMatchObject({
        outcome: 'declined',
        failureCode,
      });
      expect(await chargesOf(world, paymentIntentId)).toEqual([]);
      const second = await shop.pay(sessionId, CARDS.success);
      expect(second.status).toBe(202);
      expect(second.body.transactionId).not.toBe(transactionId);
      await shop.becomes(second.body.transactionId, 'SUCCESS');
      expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
      expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body.transactions).toMatchObject([
        { attempt: 1, status: 'FAILED' },
        { attempt: 2, status: 'SUCCESS' },
      ]);
    },
  );

  test('a refused connection proves that nothing was sent: the intent can be paid again', async () => {
    const { paymentIntentId, sessionId, transactionId } = await shop.buy(CARDS.connectionRefused);
    expect((await shop.becomes(transactionId, 'FAILED')).body).toMatchObject({
      outcome: 'not_sent',
      failureCode: 'processor_unreachable',
    });
    expect((await shop.pay(sessionId, CARDS.success)).status).toBe(202);
    await vi.waitFor(async () => expect(await chargesOf(world, paymentIntentId)).toHaveLength(1), {
      timeout: 10_000,
    });
  });

  test('five declined cards use the intent up', async () => {
    const { paymentIntentId, sessionId, transactionId } = await shop.buy(CARDS.declined);
    await shop.becomes(transactionId, 'FAILED');
    for (let attempt = 2; attempt <= 5; attempt++) {
      const answer = await shop.pay(sessionId, CARDS.declined);
      expect(answer.status).toBe(202);
      await shop.becomes(answer.body.transactionId, 'FAILED');
    }
    expect(await shop.pay(sessionId, CARDS.success)).toMatchObject({
      status: 409,
      body: { code: 'intent_closed' },
    });
    expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body.status).toBe('FAILED');
  });

  test('a form post is answered 303 to the result page, which tells how it ended', async () => {
    const { sessionId } = await shop.session(await shop.intent());
    const answer = await shop.payByForm(sessionId, CARDS.success);
    expect(answer.status).toBe(303);
    const location = new URL(answer.headers.get('location')!, gateway.checkoutUrl);
    expect(location.pathname).toBe('/checkout/result');
    await shop.becomes(location.searchParams.get('transaction')!, 'SUCCESS');
    const page = await fetch(location);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('https://shop.example/success');
  });
});

describe('outcomes nobody told us', () => {
  test.each([
    ['the answer is lost and no callback comes', CARDS.answerLost],
    ['the answer is lost and the callback comes', CARDS.answerLostCallbackComes],
    ['the bank answers 500 after charging', CARDS.error500],
    ['the bank works on it and calls back', CARDS.successByCallback],
    ['no callback ever comes', CARDS.successWithoutCallback],
  ])('%s: the payment ends in SUCCESS, charged once', async (_, card) => {
    const { paymentIntentId, transactionId } = await shop.buy(card);
    await shop.becomes(transactionId, 'SUCCESS', 30_000);
    expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
  });

  test('while the outcome is unknown the intent is PROCESSING and no second card is taken', async () => {
    const { paymentIntentId, sessionId, transactionId } = await shop.buy(CARDS.processingForEver);
    expect(await shop.pay(sessionId, CARDS.success)).toMatchObject({
      status: 409,
      body: { code: 'payment_in_progress', transactionId },
    });
    const refused = await shop.post('/v1/payment/session', {
      paymentIntentId,
      merchantId: world.merchantId,
      successUrl: 'https://shop.example/',
      cancelUrl: 'https://shop.example/',
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'payment_in_progress' } });
    expect((await shop.get(`/v1/payment/intent/${paymentIntentId}`)).body.status).toBe('PROCESSING');
    expect(await chargesOf(world, paymentIntentId)).toEqual([]);
  });
});

describe('many at once', () => {
  test('50 parallel form posts of one session: one charge in the book', async () => {
    const paymentIntentId = await shop.intent();
    const { sessionId } = await shop.session(paymentIntentId);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => shop.payByForm(sessionId, CARDS.success)),
    );
    const locations = new Set(
      answers.map(({ headers }) =>
        new URL(headers.get('location') ?? '', gateway.checkoutUrl).searchParams.get('transaction'),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 303));
    expect(locations.size).toBe(1);
    await shop.becomes([...locations][0]!, 'SUCCESS');
    expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
  });

  test('two shard threads: each database holds at least six tenths of an even share of the rows', async () => {
    const keys = await Promise.all(
      Array.from(
        { length: 40 },
        async (_, i) => [`merchant_${i}`, await world.addMerchant(`merchant_${i}`)] as const,
      ),
    );
    await Promise.all(
      keys.map(([merchantId, key]) => createShop(world, gateway, key, merchantId).buy(CARDS.success)),
    );
    const counts = await Promise.all(world.cluster.owner.shards.map(countTransactions));
    const all = counts.reduce((sum, count) => sum + count, 0);
    expect(Math.min(...counts) / all).toBeGreaterThan(0.6 / counts.length);
    const threads = await gateway.metrics();
    expect(threads).toMatch(/thread="shard-1"/);
    expect(threads).toMatch(/thread="shard-2"/);
  }, 60_000);
});

async function countTransactions(connectionString: string): Promise<number> {
  const [row] = await query<{ count: number }>(
    connectionString,
    'select count(*)::int as count from transactions',
  );
  return row!.count;
}
