/**
 * kill -9 of gateway, PostgreSQL and bank, and the death of every kind of thread, under load: everything acknowledged is there,
 * every payment ends final, and the book has one charge for each success and none for anything else.
 *
 * Two gateways work on the same databases, one with shard threads and one without. Their merchant has two banks: what the first
 * refuses, as a card of the sandbox's is or all while it is dead, goes on to the second. Each trial kills once: at any moment, or at a
 * named instant of a payment. There the gateway kills itself or one of its threads; or it stands still (SIGSTOP) while
 * PostgreSQL or the bank is killed, and goes on before or after that is back.
 *
 * @module
 */

import { PAYMENT_POINTS } from '../../src/domain/fault-points.ts';
import { queryShards } from '../support/databases.ts';
import { eventually, pause } from '../support/eventually.ts';
import type { World } from '../support/world.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { type Fleet, type Ship, startFleet, strikeAt } from './fleet.ts';
import { allFinal, countsBy, openCase } from './judgement.ts';
import { nameOf, planOf, ROUND, STRIKES, type Strike } from './kill-plan.ts';
import { letShoppersIn, type StubbornShoppers } from './kill-shoppers.ts';
import { addMerchantOfTwoBanks, inWorld, SHORT_TIMES } from './setting.ts';
import { paidMore } from './shoppers.ts';

const GATEWAYS = [
  { ...SHORT_TIMES, SLUICE_SHARD_THREADS: '0' },
  { ...SHORT_TIMES, SLUICE_SHARD_THREADS: '2' },
];
/** Only this one has shard threads. */
const WITH_SHARD_THREADS = 1;

/** Payments acknowledged between two kills, so that each meets work under way and lets its victims' successors work. */
const PAID_BETWEEN = 10;
/** A kill at any moment comes up to this long after that. */
const MOMENT_MS_MAX = 300;
/** At a point, the n-th passing. */
const PASSING_MAX = 5;
/** A thread's own point is passed every 50 ms. */
const THREAD_PASSING_MAX = 20;
/** After kill -9 of a gateway (issue: under ten seconds). */
const READY_MS_MAX = 10_000;

export const kill: Campaign = {
  name: 'kill',
  summary:
    'SIGKILL of gateway, PostgreSQL and bank and death of every kind of thread, under load; a trial is a kill',
  countDefault: 300,
  run: (run) => inWorld({}, (world) => killUnderLoad(world, run)),
};

/** What the trials are made with and what they leave behind. */
interface Trials {
  world: World;
  fleet: Fleet;
  shoppers: StubbornShoppers;
  random(): number;
  /** How often each kill was made, by name. */
  made: Map<string, number>;
  /** Milliseconds until both gateways were ready again after a kill of PostgreSQL was begun. */
  afterPostgresMs: number[];
  /** Milliseconds from the death of a thread until its gateway was ready again. */
  afterThreadMs: number[];
  /** Gateways that ended because their threads died too often. */
  gaveUp: number;
}

async function killUnderLoad(world: World, run: CampaignRun): Promise<CampaignReport> {
  const { random } = run;
  // Drawn before anybody else draws: whom a trial kills, and where, is by the seed alone.
  const plan = planOf(run.count, random);
  const merchant = await addMerchantOfTwoBanks(world);
  const { log, judge } = openCase(world);
  const fleet = await startFleet(world, GATEWAYS);
  const shoppers = letShoppersIn(world, fleet, log, random, { merchant });
  const trials: Trials = {
    world,
    fleet,
    shoppers,
    random,
    made: new Map(STRIKES.flat().map((strike) => [nameOf(strike), 0])),
    afterPostgresMs: [],
    afterThreadMs: [],
    gaveUp: 0,
  };
  await Promise.race([killAll(trials, plan, run), shoppers.left]);
  await fleet.raise();
  await shoppers.leave();
  await allFinal(world);
  const unanswered = await shoppers.payOnceMore();
  await allFinal(world);
  const { violations, figures } = await judge();
  const attemptsAgain = await furtherAttempts(world);
  return {
    trials: [...trials.made.values()].reduce((sum, times) => sum + times, 0),
    figures: {
      ...Object.fromEntries(trials.made),
      ...figures,
      'card posts': shoppers.posts(),
      'further attempts': attemptsAgain,
      ...(await countsBy(world, 'fallbacks', FALLBACKS)),
      'checkouts without an answer': unanswered,
      'gateways that gave up after deaths of threads': trials.gaveUp,
      'ready after kill -9, ms, median': median(fleet.readyMs),
      'ready after kill -9, ms, max': maximum(fleet.readyMs),
      'ready after a kill of PostgreSQL, ms, max': maximum(trials.afterPostgresMs),
      'ready after a death of a thread, ms, max': maximum(trials.afterThreadMs),
    },
    violations:
      run.count < ROUND ? violations : [...violations, ...notCovered(trials.made), ...tooSlow(fleet.readyMs)],
  };
}

async function killAll(trials: Trials, plan: readonly Strike[], { count, tell }: CampaignRun): Promise<void> {
  for (const [i, strike] of plan.entries()) {
    await paidMore(trials.shoppers, PAID_BETWEEN);
    await make(trials, strike);
    trials.made.set(nameOf(strike), trials.made.get(nameOf(strike))! + 1);
    if ((i + 1) % 10 === 0)
      tell(`${i + 1} of ${count} kills, ${trials.shoppers.paid()} payments acknowledged`);
  }
  await trials.fleet.raise();
  await paidMore(trials.shoppers, PAID_BETWEEN);
}

async function make(trials: Trials, strike: Strike): Promise<void> {
  const { fleet, random } = trials;
  await fleet.raise();
  const victim = victimOf(trials, strike);
  if (strike.at === 'any moment') {
    await pause(random() * MOMENT_MS_MAX);
    await strikeAtOnce(trials, strike, victim);
    return;
  }
  const ofPayment = (PAYMENT_POINTS as readonly string[]).includes(strike.at);
  const passing = 1 + Math.floor(random() * (ofPayment ? PASSING_MAX : THREAD_PASSING_MAX));
  const diedBefore = threadDeaths(victim);
  await strikeAt(victim, `${strike.at}=${actionOf(strike)}:${passing}`);
  if (strike.target === 'gateway') await victim.gateway.ended;
  else if (strike.target === 'thread') await threadBack(trials, victim, strike, diedBefore);
  else await strikeAtOnce(trials, strike, victim);
}

/** Kills the target now. A gateway that stands still goes on: with a half chance before the target is back. */
async function strikeAtOnce(trials: Trials, strike: Strike, still: Ship): Promise<void> {
  const { world, fleet, random } = trials;
  const resume = (): void => still.gateway.kill('SIGCONT');
  const early = random() < 0.5;
  if (strike.target === 'gateway') return await fleet.kill(still);
  const from = performance.now();
  const back = strike.target === 'postgres' ? crashPostgres(trials) : crashBank(world);
  if (early) resume();
  await back;
  resume();
  if (strike.target !== 'postgres') return;
  await fleet.ready();
  trials.afterPostgresMs.push(performance.now() - from);
}

function victimOf({ fleet, random }: Trials, { at }: Strike): Ship {
  const any = Math.floor(random() * fleet.ships.length);
  return fleet.ships[at === 'thread-shard' ? WITH_SHARD_THREADS : any]!;
}

function actionOf({ target }: Strike): 'kill' | 'throw' | 'stop' {
  if (target === 'gateway') return 'kill';
  return target === 'thread' ? 'throw' : 'stop';
}

/** One of its servers, each in turn. */
async function crashPostgres({ world, afterPostgresMs }: Trials): Promise<void> {
  const { servers } = world.cluster;
  const victim = servers[afterPostgresMs.length % servers.length]!;
  await victim.kill();
  await victim.again();
}

async function crashBank(world: World): Promise<void> {
  const bank = world.bank();
  bank.kill('SIGKILL');
  await bank.ended;
  await world.startBank();
}

/**
 * Waits until the thread is back, or the whole gateway has given up because its threads die too often: the next trial starts it.
 * A worker of the HSM pool is no thread of main's; that it is back the next payments tell.
 */
async function threadBack(trials: Trials, victim: Ship, { at }: Strike, diedBefore: number): Promise<void> {
  const from = performance.now();
  if (at !== 'thread-hsm') {
    await eventually(() => {
      if (threadDeaths(victim) === diedBefore) throw new Error(`no thread died at ${at}`);
    });
  }
  await trials.fleet.ready();
  if (victim.gateway.log().includes('"process_gives_up"')) {
    trials.gaveUp++;
    await victim.gateway.ended;
  } else {
    trials.afterThreadMs.push(performance.now() - from);
  }
}

function threadDeaths({ gateway }: Ship): number {
  return gateway.log().split('"thread_died"').length - 1;
}

/** Attempts that went on to the second bank, by the reason. */
const FALLBACKS = "select routing #>> '{legs,1,reason}' as name from transactions where leg = 2";

/** Attempts beyond an intent's first: without them nothing could have been charged twice. */
async function furtherAttempts(world: World): Promise<number> {
  const rows = await queryShards<{ count: number }>(
    world,
    'select count(*)::int as count from transactions where attempt > 1',
  );
  return rows.reduce((sum, { count }) => sum + count, 0);
}

/** Asked of a run with a round of all kills or more. */
function notCovered(made: ReadonlyMap<string, number>): string[] {
  return [...made].filter(([, times]) => times === 0).map(([name]) => `never made: ${name}`);
}

/** Asked of the same runs: a short one shares its processors with other tests. */
function tooSlow(readyMs: readonly number[]): string[] {
  const slow = readyMs.filter((ms) => ms >= READY_MS_MAX);
  return slow.map((ms) => `a gateway was ready only ${Math.round(ms)} ms after its start`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[sorted.length >> 1] ?? 0);
}

function maximum(values: readonly number[]): number {
  return Math.round(Math.max(0, ...values));
}
