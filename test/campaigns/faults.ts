/**
 * Faults: payments at a bank that drops, delays, garbles, repeats and forges.
 *
 * One trial is one payment with a plan of faults dealt by the seed. It must end as the plan says, and at the end the client
 * log, the book and the databases must tell one story.
 *
 * @module
 */

import { pause } from '../support/eventually.ts';
import type { BankProcessor, World } from '../support/world.ts';
import { allCallbacksHeard, clearFaults, orderFault, struckFaults } from './bank-operator.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { answerBank } from './challenged-shopper.ts';
import { inCrew } from './crew.ts';
import { dealt, type FaultPlan, faultPlans, unharmedCard } from './fault-plans.ts';
import { allFinal, countsBy, openCase } from './judgement.ts';
import { createLoggedShop, type LoggedShop, type Payment } from './logged-shop.ts';
import { inWorld, SHORT_TIMES } from './setting.ts';
import { startShoppers } from './shoppers.ts';

const AT_ONCE = 200;
/** Shoppers to whom nothing happens. Two of three charges with faults fail: without them the breaker would be open most of the time. */
const UNHARMED_SHOPPERS = 6;
const UNHARMED_REST_MS = 50;
/** Each payment has an amount of its own, above all of the shoppers', by which its faults find it. */
const AMOUNT_FIRST = 1_000_000;
const ENDS_WITHIN_MS = 90_000;
/** The breaker may be open: a payment that was not sent is made again. */
const TRIES_MAX = 40;

/** The bank as one of the processors it speaks as. */
export function faultsAt(processor: BankProcessor): Campaign {
  return {
    name: NAMES[processor],
    summary: `the bank as ${processor} drops, delays, garbles, repeats and forges; one trial is one payment with faults`,
    countDefault: COUNTS[processor],
    run: (run) => inWorld({}, (world) => meetFaults(world, run, processor)),
  };
}

/** What proves that Stripe does not know an intent is a whole list of all of that time, page by page: more of them, by several seeds. */
const COUNTS: Readonly<Record<BankProcessor, number>> = {
  SANDBOX: 500,
  RAZORPAY: 2000,
  PAYU: 2000,
  STRIPE: 500,
};

const NAMES: Readonly<Record<BankProcessor, string>> = {
  SANDBOX: 'faults',
  RAZORPAY: 'faults-razorpay',
  PAYU: 'faults-payu',
  STRIPE: 'faults-stripe',
};

/** Why a charge was never sent, which is no fault of its bank's: the breaker was open, or the machine slow. */
const NEVER_LEFT: readonly string[] = [
  'processor_unreachable',
  'processor_breaker_open',
  'processor_busy',
  'send_before_passed',
];

interface Tally {
  trials: number;
  notSent: number;
  amounts: number;
  violations: string[];
}

async function meetFaults(world: World, run: CampaignRun, processor: BankProcessor): Promise<CampaignReport> {
  const merchantId = `merchant_${processor.toLowerCase()}`;
  const merchant = { merchantId, secretKey: await world.addMerchant(merchantId, { processor }) };
  const gateway = await world.startGateway(SHORT_TIMES);
  const { log, judge } = openCase(world);
  const shop = createLoggedShop(world, gateway, { log, merchant });
  const tally: Tally = { trials: 0, notSent: 0, amounts: AMOUNT_FIRST, violations: [] };
  const habits = { cards: [unharmedCard(processor)], restMs: UNHARMED_REST_MS };
  const shoppers = startShoppers([shop], UNHARMED_SHOPPERS, run.random, habits);
  const plans = dealt(faultPlans(processor), run);
  await inCrew(plans.length, AT_ONCE, async (index) => {
    await tryPlan(world, shop, plans[index]!, tally);
    if (++tally.trials % 100 === 0) run.tell(`  ${tally.trials} payments`);
  }).finally(() => shoppers.leave());
  await allCallbacksHeard(world.bankUrl);
  await allFinal(world);
  const judgement = await judge();
  return {
    trials: tally.trials,
    figures: {
      ...judgement.figures,
      'payments without a fault': shoppers.paid(),
      'not sent, made again': tally.notSent,
      ...(await struckFaults(world.bankUrl)),
      ...(await countsBy(world, 'callbacks', 'select verdict as name from processor_callbacks')),
      ...(await countsBy(world, 'events', 'select type as name from outbox')),
    },
    violations: [...tally.violations, ...judgement.violations],
  };
}

async function tryPlan(world: World, shop: LoggedShop, plan: FaultPlan, tally: Tally): Promise<void> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const amount = tally.amounts++;
    for (const fault of plan.faults) await orderFault(world.bankUrl, fault, amount);
    const payment = await shop.buy(plan.card, amount);
    const end = payment === null ? null : await endOf(world, shop, payment, plan);
    // What is left waits for a charge or a question that never comes; a fault of the callback is still to strike.
    if (end !== 'as planned' || plan.faults.some(({ count = 1 }) => count > 1))
      await clearFaults(world.bankUrl, amount);
    if (end === 'as planned') return;
    if (end === 'not sent' || payment === null) {
      tally.notSent++;
      await pause(250 * tries);
      continue;
    }
    tally.violations.push(`${plan.name}: ${payment.transactionId} ends ${end}, not ${plan.ends}`);
    return;
  }
  throw new Error(`${plan.name} could not be tried: the gateway refused ${TRIES_MAX} payments`);
}

/** Looks until the payment has ended as planned. Late success makes a SUCCESS of FAILED, so only time tells another end. */
async function endOf(
  world: World,
  shop: LoggedShop,
  { transactionId }: Payment,
  plan: FaultPlan,
): Promise<string> {
  const until = performance.now() + ENDS_WITHIN_MS;
  let answered = false;
  for (let everyMs = 100; ; everyMs = Math.min(everyMs * 1.5, 1000)) {
    const told = await shop.transaction(transactionId);
    if (!answered) answered = await answerBank(world, told, 'approve');
    const { status, outcome, failureCode } = told?.body ?? {};
    const neverLeft = outcome === 'not_sent' && NEVER_LEFT.includes(failureCode);
    if (plan.unsent !== true && neverLeft) return 'not sent';
    if (status === plan.ends) return 'as planned';
    if (performance.now() > until) return String(status);
    await pause(everyMs);
  }
}
