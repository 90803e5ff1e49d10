/**
 * Abuse that looks like use: a merchant's stolen key at work (incident 3), what a leak of logs and metrics would hold (incident 2), and
 * webhooks that are to reach what only the gateway can (incident 23).
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { query } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf, CARDS, cardFields, createShop, type Shop } from '../support/shop.ts';
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
    const metrics = await gateway.metrics();
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

describe('a webhook to where only the gateway can go (incident 23)', () => {
  let receiver: Server;
  let heard = 0;
  let inside: string;
  let endpointId: string;
  let shop: Shop;
  beforeAll(async () => {
    receiver = createServer((_, response) => {
      heard++;
      response.end('the secrets of a cloud');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => receiver.once('listening', resolve));
    inside = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/latest/meta-data/`;
    const key = await world.addMerchant('merchant_hooked');
    gateway = await world.startGateway();
    shop = createShop(world, gateway, key, 'merchant_hooked');
    // An address of the public internet that no test sends to.
    const made = await shop.post(ENDPOINTS, { url: 'https://8.8.8.8/hooks' });
    expect(made.status).toBe(201);
    endpointId = made.body.endpointId;
  });
  afterAll(async () => {
    receiver?.close();
    await gateway?.stop();
  });

  const ENDPOINTS = '/v1/webhook-endpoints';

  test.each([
    'http://127.0.0.1/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::1]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://10.0.0.1/',
    'https://100.64.0.1/',
    'https://localhost/',
    'https://metadata.google.internal/',
    'https://shop.example@169.254.169.254/',
    'https://shop.example:5432/',
    'file:///etc/passwd',
  ])('%s is refused when it is registered, and when an endpoint is changed to it', async (url) => {
    const refused = { status: 400, body: { errors: [{ pointer: '/url' }] } };
    expect(await shop.post(ENDPOINTS, { url })).toMatchObject(refused);
    expect(await shop.post(`${ENDPOINTS}/${endpointId}`, { url })).toMatchObject(refused);
  });

  test('one that is registered all the same is not gone to, and nothing of it is shown', async () => {
    await query(world.cluster.owner.control, 'update webhook_endpoints set url = $1 where endpoint_id = $2', [
      inside,
      endpointId.slice('we_'.length),
    ]);
    const sent = await eventually(async () => {
      expect((await shop.get(`${ENDPOINTS}/${endpointId}`)).body.url).toBe(inside);
      return await shop.post(`${ENDPOINTS}/${endpointId}/test`, {});
    });
    expect(sent.body).toMatchObject({ delivered: false, status: null });
    expect(JSON.stringify(sent.body)).not.toContain('secrets');
    expect(heard).toBe(0);
  });
});

describe('what is masked is still the card’s (incident 2)', () => {
  let open: Gateway;
  let shop: Shop;
  beforeAll(async () => {
    open = await world.startGateway();
    shop = createShop(world, open);
  });

  test('a fingerprint is no hash that whoever has it could try card numbers with', async () => {
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
  });

  test('no log and no metric has the masked number, the fingerprint, the token, the shopper or the order of a payment', async () => {
    const paid = await shop.buy(CARDS.success);
    const { body } = await shop.becomes(paid.transactionId, 'SUCCESS');
    const declined = await shop.buy(CARDS.insufficientFunds);
    await shop.becomes(declined.transactionId, 'FAILED');
    await shop.pay(paid.sessionId, '4111111111111112');
    await shop.post('/v1/payment/intent', `{"card":"${body.card.masked}"`);
    await shop.get(`/v1/payment/transaction/${body.card.token}`);
    await fetch(`${open.checkoutUrl}/checkout/result?transaction=${body.card.fingerprint}`);
    const metrics = await open.metrics();
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
});
