/**
 * Shoppers: a closed loop of payments in the background while something else is done to the world.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { eventually, pause } from '../support/eventually.ts';
import { CARDS } from '../support/shop.ts';
import type { LoggedShop } from './logged-shop.ts';

export interface Shoppers {
  /** Payments taken by a gateway (answered 202) so far. */
  paid(): number;
  /** Tries that ended with a refusal or without an answer. */
  turnedAway(): number;
  /** Lets everybody finish what it does; resolves when the last of them has gone. */
  leave(): Promise<void>;
}

/** Succeeds, is declined, or is left in doubt. */
export const CARD_MIX = [
  CARDS.success,
  CARDS.success,
  CARDS.success,
  CARDS.success,
  CARDS.declined,
  CARDS.answerLost,
  CARDS.successByCallback,
  CARDS.connectionRefused,
];
const PATIENCE_MS = 60_000;
/** After a refusal, as its Retry-After of a second asks a program to; shoppers are less patient. */
const AGAIN_MS = 200;

export interface ShopperHabits {
  /** Default: {@link CARD_MIX}. */
  cards?: readonly string[];
  /** Between two payments of one shopper. Default: none. */
  restMs?: number;
}

/** Starts `count` shoppers, dealt over the shops. */
export function startShoppers(
  shops: readonly LoggedShop[],
  count: number,
  random: () => number,
  { cards = CARD_MIX, restMs = 0 }: ShopperHabits = {},
): Shoppers {
  let over = false;
  let paid = 0;
  let turnedAway = 0;

  async function goShopping(shop: LoggedShop): Promise<void> {
    while (!over) {
      const card = cards[Math.floor(random() * cards.length)]!;
      const payment = await shop.buy(card, 100 + Math.floor(random() * 10_000));
      if (payment === null) {
        turnedAway++;
        await pause(AGAIN_MS);
      } else {
        paid++;
        await shop.transaction(payment.transactionId);
        if (restMs > 0) await pause(restMs);
      }
    }
  }

  const shopping = Promise.all(
    Array.from({ length: count }, (_, index) => goShopping(shops[index % shops.length]!)),
  );
  return {
    paid: () => paid,
    turnedAway: () => turnedAway,
    async leave() {
      over = true;
      await shopping;
    },
  };
}

/** Resolves when `more` payments have been taken; rejects when that takes too long. */
export async function paidMore(shoppers: Pick<Shoppers, 'paid'>, more: number): Promise<void> {
  const before = shoppers.paid();
  await eventually(
    () => {
      const paid = shoppers.paid() - before;
      assert.ok(paid >= more, `only ${paid} of ${more} payments were taken`);
    },
    { withinMs: PATIENCE_MS, everyMs: 5 },
  );
}
