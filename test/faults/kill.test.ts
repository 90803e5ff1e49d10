/**
 * kill -9 of gateway and PostgreSQL at random moments under load: everything acknowledged is there, every payment ends
 * final, and the book has one charge for each success and none for anything else.
 *
 * Shoppers who do not know, or were declined, pay again: at once, several times, two at a time, and once more when all is
 * over. So an intent has every chance to be charged twice.
 *
 * `npm test` kills a few times; `KILLS=30 npm test -- test/faults/kill` is the whole campaign. SEED replays the moments.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { queryShards } from '../support/databases.ts';
import { seededRandom } from '../support/random.ts';
import { type Answer, bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';
import { type AttemptRow, contradictions } from './one-story.ts';

const KILLS = Number(process.env.KILLS ?? 6);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const SHOPPERS = 24;
const CARD_MIX = [
  CARDS.success,
  CARDS.success,
  CARDS.success,
  CARDS.success,
  CARDS.declined,
  CARDS.answerLost,
  CARDS.connectionRefused,
  CARDS.successByCallback,
];

const SHORT = {
  SLUICE_SEND_BEFORE_SECONDS: '3',
  SLUICE_NOT_FOUND_PROOF_SECONDS: '2',
  SLUICE_PROCESSOR_TIMEOUT_MS: '2000',
};

let world: World;
let gateway: Gateway;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway(SHORT);
});
afterAll(() => world?.stop());

/** What was answered 2xx: it must never be lost. */
interface Acknowledged {
  intents: Set<string>;
  transactions: Map<string, string>;
}

/** A checkout a shopper stands in, and what is known of it. */
interface Checkout {
  shop: Shop;
  paymentIntentId: string;
  sessionId: string;
}

interface Campaign {
  acknowledged: Acknowledged;
  /** Checkouts whose shoppers were left without an answer. */
  unanswered: Checkout[];
  posts: number;
  random(): number;
}

test(
  `${KILLS} kills under load (seed ${SEED}): nothing acknowledged is lost, nothing is charged twice, all ends final`,
  async () => {
    console.log(`kill campaign: seed ${SEED}, ${KILLS} kills`);
    const random = seededRandom(SEED);
    const acknowledged: Acknowledged = { intents: new Set(), transactions: new Map() };
    const campaign: Campaign = { acknowledged, unanswered: [], posts: 0, random };
    let over = false;
    const shoppers = Array.from({ length: SHOPPERS }, async () => {
      while (!over) await buyOnce(createShop(world, gateway), campaign);
    });
    for (let kill = 0; kill < KILLS; kill++) {
      const before = acknowledged.transactions.size;
      await vi.waitFor(() => expect(acknowledged.transactions.size).toBeGreaterThan(before + 30), {
        timeout: 60_000,
        interval: 5,
      });
      await pause(random() * 400);
      if (random() < 0.5) await world.cluster.crash();
      else {
        gateway.kill('SIGKILL');
        await gateway.ended;
        gateway = await gateway.again();
      }
    }
    over = true;
    await Promise.all(shoppers);
    await allFinal();
    for (const checkout of campaign.unanswered) await payOnce(checkout, CARDS.success, campaign);
    await allFinal();
    await checkAcknowledged(acknowledged);
    await checkStory();
    await tellCounts(campaign);
  },
  60_000 + KILLS * 30_000,
);

/** One shopper's try; whatever breaks on the way is the point of this test. */
async function buyOnce(shop: Shop, campaign: Campaign): Promise<void> {
  const { acknowledged, random } = campaign;
  const order = {
    merchantId: world.merchantId,
    amount: 100 + Math.floor(random() * 10_000),
    currency: 'INR',
    orderId: 'order_kill',
  };
  const intent = await answered(shop.post('/v1/payment/intent', order));
  if (intent?.status !== 201) return await pause(20);
  acknowledged.intents.add(intent.body.paymentIntentId);
  const { paymentIntentId } = intent.body;
  const urls = { successUrl: 'https://a.example/', cancelUrl: 'https://a.example/' };
  const request = { paymentIntentId, merchantId: world.merchantId, ...urls };
  const session = await answered(shop.post('/v1/payment/session', request));
  if (session?.status !== 201) return await pause(20);
  const { sessionId } = session.body;
  await payStubbornly({ shop, paymentIntentId, sessionId }, campaign);
}

/** Null: the connection broke before or after the request was taken, and the shopper cannot know which. */
async function answered(answer: Promise<Answer>): Promise<Answer | null> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

const PAY_AGAIN_MAX = 3;

/** Pays, and pays again while it is not known to be paid: two posts at a time when there was no answer. */
async function payStubbornly(checkout: Checkout, campaign: Campaign): Promise<void> {
  let last = await payOnce(checkout, CARD_MIX[Math.floor(campaign.random() * CARD_MIX.length)]!, campaign);
  let lost = last === null;
  for (let again = 0; again < PAY_AGAIN_MAX && (await triesAgain(checkout.shop, last)); again++) {
    if (last === null) await gatewayAnswers();
    const posts = Array.from({ length: last === null ? 2 : 1 }, () =>
      payOnce(checkout, CARDS.success, campaign),
    );
    const answers = await Promise.all(posts);
    last = answers.find((answer) => answer?.status === 202) ?? answers[0]!;
    lost ||= answers.includes(null);
  }
  if (lost) campaign.unanswered.push(checkout);
}

async function payOnce(
  { shop, sessionId, paymentIntentId }: Checkout,
  card: string,
  campaign: Campaign,
): Promise<Answer | null> {
  campaign.posts++;
  const paid = await answered(shop.pay(sessionId, card));
  if (paid?.status === 202) campaign.acknowledged.transactions.set(paid.body.transactionId, paymentIntentId);
  return paid;
}

/** True after no answer, a 503, and an attempt that fails while the shopper watches. */
async function triesAgain(shop: Shop, last: Answer | null): Promise<boolean> {
  if (last === null || last.status === 503) return true;
  if (last.status !== 202) return false;
  for (const until = performance.now() + WATCHED_MS; performance.now() < until; await pause(30)) {
    const transaction = await answered(shop.transaction(last.body.transactionId));
    if (transaction?.body.status === 'FAILED') return true;
    if (transaction?.body.status !== 'PROCESSING') return transaction === null;
  }
  return false;
}

const WATCHED_MS = 1000;

/** The next try counts only when somebody is there to take it. */
async function gatewayAnswers(): Promise<void> {
  await vi.waitFor(async () => expect((await fetch(`${gateway.opsUrl}/readyz`)).status).toBe(200), {
    timeout: 60_000,
    interval: 20,
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Recovery settles what the kills left behind. */
async function allFinal(): Promise<void> {
  await vi.waitFor(
    async () => {
      const open = await queryShards(
        world,
        "select transaction_id, status from transactions where status not in ('SUCCESS', 'FAILED')",
      );
      expect(open).toEqual([]);
    },
    { timeout: 90_000, interval: 500 },
  );
}

async function checkAcknowledged({ intents, transactions }: Acknowledged): Promise<void> {
  const stored = await queryShards<{ id: string }>(
    world,
    "select 'pi_' || replace(payment_intent_id::text, '-', '') as id from payment_intents",
  );
  const storedIntents = new Set(stored.map(({ id }) => id));
  expect([...intents].filter((id) => !storedIntents.has(id))).toEqual([]);
  const attempts = await queryShards<{ id: string }>(
    world,
    "select 'txn_' || replace(transaction_id::text, '-', '') as id from transactions",
  );
  const storedAttempts = new Set(attempts.map(({ id }) => id));
  expect([...transactions.keys()].filter((id) => !storedAttempts.has(id))).toEqual([]);
}

/** The book, the attempts, the intents and the events must tell one story. */
async function checkStory(): Promise<void> {
  const rows = await attemptRows();
  const events = await queryShards<{ id: string }>(
    world,
    `select 'txn_' || replace(transaction_id::text, '-', '') as id from outbox
     where type in ('payment.succeeded', 'payment.recovered')`,
  );
  const successEvents = events.map(({ id }) => id);
  expect(contradictions({ attempts: rows, book: await bookOf(world), successEvents })).toEqual([]);
}

function attemptRows(): Promise<AttemptRow[]> {
  return queryShards<AttemptRow>(
    world,
    `select 'txn_' || replace(t.transaction_id::text, '-', '') as id, t.payment_intent_id as intent, t.attempt,
            t.status, t.reopenable, t.amount::float8 as amount, t.currency, i.status as "intentStatus"
     from transactions t join payment_intents i using (payment_intent_id)`,
  );
}

/** The campaign is worth something only when intents had several attempts and shoppers were left in doubt. */
async function tellCounts({ acknowledged, unanswered, posts }: Campaign): Promise<void> {
  const rows = await attemptRows();
  const again = rows.filter(({ attempt }) => attempt > 1).length;
  console.log(
    `kill campaign: ${acknowledged.intents.size} intents and ${acknowledged.transactions.size} payments acknowledged; ` +
      `${posts} posts, ${again} further attempts, ${unanswered.length} checkouts without an answer`,
  );
  expect(again).toBeGreaterThan(0);
}
