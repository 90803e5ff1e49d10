/**
 * Report: the figures of a run as JSON (design 17) and as a table for people.
 *
 * @module
 */

import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type { Audit } from './audit.ts';
import type { CpuUsPerPayment } from './cpu.ts';
import { type Bar, barsOf, type Percentiles, percentilesOf } from './latencies.ts';
import type { Machine } from './machine.ts';
import { type ErrorSample, type Measurement, STEPS, type Step, type Tally } from './measurement.ts';
import { recoverySeconds, type Span } from './recovery.ts';
import type { Second } from './timeline.ts';

/** Seconds and counts of one step of a climb. */
export interface ClimbStep {
  readonly concurrency: number;
  readonly achieved: number;
  readonly errors: number;
  readonly p99: Partial<Record<Step, number>>;
}

/** What the payments of a run were like. */
export interface Traffic {
  readonly merchants: number;
  /** Distinct card numbers the shoppers paid with in turn. */
  readonly cards: number;
  /** Whether API POSTs carried an Idempotency-Key. */
  readonly idempotencyKeys: boolean;
  /** Whether the checkout page was asked for before the form was posted. */
  readonly page: boolean;
  readonly firstPollMs: number;
  readonly seed: number;
}

/** What `--json` writes. Rates are per second, latencies ms. */
export interface LoadReport {
  readonly scenario: string;
  readonly load: string;
  readonly traffic: Traffic;
  readonly startedAt: string;
  /** Seconds of load before the window, in no figure but the audit. */
  readonly warmUpSeconds: number;
  /** Length of the window. */
  readonly seconds: number;
  readonly phases: readonly Span[];
  /** Begun (closed loop) or due (open loop) per second. */
  readonly offered: number;
  /** Completed within the window, per second of it. */
  readonly achieved: number;
  /** Completed of those that began in the window, also after it. */
  readonly completed: number;
  /** Not completed of those. */
  readonly errors: number;
  readonly errorsByCause: Readonly<Record<string, number>>;
  readonly errorSamples: readonly ErrorSample[];
  readonly latencyMs: Readonly<Record<Step, Percentiles>>;
  /** Status requests per completed payment. */
  readonly pollsPerPayment: number | null;
  readonly cpuUsPerPayment: CpuUsPerPayment;
  /** Null when it could not be made. */
  readonly audit: Audit | null;
  readonly timeline: readonly Second[];
  /** After a spike or an outage, whole seconds until all was as before; null where there was none, or it never was. */
  readonly recoverySeconds: number | null;
  /** With --max: all steps; the rest of the report is of the best one, the audit of all. */
  readonly steps: readonly ClimbStep[] | null;
  /** Where the driver ran. */
  readonly machine: Machine;
  /** HdrHistogram V2, compressed, base64, of microseconds. */
  readonly histograms: Partial<Record<Step, string>>;
  /** The same for the eye. */
  readonly bars: Partial<Record<Step, readonly Bar[]>>;
}

/** What the report is made of. */
export interface RunFacts {
  readonly scenario: string;
  readonly load: string;
  readonly traffic: Traffic;
  readonly startedAt: Date;
  readonly warmUpSeconds: number;
  readonly phases: readonly Span[];
  readonly measurement: Measurement;
  readonly cpu: CpuUsPerPayment;
  readonly audit: Audit | null;
  readonly steps: readonly ClimbStep[] | null;
  readonly machine: Machine;
}

const BARS_PER_DECADE = 12;

export function makeReport(facts: RunFacts): LoadReport {
  const { measurement, audit, steps, machine, phases } = facts;
  const { counted, timeline } = measurement;
  const { completed, polls } = counted;
  return {
    scenario: facts.scenario,
    load: facts.load,
    traffic: facts.traffic,
    startedAt: facts.startedAt.toISOString(),
    warmUpSeconds: facts.warmUpSeconds,
    seconds: Math.round(measurement.windowSeconds * 1000) / 1000,
    phases,
    offered: measurement.offeredPerSecond,
    achieved: measurement.achievedPerSecond,
    completed,
    errors: counted.errors,
    errorsByCause: Object.fromEntries(counted.causes),
    errorSamples: counted.samples,
    latencyMs: ofSteps(counted, percentilesOf) as Record<Step, Percentiles>,
    pollsPerPayment: polls === 0 || completed === 0 ? null : Math.round((polls / completed) * 100) / 100,
    cpuUsPerPayment: facts.cpu,
    audit,
    timeline,
    recoverySeconds: recoverySeconds(phases, timeline),
    steps,
    machine,
    histograms: ofMeasured(counted, encodeIntoCompressedBase64),
    bars: ofMeasured(counted, (latencies) => barsOf(latencies, BARS_PER_DECADE)),
  };
}

/** One step of a climb. */
export function climbStep(concurrency: number, measurement: Measurement): ClimbStep {
  const { counted, achievedPerSecond } = measurement;
  const p99 = ofMeasured(counted, (latencies) => percentilesOf(latencies).p99!);
  return { concurrency, achieved: achievedPerSecond, errors: counted.errors, p99 };
}

type OfLatencies<Value> = (latencies: Tally['latencies'][Step]) => Value;

function ofSteps<Value>(tally: Tally, value: OfLatencies<Value>): Partial<Record<Step, Value>> {
  return Object.fromEntries(STEPS.map((step) => [step, value(tally.latencies[step])]));
}

function ofMeasured<Value>({ latencies }: Tally, value: OfLatencies<Value>): Partial<Record<Step, Value>> {
  const measured = STEPS.filter((step) => latencies[step].totalCount > 0);
  return Object.fromEntries(measured.map((step) => [step, value(latencies[step])]));
}

/** The report for people. */
export function formatReport(report: LoadReport): string {
  const { machine, traffic } = report;
  const lines = [
    `${report.scenario}, ${report.load}, ${report.seconds} s after ${report.warmUpSeconds} s of warm-up`,
    `${machine.cpus} × ${machine.model}, node ${machine.node}, commit ${machine.commit ?? 'unknown'}`,
    `${traffic.merchants} merchants, ${traffic.cards} cards, ${traffic.idempotencyKeys ? 'an Idempotency-Key on every API POST' : 'no Idempotency-Keys'}, seed ${traffic.seed}`,
    '',
    `offered ${report.offered}/s, achieved ${report.achieved}/s, completed ${report.completed}, errors ${report.errors}`,
    '',
    row('ms', ['p50', 'p90', 'p99', 'p99.9', 'max']),
  ];
  for (const step of STEPS) {
    const { p50, p90, p99, p999, max } = report.latencyMs[step];
    if (p50 !== null) lines.push(row(step, [p50, p90, p99, p999, max]));
  }
  if (report.pollsPerPayment !== null)
    lines.push(`status asked for ${report.pollsPerPayment} times a payment`);
  lines.push('', `CPU µs a payment: ${pairs(report.cpuUsPerPayment)}`, ...auditLines(report.audit));
  if (report.phases.length > 1) lines.push(recoveryLine(report));
  if (report.steps !== null) lines.push('', ...report.steps.map(formatStep));
  lines.push(...errorLines(report));
  return `${lines.join('\n')}\n`;
}

function auditLines(audit: Audit | null): string[] {
  if (audit === null) return ['audit: not made'];
  const { source, findings, remarks, ...counts } = audit;
  return [
    `audit (${source === 'sql' ? 'databases and book' : 'by asking the API'}): ${pairs(counts)}`,
    ...findings.map(({ rule, count, what, ids }) => `  ${rule} ${count}: ${what}: ${ids.join(' ')}`),
    ...remarks.map((remark) => `  ${remark}`),
  ];
}

function recoveryLine({ phases, recoverySeconds: seconds }: LoadReport): string {
  const trouble = phases[1]!;
  const told =
    seconds === null
      ? 'it did not recover'
      : `all was as before ${seconds === 0 ? 'at once' : `in ${seconds} s`}`;
  return `${trouble.name} from second ${trouble.from.toFixed(1)} to ${trouble.to.toFixed(1)}: ${told}`;
}

function errorLines({ errorsByCause, errorSamples }: LoadReport): string[] {
  const causes = Object.entries(errorsByCause).sort(([, a], [, b]) => b - a);
  if (causes.length === 0) return [];
  const samples = errorSamples.filter(({ body }) => body !== '');
  return [
    '',
    'errors:',
    ...causes.map(([cause, count]) => `  ${count} × ${cause}`),
    ...samples.map(({ cause, body }) => `  first of "${cause}": ${body}`),
  ];
}

function formatStep({ concurrency, achieved, errors, p99 }: ClimbStep): string {
  const latencies = Object.entries(p99).map(([step, ms]) => `${step} ${ms.toFixed(1)}`);
  return `${String(concurrency).padStart(5)} in flight: ${achieved}/s, errors ${errors}, p99 ms ${latencies.join(', ')}`;
}

function row(name: string, cells: readonly (string | number | null)[]): string {
  const texts = cells.map((cell) =>
    (typeof cell === 'number' ? cell.toFixed(2) : (cell ?? '-')).padStart(10),
  );
  return name.padEnd(8) + texts.join('');
}

function pairs(values: object): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value ?? '-'}`)
    .join(', ');
}
