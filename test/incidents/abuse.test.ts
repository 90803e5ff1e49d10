/**
 * Abuse that looks like use: a merchant's stolen key at work (incident 3), and what a leak of logs and metrics would hold (incident 2).
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bookOf, CARDS, cardFields, createShop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
let gateway: Gateway;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world?.stop());

describe('velocity (incident 3)', () => {
  let stolen: string;
  beforeAll(async () => {
    stolen = await world.addMerchant('merchant_robbed');
    gateway = await world.startGateway({ SLUICE_RATE_LIMITS: 'merchant=12/3600,ip=8/3600' });
  });
  afterAll(() => gateway?.stop());

  test('a key that is suddenly busy is stopped at its allowance, on every path it opens, and no other merchant feels it', async () => {
    const thief = createShop(world, gateway, stolen, 'merchant_robbed');
    const order = { merchantId: 'merchant_robbed', amount: 100, currency: 'INR', orderId: 'o' };
    const statuses: number[] = [];
    for (let i = 0; i < 15; i++) statuses.push((await thief.post('/v1/payment/intent', order)).status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(12);
    const refused = { status: 429, body: { code: 'rate_limited' } };
    expect(await thief.post('/v1/payment/intent', order)).toMatchObject(refused);
    expect(await thief.get(`/v1/payment/intent/pi_${'0'.repeat(32)}`)).toMatchObject(refused);
    expect(await thief.get('/v1/webhook-endpoints')).toMatchObject(refused);
    const moved = { url: 'https://thief.example/hooks' };
    expect(await thief.post('/v1/webhook-endpoints', moved)).toMatchObject(refused);
    await createShop(world, gateway).intent();
    const metrics = await (await fetch(`${gateway.opsUrl}/metrics`)).text();
    expect(metrics).toMatch(/^sluice_refused_total\{reason="rate_limited",thread="api"\} \d+$/m);
  });

  test('cards that are tried from one address are stopped, whatever addresses the posts claim to come from', async () => {
    const shop = createShop(world, gateway);
    const before = (await bookOf(world)).length;
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const answer = await fetch(`${gateway.checkoutUrl}/internal/payment/process`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-forwarded-for': `203.0.113.${i}`,
            'x-real-ip': `203.0.113.${i}`,
            forwarded: `for=203.0.113.${i}`,
          },
          body: JSON.stringify({
            sessionId: `sess_${i.toString(16).padStart(32, '0')}`,
            ...cardFields(CARDS.declined),
          }),
        });
        return answer.status;
      }),
    );
    expect(statuses.filter((status) => status === 410)).toHaveLength(8);
    expect(statuses.filter((status) => status === 429)).toHaveLength(12);
    const { sessionId } = await shop.session(await shop.intent());
    expect((await shop.pay(sessionId, CARDS.declined)).status).toBe(429);
    expect(await bookOf(world)).toHaveLength(before);
  });
});

describe('what is masked is still the card’s (incident 2)', () => {
  test('no log and no metric has the masked number, the fingerprint, the token, the shopper or the order of a payment', async () => {
    const open = await world.startGateway();
    const shop = createShop(world, open);
    const paid = await shop.buy(CARDS.success);
    const { body } = await shop.becomes(paid.transactionId, 'SUCCESS');
    const declined = await shop.buy(CARDS.insufficientFunds);
    await shop.becomes(declined.transactionId, 'FAILED');
    await shop.pay(paid.sessionId, '4111111111111112');
    await shop.post('/v1/payment/intent', `{"card":"${body.card.masked}"`);
    await shop.get(`/v1/payment/transaction/${body.card.token}`);
    await fetch(`${open.checkoutUrl}/checkout/result?transaction=${body.card.fingerprint}`);
    const metrics = await (await fetch(`${open.opsUrl}/metrics`)).text();
    expect(await open.stop()).toBe(0);
    const log = open.log();
    expect(log.length).toBeGreaterThan(0);
    const { masked, fingerprint, token } = body.card;
    const secrets = [
      masked,
      '411111',
      fingerprint.slice(3),
      token,
      'John Doe',
      body.customerId,
      body.orderId,
    ];
    for (const secret of [...secrets, world.secretKey, world.webhookSecret, world.bankSecret]) {
      expect(log).not.toContain(secret);
      expect(metrics).not.toContain(secret);
    }
  });

  test('a fingerprint is no hash that whoever has it could try card numbers with', async () => {
    const open = await world.startGateway();
    const shop = createShop(world, open);
    const { transactionId } = await shop.buy(CARDS.success);
    const { card } = (await shop.transaction(transactionId)).body;
    const printed: string = card.fingerprint.slice('fp_'.length);
    const { cardholderName } = cardFields(CARDS.success);
    const guesses = [
      CARDS.success,
      `${CARDS.success}12/2030`,
      `${CARDS.success}|12|2030`,
      `411111111112/2030${cardholderName}`,
      card.masked,
      `${world.merchantId}${CARDS.success}`,
    ];
    for (const guess of guesses) {
      for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512', 'sha3-256']) {
        const digest = createHash(algorithm).update(guess).digest('hex');
        expect(digest.startsWith(printed) || printed.startsWith(digest), `${algorithm} of ${guess}`).toBe(
          false,
        );
      }
    }
    await open.stop();
  });
});
