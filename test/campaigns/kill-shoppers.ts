/**
 * Stubborn shoppers, of the campaigns that kill: they give an intent every chance to be charged twice.
 *
 * Whoever was declined, or does not know, pays again: at once, several times, after silence twice at a time, at both gateways, and
 * once more when all is over.
 *
 * @module
 */

import type { ClientLog } from '../../src/verification/client-log.ts';
import { eventually, pause } from '../support/eventually.ts';
import { CARDS } from '../support/shop.ts';
import type { World } from '../support/world.ts';
import type { Fleet } from './fleet.ts';
import { type Checkout, createLoggedShop, type LoggedShop, newOrder, type Told } from './logged-shop.ts';
import { CARD_MIX, type Shoppers } from './shoppers.ts';

const SHOPPERS = 16;
const PAY_AGAIN_MAX = 3;
/** How long a shopper watches a payment before it leaves. */
const WATCHED_MS = 1000;
/**
 * Between two purchases: some hundred payments a second find as much as many thousands, and leave a dead gateway the processor to
 * start on.
 */
const BROWSED_MS_MAX = 200;
/** After a refusal or silence on the way to the checkout, before it begins anew. */
const BREATH_MS = 20;

export interface StubbornShoppers extends Pick<Shoppers, 'paid' | 'leave'> {
  /** Rejects as soon as a shopper meets what no trouble of the campaign explains; resolves after `leave`. */
  readonly left: Promise<void>;
  /** Whoever was left without an answer pays once more, at a checkout opened anew; resolves with their number. */
  payOnceMore(): Promise<number>;
  /** Card posts sent. */
  posts(): number;
}

export interface StubbornHabits {
  /** Default 16. */
  shoppers?: number;
  /** Between two purchases, at most. Default 200. */
  browsedMsMax?: number;
  /** Whose they are. Default: the world's own. */
  merchant?: { merchantId: string; secretKey: string };
  /** What a checkout is first paid with. Default: {@link CARD_MIX}. */
  cards?: readonly string[];
}

/** Lets shoppers in at all gateways. */
export function letShoppersIn(
  world: World,
  fleet: Fleet,
  log: ClientLog,
  random: () => number,
  {
    shoppers = SHOPPERS,
    browsedMsMax = BROWSED_MS_MAX,
    merchant = world,
    cards = CARD_MIX,
  }: StubbornHabits = {},
): StubbornShoppers {
  /** Ports stay through kills, so each gateway's shop does too. */
  const shops = fleet.ships.map(({ gateway }) => createLoggedShop(world, gateway, { log, merchant }));
  const unanswered = new Set<string>();
  let paid = 0;
  let posts = 0;
  let over = false;

  function anyShop(): LoggedShop {
    return shops[Math.floor(random() * shops.length)]!;
  }

  async function buyUntilOver(): Promise<void> {
    while (!over) {
      await buyOnce();
      await pause(random() * browsedMsMax);
    }
  }

  async function buyOnce(): Promise<void> {
    const intent = await anyShop().intent(newOrder(100 + Math.floor(random() * 10_000)));
    if (intent?.status !== 201) return await pause(BREATH_MS);
    const { paymentIntentId } = intent.body;
    const session = await anyShop().session(paymentIntentId);
    if (session?.status !== 201) return await pause(BREATH_MS);
    await payStubbornly({ paymentIntentId, sessionId: session.body.sessionId });
  }

  async function payStubbornly(checkout: Checkout): Promise<void> {
    const card = cards[Math.floor(random() * cards.length)]!;
    let last = await payOnce(anyShop(), checkout, card);
    let lost = last === null;
    for (let again = 0; again < PAY_AGAIN_MAX && (await triesAgain(last)); again++) {
      if (last === null) await someGatewayAnswers();
      const at = last === null ? shops : [anyShop()];
      const answers = await Promise.all(at.map((shop) => payOnce(shop, checkout, CARDS.success)));
      last = answers.find((answer) => answer?.status === 202) ?? answers[0]!;
      lost ||= answers.includes(null);
    }
    if (lost) unanswered.add(checkout.paymentIntentId);
  }

  async function payOnce(shop: LoggedShop, checkout: Checkout, card: string): Promise<Told> {
    posts++;
    const answer = await shop.pay(checkout, card);
    if (answer?.status === 202) paid++;
    return answer;
  }

  /** True after no answer, a 503, and an attempt that fails while the shopper watches. */
  async function triesAgain(last: Told): Promise<boolean> {
    if (last === null || last.status === 503) return true;
    if (last.status !== 202) return false;
    for (const until = performance.now() + WATCHED_MS; performance.now() < until; await pause(50)) {
      const transaction = await anyShop().transaction(last.body.transactionId);
      if (transaction?.body.status === 'FAILED') return true;
      if (transaction?.body.status === 'SUCCESS') return false;
    }
    return false;
  }

  /** The next try counts only when somebody is there to take it. */
  async function someGatewayAnswers(): Promise<void> {
    await eventually(
      () => Promise.any(fleet.ships.map(({ gateway }) => fetch(`${gateway.opsUrl}/healthz`))),
      { withinMs: 60_000 },
    );
  }

  const everybody = Promise.all(Array.from({ length: shoppers }, buyUntilOver));
  return {
    paid: () => paid,
    posts: () => posts,
    left: everybody.then(() => undefined),
    async leave() {
      over = true;
      await everybody;
    },
    async payOnceMore() {
      for (const paymentIntentId of unanswered) {
        const shop = anyShop();
        const session = await shop.session(paymentIntentId);
        if (session?.status !== 201) continue;
        await payOnce(shop, { paymentIntentId, sessionId: session.body.sessionId }, CARDS.success);
      }
      return unanswered.size;
    },
  };
}
