/**
 * Simulation: one seed, from its faults to its verdict.
 *
 * Orders arrive while things go wrong; then the faults end and the run goes on until nothing is under way. What is
 * still open after hours of calm is as wrong as a double charge: an unknown outcome must end by its deadline.
 *
 * @module
 */

import { LOGICAL_SHARDS } from '../../src/domain/ids.ts';
import { isFinal } from '../../src/domain/transaction.ts';
import type { ShardRange } from '../../src/storage/control.ts';
import { databaseOf, evenShardMap } from '../../src/storage/shard-map.ts';
import { seededRandom } from '../support/random.ts';
import { BANKS, type BookEntry, createBank } from './bank.ts';
import { createChecker, type Violation } from './checker.ts';
import { order } from './clients.ts';
import { createDatabase } from './database.ts';
import { describeFaults, drawFaults, drawLayout, noFaults } from './faults.ts';
import { createGateway } from './gateway.ts';
import { planIncidents } from './incidents.ts';
import { judge, type Verdict } from './judge.ts';
import { createReports } from './reports.ts';
import { createScheduler } from './scheduler.ts';
import { createTrace } from './trace.ts';
import type { World } from './world.ts';

export interface SimulationRequest {
  seed: number;
  /** Orders; some are never paid, some take several attempts. */
  payments: number;
  /** Keep the trace of what names this, a payment's id; null: the hash alone. */
  watched?: string | null;
}

export interface SimulationReport {
  seed: number;
  /** The faults and the layout, in one line. */
  faults: string;
  verdict: Verdict;
  acknowledged: number;
  violations: readonly Violation[];
  hash: string;
  events: number;
  /** Simulated, from the first order to rest. */
  simulatedMs: number;
  lines: readonly string[];
}

/** Things still go wrong for so long after the last order came. */
const AFTERMATH_MS = 20_000;
/** And their effects are over after this. */
const CALM_AFTER_MS = 30_000;
/** Of the orders so many come in the calm, where nothing may be refused that need not be. */
const CALM_ORDERS = 0.05;
const MINUTE_MS = 60_000;
const DAY_MS = 26 * 60 * MINUTE_MS;
/** How often it is looked whether all is at rest, and how long that may take once the faults are over. */
const LOOK_EVERY_MS = 5000;
const CALM_MS_MAX = 3 * 60 * MINUTE_MS;

/** Plays one seed. */
export async function simulate({
  seed,
  payments,
  watched = null,
}: SimulationRequest): Promise<SimulationReport> {
  const world = createWorld(seed, watched);
  const { scheduler, checker, layout } = world;
  const described = describeFaults(world.faults, layout);
  for (const gateway of world.gateways) gateway.start();
  const arrivalMs = planOrders(world, payments);
  const turbulentMs = arrivalMs + AFTERMATH_MS;
  planIncidents(world, turbulentMs);
  scheduler.after(turbulentMs, () => calm(world));
  // Pauses and dead connections reach some way into the calm.
  scheduler.after(turbulentMs + CALM_AFTER_MS, () => checker.calm());
  let atRest = false;
  const restAfterMs = layout.day ? turbulentMs + DAY_MS : turbulentMs;
  const look = (): void => {
    atRest = isAtRest(world);
    if (atRest) return;
    if (scheduler.now() > restAfterMs + CALM_MS_MAX) checker.violate(`not at rest: ${whatIsOpen(world)}`);
    else scheduler.after(LOOK_EVERY_MS, look);
  };
  scheduler.after(restAfterMs, look);
  await scheduler.run(() => atRest || checker.violations.length > 0);
  if (checker.violations.length === 0) world.reports.judge();
  const models = world.databases.map(({ model }) => model);
  const verdict =
    checker.violations.length > 0
      ? { intents: 0, attempts: 0, charged: 0, recovered: 0, reversed: 0, fellBack: 0 }
      : judge(models, booksOf(world), checker, scheduler.now());
  return {
    seed,
    faults: described,
    verdict,
    acknowledged: checker.acknowledged.attempts.size,
    violations: checker.violations,
    hash: world.trace.hash(),
    events: scheduler.events,
    simulatedMs: scheduler.now(),
    lines: world.trace.lines,
  };
}

function createWorld(seed: number, watched: string | null): World {
  const random = seededRandom(seed);
  const layout = drawLayout(random);
  const faults = drawFaults(random, layout);
  const scheduler = createScheduler(() => trace);
  const trace = createTrace(scheduler.now, watched);
  const ranges = evenShardMap(layout.databases);
  const databaseIndex = (shard: number): number => databaseOf(ranges, shard);
  const checker = createChecker(() => ({
    databaseOf: (shard) => world.databases[databaseIndex(shard)]!,
    bankOf: (name) => world.banks[name],
    notFoundProofMs: layout.notFoundProofMs,
    now: scheduler.now,
    clocksHold: faults.clockSteps === 0,
  }));
  const world: World = {
    scheduler,
    trace,
    random,
    checker,
    layout,
    faults,
    databases: [],
    gateways: [],
    get banks() {
      return banks;
    },
    get reports() {
      return reports;
    },
    clients: 0,
    randomBytes(length) {
      const bytes = Buffer.alloc(length);
      for (let i = 0; i < length; i++) bytes[i] = random() * 256;
      return bytes;
    },
    between: ([low, high]) => low + random() * (high - low),
    happens: (chance) => chance > 0 && random() < chance,
    sleep: (ms) => new Promise((resolve) => void scheduler.after(ms, resolve)),
  };
  const reports = createReports(world);
  const banks = { SANDBOX: createBank(world, 'SANDBOX'), SANDBOX_B: createBank(world, 'SANDBOX_B') };
  for (let index = 0; index < layout.databases; index++) {
    world.databases.push(createDatabase(world, index, (shard) => databaseIndex(shard) === index));
  }
  for (let index = 0; index < layout.gateways; index++) {
    const stale = layout.staleMap && index === layout.gateways - 1;
    world.gateways.push(createGateway(world, `g${index + 1}`, stale ? staleMap(ranges) : ranges, !stale));
  }
  return world;
}

/** A map from before shards were moved: half of the last database's still lie in the one before it. */
function staleMap(ranges: readonly ShardRange[]): ShardRange[] {
  const last = ranges.at(-1)!;
  const middle = Math.floor((last.low + LOGICAL_SHARDS) / 2);
  return [
    ...ranges.slice(0, -1),
    { low: last.low, high: middle - 1, database: last.database - 1 },
    { ...last, low: middle },
  ];
}

/** Orders come at random moments. Returns when the last but the calm ones does. */
function planOrders(world: World, payments: number): number {
  const { scheduler, random, layout, checker } = world;
  const turbulent = Math.ceil(payments * (1 - CALM_ORDERS));
  let at = 0;
  let turbulentMs = 0;
  for (let number = 1; number <= payments; number++) {
    at -= Math.log(1 - random()) * layout.arrivalGapMs;
    if (number === turbulent) {
      turbulentMs = at;
      at += AFTERMATH_MS + CALM_AFTER_MS;
    }
    scheduler.after(at, () => {
      order(world, number).catch((error: unknown) =>
        checker.violate(`a client threw ${error instanceof Error ? error.stack : String(error)}`),
      );
    });
  }
  return turbulentMs;
}

/** The faults are over: everything runs, every clock is right. */
function calm(world: World): void {
  world.trace.note('calm', '');
  world.faults = noFaults();
  for (const { host } of world.gateways) {
    if (host.paused) host.resume();
    host.wallOffsetMs = 0;
  }
}

function isAtRest(world: World): boolean {
  return world.clients === 0 && unfinishedAtBanks(world) === 0 && openAttempts(world).length === 0;
}

function unfinishedAtBanks({ banks, reports }: World): number {
  return BANKS.reduce((sum, name) => sum + banks[name].unfinished(), reports.unfinished());
}

function booksOf({ banks }: World): BookEntry[] {
  return BANKS.flatMap((name) => [...banks[name].book.values()]);
}

function openAttempts({ databases }: World): string[] {
  return databases.flatMap(({ model }) =>
    [...model.payments.values()].flatMap(({ attempts }) =>
      attempts
        .filter(({ status }) => !isFinal(status))
        .map(({ transactionId, status }) => `${transactionId} ${status}`),
    ),
  );
}

function whatIsOpen(world: World): string {
  const open = openAttempts(world);
  return `${world.clients} clients, ${unfinishedAtBanks(world)} at the banks, ${open.length} attempts: ${open.slice(0, 3).join(', ')}`;
}
