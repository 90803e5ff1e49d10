/**
 * Faults: payments at a bank that drops, delays, garbles, repeats and forges.
 *
 * One trial is one payment with a plan of faults dealt by the seed. It must end as the plan says, and at the end the client
 * log, the book and the databases must tell one story.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { FAULT_KINDS } from '../../sandbox/faults.ts';
import { queryShards } from '../support/databases.ts';
import { eventually, pause } from '../support/eventually.ts';
import { shuffled } from '../support/random.ts';
import { CARDS } from '../support/shop.ts';
import type { World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { inCrew } from './crew.ts';
import { FAULT_PLANS, type FaultOrder, type FaultPlan, SECOND_FAULTS } from './fault-plans.ts';
import { allFinal, openCase } from './judgement.ts';
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

export const faults: Campaign = {
  name: 'faults',
  summary: 'a bank that drops, delays, garbles, repeats and forges; one trial is one payment with faults',
  countDefault: 500,
  run: (run) => inWorld({}, (world) => meetFaults(world, run)),
};

interface Tally {
  trials: number;
  notSent: number;
  amounts: number;
  violations: string[];
}

async function meetFaults(world: World, run: CampaignRun): Promise<CampaignReport> {
  const gateway = await world.startGateway(SHORT_TIMES);
  const { log, judge } = openCase(world);
  const shop = createLoggedShop(world, gateway, { log });
  const tally: Tally = { trials: 0, notSent: 0, amounts: AMOUNT_FIRST, violations: [] };
  const habits = { cards: [CARDS.success], restMs: UNHARMED_REST_MS };
  const shoppers = startShoppers([shop], UNHARMED_SHOPPERS, run.random, habits);
  const plans = dealPlans(run);
  await inCrew(plans.length, AT_ONCE, async (index) => {
    await tryPlan(world, shop, plans[index]!, tally);
    if (++tally.trials % 100 === 0) run.tell(`  ${tally.trials} payments`);
  }).finally(() => shoppers.leave());
  await allCallbacksHeard(world);
  await allFinal(world);
  const judgement = await judge();
  return {
    trials: tally.trials,
    figures: {
      ...judgement.figures,
      'payments without a fault': shoppers.paid(),
      'not sent, made again': tally.notSent,
      ...(await struckFaults(world)),
      ...(await countsBy(world, 'callbacks', 'select verdict as name from processor_callbacks')),
      ...(await countsBy(world, 'events', 'select type as name from outbox')),
    },
    violations: [...tally.violations, ...judgement.violations],
  };
}

/** Shuffled decks of all plans, one after the other; half of those that are called back get a second fault. */
function dealPlans({ count, random }: CampaignRun): FaultPlan[] {
  const dealt: FaultPlan[] = [];
  while (dealt.length < count) dealt.push(...shuffled(FAULT_PLANS, random));
  return dealt.slice(0, count).map((plan) => {
    if (!plan.calledBack || random() < 0.5) return plan;
    const second = SECOND_FAULTS[Math.floor(random() * SECOND_FAULTS.length)]!;
    return {
      ...plan,
      name: `${plan.name}, ${second.step} ${second.fault}`,
      faults: [...plan.faults, second],
    };
  });
}

async function tryPlan(world: World, shop: LoggedShop, plan: FaultPlan, tally: Tally): Promise<void> {
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const amount = tally.amounts++;
    for (const fault of plan.faults) await orderFault(world, fault, amount);
    const payment = await shop.buy(plan.card, amount);
    const end = payment === null ? null : await endOf(shop, payment, plan);
    // What is left waits for a charge or a question that never comes; a fault of the callback is still to strike.
    if (end !== 'as planned' || plan.faults.some(({ count = 1 }) => count > 1))
      await clearFaults(world, amount);
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
async function endOf(shop: LoggedShop, { transactionId }: Payment, plan: FaultPlan): Promise<string> {
  const until = performance.now() + ENDS_WITHIN_MS;
  for (let everyMs = 100; ; everyMs = Math.min(everyMs * 1.5, 1000)) {
    const told = await shop.transaction(transactionId);
    const { status, outcome, failureCode } = told?.body ?? {};
    const sendable = plan.name !== 'connection refused';
    if (sendable && outcome === 'not_sent' && failureCode === 'processor_unreachable') return 'not sent';
    if (status === plan.ends) return 'as planned';
    if (performance.now() > until) return String(status);
    await pause(everyMs);
  }
}

async function orderFault(world: World, fault: FaultOrder, amount: number): Promise<void> {
  const body = JSON.stringify({ ...fault, amount });
  const { status } = await fetch(`${world.bankUrl}/_bank/faults`, { method: 'POST', body });
  assert.equal(status, 201, `the bank does not take the fault ${body}`);
}

async function clearFaults(world: World, amount: number): Promise<void> {
  await fetch(`${world.bankUrl}/_bank/faults?amount=${amount}`, { method: 'DELETE' });
}

async function allCallbacksHeard(world: World): Promise<void> {
  await eventually(
    async () => {
      const health = await fetch(`${world.bankUrl}/_bank/health`);
      const { callbacks_pending: pending } = (await health.json()) as { callbacks_pending: number };
      assert.equal(pending, 0, 'callbacks are still to be heard');
    },
    { withinMs: 60_000, everyMs: 100 },
  );
}

/** How often each fault of the bank has struck; 0 for those that have not. */
async function struckFaults(world: World): Promise<Record<string, number>> {
  const tally = await fetch(`${world.bankUrl}/_bank/faults`);
  const { struck } = (await tally.json()) as { struck: Record<string, number> };
  const names = Object.entries(FAULT_KINDS).flatMap(([step, kinds]) =>
    kinds.map((kind) => `${step} ${kind}`),
  );
  return Object.fromEntries(names.map((name) => [name, struck[name] ?? 0]));
}

/** Rows by their `name`, as `<what> <name>`. */
async function countsBy(world: World, what: string, rows: string): Promise<Record<string, number>> {
  const names = await queryShards<{ name: string }>(world, rows);
  const groups = Map.groupBy(names, ({ name }) => name);
  return Object.fromEntries([...groups].map(([name, { length }]) => [`${what} ${name}`, length]));
}
