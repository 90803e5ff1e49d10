/**
 * Progress: a line a second for whoever watches a run at a terminal; silent where nobody does.
 *
 * @module
 */

import type { Measurement } from './measurement.ts';
import { type Phase, WARM_UP } from './schedule.ts';

const COLUMNS = ['', 'offered/s', 'achieved/s', 'under way', 'errors', 'p99 ms'] as const;
const WIDTH = 11;
const NAME_WIDTH = 16;

/** Whether anybody watches. */
export function isWatched(): boolean {
  return process.stdout.isTTY === true || process.stderr.isTTY === true;
}

/** Says how a run goes until `stop`. */
export function startProgress(
  measurement: Measurement,
  phases: readonly Phase[],
  say: (line: string) => void,
): { stop(): void } {
  say(line(COLUMNS));
  let seconds = 0;
  const timer = setInterval(() => say(progressLine(++seconds, performance.now(), measurement, phases)), 1000);
  return { stop: () => clearInterval(timer) };
}

/** How a run stands so many seconds after its begin. */
export function progressLine(
  seconds: number,
  nowMs: number,
  measurement: Measurement,
  phases: readonly Phase[],
): string {
  const { counted, warmUp } = measurement;
  const tallies = [counted, warmUp];
  const sum = (name: 'offered' | 'completed' | 'errors') =>
    tallies.reduce((total, tally) => total + tally[name], 0);
  const underWay = sum('offered') - sum('completed') - sum('errors');
  const name = `${String(seconds).padStart(4)} s  ${phaseAt(phases, seconds)}`;
  const last = measurement.lastSecond(nowMs);
  if (last === null) return line([name, '', '', underWay, sum('errors'), '']);
  return line([name, last.offered, last.achieved, underWay, sum('errors'), last.p99?.toFixed(1) ?? '-']);
}

function phaseAt(phases: readonly Phase[], seconds: number): string {
  let end = 0;
  for (const phase of phases) {
    end += phase.seconds;
    if (seconds <= end) return phase.name === WARM_UP || phases.length > 2 ? phase.name : '';
  }
  return 'ending';
}

function line([name, ...cells]: readonly (string | number)[]): string {
  return String(name).padEnd(NAME_WIDTH) + cells.map((cell) => String(cell).padStart(WIDTH)).join('');
}
