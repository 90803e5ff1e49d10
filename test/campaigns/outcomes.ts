/**
 * Outcomes: payments at two banks, both with faults at every step, each away or silent for a while, and shoppers who try another
 * card where they may. No outcome is guessed: what may have been charged at the first bank never reaches the second, what provably
 * was not does, and whatever is unknown is known in its time.
 *
 * One trial is one order. After all of them, the gateway's own steps are timed while the first bank hangs and while it does not.
 *
 * @module
 */

import { pause } from '../support/eventually.ts';
import { CARDS } from '../support/shop.ts';
import type { World } from '../support/world.ts';
import { allCallbacksHeard, clearFaults, orderFault, struckFaults } from './bank-operator.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { answerBank } from './challenged-shopper.ts';
import { inCrew } from './crew.ts';
import { allFinal, countsBy, openCase } from './judgement.ts';
import { createLoggedShop, type LoggedShop, type Means, type Payment } from './logged-shop.ts';
import { judgeOutcomes, type Ordered } from './outcome-judgement.ts';
import { type OutcomePlan, outcomePlans } from './outcome-plans.ts';
import { addMerchantOfTwoBanks, inWorld, SHORT_TIMES } from './setting.ts';
import { compareSteps } from './step-latencies.ts';
import { startWeather } from './weather.ts';

/** At once, of a long run; of a short one fewer, so that the weather changes over it. */
const AT_ONCE = 240;
const AT_ONCE_OF = 4;
/** Each order has an amount of its own, by which faults find it. */
const AMOUNT_FIRST = 1_000_000;
/** The shopper looks on for as long; that every payment ends is judged when all is over. */
const WATCHED_MS = 45_000;
const CARDS_MAX = 3;
const TRIES_MAX = 20;
/** From here on a run is long enough for figures of latency that mean something. */
const LONG_RUN = 2000;
/** A callback may still be to come, and its fault with it. */
const CALLED_BACK_MS = 1000;
/** Nobody answers a bank's page for so long: it gives up. */
const CHALLENGE_MS = 6000;

export const outcomes: Campaign = {
  name: 'outcomes',
  summary:
    'two banks with faults at every step, away or silent at times; one trial is an order and its shopper',
  countDefault: 1000,
  run: (run) =>
    inWorld({ bankEnv: { SANDBOX_CHALLENGE_MS: String(CHALLENGE_MS) } }, (world) =>
      payAtTwoBanks(world, run),
    ),
};

async function payAtTwoBanks(world: World, run: CampaignRun): Promise<CampaignReport> {
  const merchant = await addMerchantOfTwoBanks(world);
  const gateway = await world.startGateway(SHORT_TIMES);
  const { log, judge } = openCase(world);
  const shop = createLoggedShop(world, gateway, { log, merchant });
  const plans = outcomePlans(run);
  const ordered: Ordered[] = [];
  const weather = startWeather(world, run.random);
  const atOnce = Math.min(AT_ONCE, Math.ceil(run.count / AT_ONCE_OF));
  await inCrew(plans.length, atOnce, async (index) => {
    ordered.push(await makeOrder(world, shop, plans[index]!, AMOUNT_FIRST + index, run.random));
    if (ordered.length % 500 === 0) run.tell(`  ${ordered.length} orders`);
  }).finally(() => weather.clear());
  run.tell('  all orders are made');
  await settled(world, ordered);
  const struck = await Promise.all([world.bankUrl, world.bankBUrl].map(struckFaults));
  run.tell('  all is settled');
  const steps = await compareSteps(shop, {
    bankUrl: world.bankUrl,
    ...(run.count < LONG_RUN
      ? { perSecond: 30, seconds: 1.5, rounds: 2, moreMs: 1000 }
      : { perSecond: 50, seconds: 10, rounds: 3, moreMs: 20 }),
  });
  await settled(world, ordered);
  const own = await judgeOutcomes(world, ordered, weather.spells);
  const judgement = await judge();
  return {
    trials: ordered.length,
    figures: {
      ...judgement.figures,
      ...own.figures,
      ...named('bank A:', struck[0]!),
      ...named('bank B:', struck[1]!),
      ...(await countsBy(world, 'callbacks', 'select verdict as name from processor_callbacks')),
      ...(await countsBy(world, 'events', 'select type as name from outbox')),
      ...steps.figures,
    },
    violations: [
      ...own.violations,
      ...judgement.violations,
      ...steps.violations,
      ...(run.count < LONG_RUN ? [] : struck.flatMap(neverStruck)),
    ],
  };
}

/** Everything a bank still has to say has been heard, and every attempt is final. */
async function settled(world: World, ordered: readonly Ordered[]): Promise<void> {
  const lateMs = Math.max(0, ...ordered.map(({ lateUntil }) => lateUntil - Date.now()));
  await pause(lateMs);
  await Promise.all([world.bankUrl, world.bankBUrl].map(allCallbacksHeard));
  await allFinal(world);
}

async function makeOrder(
  world: World,
  shop: LoggedShop,
  plan: OutcomePlan,
  amount: number,
  random: () => number,
): Promise<Ordered> {
  const atA: boolean[] = [];
  for (const fault of plan.faults) atA.push(await orderFault(world.bankUrl, fault, amount));
  for (const fault of plan.faultsAtB) await orderFault(world.bankBUrl, fault, amount);
  const payment = await buyAtLast(shop, plan.means, amount);
  await payUntilTheEnd(world, shop, payment, plan, random);
  await pause(CALLED_BACK_MS);
  const [waitingAtA] = await Promise.all([
    clearFaults(world.bankUrl, amount),
    clearFaults(world.bankBUrl, amount),
  ]);
  const booksLate = [...plan.faults, ...plan.faultsAtB].map(({ ms = 0 }) => ms);
  return {
    plan,
    amount,
    struckAtA: atA.every(Boolean) && waitingAtA === 0,
    lateUntil: Date.now() + Math.max(0, ...booksLate),
  };
}

/** A gateway under load may refuse; an order it has refused is made again. */
async function buyAtLast(shop: LoggedShop, means: Means, amount: number): Promise<Payment> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const payment = await shop.buy(means, amount);
    if (payment !== null) return payment;
    await pause(250 * tries);
  }
  throw new Error(`the gateway refused ${TRIES_MAX} payments of ${amount}`);
}

/** The shopper answers the bank, and takes another card where the attempt allows one. */
async function payUntilTheEnd(
  world: World,
  shop: LoggedShop,
  payment: Payment,
  plan: OutcomePlan,
  random: () => number,
): Promise<void> {
  let { transactionId } = payment;
  for (let cards = 1; ; cards++) {
    if ((await endOf(world, shop, transactionId, plan)) !== 'FAILED' || cards === CARDS_MAX) return;
    const next = await shop.pay(payment, random() < 0.8 ? CARDS.success : CARDS.insufficientFunds);
    if (next?.status !== 202) return;
    transactionId = next.body.transactionId;
  }
}

async function endOf(
  world: World,
  shop: LoggedShop,
  transactionId: string,
  { choice }: OutcomePlan,
): Promise<string | null> {
  let answered = false;
  const until = performance.now() + WATCHED_MS;
  for (let everyMs = 100; performance.now() < until; everyMs = Math.min(everyMs * 1.5, 1000)) {
    const told = await shop.transaction(transactionId);
    const status = told?.body.status;
    if (status === 'SUCCESS' || status === 'FAILED') return status;
    if (!answered) answered = await answerBank(world, told, choice);
    await pause(everyMs);
  }
  return null;
}

/** Asked of a long run: each fault has befallen somebody at each bank. */
function neverStruck(struck: Readonly<Record<string, number>>, bank: number): string[] {
  const never = Object.keys(struck).filter((name) => struck[name] === 0);
  return never.map((name) => `never struck at bank ${'AB'[bank]}: ${name}`);
}

function named(what: string, figures: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${what} ${name}`, value]));
}
