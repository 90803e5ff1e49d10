/**
 * Outages of what Sluice stands on, and of its own processes, one after the other under a steady load: kill -9, a long stop (SIGSTOP), and
 * at last a rolling restart.
 *
 * The topology is that of `npm run topology`; whatever is killed is started again by it, as a container would be. Its gateways have
 * shorter times than the defaults, so that what is in doubt is settled within half a minute. When all faults were played `verify`
 * joins the driver's record with the book and the databases.
 *
 * The environment may change the load for a weaker machine: OUTAGE_PER_SECOND, OUTAGE_PAUSE_SECONDS.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isBalanced } from '../../deploy/processes/balancer.ts';
import { PROFILES, type ProfileName } from '../../deploy/processes/profiles.ts';
import { type RunningTopology, Topology } from '../../deploy/processes/topology.ts';
import { ensureLoadMerchants } from '../../load-tests/load-merchants.ts';
import { queryShards } from '../support/databases.ts';
import { eventually, pause } from '../support/eventually.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';
import { allFinal, type Judged, judge } from './judgement.ts';
import { type Fault, faultsOf, planOf } from './outage-faults.ts';
import { SteadyLoad } from './outage-load.ts';
import { causesOf, type Outcome, othersWrong, tableOf } from './outage-table.ts';

/** How hard and how long. */
export interface OutagePace {
  perSecond: number;
  /** How long a paused part stands still. */
  pauseMs: number;
  merchants: number;
}

const PACE: OutagePace = {
  perSecond: Number(process.env.OUTAGE_PER_SECOND ?? 300),
  pauseMs: Number(process.env.OUTAGE_PAUSE_SECONDS ?? 60) * 1000,
  merchants: 60,
};

const SETTINGS = {
  SLUICE_SEND_BEFORE_SECONDS: '10',
  SLUICE_NOT_FOUND_PROOF_SECONDS: '5',
  SLUICE_PROCESSOR_TIMEOUT_MS: '5000',
};

/** Well before a fault, so that each is told apart from the one before. */
const BEFORE_MS = 5000;
/** What is told of a kill is of so long at the least. */
const AT_LEAST_MS = 5000;
const PATIENCE_MS = 180_000;
const LOOK_MS = 500;

/** The campaign on a profile of topologies. */
export function outageOn(profile: ProfileName, pace = PACE): Campaign {
  return {
    name: profile === 'small' ? 'outage' : `outage-${profile}`,
    summary: `outages of stores, bus and gateways of the topology \`${profile}\` at ${pace.perSecond} payments/s; a trial is a fault`,
    countDefault: PROFILES[profile].brokers === 1 ? 11 : 13,
    run: (run) =>
      onTopology(profile, (topology, running, folder) => playAll({ topology, running, folder, pace, run })),
  };
}

/** What the trials are made with. */
interface Trials {
  topology: Topology;
  running: RunningTopology;
  folder: string;
  pace: OutagePace;
  run: CampaignRun;
}

async function onTopology(
  profile: ProfileName,
  make: (topology: Topology, running: RunningTopology, folder: string) => Promise<CampaignReport>,
): Promise<CampaignReport> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-outage-'));
  const topology = new Topology({
    profile: PROFILES[profile],
    folder,
    gatewaySettings: SETTINGS,
    say: () => undefined,
  });
  try {
    return await make(topology, await topology.start(), folder);
  } finally {
    await topology.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function playAll(trials: Trials): Promise<CampaignReport> {
  const { topology, running, folder, pace, run } = trials;
  const { count, random, tell } = run;
  // Drawn before anybody else draws: the faults are by the seed alone.
  const plan = planOf(faultsOf(topology.names, random), count, random);
  const merchants = await ensureLoadMerchants({ ...running.settings }, pace.merchants, tell);
  const databases = running.databases.owner.shards.length;
  const load = new SteadyLoad({
    urls: running.urls,
    merchants,
    databases,
    perSecond: pace.perSecond,
    random,
  });
  const judged: Judged = {
    cluster: { owner: running.databases.owner, folder },
    banks: () => [{ processors: ['SANDBOX'], url: running.urls.bank }],
  };
  const outcomes: Outcome[] = [];
  try {
    for (const fault of plan) {
      outcomes.push(await play(trials, load, judged, fault));
      tell(tableOf(outcomes.slice(-1)).at(-1)!);
      for (const line of causesOf(outcomes.at(-1)!)) tell(`  ${line}`);
    }
  } finally {
    await load.end();
  }
  await allFinal(judged);
  const clientLog = join(folder, 'client.ndjson');
  load.record.writeLog(clientLog);
  const { violations, figures } = await judge(judged, clientLog, { since: load.record.startedAt });
  for (const line of tableOf(outcomes)) tell(line);
  return {
    trials: outcomes.length,
    figures: { 'payments offered': load.record.size, ...figures },
    violations: [...violations, ...outcomes.flatMap(brokenPromises)],
  };
}

/** Plays one fault and waits until nothing of it is left. */
async function play(trials: Trials, load: SteadyLoad, judged: Judged, fault: Fault): Promise<Outcome> {
  await untilKnown(() => load.wholeSince(performance.now() - BEFORE_MS * 2), `${fault.name} does not begin`);
  const fromMs = performance.now();
  const bus = watchRelay(judged);
  await strike(trials, fault);
  const endMs = fault.order === 'kill' ? fromMs : performance.now();
  const begunBefore = new Date();
  const [wholeAt, finalAt] = await Promise.all([
    known(() => load.wholeSince(endMs)),
    known(async () => ((await nothingOpen(judged, begunBefore)) ? performance.now() : null)),
  ]);
  const until = wholeAt ?? performance.now();
  const overMs = fault.order === 'kill' ? Math.max(until + 1, fromMs + AT_LEAST_MS) : endMs;
  return {
    fault,
    before: load.due(fromMs - BEFORE_MS, fromMs),
    during: load.due(fromMs, overMs),
    after: load.due(overMs, until + 1),
    wholeMs: wholeAt === null ? null : wholeAt - endMs,
    finalMs: finalAt === null ? null : finalAt - endMs,
    pastKafka: await bus.end(),
  };
}

/** Resolves when the fault is over; a kill is at once. */
async function strike({ topology, running, pace }: Trials, { order, parts }: Fault): Promise<void> {
  if (order === 'restart') return await restartInTurn(topology, running, parts);
  for (const part of parts) assert.ok(topology.order(order, part), `${part} does not run`);
  if (order === 'kill') return;
  await pause(pace.pauseMs);
  for (const part of parts) assert.ok(topology.order('resume', part), `${part} did not outlive its pause`);
}

async function restartInTurn(
  topology: Topology,
  { urls }: RunningTopology,
  parts: readonly string[],
): Promise<void> {
  for (const part of parts) {
    const before = topology.pids()[part];
    assert.ok(topology.order('restart', part), `${part} does not run`);
    await eventually(
      async () => {
        const now = topology.pids()[part];
        assert.ok(now !== undefined && now !== before);
        assert.equal((await fetch(`${urls.ops[part]}/readyz`)).status, 200);
        assert.ok(await isBalanced(urls.statistics, part));
      },
      { withinMs: 60_000, everyMs: 100 },
    );
  }
}

function brokenPromises(outcome: Outcome): string[] {
  const { fault, wholeMs, finalMs } = outcome;
  const others = othersWrong(outcome);
  return [
    ...(others.length === 0
      ? []
      : [`${fault.name}: ${others.length} payments at other shards went wrong (${others[0]!.cause})`]),
    ...(wholeMs === null ? [`${fault.name}: payments still went wrong ${PATIENCE_MS / 1000} s later`] : []),
    ...(finalMs === null ? [`${fault.name}: payments were still open ${PATIENCE_MS / 1000} s later`] : []),
  ];
}

/** Whether all attempts that began before are final and no callback is owed to Kafka. A database that cannot be asked may have some. */
async function nothingOpen(judged: Judged, begunBefore: Date): Promise<boolean> {
  try {
    const open = await queryShards(judged, OPEN, [begunBefore]);
    const owed = await queryShards(judged, OWED);
    return open.length + owed.length === 0;
  } catch {
    return false;
  }
}

const OPEN = "select from transactions where status not in ('SUCCESS', 'FAILED') and created_at < $1 limit 1";
const OWED = 'select from processor_callbacks where relay limit 1';

/** Counts, as long as the fault lasts, the callbacks that were applied past Kafka and are still to be put on it. */
function watchRelay(judged: Judged): { end(): Promise<number> } {
  let most = 0;
  let over = false;
  const watching = (async () => {
    while (!over) {
      const rows = await queryShards<{ count: number }>(judged, TO_RELAY).catch(() => []);
      most = Math.max(
        most,
        rows.reduce((sum, { count }) => sum + count, 0),
      );
      await pause(LOOK_MS);
    }
  })();
  return {
    async end() {
      over = true;
      await watching;
      return most;
    },
  };
}

const TO_RELAY = 'select count(*)::int as count from processor_callbacks where relay';

/** The first answer that is not null; null when there is none in time. */
async function known<Answer>(look: () => Promise<Answer | null> | Answer | null): Promise<Answer | null> {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const answer = await look();
    if (answer !== null) return answer;
    await pause(LOOK_MS);
  }
  return null;
}

async function untilKnown<Answer>(look: () => Answer | null, otherwise: string): Promise<void> {
  if ((await known(look)) === null) throw new Error(otherwise);
}
