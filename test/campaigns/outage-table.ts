/**
 * What the campaign `outage` tells of each fault: a row of a table in Markdown.
 *
 * @module
 */

import type { Fault } from './outage-faults.ts';
import type { LoadPayment } from './outage-load.ts';

/** What was seen of one fault. */
export interface Outcome {
  fault: Fault;
  /** Due from the fault's begin until it was over; for a kill until all was whole again, and some seconds at the least. */
  during: readonly LoadPayment[];
  /** Due from the fault's end until all was whole again; empty for a kill. */
  after: readonly LoadPayment[];
  /** Due in the seconds before. */
  before: readonly LoadPayment[];
  /** From the fault's end (a kill's begin) until the last payment that went wrong was due; null: not within the campaign's patience. */
  wholeMs: number | null;
  /** From the same instant until nothing that had begun before was open; null likewise. */
  finalMs: number | null;
  /** Callbacks that were applied past Kafka and put on it later, at the most seen at once. */
  pastKafka: number;
}

/** Payments of merchants of other databases than the fault's that went wrong; 0 where everybody may notice it. */
export function othersWrong({ fault, during, after }: Outcome): LoadPayment[] {
  return fault.database === null ? [] : [...others(fault, during), ...others(fault, after)].filter(isWrong);
}

/** The table, line by line. */
export function tableOf(outcomes: readonly Outcome[]): string[] {
  const heads = [
    'fault',
    'offered',
    'answered well',
    'wrong meanwhile, of all due',
    'wrong after it',
    "others' wrong",
    "others' p99, ms (before)",
    'whole after, s',
    'all final after, s',
    'past Kafka',
  ];
  return [heads, heads.map((_, column) => (column === 0 ? '---' : '---:')), ...outcomes.map(rowOf)].map(
    (cells) => `| ${cells.join(' | ')} |`,
  );
}

function rowOf(outcome: Outcome): string[] {
  const { fault, during, after, before, wholeMs, finalMs, pastKafka } = outcome;
  const all = [...during, ...after];
  const ofShard = fault.database !== null;
  return [
    `${fault.name} (${fault.parts.join(', ')})`,
    String(all.length),
    String(all.filter((payment) => !isWrong(payment)).length),
    wrongOf(during),
    fault.order === 'kill' ? '–' : wrongOf(after),
    ofShard ? String(othersWrong(outcome).length) : '–',
    ofShard ? `${p99(others(fault, all))} (${p99(others(fault, before))})` : '–',
    seconds(wholeMs),
    seconds(finalMs),
    String(pastKafka),
  ];
}

/** What went wrong in the words of the load driver, each with how often: for whoever looks for why. */
export function causesOf({ during, after }: Outcome): string[] {
  const groups = Map.groupBy([...during, ...after].filter(isWrong), ({ cause }) => cause);
  return [...groups].map(([cause, { length }]) => `${length} × ${cause}`);
}

/** How many and which share, then each kind. */
function wrongOf(payments: readonly LoadPayment[]): string {
  const wrong = payments.filter(isWrong);
  if (wrong.length === 0) return '0';
  const share = ((wrong.length / payments.length) * 100).toFixed(1);
  const kinds = [...Map.groupBy(wrong, ({ cause }) => kindOf(cause!))].map(
    ([kind, { length }]) => `${length} ${kind}`,
  );
  return `${wrong.length} (${share} %): ${kinds.sort().join(', ')}`;
}

/** The words of the load driver by what a client must make of them. */
function kindOf(cause: string): string {
  if (/^final timeout/.test(cause)) return 'not final in 30 s';
  if (/^final FAILED/.test(cause)) return 'FAILED';
  if (/ timeout$/.test(cause)) return 'timeout';
  if (/ (connect_failed|connection_reset|closed|bad_answer)$/.test(cause)) return 'connection';
  if (/ 503( .*)? without Retry-After$/.test(cause)) return '503 without Retry-After';
  if (/ 503( |$)/.test(cause)) return '503 with Retry-After';
  const [, status] = / (\d{3})( |$)/.exec(cause) ?? [];
  return status ?? cause;
}

function others(fault: Fault, payments: readonly LoadPayment[]): LoadPayment[] {
  return payments.filter(({ database }) => database !== fault.database);
}

function isWrong({ cause }: LoadPayment): boolean {
  return cause !== null;
}

function p99(payments: readonly LoadPayment[]): string {
  const sorted = payments
    .filter((payment) => !isWrong(payment))
    .map(({ slowestMs }) => slowestMs)
    .sort((a, b) => a - b);
  return sorted.length === 0 ? '–' : String(Math.round(sorted[Math.ceil(sorted.length * 0.99) - 1]!));
}

function seconds(ms: number | null): string {
  return ms === null ? 'never' : (ms / 1000).toFixed(1);
}
