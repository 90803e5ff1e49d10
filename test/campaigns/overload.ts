/**
 * Overload: twice, five and ten times of what can be done, for some seconds each.
 *
 * One trial is one step of load, on one of two doors in turn. A merchant's orders over HTTP, against a rate limit that makes the
 * ceiling one that a driver beside it can pass tenfold; another merchant's shoppers must not notice. And commands into
 * a lane with a small mailbox, where PostgreSQL is what is too slow.
 *
 * In each step what is done stays a stated share of the ceiling, whoever is refused hears so early and when to come again, and
 * afterwards all is as before. The shares are wide, for machines that do other work; the verdict at the end is exact.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { eventually, pause } from '../support/eventually.ts';
import { CARDS } from '../support/shop.ts';
import type { Gateway, World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { allFinal, openCase } from './judgement.ts';
import { createLoggedShop, type LoggedShop } from './logged-shop.ts';
import { type Door, openLaneDoor, openMerchantDoor } from './overload-doors.ts';
import { inWorld } from './setting.ts';
import { startShoppers } from './shoppers.ts';

const TIMES = [2, 5, 10];
const STEP_MS = 3000;
/** Offered in slices of this length. */
const SLICE_MS = 10;

/**
 * What must be done in a step, as a share of the ceiling found just before. A lane at ten times its ceiling shares its thread with
 * a driver that asks eight thousand times a second: it did 58 % alone on two cores, 25 % beside other work.
 */
const GOODPUT_SHARE_MIN = 0.15;
/** A driver that offers less of what it meant to has not overloaded anything. */
const OFFERED_SHARE_MIN = 0.6;
/** 99 of 100 refusals come within this. */
const REFUSAL_MS_MAX = 3000;
/** Beyond the deadline of everything that is asked. */
const ANSWERS_WITHIN_MS = 20_000;
/** Resident memory that the gateway may gain over the whole campaign. */
const GAIN_MEBIBYTES_MAX = 300;
/** After a step a whole payment is taken within this. */
const NORMAL_WITHIN_MS = 10_000;
/** Well below the limit: a dozen requests a second. */
const CALM_SHOPPERS = 2;
const CALM_REST_MS = 500;

export const overload: Campaign = {
  name: 'overload',
  summary: '2, 5 and 10 times the ceiling, of a merchant and of a lane; one trial is one step of load',
  countDefault: 6,
  run: (run) => inWorld({}, (world) => overloadWorld(world, run)),
};

async function overloadWorld(world: World, run: CampaignRun): Promise<CampaignReport> {
  // So few that ten times as many are no trouble for the driver.
  const gateway = await world.startGateway({ SLUICE_RATE_LIMITS: 'merchant=20/1' });
  const { log, judge } = openCase(world);
  const patience = { log, patienceMs: ANSWERS_WITHIN_MS };
  const busy = createLoggedShop(world, gateway, patience);
  const secretKey = await world.addMerchant('merchant_calm');
  const merchant = { merchantId: 'merchant_calm', secretKey };
  const calm = createLoggedShop(world, gateway, { ...patience, merchant });
  const shoppers = startShoppers([calm], CALM_SHOPPERS, run.random, {
    cards: [CARDS.success],
    restMs: CALM_REST_MS,
  });
  const doors = [openMerchantDoor(busy), openLaneDoor(world, log, run.random)];
  const memoryBefore = residentMebibytes(gateway);
  const violations: string[] = [];
  const figures: Record<string, number> = {};
  let trials = 0;
  try {
    const ceilings: number[] = [];
    for (const door of doors) ceilings.push(await door.ceiling());
    for (; trials < run.count; trials++) {
      const door = doors[trials % doors.length]!;
      const times = TIMES[Math.floor(trials / doors.length) % TIMES.length]!;
      const name = `${door.name} ×${times}`;
      const ceiling = ceilings[trials % doors.length]!;
      const paidBefore = shoppers.paid();
      const step = await offer(door, ceiling * times);
      run.tell(
        `  ${name}: of ${step.offered} a second ${step.done} done, ${step.refused} refused within ${step.refusedMs} ms`,
      );
      violations.push(...wrongIn(name, step, ceiling), ...(await backToNormal(name, busy)));
      if (shoppers.paid() === paidBefore) violations.push(`${name}: the other merchant sold nothing`);
      figures[`${name}: share of the ceiling done, %`] = Math.round((100 * step.done) / ceiling);
      figures[`${name}: refused`] = step.refusals;
    }
  } finally {
    await shoppers.leave();
    await Promise.all(doors.map((door) => door.close()));
  }
  if (shoppers.turnedAway() > 0)
    violations.push(`the other merchant’s shoppers were turned away ${shoppers.turnedAway()} times`);
  const gained = residentMebibytes(gateway) - memoryBefore;
  if (gained > GAIN_MEBIBYTES_MAX)
    violations.push(`the gateway has gained ${gained} MiB, more than ${GAIN_MEBIBYTES_MAX}`);
  await allFinal(world);
  const judgement = await judge();
  return {
    trials,
    figures: {
      ...judgement.figures,
      ...figures,
      'payments of the other merchant': shoppers.paid(),
      'memory gained, MiB': gained,
    },
    violations: [...violations, ...judgement.violations],
  };
}

/** A step of load, per second but for `refusals`. */
interface Step {
  wanted: number;
  offered: number;
  done: number;
  refused: number;
  refusals: number;
  /** Within which 99 of 100 refusals came. */
  refusedMs: number;
  /** Answers that are neither. */
  odd: Map<string, number>;
}

/** An open loop: what is due is sent, whatever has been answered so far. */
async function offer(door: Door, perSecond: number): Promise<Step> {
  const waits: number[] = [];
  const odd = new Map<string, number>();
  let [sent, done] = [0, 0];
  const answers: Promise<void>[] = [];
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const send = async (): Promise<void> => {
    const sentAt = performance.now();
    const answer = await door.ask();
    if (answer === 'done') done++;
    else if (answer === 'refused') waits.push(performance.now() - sentAt);
    else odd.set(answer, (odd.get(answer) ?? 0) + 1);
  };
  while (elapsed() < STEP_MS) {
    const due = Math.floor((perSecond * elapsed()) / 1000);
    for (; sent < due; sent++) answers.push(send());
    await pause(SLICE_MS);
  }
  const seconds = elapsed() / 1000;
  await Promise.race([Promise.all(answers), pause(ANSWERS_WITHIN_MS)]);
  const told = done + waits.length + [...odd.values()].reduce((sum, times) => sum + times, 0);
  if (told < sent) odd.set(`left without an answer for ${ANSWERS_WITHIN_MS} ms`, sent - told);
  const whole = elapsed() / 1000;
  waits.sort((a, b) => a - b);
  return {
    wanted: Math.round(perSecond),
    offered: Math.round(sent / seconds),
    done: Math.round(done / whole),
    refused: Math.round(waits.length / whole),
    refusals: waits.length,
    refusedMs: Math.round(waits[Math.floor(waits.length * 0.99)] ?? 0),
    odd,
  };
}

function wrongIn(name: string, step: Step, ceiling: number): string[] {
  assert.ok(
    step.offered >= step.wanted * OFFERED_SHARE_MIN,
    `${name}: this machine could offer only ${step.offered} of ${step.wanted} a second`,
  );
  const wrong = [...step.odd].map(([answer, times]) => `${name}: ${times} times ${answer}`);
  if (step.done < ceiling * GOODPUT_SHARE_MIN)
    wrong.push(`${name}: only ${step.done} of ${ceiling} a second were done`);
  if (step.refusedMs > REFUSAL_MS_MAX) wrong.push(`${name}: refused only after ${step.refusedMs} ms`);
  if (step.refusals === 0) wrong.push(`${name}: nothing was refused, so nothing was overloaded`);
  return wrong;
}

async function backToNormal(name: string, shop: LoggedShop): Promise<string[]> {
  try {
    await eventually(async () => assert.ok((await shop.buy(CARDS.success, 500)) !== null), {
      withinMs: NORMAL_WITHIN_MS,
      everyMs: 250,
    });
    return [];
  } catch {
    return [`${name}: no payment is taken ${NORMAL_WITHIN_MS} ms later`];
  }
}

function residentMebibytes({ pid }: Gateway): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kibibytes) / 1024);
}
