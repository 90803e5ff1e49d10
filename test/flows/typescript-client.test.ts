/**
 * The TypeScript client at a real gateway, by the code its README shows.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adviceOn, checkoutUrl, webhookServer } from '../../clients/typescript/example.ts';
import { createSluice, type Sluice } from '../../clients/typescript/sluice.ts';
import { eventually } from '../support/eventually.ts';
import { CARDS, createShop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const FOLDER = join(import.meta.dirname, '../../clients/typescript');

let world: World;
let gateway: Gateway;
let sluice: Sluice;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway();
  sluice = createSluice({
    apiUrl: gateway.apiUrl,
    secretKey: world.secretKey,
    merchantId: world.merchantId,
  });
});
afterAll(() => world?.stop());

test('a payment from intent to SUCCESS by the code of the README', async () => {
  const redirect = new URL(await checkoutUrl(sluice, { id: 'order_1', amount: 4999 }));
  const shopper = createShop(world, gateway);
  const paid = await shopper.pay(redirect.searchParams.get('session')!, CARDS.success);
  expect(paid.status).toBe(202);
  const transaction = await eventually(async () => {
    const seen = await sluice.getTransaction(paid.body.transactionId);
    expect(seen.status).toBe('SUCCESS');
    return seen;
  });
  expect(transaction).toMatchObject({
    amount: 4999,
    currency: 'INR',
    orderId: 'order_1',
    outcome: 'charged',
  });
  const intent = await sluice.getIntent(transaction.paymentIntentId);
  expect(intent).toMatchObject({ status: 'SUCCESS', transactions: [{ attempt: 1, status: 'SUCCESS' }] });
});

test('the same order asked twice is one intent; a wrong one is told by field', async () => {
  const order = { amount: 5000, currency: 'INR', orderId: 'order_2' } as const;
  const first = await sluice.createIntent(order, { idempotencyKey: 'order_2' });
  expect(await sluice.createIntent(order, { idempotencyKey: 'order_2' })).toEqual(first);
  const refused = await sluice.createIntent({ ...order, amount: 49.99 }).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    status: 400,
    code: 'invalid_request',
    errors: [{ pointer: '/amount' }],
    requestId: expect.stringMatching(/./),
  });
  expect(adviceOn(refused)).toBe('mend');
});

test('the README’s webhook server keeps what is signed and refuses the rest', async () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const kept: string[] = [];
  const server = webhookServer(secret, async (event) => {
    kept.push(event.id);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const body = JSON.stringify({ type: 'webhook.test', timestamp: '2026-01-21T10:00:00.000Z', data: {} });
  const now = new Date();
  const headers = {
    'webhook-id': 'evt_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('evt_1', now, body),
  };
  try {
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(204);
    expect((await fetch(url, { method: 'POST', headers, body: `${body} ` })).status).toBe(400);
    expect(kept).toEqual(['evt_1']);
  } finally {
    server.close();
  }
});

test('the README shows what example.ts runs', () => {
  const example = readFileSync(join(FOLDER, 'example.ts'), 'utf8');
  const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
  expect(blocks).toHaveLength(3);
  for (const code of blocks) expect(example).toContain(code);
});
