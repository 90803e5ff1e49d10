/**
 * kill -9 of gateway and PostgreSQL at random moments under load: everything acknowledged is there, every payment ends
 * final, and the book has one charge for each success and none for anything else.
 *
 * `npm test` kills a few times; `KILLS=30 npm test -- test/faults/kill` is the whole campaign. SEED replays the moments.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { queryShards } from '../support/databases.ts';
import { seededRandom } from '../support/random.ts';
import { bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

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

test(
  `${KILLS} kills under load (seed ${SEED}): nothing acknowledged is lost, nothing is charged twice, all ends final`,
  async () => {
    console.log(`kill campaign: seed ${SEED}, ${KILLS} kills`);
    const random = seededRandom(SEED);
    const acknowledged: Acknowledged = { intents: new Set(), transactions: new Map() };
    let over = false;
    const shoppers = Array.from({ length: SHOPPERS }, async () => {
      while (!over) await buyOnce(createShop(world, gateway), acknowledged, random);
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
    await checkAcknowledged(acknowledged);
    await checkBook();
    console.log(
      `kill campaign: ${acknowledged.intents.size} intents and ${acknowledged.transactions.size} payments acknowledged`,
    );
  },
  60_000 + KILLS * 30_000,
);

/** One shopper's try; whatever breaks on the way is the point of this test. */
async function buyOnce(shop: Shop, acknowledged: Acknowledged, random: () => number): Promise<void> {
  try {
    const intent = await shop.post('/v1/payment/intent', {
      merchantId: world.merchantId,
      amount: 100 + Math.floor(random() * 10_000),
      currency: 'INR',
      orderId: 'order_kill',
    });
    if (intent.status !== 201) return await pause(20);
    acknowledged.intents.add(intent.body.paymentIntentId);
    const { paymentIntentId } = intent.body;
    const session = await shop.post('/v1/payment/session', {
      paymentIntentId,
      merchantId: world.merchantId,
      successUrl: 'https://a.example/',
      cancelUrl: 'https://a.example/',
    });
    if (session.status !== 201) return await pause(20);
    const paid = await shop.pay(session.body.sessionId, CARD_MIX[Math.floor(random() * CARD_MIX.length)]!);
    if (paid.status === 202) acknowledged.transactions.set(paid.body.transactionId, paymentIntentId);
  } catch (error) {
    // The gateway is down: fetch fails before or after the request left, and the shopper cannot know which.
    if (!(error instanceof TypeError)) throw error;
    await pause(50);
  }
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

interface Row {
  id: string;
  intent: string;
  status: string;
  intent_status: string;
  amount: string;
}

/** The book, the attempts and the intents must tell one story. */
async function checkBook(): Promise<void> {
  const rows = await queryShards<Row>(
    world,
    `select 'txn_' || replace(t.transaction_id::text, '-', '') as id, t.payment_intent_id as intent, t.status, t.amount, i.status as intent_status
     from transactions t join payment_intents i using (payment_intent_id)`,
  );
  const charged = (await bookOf(world)).filter(({ effect }) => effect === 'charged');
  const byReference = Map.groupBy(charged, ({ reference }) => reference);
  const known = new Set(rows.map(({ id }) => id));
  expect(charged.filter(({ reference }) => !known.has(reference))).toEqual([]);
  for (const row of rows) {
    const charges = byReference.get(row.id) ?? [];
    expect({ ...row, charges: charges.length }).toEqual({
      ...row,
      charges: row.status === 'SUCCESS' ? 1 : 0,
    });
    if (charges.length === 1)
      expect(charges[0]).toMatchObject({ amount: Number(row.amount), currency: 'INR' });
  }
  for (const attempts of Map.groupBy(rows, ({ intent }) => intent).values()) {
    const successes = attempts.filter(({ status }) => status === 'SUCCESS').length;
    expect(successes).toBeLessThanOrEqual(1);
    if (successes === 1) expect(attempts[0]!.intent_status).toBe('SUCCESS');
  }
  const events = await queryShards<{ transaction_id: string; type: string }>(
    world,
    "select transaction_id, type from outbox where type in ('payment.succeeded', 'payment.recovered')",
  );
  expect(events.length).toBe(rows.filter(({ status }) => status === 'SUCCESS').length);
}
