/**
 * Run: `npm run simulate -- [--seeds N] [--seed S] [--payments N]`.
 *
 * Plays N seeds from S on, a line each: the seed, its faults, payments, payments per second of wall time, the hash of
 * its trace. A seed that breaks a promise is played again with its payment watched, and its trace is printed.
 *
 * Exit codes: 0 when no promise was broken; 1 when one was; 2 misused.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import type { Violation } from './checker.ts';
import { type SimulationReport, simulate } from './simulation.ts';

const SEEDS_DEFAULT = 20;
const PAYMENTS_DEFAULT = 1000;
const SEED_MAX = 2 ** 32;

interface Asked {
  seeds: number;
  seed: number;
  payments: number;
  brief: boolean;
  stop: boolean;
}

/** How to play again what is being played: a thread that meets a broken invariant ends this process, too. */
let playing = '';
process.on('uncaughtException', (error) => {
  tell(`  BROKEN an invariant: ${error.stack}\n  again: ${playing}`);
  process.exit(1);
});
process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<0 | 1 | 2> {
  const asked = readAsked(words);
  if (typeof asked === 'string') {
    process.stderr.write(
      `${asked}\nusage: npm run simulate -- [--seeds N] [--seed S] [--payments N] [--brief] [--stop]\n` +
        `  --seeds N     seeds to play (default ${SEEDS_DEFAULT})\n` +
        '  --seed S      the first of them (default: by the clock)\n' +
        `  --payments N  orders of each (default ${PAYMENTS_DEFAULT})\n` +
        '  --brief       only a line every hundred seeds, and what breaks\n' +
        '  --stop        no more seeds after the first that breaks\n',
    );
    return 2;
  }
  return await play(asked);
}

async function play({ seeds, seed: first, payments, brief, stop }: Asked): Promise<0 | 1> {
  const startedMs = performance.now();
  const total = { seeds: 0, payments: 0, events: 0, broken: 0, recovered: 0, reversed: 0 };
  for (let n = 0; n < seeds && !(stop && total.broken > 0); n++) {
    const seed = (first + n) % SEED_MAX;
    const seedMs = performance.now();
    playing = again(seed, payments);
    const report = await simulate({ seed, payments });
    const broken = report.violations.length > 0;
    total.seeds++;
    total.payments += payments;
    total.events += report.events;
    total.recovered += report.verdict.recovered;
    total.reversed += report.verdict.reversed;
    if (broken) total.broken++;
    if (!brief || broken) tellSeed(report, payments, (performance.now() - seedMs) / 1000);
    if (broken) await tellBroken(report, payments);
    if (brief && (n + 1) % 100 === 0)
      tell(`${n + 1} seeds, ${total.payments} payments, ${total.broken} broken`);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  tell(
    `${total.seeds} seeds, ${total.payments} payments, ${total.events} events in ${seconds.toFixed(1)} s ` +
      `(${Math.round(total.payments / seconds)} payments/s), ${total.recovered} late successes, ${total.reversed} taken back, ${total.broken} seeds broken`,
  );
  return total.broken === 0 ? 0 : 1;
}

function again(seed: number, payments: number): string {
  return `npm run simulate -- --seed ${seed} --seeds 1 --payments ${payments}`;
}

function tellSeed(report: SimulationReport, payments: number, seconds: number): void {
  const { seed, faults, verdict, hash, events, simulatedMs } = report;
  tell(`seed ${seed}  ${faults}`);
  tell(
    `  ${payments} payments, ${Math.round(payments / seconds)}/s, ${events} events over ${(simulatedMs / 1000).toFixed(0)} s; ` +
      `${verdict.attempts} attempts, ${verdict.charged} charged, ${verdict.recovered} late, ${verdict.reversed} taken back; hash ${hash}`,
  );
}

/** What broke, how to play it again, and the trace of the first payment it broke for. */
async function tellBroken({ seed, violations }: SimulationReport, payments: number): Promise<void> {
  for (const { what } of violations) tell(`  BROKEN ${what}`);
  tell(`  again: ${again(seed, payments)}`);
  const watched = violations.find(({ paymentIntentId }) => paymentIntentId !== null);
  if (watched === undefined) return;
  const { lines } = await simulate({ seed, payments, watched: traceName(watched) });
  for (const line of lines) tell(line);
}

/** What the ids of an intent and its attempts have in common. */
function traceName({ paymentIntentId }: Violation): string {
  return paymentIntentId!.slice(0, 31);
}

function readAsked(words: readonly string[]): Asked | string {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args: [...words],
      options: { seeds: text, seed: text, payments: text, brief: flag, stop: flag },
    });
    const seeds = readNumber('seeds', values.seeds ?? String(SEEDS_DEFAULT), 1);
    const seed = readNumber('seed', values.seed ?? String(Date.now() % 1_000_000), 0);
    const payments = readNumber('payments', values.payments ?? String(PAYMENTS_DEFAULT), 1);
    for (const number of [seeds, seed, payments]) if (typeof number === 'string') return number;
    return { seeds, seed, payments, brief: values.brief ?? false, stop: values.stop ?? false } as Asked;
  } catch (error) {
    return (error as Error).message;
  }
}

function readNumber(name: string, text: string, min: number): number | string {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value < SEED_MAX
    ? value
    : `--${name} is a whole number from ${min} below ${SEED_MAX}, not ${text}`;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
