/**
 * Report: the figures of a run as JSON (design 17) and as a table for people.
 *
 * @module
 */

import { cpus, totalmem } from 'node:os';
import type { Audit } from './audit.ts';
import type { CpuUsPerPayment } from './cpu.ts';
import {
  type ErrorSample,
  type Measurement,
  type Percentiles,
  percentilesOf,
  type Second,
  STEPS,
  type Step,
} from './measurement.ts';

/** Seconds and counts of one step of a climb. */
export interface ClimbStep {
  readonly concurrency: number;
  readonly achieved: number;
  readonly errors: number;
  readonly p99: Partial<Record<Step, number>>;
}

/** What `--json` writes. Rates are per second, latencies ms. */
export interface LoadReport {
  readonly scenario: string;
  readonly load: string;
  readonly startedAt: string;
  readonly seconds: number;
  /** Begun (closed loop) or due (open loop) per second. */
  readonly offered: number;
  /** Completed within the window, per second of it. */
  readonly achieved: number;
  /** Completed in all, also after the window. */
  readonly completed: number;
  /** Not completed. */
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
  /** With --max: all steps; the rest of the report is of the best one, the audit of all. */
  readonly steps: readonly ClimbStep[] | null;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryGb: number;
    readonly node: string;
  };
}

/** What the report is made of. */
export interface RunFacts {
  readonly scenario: string;
  readonly load: string;
  readonly startedAt: Date;
  readonly measurement: Measurement;
  readonly cpu: CpuUsPerPayment;
  readonly audit: Audit | null;
  readonly steps: readonly ClimbStep[] | null;
}

export function makeReport(facts: RunFacts): LoadReport {
  const { measurement } = facts;
  const { completed, polls } = measurement;
  return {
    scenario: facts.scenario,
    load: facts.load,
    startedAt: facts.startedAt.toISOString(),
    seconds: Math.round(measurement.windowSeconds * 1000) / 1000,
    offered: measurement.offeredPerSecond,
    achieved: measurement.achievedPerSecond,
    completed,
    errors: measurement.errors,
    errorsByCause: Object.fromEntries(measurement.causes),
    errorSamples: measurement.samples,
    latencyMs: latenciesOf(measurement),
    pollsPerPayment: polls === 0 || completed === 0 ? null : Math.round((polls / completed) * 100) / 100,
    cpuUsPerPayment: facts.cpu,
    audit: facts.audit,
    timeline: measurement.timeline,
    steps: facts.steps,
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryGb: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    },
  };
}

/** One step of a climb. */
export function climbStep(concurrency: number, measurement: Measurement): ClimbStep {
  const p99: Partial<Record<Step, number>> = {};
  for (const step of STEPS) {
    const value = percentilesOf(measurement.latencies[step]).p99;
    if (value !== null) p99[step] = value;
  }
  return { concurrency, achieved: measurement.achievedPerSecond, errors: measurement.errors, p99 };
}

/** The report for people. */
export function formatReport(report: LoadReport): string {
  const { machine } = report;
  const lines = [
    `${report.scenario}, ${report.load}, ${report.seconds} s on ${machine.cpus} × ${machine.model}, node ${machine.node}`,
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
  lines.push('', `CPU µs a payment: ${pairs(report.cpuUsPerPayment)}`);
  lines.push(report.audit === null ? 'audit: not made' : `audit: ${pairs(report.audit)}`);
  if (report.steps !== null) lines.push('', ...report.steps.map(formatStep));
  const causes = Object.entries(report.errorsByCause).sort(([, a], [, b]) => b - a);
  if (causes.length > 0)
    lines.push('', 'errors:', ...causes.map(([cause, count]) => `  ${count} × ${cause}`));
  for (const { cause, body } of report.errorSamples) {
    if (body !== '') lines.push(`  first of "${cause}": ${body}`);
  }
  return `${lines.join('\n')}\n`;
}

function formatStep({ concurrency, achieved, errors, p99 }: ClimbStep): string {
  const latencies = Object.entries(p99).map(([step, ms]) => `${step} ${ms.toFixed(1)}`);
  return `${String(concurrency).padStart(5)} in flight: ${achieved}/s, errors ${errors}, p99 ms ${latencies.join(', ')}`;
}

function latenciesOf(measurement: Measurement): Record<Step, Percentiles> {
  const entries = STEPS.map((step) => [step, percentilesOf(measurement.latencies[step])]);
  return Object.fromEntries(entries) as Record<Step, Percentiles>;
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
