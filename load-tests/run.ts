/**
 * Run: `npm run load -- SCENARIO …`. Loads a gateway, audits what it acknowledged, prints and writes a report.
 *
 * Exit codes: 0 done; 1 nothing completed, the gateway or its bank could not be reached, or the audit found a payment lost,
 * doubled or wrong; 2 misused. Ctrl-C ends the load, and the report is of what was done until then.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { ArgumentError, type LoadArguments, MAX_STEPS, parseArguments, USAGE } from './arguments.ts';
import type { Load } from './arrivals.ts';
import { type Audit, auditRun, hasFault } from './audit.ts';
import { type CpuUsPerPayment, cpuPerPayment, readCpuTimes } from './cpu.ts';
import { Measurement } from './measurement.ts';
import { PaymentRecord } from './payment-record.ts';
import { type ClimbStep, climbStep, formatReport, makeReport } from './report.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';
import { prepareCreateIntent } from './scenarios/create-intent.ts';
import { prepareFullPayment } from './scenarios/full-payment.ts';
import { prepareGetTransaction } from './scenarios/get-transaction.ts';
import { findTarget, NoTargetError, type Target } from './target.ts';

/** Open-loop connections to each listener where none are named. */
const OPEN_LOOP_CONNECTIONS = 512;
/** A second Ctrl-C within this is the same one: npm and the terminal both pass it on. */
const SAME_SIGNAL_MS = 1000;

interface StepResult {
  readonly measurement: Measurement;
  readonly cpu: CpuUsPerPayment;
}

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<0 | 1 | 2> {
  let asked: LoadArguments;
  let target: Target;
  try {
    asked = parseArguments(words);
    target = findTarget(asked, process.env);
  } catch (error) {
    if (error instanceof ArgumentError) say(`${error.message}\n${USAGE}`);
    else if (error instanceof NoTargetError) say(error.message);
    else throw error;
    return 2;
  }
  try {
    return await load(asked, target);
  } catch (error) {
    say(reasonOf(error));
    return 1;
  }
}

async function load(asked: LoadArguments, target: Target): Promise<0 | 1> {
  const startedAt = new Date();
  const record = new PaymentRecord();
  const signal = untilInterrupted();
  const scenario = await prepare(asked, {
    target,
    record,
    ...connectionsOf(asked),
    firstPollMs: asked.firstPollMs,
  });
  let best: StepResult | undefined;
  const steps: ClimbStep[] = [];
  try {
    for (const step of stepsOf(asked)) {
      if (signal.aborted) break;
      const result = await runStep(scenario, step, asked.durationSeconds, target, signal);
      if (step.kind === 'concurrency') steps.push(climbStep(step.inFlight, result.measurement));
      const faster = result.measurement.achievedPerSecond > (best?.measurement.achievedPerSecond ?? -1);
      if (faster) best = result;
    }
  } finally {
    scenario.close();
  }
  if (best === undefined) return 1;
  const audit = await tryAudit(target, record);
  const report = makeReport({
    scenario: asked.scenario,
    load: describe(asked),
    startedAt,
    ...best,
    audit,
    steps: asked.load.kind === 'max' ? steps : null,
  });
  process.stdout.write(formatReport(report));
  if (asked.json !== null) writeFileSync(asked.json, `${JSON.stringify(report, null, 2)}\n`);
  const audited = audit !== null && audit.unreachable === 0 && !hasFault(audit);
  return best.measurement.completed > 0 && audited ? 0 : 1;
}

async function runStep(
  scenario: Scenario,
  load: Load,
  durationSeconds: number,
  target: Target,
  signal: AbortSignal,
): Promise<StepResult> {
  const before = readCpuTimes(target.pids);
  const measurement = new Measurement(performance.now());
  let seconds = 0;
  const progress = setInterval(() => say(progressOf(++seconds, measurement)), 1000);
  try {
    await scenario.run(load, { durationMs: durationSeconds * 1000, signal }, measurement);
  } finally {
    clearInterval(progress);
  }
  measurement.end(performance.now());
  return { measurement, cpu: cpuPerPayment(before, readCpuTimes(target.pids), measurement.completed) };
}

/** Null when the gateway or the bank could not be asked; says why. */
async function tryAudit(target: Target, record: PaymentRecord): Promise<Audit | null> {
  say(`auditing ${record.size} payments`);
  try {
    const audit = await auditRun(target, record);
    if (audit.unreachable > 0) say(`${audit.unreachable} payments could not be asked for`);
    return audit;
  } catch (error) {
    say(`the audit could not be made: ${reasonOf(error)}`);
    return null;
  }
}

function prepare(asked: LoadArguments, context: ScenarioContext): Scenario | Promise<Scenario> {
  switch (asked.scenario) {
    case 'create-intent':
      return prepareCreateIntent(context);
    case 'get-transaction':
      return prepareGetTransaction(context);
    case 'full-payment':
      return prepareFullPayment(context);
  }
}

function stepsOf(asked: LoadArguments): Load[] {
  if (asked.load.kind !== 'max') return [asked.load];
  return MAX_STEPS.map((inFlight) => ({ kind: 'concurrency', inFlight }));
}

function connectionsOf({ load, connections }: LoadArguments): { connectionsMax: number } {
  if (connections !== null) return { connectionsMax: connections };
  if (load.kind === 'rate') return { connectionsMax: OPEN_LOOP_CONNECTIONS };
  return { connectionsMax: load.kind === 'max' ? Math.max(...MAX_STEPS) : load.inFlight };
}

function describe({ load }: LoadArguments): string {
  if (load.kind === 'max') return `closed loop, best of ${MAX_STEPS.join(', ')} in flight`;
  if (load.kind === 'rate') return `open loop, ${load.perSecond}/s`;
  return `closed loop, ${load.inFlight} in flight`;
}

function progressOf(seconds: number, measurement: Measurement): string {
  const { timeline, offered, completed, errors } = measurement;
  const last = timeline.at(-1);
  const underWay = offered - completed - errors;
  const p99 = last?.p99 == null ? '-' : `${last.p99.toFixed(1)} ms`;
  return `${seconds} s  ${last?.completed ?? 0}/s  ${underWay} under way  ${errors} errors  p99 ${p99}`;
}

/** Aborted at the first Ctrl-C or SIGTERM; one more, a while later, ends the process at once. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  const hear = () => {
    if (!controller.signal.aborted) {
      firstMs = performance.now();
      say('stopping: what was begun ends first');
      controller.abort();
    } else if (performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(1);
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  return controller.signal;
}

/** fetch tells the reason in the cause alone. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
