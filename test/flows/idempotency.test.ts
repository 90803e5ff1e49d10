/**
 * Idempotency keys over HTTP: what is stored, for whom and for how long (design 8). Many at once: test/campaigns/races.ts.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { queryShards } from '../support/databases.ts';
import { createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let gateways: [Gateway, Gateway];
let shops: [Shop, Shop];

beforeAll(async () => {
  world = await startWorld();
  gateways = await Promise.all([world.startGateway(), world.startGateway()]);
  shops = [createShop(world, gateways[0]), createShop(world, gateways[1])];
});
afterAll(() => world?.stop());

function order(orderId: string, amount = 5000): object {
  return { merchantId: world.merchantId, amount, currency: 'INR', orderId };
}

test('the same key with another body is refused; another endpoint or merchant has keys of its own', async () => {
  const key = randomUUID();
  const first = await shops[0].post('/v1/payment/intent', order('o1'), { 'idempotency-key': key });
  expect(first.status).toBe(201);
  const reused = await shops[1].post('/v1/payment/intent', order('o1', 6000), { 'idempotency-key': key });
  expect(reused).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  const quoted = await shops[1].post('/v1/payment/intent', order('o1'), { 'idempotency-key': `"${key}"` });
  expect(quoted.body).toEqual(first.body);
  const session = {
    paymentIntentId: first.body.paymentIntentId,
    merchantId: world.merchantId,
    successUrl: 'https://shop.example/',
    cancelUrl: 'https://shop.example/',
  };
  expect((await shops[0].post('/v1/payment/session', session, { 'idempotency-key': key })).status).toBe(201);
  const otherShop = createShop(
    world,
    gateways[0],
    await world.addMerchant('merchant_other'),
    'merchant_other',
  );
  const other = await otherShop.post(
    '/v1/payment/intent',
    { ...order('o1'), merchantId: 'merchant_other' },
    { 'idempotency-key': key },
  );
  expect(other).toMatchObject({ status: 201 });
  expect(other.body.paymentIntentId).not.toBe(first.body.paymentIntentId);
});

test('a refused request does not use its key up', async () => {
  const key = randomUUID();
  const refused = await shops[0].post('/v1/payment/intent', order('o2', -1), { 'idempotency-key': key });
  expect(refused.status).toBe(400);
  expect((await shops[0].post('/v1/payment/intent', order('o2'), { 'idempotency-key': key })).status).toBe(
    201,
  );
});

test('gateways that are started at once have ports of their own', () => {
  const urls = gateways.flatMap(({ apiUrl, checkoutUrl, opsUrl }) => [apiUrl, checkoutUrl, opsUrl]);
  expect(new Set(urls).size).toBe(6);
});

test('a key survives kill -9 of the gateway', async () => {
  const key = randomUUID();
  const first = await shops[1].post('/v1/payment/intent', order('o3'), { 'idempotency-key': key });
  expect(first.status).toBe(201);
  // Of all: nobody lives who could remember the answer.
  for (const gateway of gateways) gateway.kill('SIGKILL');
  expect(await Promise.all(gateways.map(({ ended }) => ended))).toEqual(['SIGKILL', 'SIGKILL']);
  gateways = await Promise.all([gateways[0].again(), gateways[1].again()]);
  const replay = await shops[1].post('/v1/payment/intent', order('o3'), { 'idempotency-key': key });
  expect(replay.headers.get('idempotency-replayed')).toBe('true');
  expect(replay.body).toEqual(first.body);
});

test('a claim of yesterday, less than 24 hours old, is replayed today', async () => {
  const key = randomUUID();
  const first = await shops[0].post('/v1/payment/intent', order('o4'), { 'idempotency-key': key });
  await queryShards(
    world,
    "update idempotency_keys set day = day - 1, created_at = created_at - interval '23 hours' where key = $1",
    [key],
  );
  const replay = await shops[0].post('/v1/payment/intent', order('o4'), { 'idempotency-key': key });
  expect(replay.body).toEqual(first.body);
  await queryShards(
    world,
    "update idempotency_keys set created_at = created_at - interval '2 hours' where key = $1",
    [key],
  );
  const anew = await shops[0].post('/v1/payment/intent', order('o4'), { 'idempotency-key': key });
  expect(anew.status).toBe(201);
  expect(anew.body.paymentIntentId).not.toBe(first.body.paymentIntentId);
});

test('a claim of tomorrow is replayed: the database’s clock was set back over midnight since', async () => {
  const key = randomUUID();
  const first = await shops[0].post('/v1/payment/intent', order('o5'), { 'idempotency-key': key });
  await queryShards(world, 'update idempotency_keys set day = day + 1 where key = $1', [key]);
  const replay = await shops[1].post('/v1/payment/intent', order('o5'), { 'idempotency-key': key });
  expect(replay.headers.get('idempotency-replayed')).toBe('true');
  expect(replay.body).toEqual(first.body);
});
