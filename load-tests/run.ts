/**
 * Run: `npm run load -- SCENARIO …`. Loads a gateway, audits what it acknowledged, prints and writes a report.
 *
 * Exit codes: 0 done; 1 nothing completed, the gateway or its bank could not be reached, or the audit found anything; 2 misused.
 * Ctrl-C ends the load, and the report is of what was done until then.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { SluiceError } from '../clients/typescript/sluice.ts';
import { MisuseError } from '../src/cli/command.ts';
import { readStartOptions } from '../src/config/from-env.ts';
import { seededRandom } from '../test/support/random.ts';
import { readByApi } from './api-audit.ts';
import { ArgumentError, type LoadArguments, MAX_STEPS, parseArguments, USAGE } from './arguments.ts';
import { type Load, pause } from './arrivals.ts';
import { type Audit, auditOf, readBySql } from './audit.ts';
import { createBank } from './bank.ts';
import { CARDS_IN_DECK, makeCardNumbers } from './cards.ts';
import { ClientRecord } from './client-record.ts';
import { type CpuUsPerPayment, cpuPerPayment, readCpuTimes } from './cpu.ts';
import { htmlReport } from './html-report.ts';
import { learnCheckoutUrl } from './learn-checkout.ts';
import { ensureLoadMerchants } from './load-merchants.ts';
import { thisMachine } from './machine.ts';
import { Measurement } from './measurement.ts';
import { isWatched, startProgress } from './progress.ts';
import { spansOf } from './recovery.ts';
import { type ClimbStep, climbStep, formatReport, makeReport } from './report.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';
import { warmUpMsOf } from './schedule.ts';
import { findTarget, NoTargetError, type Target } from './target.ts';
import { type RegisteredEndpoints, registerEndpoints } from './webhook-endpoints.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';
import { createWire, type Merchant } from './wire.ts';

/** Open-loop connections to each listener where none are named. */
const OPEN_LOOP_CONNECTIONS = 512;
/** A second Ctrl-C within this is the same one: npm and the terminal both pass it on. */
const SAME_SIGNAL_MS = 1000;
const RECORD_CHECK_MS = 1000;
/** Callbacks that come after the last answer, and what they cause, are stored by then. */
const SETTLE_MS = 1000;
/** Of a gateway whose settings are not known: its default. */
const PROCESSOR_TIMEOUT_MS = 10_000;

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
    return error instanceof MisuseError ? 2 : 1;
  }
}

async function load(asked: LoadArguments, target: Target): Promise<0 | 1> {
  const merchants = await merchantsOf(asked, target);
  const startedAt = new Date();
  const ears = await openEars(asked, target, merchants);
  try {
    return await loadAndReport(asked, target, { merchants, startedAt, ears });
  } finally {
    await ears?.endpoints.remove();
    await ears?.receiver.close();
  }
}

interface Ears {
  readonly receiver: WebhookReceiver;
  readonly endpoints: RegisteredEndpoints;
}

/** Endpoints of all merchants; null where none are wanted, the scenario pays nothing, or the gateway takes none. */
async function openEars(
  asked: LoadArguments,
  target: Target,
  merchants: readonly Merchant[],
): Promise<Ears | null> {
  if (!asked.webhooks || !asked.scenario.pays) return null;
  const receiver = await startWebhookReceiver();
  try {
    return { receiver, endpoints: await registerEndpoints(target.apiUrl, merchants, receiver) };
  } catch (error) {
    await receiver.close();
    if (!(error instanceof SluiceError)) throw error;
    say(`without webhooks: ${error.code} ${error.detail}`);
    return null;
  }
}

interface Begun {
  readonly merchants: readonly Merchant[];
  readonly startedAt: Date;
  readonly ears: Ears | null;
}

async function loadAndReport(
  asked: LoadArguments,
  target: Target,
  { merchants, startedAt, ears }: Begun,
): Promise<0 | 1> {
  const context = await contextOf(asked, target, merchants, ears?.receiver ?? null);
  const signal = untilInterrupted(context.record);
  const scenario = await asked.scenario.prepare(context);
  let best: StepResult | undefined;
  const steps: ClimbStep[] = [];
  try {
    for (const step of stepsOf(asked)) {
      if (signal.aborted) break;
      const result = await runStep(scenario, step, asked, target, signal);
      if (step.kind === 'concurrency') steps.push(climbStep(step.inFlight, result.measurement));
      const faster = result.measurement.achievedPerSecond > (best?.measurement.achievedPerSecond ?? -1);
      if (faster) best = result;
    }
  } finally {
    await scenario.close();
  }
  if (best === undefined) return 1;
  const audit = await tryAudit(target, context);
  const report = makeReport({
    scenario: asked.scenario.name,
    load: describe(asked),
    traffic: {
      merchants: merchants.length,
      cards: CARDS_IN_DECK,
      idempotencyKeys: asked.keys,
      page: asked.page,
      firstPollMs: asked.firstPollMs,
      seed: asked.seed,
    },
    startedAt,
    warmUpSeconds: warmUpMsOf(asked.phases) / 1000,
    phases: spansOf(asked.phases),
    ...best,
    audit,
    steps: asked.load.kind === 'max' ? steps : null,
    machine: thisMachine(),
  });
  process.stdout.write(formatReport(report));
  if (asked.json !== null) writeFileSync(asked.json, `${JSON.stringify(report, null, 2)}\n`);
  if (asked.html !== null) writeFileSync(asked.html, htmlReport(report));
  const audited = audit !== null && audit.findings.length === 0;
  return best.measurement.counted.completed > 0 && audited ? 0 : 1;
}

function merchantsOf(
  asked: LoadArguments,
  target: Target,
): Promise<readonly Merchant[]> | readonly Merchant[] {
  if (target.merchants !== null) return target.merchants.slice(0, asked.merchants);
  return ensureLoadMerchants(process.env, asked.merchants, say);
}

async function contextOf(
  asked: LoadArguments,
  target: Target,
  merchants: readonly Merchant[],
  webhooks: WebhookReceiver | null,
): Promise<ScenarioContext> {
  const { apiUrl, sandboxUrl } = target;
  const checkoutUrl = target.checkoutUrl ?? (await learnCheckoutUrl(apiUrl, merchants));
  const random = seededRandom(asked.seed);
  const cardNumbers = makeCardNumbers(CARDS_IN_DECK, random);
  const settings = readStartOptions(process.env, undefined);
  return {
    apiUrl,
    checkoutUrl,
    wire: createWire({ apiUrl, checkoutUrl, merchants, cardNumbers, keys: asked.keys }),
    merchants: merchants.length,
    record: new ClientRecord(),
    bank: sandboxUrl === null ? null : createBank(sandboxUrl),
    processorTimeoutMs:
      target.dataDir !== null && settings.ok
        ? settings.options.payment.processorTimeoutMs
        : PROCESSOR_TIMEOUT_MS,
    connectionsMax: connectionsOf(asked),
    webhooks,
    firstPollMs: asked.firstPollMs,
    page: asked.page,
    random,
  };
}

async function runStep(
  scenario: Scenario,
  load: Load,
  { phases }: LoadArguments,
  target: Target,
  signal: AbortSignal,
): Promise<StepResult> {
  const measurement = new Measurement();
  let before = readCpuTimes(target.pids);
  const warm = setTimeout(() => {
    before = readCpuTimes(target.pids);
  }, warmUpMsOf(phases));
  const progress = isWatched() ? startProgress(measurement, phases, say) : null;
  try {
    await scenario.run(load, { phases, signal }, measurement);
  } finally {
    clearTimeout(warm);
    progress?.stop();
  }
  measurement.end(performance.now());
  const cpu = cpuPerPayment(before, readCpuTimes(target.pids), measurement.completedSinceWarmUp);
  return { measurement, cpu };
}

/** Null when what must be read could not be; says why. */
async function tryAudit(
  target: Target,
  { apiUrl, wire, record, webhooks }: ScenarioContext,
): Promise<Audit | null> {
  if (isWatched()) say(`auditing ${record.size} payments`);
  await pause(SETTLE_MS);
  try {
    const reading =
      target.dataDir === null
        ? await readByApi(apiUrl, wire, record, target.sandboxUrl)
        : await readBySql(process.env, target.sandboxUrl, record);
    return auditOf(record, reading, webhooks !== null);
  } catch (error) {
    say(`the audit could not be made: ${reasonOf(error)}`);
    return null;
  }
}

function stepsOf(asked: LoadArguments): Load[] {
  if (asked.load.kind !== 'max') return [asked.load];
  return MAX_STEPS.map((inFlight) => ({ kind: 'concurrency', inFlight }));
}

function connectionsOf({ load, connections }: LoadArguments): number {
  if (connections !== null) return connections;
  if (load.kind === 'rate') return OPEN_LOOP_CONNECTIONS;
  return load.kind === 'max' ? Math.max(...MAX_STEPS) : load.inFlight;
}

function describe({ load }: LoadArguments): string {
  if (load.kind === 'max') return `closed loop, best of ${MAX_STEPS.join(', ')} in flight`;
  if (load.kind === 'rate') return `open loop, ${load.perSecond}/s`;
  return `closed loop, ${load.inFlight} in flight`;
}

/**
 * Aborted at the first Ctrl-C or SIGTERM, and when the record has no more room. One more signal, a while later, ends the process
 * at once.
 */
function untilInterrupted(record: ClientRecord): AbortSignal {
  const controller = new AbortController();
  const watch = setInterval(() => {
    if (!record.isNearlyFull) return;
    clearInterval(watch);
    say(`the record of ${record.size} payments is full: the run ends here`);
    controller.abort();
  }, RECORD_CHECK_MS);
  watch.unref();
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
