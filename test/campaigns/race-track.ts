/**
 * Race track: what the kinds of races have in common. Two gateways, two merchants, requests many at once, and a book to look into.
 *
 * @module
 */

import type { ClientLog } from '../../src/verification/client-log.ts';
import { queryShards } from '../support/databases.ts';
import { eventually, pause } from '../support/eventually.ts';
import { type BookLine, chargesOf } from '../support/shop.ts';
import type { Gateway, World } from '../support/world.ts';
import { type Checkout, createLoggedShop, type LoggedShop } from './logged-shop.ts';

/** Of an order of a race. */
export const AMOUNT = 5000;
/** Requests at once. */
export const CROWD = 50;
/** How long after a payment is SUCCESS its status is still read: late callbacks and duplicates come by then. */
const WATCHED_MS = 300;
const SUCCESS_MS = 30_000;

/** A merchant at both gateways. */
export interface Merchant {
  merchantId: string;
  shops: readonly LoggedShop[];
}

/** What a race is run on. */
export interface Race {
  world: World;
  merchant: Merchant;
  otherMerchant: Merchant;
  random(): number;
  /** One gateway for all, or both in turn, as the seed has it. */
  shopsInTurn(): (i: number) => LoggedShop;
  /** A checkout of the first merchant. */
  openCheckout(): Promise<Checkout>;
  /** Reads the status at both gateways until SUCCESS, and some more; the judgement finds who saw it taken back. */
  watch(transactionId: string): Promise<void>;
  /** Lines of the book that took money for an intent, once its payment is SUCCESS. */
  chargesOnceFinal(paymentIntentId: string): Promise<BookLine[]>;
  storedIntents(orderId: string): Promise<number>;
  /** As soon as a charge is booked the bank sends its callback that often, at once. */
  replayOnceBooked(transactionId: string, times: number): Promise<void>;
  /** A shopper tries a card again whenever the intent is free, until it is paid. */
  payUntilPaid(checkout: Checkout, card: string): Promise<void>;
  /** How long each answer of the bank waits after its charge is booked. */
  delayAnswers(ms: number): Promise<void>;
  /** Takes down what broke a promise. */
  expect(holds: boolean, promise: string): void;
}

export interface RaceTrack {
  of(name: string): Race;
  readonly violations: readonly string[];
  figures(): Record<string, number>;
}

/** Makes the second merchant and the shops at both gateways. */
export async function createRaceTrack(
  world: World,
  gateways: readonly [Gateway, Gateway],
  log: ClientLog,
  random: () => number,
): Promise<RaceTrack> {
  const otherId = 'merchant_other';
  const otherKey = await world.addMerchant(otherId);
  const merchantAt = (merchantId: string, secretKey: string): Merchant => ({
    merchantId,
    shops: gateways.map((gateway) =>
      createLoggedShop(world, gateway, { log, merchant: { merchantId, secretKey } }),
    ),
  });
  const merchant = merchantAt(world.merchantId, world.secretKey);
  const otherMerchant = merchantAt(otherId, otherKey);
  const violations: string[] = [];
  let replays = 0;
  let reads = 0;

  async function readSuccess(transactionId: string): Promise<void> {
    await eventually(
      async () => {
        for (const shop of merchant.shops) {
          const answer = await shop.transaction(transactionId);
          reads++;
          if (answer?.body.status !== 'SUCCESS')
            throw new Error(`${transactionId} is ${answer?.body.status}`);
        }
      },
      { withinMs: SUCCESS_MS, everyMs: 5 },
    );
  }

  async function watch(transactionId: string): Promise<void> {
    await readSuccess(transactionId);
    for (const until = performance.now() + WATCHED_MS; performance.now() < until; await pause(10)) {
      await Promise.all(merchant.shops.map((shop) => shop.transaction(transactionId)));
      reads += merchant.shops.length;
    }
  }

  async function chargesOnceFinal(paymentIntentId: string): Promise<BookLine[]> {
    await eventually(
      async () => {
        const answer = await merchant.shops[1]!.showIntent(paymentIntentId);
        if (answer?.body.status !== 'SUCCESS')
          throw new Error(`${paymentIntentId} is ${answer?.body.status}`);
      },
      { withinMs: SUCCESS_MS },
    );
    return await chargesOf(world, paymentIntentId);
  }

  const shared: Omit<Race, 'expect'> = {
    world,
    merchant,
    otherMerchant,
    random,
    shopsInTurn: () => (random() < 0.5 ? () => merchant.shops[0]! : (i) => merchant.shops[i % 2]!),
    openCheckout: () => merchant.shops[0]!.openCheckout(AMOUNT),
    watch,
    chargesOnceFinal,
    async storedIntents(orderId) {
      return (await queryShards(world, 'select from payment_intents where order_id = $1', [orderId])).length;
    },
    async replayOnceBooked(reference, times) {
      await eventually(() => operate(world, 'callbacks/replay', { reference, times }), { everyMs: 2 });
      replays += times;
    },
    payUntilPaid: (checkout, card) =>
      eventually(
        async () => {
          const shop = merchant.shops[0]!;
          const { status } = (await shop.showIntent(checkout.paymentIntentId))?.body ?? {};
          if (status === 'SUCCESS') return;
          if (status === 'PENDING') await shop.pay(checkout, card);
          throw new Error(`${checkout.paymentIntentId} is ${status}`);
        },
        { withinMs: SUCCESS_MS },
      ),
    delayAnswers: (ms) => operate(world, 'delay', { ms }),
  };
  return {
    of: (name) => ({
      ...shared,
      expect: (holds, promise) => {
        if (!holds) violations.push(`${name}: ${promise}`);
      },
    }),
    violations,
    figures: () => ({ 'callbacks replayed': replays, 'status reads': reads }),
  };
}

async function operate(world: World, what: string, body: object): Promise<void> {
  const answer = await fetch(`${world.bankUrl}/_bank/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the bank answered ${answer.status} to ${what}: ${await answer.text()}`);
}
