/**
 * Two gateways on one database, paused (SIGSTOP) and resumed at every pair of named points between commit B and commit D:
 * never two charges (design 7: this is what makes pausing a process at any instruction safe).
 *
 * The card's first poster is stopped at a point; meanwhile the second gateway takes the same card of the same session and is
 * stopped at another point; then both are resumed, in either order. In half of the pairs a third gateway's recovery has
 * come to its conclusion by then, in the other half it has had no time.
 *
 * `npm test` takes a few of the pairs; `PAUSE_PAIRS=all npm test -- test/faults/pause` takes every one. SEED repeats a choice.
 *
 * @module
 */

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FAULT_POINTS, type FaultPoint } from '../../src/domain/fault-points.ts';
import { seededRandom } from '../support/random.ts';
import { CARDS, chargesOf, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

/** The instants of an attempt from before it is durable to after its outcome is. */
const POINTS = FAULT_POINTS.slice(FAULT_POINTS.indexOf('before-commit-b'));
const ALL_PAIRS = POINTS.flatMap((first) => POINTS.map((second) => [first, second] as const));
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const PAIRS =
  process.env.PAUSE_PAIRS === 'all' ? ALL_PAIRS : sample(ALL_PAIRS, Number(process.env.PAUSE_PAIRS ?? 6));

/** Every second pair waits for recovery; the next seed exchanges the halves. */
const CASES = PAIRS.map(
  ([first, second], i) =>
    [first, second, (i + SEED) % 2 === 0 ? 'once recovery has concluded' : 'at once'] as const,
);

const SEND_BEFORE_MS = 2000;
/** Short times, so that recovery reaches every conclusion while a gateway stands still. */
const SHORT = {
  SLUICE_SEND_BEFORE_SECONDS: String(SEND_BEFORE_MS / 1000),
  SLUICE_NOT_FOUND_PROOF_SECONDS: '2',
  SLUICE_SHARD_THREADS: '1',
};

function sample<Item>(items: readonly Item[], count: number): Item[] {
  const random = seededRandom(SEED);
  return items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, count)
    .map(({ item }) => item);
}

let world: World;
let witness: Gateway;
let shop: Shop;

beforeAll(async () => {
  console.log(`pause pairs: seed ${SEED}, ${CASES.length} pairs`);
  world = await startWorld({ callbackDelayMs: 300 });
  witness = await world.startGateway(SHORT);
  shop = createShop(world, witness);
});
afterAll(() => world?.stop());

/** A gateway without recovery of its own that stops itself at a point, once. */
function startVictim(point: FaultPoint): Promise<Gateway> {
  return world.startGateway({ ...SHORT, SLUICE_ROLES: 'api,checkout', SLUICE_FAULT_POINTS: `${point}=stop` });
}

/** Resolves when the gateway has stopped itself, or when its payment was answered without reaching the point. */
async function stoppedOr(victim: Gateway, point: FaultPoint, answered: Promise<unknown>): Promise<boolean> {
  let done = false;
  void answered.then(() => {
    done = true;
  });
  return await vi.waitFor(
    () => {
      if (victim.log().includes(`fault-point ${point}`)) return true;
      if (done) return false;
      throw new Error('neither stopped nor answered');
    },
    { timeout: 10_000, interval: 10 },
  );
}

/** Enough for a charge that was sent to be answered, and for the point after the answer to be reached. */
const AFTER_ANSWER_MS = 1500;

async function payAndStop(victim: Gateway, point: FaultPoint, sessionId: string): Promise<void> {
  // A stopped gateway never answers: the shopper gives up, which must change nothing.
  const answered = createShop(world, victim)
    .pay(sessionId, CARDS.success)
    .then(
      (answer) => answer.status,
      () => null,
    );
  if (await stoppedOr(victim, point, answered)) return;
  // Answered after commit B: the point may still come with the charge.
  await vi
    .waitFor(() => expect(victim.log()).toContain(`fault-point ${point}`), {
      timeout: AFTER_ANSWER_MS,
      interval: 10,
    })
    .catch(() => undefined);
}

/** Recovery concludes some 8 s after commit B: `send_before`, the proof's time, and three questions a second apart. */
const CONCLUDED_MS = 12_000;
/** As long as a resumed sender may still begin to send, and as a charge takes to reach the book. */
const RESUMED_MS = SEND_BEFORE_MS + 1500;
const EVERY_MS = 100;

test.concurrent.each(CASES)(
  'stopped at %s, then at %s, resumed %s: charged at most once, and the intent ends as the book says',
  async (firstPoint, secondPoint, resumed) => {
    const paymentIntentId = await shop.intent();
    const { sessionId } = await shop.session(paymentIntentId);
    const victims = await Promise.all([startVictim(firstPoint), startVictim(secondPoint)]);
    await payAndStop(victims[0], firstPoint, sessionId);
    await payAndStop(victims[1], secondPoint, sessionId);
    // The witness may answer the same shopper, and its recovery asks the bank.
    await shop.pay(sessionId, CARDS.success);
    if (resumed === 'once recovery has concluded') await leftProcessing(paymentIntentId);
    const order = (firstPoint.length + secondPoint.length) % 2 === 0 ? victims : [...victims].reverse();
    for (const victim of order) victim.kill('SIGCONT');
    await neverTwice(paymentIntentId, RESUMED_MS);
    await endsAsBooked(paymentIntentId);
    for (const victim of victims) victim.kill('SIGKILL');
    await Promise.all(victims.map(({ ended }) => ended));
    await endsAsBooked(paymentIntentId);
  },
  90_000,
);

/** Resolves when the intent is no longer PROCESSING, or after the time in which recovery would have ended that. */
async function leftProcessing(paymentIntentId: string): Promise<void> {
  const until = performance.now() + CONCLUDED_MS;
  while (performance.now() < until) {
    const { body } = await shop.get(`/v1/payment/intent/${paymentIntentId}`);
    if (body.status !== 'PROCESSING') return;
    await setTimeout(EVERY_MS);
  }
}

/**
 * Reads the book again and again for the whole window. That nothing happens has no event to wait for: a resumed sender
 * that wrongly charges does so within its time to send, so this time must pass, whatever the intent shows meanwhile.
 */
async function neverTwice(paymentIntentId: string, windowMs: number): Promise<void> {
  const until = performance.now() + windowMs;
  while (performance.now() < until) {
    expect((await chargesOf(world, paymentIntentId)).length).toBeLessThanOrEqual(1);
    await setTimeout(EVERY_MS);
  }
}

/** A late charge is heard of by callback, after the intent was final: so the two are compared until they agree. */
async function endsAsBooked(paymentIntentId: string): Promise<void> {
  await finalState(paymentIntentId);
  await vi.waitFor(
    async () => {
      const { status } = await finalState(paymentIntentId);
      const charges = await chargesOf(world, paymentIntentId);
      expect(status === 'SUCCESS').toBe(charges.length === 1);
    },
    { timeout: 5000, interval: EVERY_MS },
  );
  expect((await chargesOf(world, paymentIntentId)).length).toBeLessThanOrEqual(1);
}

/** Waits until the intent has no open attempt. */
function finalState(paymentIntentId: string): Promise<{ status: string }> {
  return vi.waitFor(
    async () => {
      const { body } = await shop.get(`/v1/payment/intent/${paymentIntentId}`);
      expect(['SUCCESS', 'FAILED', 'PENDING']).toContain(body.status);
      return body;
    },
    { timeout: 40_000, interval: EVERY_MS },
  );
}
