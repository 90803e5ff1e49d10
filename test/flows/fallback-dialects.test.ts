/**
 * A merchant's first processor declines a card for a trouble of its own, in its own words: the second one charges it, and the books bear
 * that out.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Verification, verify } from '../../src/verification/verify.ts';
import { bookOf, CARDS, createShop } from '../support/shop.ts';
import { type BankProcessor, type Gateway, startWorld, type World } from '../support/world.ts';

const DIALECTS = ['RAZORPAY', 'PAYU', 'STRIPE'] as const;

/** Declined by the first bank when it speaks so, and by no other; and the line its book has then. */
const OWN_TROUBLE: Readonly<Record<(typeof DIALECTS)[number], { card: string; line: object }>> = {
  RAZORPAY: {
    card: '4100288800000004',
    line: { status: 'declined', decline_code: 'card_network_not_enabled' },
  },
  PAYU: { card: '4000007900000008', line: { status: 'declined', decline_code: 'E803' } },
  // What was declined is cancelled before anybody else is asked.
  STRIPE: {
    card: '4000007900000008',
    line: { status: 'declined', word: 'canceled', decline_code: 'processing_error' },
  },
};

let world: World;
let gateway: Gateway;

beforeAll(async () => {
  // A callback may be there before the answer it is of.
  world = await startWorld({ callbackDelayMs: 0 });
  await world.startBankB();
  gateway = await world.startGateway();
});
afterAll(() => world?.stop());

async function shopAt(processor: BankProcessor, name: string, more = {}) {
  const merchantId = `merchant_${name}_${processor.toLowerCase()}`;
  const secretKey = await world.addMerchant(merchantId, { processor, fallback: true, ...more });
  return createShop(world, gateway, secretKey, merchantId);
}

async function lastLineOf(bankUrl: string, reference: string): Promise<object | undefined> {
  return (await bookOf({ bankUrl }, reference)).at(-1);
}

/** What `sluice verify` finds, by rule. */
async function findings(): Promise<Record<string, readonly string[]>> {
  const { rules }: Verification = await verify({
    shardDatabaseUrls: world.cluster.services.shards,
    books: world.banks().map(({ url, processors }) => ({ place: url, processors })),
    clientLog: null,
    unknownAfterMs: 60_000,
    now: Date.now(),
  });
  return Object.fromEntries(rules.filter(({ count }) => count > 0).map(({ rule, ids }) => [rule, ids]));
}

test.each(DIALECTS)('%s declines for its own trouble: the second bank charges', async (processor) => {
  const shop = await shopAt(processor, 'declined');
  const { card, line } = OWN_TROUBLE[processor];
  const { transactionId } = await shop.buy(card);
  const { body } = await shop.becomes(transactionId, 'SUCCESS');
  expect(body).toMatchObject({ outcome: 'charged', processor: 'SANDBOX_B' });
  expect(await lastLineOf(world.bankUrl, transactionId)).toMatchObject({
    processor,
    effect: 'none',
    ...line,
  });
  expect(await lastLineOf(world.bankBUrl, transactionId)).toMatchObject({ effect: 'charged' });
  expect(await findings()).toEqual({});
});

test.each(DIALECTS)(
  '%s refuses the key: the second bank charges, and the first has nothing in its book',
  async (processor) => {
    const secrets = {
      RAZORPAY: { secretKey: 'rzp_test_SluiceWorld001:another' },
      PAYU: { secretKey: 'anothersalt', webhookSecret: 'anothersalt' },
      STRIPE: { secretKey: 'sk_test_another' },
    };
    const shop = await shopAt(processor, 'refused', { account: secrets[processor] });
    const { transactionId } = await shop.buy(CARDS.success);
    const { body } = await shop.becomes(transactionId, 'SUCCESS');
    expect(body).toMatchObject({ outcome: 'charged', processor: 'SANDBOX_B' });
    expect(await bookOf(world, transactionId)).toEqual([]);
    expect(await findings()).toEqual({});
  },
);

test.each(DIALECTS)('%s declines for the card’s sake: nobody else is asked', async (processor) => {
  const shop = await shopAt(processor, 'card');
  const { transactionId } = await shop.buy(CARDS.declined);
  await shop.becomes(transactionId, 'FAILED');
  expect(await bookOf({ bankUrl: world.bankBUrl }, transactionId)).toEqual([]);
  expect(await findings()).toEqual({});
});
