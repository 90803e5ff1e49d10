/**
 * Shoppers: a closed loop of payments in the background while something else is done to the world.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { eventually, pause } from '../support/eventually.ts';
import { CARDS } from '../support/shop.ts';
import type { Client } from './client.ts';

export interface Shoppers {
  /** Payments taken by a gateway (answered 202) so far. */
  paid(): number;
  /** Tries that ended with a refusal or without an answer. */
  turnedAway(): number;
  /** Resolves when `count` more payments have been taken; rejects when that takes too long. */
  pay(count: number): Promise<void>;
  /** Resolves when the last of them has gone. */
  stop(): Promise<void>;
}

const CARD_MIX = [
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
  /** Default: a mix that succeeds, is declined, or is left in doubt. */
  cards?: readonly string[];
  /** Between two payments of one shopper. Default: none. */
  restMs?: number;
}

/** Starts `count` shoppers, dealt over the clients. */
export function startShoppers(
  clients: readonly Client[],
  count: number,
  random: () => number,
  { cards = CARD_MIX, restMs = 0 }: ShopperHabits = {},
): Shoppers {
  let over = false;
  let paid = 0;
  let turnedAway = 0;

  async function shop(client: Client): Promise<void> {
    while (!over) {
      const card = cards[Math.floor(random() * cards.length)]!;
      const payment = await client.buy(card, 100 + Math.floor(random() * 10_000));
      if (payment === null) {
        turnedAway++;
        await pause(AGAIN_MS);
      } else {
        paid++;
        await client.read(payment.transactionId);
        if (restMs > 0) await pause(restMs);
      }
    }
  }

  const shopping = Promise.all(
    Array.from({ length: count }, (_, index) => shop(clients[index % clients.length]!)),
  );
  return {
    paid: () => paid,
    turnedAway: () => turnedAway,
    async pay(more) {
      const wanted = paid + more;
      await eventually(
        () => assert.ok(paid >= wanted, `${paid - wanted + more} of ${more} payments were taken`),
        {
          withinMs: PATIENCE_MS,
        },
      );
    },
    async stop() {
      over = true;
      await shopping;
    },
  };
}
