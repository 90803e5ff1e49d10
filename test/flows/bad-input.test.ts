/**
 * Bad input of every kind gets a precise 4xx and changes nothing.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queryShards } from '../support/databases.ts';
import { bookOf, CARDS, cardFields, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let gateway: Gateway;
let shop: Shop;
let rowsBefore: number;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway();
  shop = createShop(world, gateway);
  rowsBefore = await countRows();
});
afterAll(() => world?.stop());

async function countRows(): Promise<number> {
  const rows = await queryShards<{ count: number }>(
    world,
    'select ((select count(*) from payment_intents) + (select count(*) from transactions) + (select count(*) from idempotency_keys))::int as count',
  );
  return rows.reduce((sum, { count }) => sum + count, 0);
}

const ORDER = { merchantId: 'merchant_demo', amount: 5000, currency: 'INR', orderId: 'order_1' };

describe('an intent', () => {
  test.each<[string, unknown, number, string, string | null]>([
    ['broken JSON', '{"merchantId":', 400, 'malformed_json', null],
    ['no object', '[]', 400, 'invalid_request', ''],
    ['no amount', { ...ORDER, amount: undefined }, 400, 'invalid_request', '/amount'],
    ['an amount as text', { ...ORDER, amount: '5000' }, 400, 'invalid_request', '/amount'],
    ['a fraction of a paisa', { ...ORDER, amount: 50.5 }, 400, 'invalid_request', '/amount'],
    ['nothing to pay', { ...ORDER, amount: 0 }, 400, 'invalid_request', '/amount'],
    ['a negative amount', { ...ORDER, amount: -5000 }, 400, 'invalid_request', '/amount'],
    ['an amount beyond the networks', { ...ORDER, amount: 10 ** 12 }, 400, 'invalid_request', '/amount'],
    ['an unknown currency', { ...ORDER, currency: 'XYZ' }, 400, 'invalid_request', '/currency'],
    ['a currency in small letters', { ...ORDER, currency: 'inr' }, 400, 'invalid_request', '/currency'],
    ['no order', { ...ORDER, orderId: '' }, 400, 'invalid_request', '/orderId'],
    ['a long order', { ...ORDER, orderId: 'x'.repeat(101) }, 400, 'invalid_request', '/orderId'],
    ['a NUL in a text', { ...ORDER, orderId: 'a\u0000b' }, 400, 'invalid_request', '/orderId'],
    ['half a surrogate pair', { ...ORDER, orderId: 'a\ud800b' }, 400, 'invalid_request', '/orderId'],
    ['metadata that is no object', { ...ORDER, metadata: 'x' }, 400, 'invalid_request', '/metadata'],
    [
      'metadata beyond its size',
      { ...ORDER, metadata: { x: 'y'.repeat(9000) } },
      400,
      'invalid_request',
      '/metadata',
    ],
    ['a field nobody knows', { ...ORDER, ammount: 1 }, 400, 'invalid_request', '/ammount'],
    ['another merchant', { ...ORDER, merchantId: 'merchant_other' }, 403, 'merchant_mismatch', null],
  ])('with %s', async (_, body, status, code, pointer) => {
    const answer = await shop.post('/v1/payment/intent', body);
    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    if (pointer !== null) expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }));
  });

  test.each<[string, Record<string, string>, number]>([
    ['no key', { authorization: '' }, 401],
    ['an unknown key', { authorization: `Bearer sk_test_${'x'.repeat(32)}` }, 401],
    ['a live key in test mode', { authorization: `Bearer sk_live_${'x'.repeat(32)}` }, 401],
    ['another scheme', { authorization: 'Digest x' }, 401],
    ['another media type', { 'content-type': 'text/plain' }, 415],
    ['an empty idempotency key', { 'idempotency-key': '""' }, 400],
    ['a long idempotency key', { 'idempotency-key': 'x'.repeat(256) }, 400],
  ])('with %s', async (_, headers, status) => {
    expect((await shop.post('/v1/payment/intent', ORDER, headers)).status).toBe(status);
  });

  test('with a body beyond its limit', async () => {
    expect((await shop.post('/v1/payment/intent', `{"x":"${'y'.repeat(70_000)}"}`)).status).toBe(413);
  });

  test('all faults are named at once', async () => {
    const { body } = await shop.post('/v1/payment/intent', {
      merchantId: 'merchant_demo',
      amount: -1,
      currency: 'x',
      orderId: 7,
    });
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      '/amount',
      '/currency',
      '/orderId',
    ]);
  });
});

describe('a session', () => {
  test.each([
    ['javascript:alert(1)'],
    ['https://user:pass@evil.example/'],
    ['https:\\\\evil.example'],
    ['//evil.example'],
    ['https://a.example/\r\nset-cookie: x'],
    ['ftp://a.example/'],
    [`https://a.example/${'x'.repeat(2048)}`],
    [''],
  ])('with %j to go on to', async (successUrl) => {
    const answer = await shop.post('/v1/payment/session', {
      paymentIntentId: `pi_${'0'.repeat(32)}`,
      merchantId: 'merchant_demo',
      successUrl,
      cancelUrl: 'https://shop.example/',
    });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/successUrl' }] } });
  });

  test.each(['pi_1', `pi_${'0'.repeat(32)}`, 'pi_019bdfff2900701c8000000000000000', `txn_${'a'.repeat(32)}`])(
    'for the intent %s, which is not there',
    async (paymentIntentId) => {
      const answer = await shop.post('/v1/payment/session', {
        paymentIntentId,
        merchantId: 'merchant_demo',
        successUrl: 'https://shop.example/',
        cancelUrl: 'https://shop.example/',
      });
      expect([400, 404]).toContain(answer.status);
    },
  );
});

test('a foreign payment is not there, just like one that never was', async () => {
  const key = await world.addMerchant('merchant_other');
  const other = createShop(world, gateway, key, 'merchant_other');
  const { paymentIntentId, transactionId } = await shop.buy(CARDS.success);
  rowsBefore += 2;
  const foreign = await Promise.all([
    other.transaction(transactionId),
    other.get(`/v1/payment/intent/${paymentIntentId}`),
  ]);
  const never = await Promise.all([
    other.transaction(transactionId.replace(/.{6}(.)$/, 'aaaaaa$1')),
    other.get('/v1/payment/intent/pi_1'),
  ]);
  expect(foreign.map(({ status }) => status)).toEqual([404, 404]);
  expect(foreign.map(({ body }) => body)).toEqual(never.map(({ body }) => body));
});

describe('a card', () => {
  let sessionId: string;
  let book: number;
  beforeAll(async () => {
    ({ sessionId } = await shop.session(await shop.intent()));
    rowsBefore += 1;
    book = (await bookOf(world)).length;
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['that fails its check digit', { cardNumber: '4111111111111112' }, '/cardNumber'],
    ['too short', { cardNumber: '42424242' }, '/cardNumber'],
    ['with letters', { cardNumber: '4111x111y1111z11' }, '/cardNumber'],
    ['of last month', { expiryMonth: '01', expiryYear: '2020' }, '/expiryMonth'],
    ['of month 13', { expiryMonth: '13' }, '/expiryMonth'],
    ['without a code', { cvv: '' }, '/cvv'],
    ['with a long code', { cvv: '12345' }, '/cvv'],
    ['without a name', { cardholderName: '' }, '/cardholderName'],
    ['with a field nobody knows', { pin: '1234' }, '/pin'],
  ])('%s', async (_, over, pointer) => {
    const answer = await shop.pay(sessionId, CARDS.success, over);
    expect(answer.status).toBe(400);
    expect(
      answer.body.errors.some(
        (one: { pointer: string }) =>
          one.pointer === pointer || (pointer === '/expiryMonth' && one.pointer === '/expiryYear'),
      ),
    ).toBe(true);
    expect(JSON.stringify(answer.body)).not.toContain('411111');
  });

  test('with an amount that is not the intent’s', async () => {
    expect(await shop.pay(sessionId, CARDS.success, { amount: 1, currency: 'INR' })).toMatchObject({
      status: 422,
      body: { code: 'amount_mismatch' },
    });
  });

  test('from another site', async () => {
    const answer = await fetch(`${gateway.checkoutUrl}/internal/payment/process`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example' },
      body: new URLSearchParams({ sessionId, ...cardFields(CARDS.success) }),
    });
    expect(answer.status).toBe(403);
  });

  afterAll(async () => {
    expect(await bookOf(world)).toHaveLength(book);
    expect(await countRows()).toBe(rowsBefore);
  });
});
