/**
 * Payments at Razorpay, PayU and Stripe by JSON alone, as the bank in a box speaks them: paid, declined and tried again, paid late, and
 * every webhook of Stripe's heard.
 *
 * @module
 */

import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verify } from '../../src/verification/verify.ts';
import { eventually } from '../support/eventually.ts';
import { bookOf, CARDS, chargesOf, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const PROCESSORS = ['RAZORPAY', 'PAYU', 'STRIPE'] as const;
type Name = (typeof PROCESSORS)[number];

/** Fails for want of an answer, and is paid after all (`sandbox/<dialect>/README.md`). */
const PAID_LATE = [
  ['RAZORPAY', '4100288600000006'],
  ['PAYU', '4000008600000009'],
] as const;

/** A Stripe account of which only this file has the secret. */
const HOOKS = { account: 'acct_1SluiceHooks00', webhookSecret: 'whsec_hooks' };

let world: World;
let gateway: Gateway;
const shops = new Map<Name, Shop>();

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway();
  for (const processor of PROCESSORS) {
    const merchantId = `merchant_${processor.toLowerCase()}`;
    const secretKey = await world.addMerchant(merchantId, { processor });
    shops.set(processor, createShop(world, gateway, secretKey, merchantId));
  }
  await world.addMerchant('merchant_hooks', { processor: 'STRIPE', account: HOOKS });
});
afterAll(() => world?.stop());

/** Pays again in a session that is there. */
async function payAgain(shop: Shop, sessionId: string, card: string): Promise<string> {
  const answer = await shop.pay(sessionId, card);
  expect([answer.status, answer.body.status]).toEqual([202, 'PROCESSING']);
  return answer.body.transactionId;
}

describe.each(PROCESSORS)('at %s', (processor) => {
  test('a card is charged once, and the book names the transaction', async () => {
    const shop = shops.get(processor)!;
    const { paymentIntentId, transactionId } = await shop.buy(CARDS.success, 123_456);
    const { body } = await shop.becomes(transactionId, 'SUCCESS');
    expect(body).toMatchObject({ processor, outcome: 'charged', amount: 123_456, failureCode: null });
    expect(await chargesOf(world, paymentIntentId)).toMatchObject([
      { reference: transactionId, amount: 123_456, currency: 'INR', processor },
    ]);
  });

  test('a decline leaves the session open, and another card pays in it', async () => {
    const shop = shops.get(processor)!;
    const { paymentIntentId, sessionId, transactionId } = await shop.buy(CARDS.declined);
    await shop.becomes(transactionId, 'FAILED');
    expect(await chargesOf(world, paymentIntentId)).toEqual([]);
    const second = await payAgain(shop, sessionId, CARDS.success);
    await shop.becomes(second, 'SUCCESS');
    expect(await chargesOf(world, paymentIntentId)).toMatchObject([{ reference: second }]);
    const { body } = await shop.get(`/v1/payment/intent/${paymentIntentId}`);
    expect(body.transactions.map(({ status }: { status: string }) => status)).toEqual(['FAILED', 'SUCCESS']);
  });
});

test.each(PAID_LATE)(
  'at %s a failure that may still be paid is told as none, and is paid when it is',
  async (processor, card) => {
    const shop = shops.get(processor)!;
    const { paymentIntentId, sessionId, transactionId } = await shop.buy(card);
    await eventually(async () => {
      const [line] = await bookOf(world, transactionId);
      expect(line).toMatchObject({ status: 'declined' });
    });
    // Nobody pays twice meanwhile.
    expect((await shop.pay(sessionId, CARDS.success)).status).toBe(409);
    expect((await shop.transaction(transactionId)).body.status).toBe('PROCESSING');
    await shop.becomes(transactionId, 'SUCCESS');
    expect(await chargesOf(world, paymentIntentId)).toHaveLength(1);
  },
);

test('what the bank calls Stripe’s webhooks with is heard, each letter of it', async () => {
  const shop = shops.get('STRIPE')!;
  for (const [card, status] of [
    [CARDS.success, 'SUCCESS'],
    [CARDS.declined, 'FAILED'],
  ] as const) {
    const { transactionId } = await shop.buy(card);
    await shop.becomes(transactionId, status);
    const response = await fetch(`${world.bankUrl}/_bank/callbacks/replay`, {
      method: 'POST',
      body: JSON.stringify({ reference: transactionId }),
    });
    const { sent } = (await response.json()) as { sent: { status: number }[] };
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.every((one) => one.status === 200)).toBe(true);
  }
});

/** Of the reference; `charge.dispute.*` by one of its names. */
const STRIPE_EVENTS: readonly string[] = [
  ...['created', 'processing', 'requires_action', 'succeeded', 'payment_failed', 'canceled'].map(ofIntent),
  ofIntent('amount_capturable_updated'),
  ...['succeeded', 'failed', 'pending', 'updated', 'expired', 'refunded', 'dispute.created'].map(
    (name) => `charge.${name}`,
  ),
  ...['created', 'paid', 'failed', 'canceled', 'updated', 'reconciliation_completed'].map(
    (name) => `payout.${name}`,
  ),
  'reporting.report_run.succeeded',
  'reporting.report_run.failed',
];

function ofIntent(name: string): string {
  return `payment_intent.${name}`;
}

test.each(STRIPE_EVENTS)(
  'a webhook of Stripe’s about %s, of something unknown here, is answered 200',
  async (type) => {
    const [object] = type.split('.');
    const created = Math.floor(Date.now() / 1000);
    const body = JSON.stringify({
      id: `evt_${type.replaceAll('.', '_')}`,
      object: 'event',
      api_version: '2026-07-29.dahlia',
      created,
      livemode: false,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: null },
      type,
      data: { object: { id: `${object}_1`, object, metadata: {} } },
    });
    const v1 = createHmac('sha256', HOOKS.webhookSecret).update(`${created}.${body}`).digest('hex');
    const send = (signature: string) =>
      fetch(`${gateway.apiUrl}/webhooks/stripe?account=${HOOKS.account}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': `t=${created},v1=${signature}` },
        body,
      });
    expect((await send(v1)).status).toBe(200);
    expect((await send(v1)).status).toBe(200);
    expect((await send(v1.replace(/^./, (digit) => (digit === '0' ? '1' : '0')))).status).toBe(401);
  },
);

test('after all of them the records of gateway and bank agree', async () => {
  const { rules } = await verify({
    shardDatabaseUrls: world.cluster.services.shards,
    books: world.banks().map(({ url, processors }) => ({ place: url, processors })),
    clientLog: null,
    unknownAfterMs: 600_000,
    now: Date.now(),
  });
  expect(rules.filter(({ count }) => count > 0)).toEqual([]);
});
