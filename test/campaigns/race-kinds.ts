/**
 * The kinds of races: who does what at once, and what must come of it.
 *
 * @module
 */

import { type Answer, CARDS } from '../support/shop.ts';
import { newKey, newOrder, type Told } from './logged-shop.ts';
import { AMOUNT, CROWD, type Race } from './race-track.ts';

export interface RaceKind {
  name: string;
  race(on: Race): Promise<void>;
}

export const RACES: readonly RaceKind[] = [
  { name: 'one key, intents', race: oneKeyIntents },
  { name: 'one key, sessions', race: oneKeySessions },
  { name: 'one key, cards', race: oneKeyCards },
  { name: 'one key, two bodies', race: oneKeyTwoBodies },
  { name: 'one key, two merchants', race: oneKeyTwoMerchants },
  { name: 'one intent, a key each', race: oneIntentManyKeys },
  { name: 'a form posted twice', race: doubleClick },
  { name: 'one session, two browsers', race: twoBrowsers },
  { name: 'callbacks against the answer', race: callbacksAgainstAnswer },
  { name: 'callbacks before the answer', race: callbacksBeforeAnswer },
];

async function oneKeyIntents(on: Race): Promise<void> {
  const [key, order, shopOf] = [newKey(), newOrder(AMOUNT), on.shopsInTurn()];
  const answers = await crowd((i) => shopOf(i).intent(order, key));
  expectOneAnswer(on, answers, 201);
  on.expect((await on.storedIntents(order.orderId)) === 1, `order ${order.orderId} has one intent`);
}

async function oneKeySessions(on: Race): Promise<void> {
  const { paymentIntentId } = await on.openCheckout();
  const [key, shopOf] = [newKey(), on.shopsInTurn()];
  const answers = await crowd((i) => shopOf(i).session(paymentIntentId, key));
  const first = expectOneAnswer(on, answers, 201);
  const checkout = { paymentIntentId, sessionId: first?.body.sessionId };
  const paid = await on.merchant.shops[1]!.pay(checkout, CARDS.success);
  on.expect(paid?.status === 202, `the session of ${paymentIntentId} opens`);
  await expectOneCharge(on, paymentIntentId);
}

async function oneKeyCards(on: Race): Promise<void> {
  const { paymentIntentId } = await on.openCheckout();
  const key = newKey();
  const answers = await crowd((i) =>
    on.merchant.shops[i % 2]!.payAsMerchant(paymentIntentId, CARDS.success, key),
  );
  const first = expectOneAnswer(on, answers, 202);
  await on.watch(first?.body.transactionId);
  await expectOneCharge(on, paymentIntentId);
  const otherCard = await on.merchant.shops[1]!.payAsMerchant(paymentIntentId, CARDS.declined, key);
  on.expect(isKeyReused(otherCard), `the key of ${paymentIntentId} is refused with another card`);
}

/** Half of the crowd has another amount: whoever is first makes the intent, and the other half is refused. */
async function oneKeyTwoBodies(on: Race): Promise<void> {
  const [key, order, shopOf] = [newKey(), newOrder(AMOUNT), on.shopsInTurn()];
  const amounts = [order.amount, order.amount + 1];
  const answers = await crowd((i) => shopOf(i).intent({ ...order, amount: amounts[(i >> 1) % 2]! }, key));
  const halves = amounts.map((_, half) => answers.filter((_answer, i) => (i >> 1) % 2 === half));
  const [winners, losers] = halves.toSorted((a, b) => created(b) - created(a));
  expectOneAnswer(on, winners!, 201);
  on.expect(
    losers!.every((answer) => isKeyReused(answer) || answer?.status === 409),
    `the other body of order ${order.orderId} is refused`,
  );
  on.expect((await on.storedIntents(order.orderId)) === 1, `order ${order.orderId} has one intent`);
}

async function oneKeyTwoMerchants(on: Race): Promise<void> {
  const [key, order] = [newKey(), newOrder(AMOUNT)];
  const merchants = [on.merchant, on.otherMerchant];
  const answers = await crowd((i) => merchants[(i >> 1) % 2]!.shops[i % 2]!.intent(order, key));
  const ids = merchants.map((_, half) =>
    expectOneAnswer(
      on,
      answers.filter((_answer, i) => (i >> 1) % 2 === half),
      201,
    ),
  );
  on.expect(
    ids[0]?.body.paymentIntentId !== ids[1]?.body.paymentIntentId,
    `order ${order.orderId} is two intents, one of each merchant`,
  );
  on.expect((await on.storedIntents(order.orderId)) === 2, `order ${order.orderId} has two intents`);
}

async function oneIntentManyKeys(on: Race): Promise<void> {
  const { paymentIntentId } = await on.openCheckout();
  const answers = await crowd((i) =>
    on.merchant.shops[i % 2]!.payAsMerchant(paymentIntentId, CARDS.success, newKey()),
  );
  const taken = answers.filter((answer) => answer?.status === 202);
  on.expect(taken.length === 1, `one of ${CROWD} keys pays ${paymentIntentId}, not ${taken.length}`);
  on.expect(
    answers.every((answer) => answer?.status === 202 || answer?.status === 409),
    `the others of ${paymentIntentId} are in conflict`,
  );
  await on.watch(taken[0]?.body.transactionId);
  await expectOneCharge(on, paymentIntentId);
}

/** Every click is led to the same page of one payment. */
async function doubleClick(on: Race): Promise<void> {
  const checkout = await on.openCheckout();
  const shift = on.random() < 0.5 ? 0 : 1;
  const clicks = [0, 1, 2, 3].map((i) =>
    on.merchant.shops[(i * shift) % 2]!.payByForm(checkout, CARDS.success),
  );
  const answers = await Promise.all(clicks);
  const pages = new Set(answers.map((answer) => answer?.headers.get('location')));
  on.expect(
    answers.every((answer) => answer?.status === 303) && pages.size === 1,
    `all clicks on ${checkout.paymentIntentId} lead to one page, not to ${[...pages].join(' and ')}`,
  );
  await expectOneCharge(on, checkout.paymentIntentId);
}

/** A card that is declined leaves the intent to the other browser, which tries until it has paid. */
async function twoBrowsers(on: Race): Promise<void> {
  const checkout = await on.openCheckout();
  const [one, two] = on.merchant.shops;
  const cards = on.random() < 0.5 ? [CARDS.success, OTHER_SUCCESS] : [CARDS.declined, OTHER_SUCCESS];
  const answers = await Promise.all([
    one!.pay(checkout, cards[0]!),
    two!.pay(checkout, cards[1]!),
    one!.pay(checkout, cards[0]!),
    two!.pay(checkout, cards[1]!),
  ]);
  on.expect(
    answers.some((answer) => answer?.status === 202),
    `a browser pays ${checkout.paymentIntentId}`,
  );
  await on.payUntilPaid(checkout, OTHER_SUCCESS);
  await expectOneCharge(on, checkout.paymentIntentId);
}

const OTHER_SUCCESS = '5555555555554444';

/** The bank's callback and 20 copies of it arrive while its answer does, at the other gateway than the shopper's. */
async function callbacksAgainstAnswer(on: Race): Promise<void> {
  await payAmongCallbacks(on, 0);
}

/** The charge is booked and called back before the bank answers: commit D is the callback's, and the answer comes to it. */
async function callbacksBeforeAnswer(on: Race): Promise<void> {
  await payAmongCallbacks(on, 50 + Math.floor(on.random() * 100));
}

const REPLAYS = 20;

async function payAmongCallbacks(on: Race, answerDelayMs: number): Promise<void> {
  const checkout = await on.openCheckout();
  await on.delayAnswers(answerDelayMs);
  const shop = on.merchant.shops[on.random() < 0.5 ? 0 : 1]!;
  const paid = await shop.pay(checkout, CARDS.success);
  on.expect(paid?.status === 202, `${checkout.paymentIntentId} is taken`);
  const transactionId = paid?.body.transactionId;
  await Promise.all([on.watch(transactionId), on.replayOnceBooked(transactionId, REPLAYS)]);
  await on.delayAnswers(0);
  await expectOneCharge(on, checkout.paymentIntentId);
}

/** Everybody at once. */
function crowd(ask: (i: number) => Promise<Told>): Promise<Told[]> {
  return Promise.all(Array.from({ length: CROWD }, (_, i) => ask(i)));
}

function created(answers: readonly Told[]): number {
  return answers.filter((answer) => answer?.status === 201).length;
}

function isKeyReused(answer: Told): boolean {
  return answer?.status === 422 && answer.body.code === 'idempotency_key_reused';
}

/**
 * One effect and one body: exactly one answer is not a replay, the others have the same status and body, or are told that the key
 * is in flight.
 * @returns the first of them
 */
function expectOneAnswer(on: Race, answers: readonly Told[], status: number): Answer | undefined {
  const inFlight = (answer: Told): boolean =>
    answer?.status === 409 && answer.body.code === 'idempotency_key_in_flight';
  const given = answers.filter((answer): answer is Answer => answer !== null && !inFlight(answer));
  const statuses = [...new Set(answers.map((answer) => (inFlight(answer) ? status : answer?.status)))];
  on.expect(statuses.join() === String(status), `all are answered ${status} or 409, not ${statuses.join()}`);
  const bodies = new Set(given.map(({ body }) => JSON.stringify(body)));
  on.expect(bodies.size === 1, `all answers have one body: ${[...bodies].slice(0, 3).join(' and ')}`);
  const firsts = given.filter(({ headers }) => headers.get('idempotency-replayed') === null);
  on.expect(firsts.length === 1, `one answer is the first, not ${firsts.length}: ${[...bodies][0]}`);
  return firsts[0];
}

async function expectOneCharge(on: Race, paymentIntentId: string): Promise<void> {
  const { length } = await on.chargesOnceFinal(paymentIntentId);
  on.expect(length === 1, `${paymentIntentId} is charged once, not ${length} times`);
}
