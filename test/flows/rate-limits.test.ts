/**
 * Rate limits of the card form, set by an operator, on a whole gateway.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let gateway: Gateway;
let behindProxy: Gateway;
let shop: Shop;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway({ SLUICE_RATE_LIMITS: 'session=3/3600,card=5/3600' });
  const proxies = { SLUICE_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' };
  behindProxy = await world.startGateway({ SLUICE_RATE_LIMITS: 'ip=2/3600', ...proxies });
  shop = createShop(world, gateway);
});
afterAll(() => world?.stop());

test('posts of a session and payments with a card are limited, told with 429 and counted', async () => {
  const limited = { status: 429, body: { code: 'rate_limited' } };
  const { sessionId } = await shop.session(await shop.intent());
  for (let post = 1; post <= 3; post++)
    expect((await shop.payByForm(sessionId, CARDS.success)).status).toBe(303);
  const fourth = await shop.pay(sessionId, CARDS.success);
  expect(fourth).toMatchObject(limited);
  expect(fourth.headers.get('retry-after')).toBe('1');
  const page = await shop.payByForm(sessionId, CARDS.success);
  expect([page.status, page.headers.get('retry-after')]).toEqual([429, '1']);

  // The card was sealed three times; two are left, in whatever session.
  await shop.buy(CARDS.success);
  await shop.buy(CARDS.success);
  const intent = await shop.intent();
  const other = await shop.session(intent);
  expect(await shop.pay(other.sessionId, CARDS.success)).toMatchObject(limited);
  expect((await shop.get(`/v1/payment/intent/${intent}`)).body.transactions).toEqual([]);
  expect((await shop.pay(other.sessionId, CARDS.declined)).status).toBe(202);

  const metrics = await gateway.metrics();
  expect(metrics).toMatch(/^sluice_refused_total\{reason="rate_limited",thread="pci"\} 3$/m);
});

test('behind a trusted proxy each shopper has a limit of its own, which no invented list lifts', async () => {
  const post = async (forwarded: string): Promise<number> => {
    const answer = await fetch(`${behindProxy.checkoutUrl}/internal/payment/process`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': forwarded },
      body: JSON.stringify({ sessionId: `sess_${'0'.repeat(32)}`, method: 'upi' }),
    });
    await answer.body?.cancel();
    return answer.status;
  };
  const [known, limited] = [410, 429];
  const statuses: number[] = [];
  for (const invented of ['', '198.51.100.1, ', '203.0.113.2, 10.0.0.1, ']) {
    statuses.push(await post(`${invented}203.0.113.1, 10.0.0.9`));
  }
  expect(statuses).toEqual([known, known, limited]);
  expect(await post('203.0.113.2')).toBe(known);
});
