/**
 * Table: the figures of all rounds as one Markdown table for the README, and what a reader must know of the rounds.
 *
 * Multiples are taken within a round, where the contenders ran one after the other on the same machine in the same mood, and only then
 * is their median taken.
 *
 * @module
 */

import type { ContenderName } from './contenders.ts';
import { type Figures, PROCESSES, type Process, STEPS, type Step } from './measure.ts';
import { type Spread, spreadOf } from './spread.ts';

const TITLES: Readonly<Record<ContenderName, string>> = {
  sluice: 'Sluice',
  floor: 'floor',
  baseline: 'baseline',
};
const PROCESS_TITLES: Readonly<Record<Process, string>> = {
  gateway: 'server',
  postgres: 'PostgreSQL',
  redis: 'Redis',
  sandbox: 'bank',
  driver: 'driver',
};
/** What a payment costs is what these have used; bank and driver are the same for all. */
const COSTS: readonly Process[] = ['gateway', 'postgres', 'redis'];
/** An open loop that reaches less of its rate was over the ceiling after all: its latencies are those of a queue. */
const REACHED_MIN = 0.97;

/** Server, PostgreSQL and Redis, µs a payment; null when the first two are not known. */
export function costOf({ cpuUs }: Figures): number | null {
  if (cpuUs.gateway === null || cpuUs.postgres === null) return null;
  return COSTS.reduce((sum, name) => sum + (cpuUs[name] ?? 0), 0);
}

/** The table. Contenders are its columns, in the order of `names`. */
export function formatTable(names: readonly ContenderName[], figures: readonly Figures[]): string {
  const keyed = figures.filter(({ keys }) => keys);
  const keyless = figures.filter(({ keys }) => !keys);
  const rows = [
    ['', ...names.map((name) => TITLES[name])],
    ['---', ...names.map(() => '---:')],
    ratesRow('**whole payments/s at the ceiling**', names, keyed),
    ...STEPS.map((step) => [
      `${step} at 80 %, p50 / p99 ms`,
      ...names.map((name) => latencies(of(keyed, name), step)),
    ]),
    ...PROCESSES.map((process) => [
      `CPU µs a payment: ${PROCESS_TITLES[process]}`,
      ...names.map((name) => show(spreadOf(of(keyed, name).map(({ cpuUs }) => cpuUs[process])), whole)),
    ]),
    costRow('**CPU µs a payment: server + PostgreSQL + Redis**', names, keyed),
    multipleRow('Sluice’s cost is … times', names, keyed, costOf),
    multipleRow('Sluice’s payments/s are … times', names, keyed, ({ ceiling }) => ceiling),
    ratesRow('without Idempotency-Keys: whole payments/s', names, keyless),
    costRow('without Idempotency-Keys: CPU µs a payment', names, keyless),
  ];
  // Without the contenders to compare with there is nothing to multiply.
  const told = rows.filter(([, ...cells]) => cells.some((cell) => cell !== ''));
  return told.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What must be said of single rounds; empty when all went as it should. */
export function remarksOn(figures: readonly Figures[]): string[] {
  return figures.flatMap(({ contender, round, keys, clean, offered, achieved, errors }) => {
    const which = `${TITLES[contender]}, round ${round}, ${keys ? 'with' : 'without'} keys`;
    const remarks: string[] = [];
    if (!clean) remarks.push(`${which}: the audit was not clean`);
    if (errors > 0) remarks.push(`${which}: ${errors} payments failed in the open loop`);
    if (achieved < offered * REACHED_MIN)
      remarks.push(`${which}: ${achieved}/s of ${offered}/s offered: latencies are those of a queue`);
    return remarks;
  });
}

function of(figures: readonly Figures[], name: ContenderName): Figures[] {
  return figures.filter(({ contender }) => contender === name);
}

function ratesRow(title: string, names: readonly ContenderName[], figures: readonly Figures[]): string[] {
  return [
    title,
    ...names.map((name) => show(spreadOf(of(figures, name).map(({ ceiling }) => ceiling)), whole)),
  ];
}

function costRow(title: string, names: readonly ContenderName[], figures: readonly Figures[]): string[] {
  return [title, ...names.map((name) => show(spreadOf(of(figures, name).map(costOf)), whole))];
}

function multipleRow(
  title: string,
  names: readonly ContenderName[],
  figures: readonly Figures[],
  figureOf: (figures: Figures) => number | null,
): string[] {
  const multiples = (other: ContenderName) =>
    of(figures, 'sluice').map((ours) => {
      const theirs = of(figures, other).find(({ round }) => round === ours.round);
      const [value, otherValue] = [figureOf(ours), theirs === undefined ? null : figureOf(theirs)];
      return value === null || !otherValue ? null : value / otherValue;
    });
  return [
    title,
    ...names.map((name) => (name === 'sluice' ? '' : show(spreadOf(multiples(name)), hundredths))),
  ];
}

function latencies(figures: readonly Figures[], step: Step): string {
  const p = (which: 'p50' | 'p99') => spreadOf(figures.map(({ latencyMs }) => latencyMs[step][which]));
  const [p50, p99] = [p('p50'), p('p99')];
  return p50 === null || p99 === null ? '–' : `${tenths(p50.median)} / ${tenths(p99.median)}`;
}

function show(spread: Spread | null, format: (value: number) => string): string {
  if (spread === null) return '–';
  const { median, least, greatest } = spread;
  return `${format(median)} (${format(least)} to ${format(greatest)})`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function tenths(value: number): string {
  return value.toFixed(1);
}

function hundredths(value: number): string {
  return value.toFixed(2);
}
