/**
 * Settlement: a day of payments, reports with every defect a report can have, and a reconciling process that is killed.
 *
 * One trial is one row of the judged report. Every row and every payment must be in the class that the plan says, with the entry that it
 * says; the same report again changes nothing, and the same rows in another file post nothing. Then the process is killed at random
 * moments, and PostgreSQL under it: whoever goes on ends where an undisturbed run has ended, row for row.
 *
 * @module
 */

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Reconciled } from '../../src/reconciliation/reconcile.ts';
import { type ChildEnd, reconcileInChild } from '../reconciliation/child.ts';
import { fillWorld } from '../reconciliation/fill-world.ts';
import { fingerprintOf, forgetSettlement } from '../reconciliation/ledger-tables.ts';
import {
  casesFor,
  DAY,
  DAY_BEFORE,
  type Plan,
  type PlannedRow,
  PROCESSOR_OF,
  type ReportFormat,
} from '../reconciliation/plan.ts';
import { type Errand, errandFor, reconcileHere } from '../reconciliation/reconcile-here.ts';
import { writeReport } from '../reconciliation/report-file.ts';
import { judgePayouts, judgeRun } from '../reconciliation/verdict.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { queryShards } from '../support/databases.ts';
import type { Campaign, CampaignReport, CampaignRun } from './campaign.ts';

/** So many segments a report has: each is a commit, and a place to be killed at. */
const SEGMENTS = 10;
/** Strikes of a run, of which every third is against PostgreSQL. */
const STRIKES = { of: 20_000, min: 3, max: 12 };
/** A strike comes up to so long after the step it waits for. */
const MOMENT_MS_MAX = 30;
/** Reports in the other formats have a tenth of the rows. */
const OTHER_FORMATS: readonly ReportFormat[] = ['razorpay-json', 'razorpay-csv', 'payu-json', 'stripe-csv'];
const OTHER_SHARE = 0.1;
const OTHER_ROWS_MIN = 1000;

export const settlement: Campaign = {
  name: 'settlement',
  summary:
    'reports with every defect, and a reconciling process that is killed; one trial is one row of a report',
  countDefault: 100_000,
  async run(run) {
    const cluster = await startCluster(2);
    try {
      return await settleDays(cluster, run);
    } finally {
      await cluster.stop();
    }
  },
};

interface Day {
  cluster: Cluster;
  plan: Plan;
  errands: Record<PlannedRow['report'] | 'otherBytes', Errand>;
}

async function settleDays(cluster: Cluster, run: CampaignRun): Promise<CampaignReport> {
  const violations: string[] = [];
  const figures: Record<string, number> = {};
  const day = await planDay(cluster, run, 'plain', run.count);
  const undisturbed = await judged(day);
  const rows = undisturbed.rows;
  Object.assign(figures, undisturbed.classes);
  violations.push(...undisturbed.violations);
  run.tell(`  ${rows} rows judged`);
  const fingerprint = await fingerprintOf(cluster, 'without times');
  violations.push(...(await changesNothing(day)), ...(await postsNothing(day)));
  violations.push(...(await struck(day, fingerprint, run, figures)));
  for (const format of OTHER_FORMATS) {
    await forgetSettlement(cluster, 'payments as well');
    const other = await planDay(
      cluster,
      run,
      format,
      Math.max(OTHER_ROWS_MIN, Math.ceil(run.count * OTHER_SHARE)),
    );
    const verdict = await judged(other);
    figures[`rows of ${format}`] = verdict.rows;
    violations.push(...verdict.violations.map((violation) => `${format}: ${violation}`));
    run.tell(`  ${verdict.rows} rows of ${format} judged`);
  }
  return { trials: Math.min(rows, run.count), figures, violations };
}

/** Fills the databases and writes the reports. */
async function planDay(
  cluster: Cluster,
  { seed }: CampaignRun,
  format: ReportFormat,
  rows: number,
): Promise<Day> {
  const plan: Plan = { seed, format, cases: casesFor(rows, { seed, format }) };
  await fillWorld(cluster, plan);
  const segmentLines = Math.ceil(rows / SEGMENTS);
  const errand = (name: string, day: string): Errand =>
    errandFor(cluster, {
      processor: PROCESSOR_OF[format],
      day,
      path: join(cluster.folder, `${format}-${name}`),
      segmentLines,
    });
  const errands = {
    before: errand('before', DAY_BEFORE),
    judged: errand('judged', DAY),
    otherBytes: errand('other-bytes', DAY),
  };
  await writeReport(plan, 'before', errands.before.path);
  await writeReport(plan, 'judged', errands.judged.path);
  await writeReport(plan, 'judged', errands.otherBytes.path, { gzip: true });
  return { cluster, plan, errands };
}

/** Both reports, each judged. */
async function judged(day: Day): Promise<Awaited<ReturnType<typeof judgeRun>>> {
  const { cluster, plan, errands } = day;
  const before = await judgeRun(cluster, plan, 'before', (await reconcileHere(errands.before)).run);
  const verdict = await judgeRun(cluster, plan, 'judged', (await reconcileHere(errands.judged)).run);
  const violations = [
    ...before.violations.map((violation) => `the day before: ${violation}`),
    ...verdict.violations,
    ...(await judgePayouts(cluster, plan)),
    ...(await lateOnes(day)),
  ];
  return { ...verdict, violations };
}

/** What was missing the day before and has come is no open break any more. */
async function lateOnes({ cluster, plan }: Day): Promise<string[]> {
  const breaks = await queryShards<{ state: string; count: number }>(
    { cluster },
    `select state, count(*)::int as count from settlement_breaks where class = 'missing_there' and day = '${DAY_BEFORE}' group by 1`,
  );
  const open = breaks.filter(({ state }) => state !== 'settled');
  const settled = breaks.reduce((sum, { state, count }) => sum + (state === 'settled' ? count : 0), 0);
  return open.length === 0 && (settled > 0 || plan.cases < 1000)
    ? []
    : [`breaks of payments that came late: ${JSON.stringify(breaks)}`];
}

/** The same report again. */
async function changesNothing({ cluster, errands }: Day): Promise<string[]> {
  const before = await fingerprintOf(cluster, 'with times');
  const { again } = await reconcileHere(errands.judged);
  const after = await fingerprintOf(cluster, 'with times');
  return [
    ...(again ? [] : ['the same report was not known again']),
    ...(after === before ? [] : [`the same report again has changed something: ${before} → ${after}`]),
  ];
}

/** The same rows in another file. */
async function postsNothing({ cluster, errands }: Day): Promise<string[]> {
  const { run, again }: Reconciled = await reconcileHere(errands.otherBytes);
  const posted = await queryShards<{ what: string; count: number }>(
    { cluster },
    `select 'entries' as what, count(*)::int as count from ledger_entries where run_id = $1
     union all select 'final records', count(*)::int from payment_ledger where run_id = $1
     union all select 'breaks', count(*)::int from settlement_breaks where run_id = $1`,
    [run.runId],
  );
  const other = run.report!.totals.filter(
    ({ class: found }) => found !== 'already_posted' && found !== 'not_due' && found !== 'missing_there',
  );
  return [
    ...(again ? ['another file was taken for the same report'] : []),
    ...posted
      .filter(({ count }) => count > 0)
      .map(({ what, count }) => `the same rows in another file have made ${count} ${what}`),
    ...other.map(({ class: found, count }) => `the same rows in another file: ${count} ${found}`),
  ];
}

type Strike = {
  at: ChildEnd['progress'][number]['phase'];
  step: number;
  afterMs: number;
  target: 'process' | 'postgres';
};

/** Kills until all strikes are made: each time a report comes to its end, it is judged and begun again from nothing. */
async function struck(
  day: Day,
  fingerprint: string,
  run: CampaignRun,
  figures: Record<string, number>,
): Promise<string[]> {
  const { cluster, plan, errands } = day;
  const { count, random } = run;
  const strikes = Math.min(STRIKES.max, Math.max(STRIKES.min, Math.round(count / STRIKES.of)));
  const violations: string[] = [];
  let made = 0;
  let ends = 0;
  let resumed = 0;
  for (let tries = 0; made < strikes && tries < strikes * 4; ) {
    await forgetSettlement(cluster, 'payments stay');
    await reconcileHere(errands.before);
    for (let over = false; !over && tries < strikes * 4; tries++) {
      const strike = made < strikes ? drawStrike(random, made) : null;
      const { child, hit } = await strikeOnce(day, strike);
      if (hit) made++;
      if (hit && child.end === null) {
        resumed++;
        figures[`killed while ${child.progress.at(-1)?.phase ?? 'starting'}`] =
          (figures[`killed while ${child.progress.at(-1)?.phase ?? 'starting'}`] ?? 0) + 1;
      }
      over = child.end !== null;
      if (!hit && child.code !== 0)
        violations.push(`a run that nobody struck has failed: ${child.error.slice(0, 500)}`);
      if (!hit && child.code !== 0) return violations;
    }
    ends++;
    const { run: done, again } = await reconcileHere(errands.judged);
    if (!again) violations.push('a report that had come to its end was not known again');
    violations.push(
      ...(await judgeRun(cluster, plan, 'judged', done)).violations,
      ...(await judgePayouts(cluster, plan)),
    );
    const now = await fingerprintOf(cluster, 'without times');
    if (now !== fingerprint) violations.push(`after kills the tables are ${now}, undisturbed ${fingerprint}`);
    run.tell(`  ${made} of ${strikes} strikes, ${ends} times to the end`);
  }
  Object.assign(figures, { strikes: made, 'runs cut short': resumed, 'runs that came to their end': ends });
  if (made < strikes) violations.push(`only ${made} of ${strikes} strikes could be made`);
  return violations;
}

/** Half of them while rows are read, half while they are compared. */
function drawStrike(random: () => number, made: number): Strike {
  return {
    at: random() < 0.5 ? 'reading' : 'comparing',
    step: Math.floor(random() * SEGMENTS),
    afterMs: random() * MOMENT_MS_MAX,
    target: made % 3 === 2 ? 'postgres' : 'process',
  };
}

/** Runs the report once; whether the strike came before its end. */
async function strikeOnce(
  { cluster, errands }: Day,
  strike: Strike | null,
): Promise<{ child: ChildEnd; hit: boolean }> {
  let steps = 0;
  let striking: Promise<boolean> | null = null;
  let ended = false;
  const child = await reconcileInChild(errands.judged, ({ phase }, kill) => {
    if (strike === null || phase !== strike.at || steps++ !== strike.step) return;
    striking = pause(strike.afterMs).then(async () => {
      if (ended) return false;
      if (strike.target === 'process') kill();
      else await cluster.server.kill();
      return true;
    });
  });
  ended = true;
  const hit = (await (striking as Promise<boolean> | null)) ?? false;
  if (hit && strike!.target === 'postgres') await cluster.server.again();
  return { child, hit };
}
