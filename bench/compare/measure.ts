/**
 * Measure: the figures of one contender in one round, with or without idempotency keys.
 *
 * First the ceiling, by closed loops; then an open loop at 80 % of it, where latency means something: at the ceiling it is that of the
 * queue. What a payment costs is read there too.
 *
 * @module
 */

import type { LoadReport } from '../../load-tests/report.ts';
import type { CompareArguments } from './arguments.ts';
import type { ContenderName } from './contenders.ts';
import { drive } from './driver.ts';

export const STEPS = ['intent', 'session', 'pay', 'final'] as const;
export type Step = (typeof STEPS)[number];

/** As the driver names them. */
export const PROCESSES = ['gateway', 'postgres', 'redis', 'sandbox', 'driver'] as const;
export type Process = (typeof PROCESSES)[number];

/** Rates are per second, latencies ms, CPU times µs a payment. */
export interface Figures {
  readonly contender: ContenderName;
  readonly round: number;
  readonly keys: boolean;
  /** Whole payments at the ceiling, and how many were in flight there. */
  readonly ceiling: number;
  readonly inFlight: number;
  /** Of the open loop. */
  readonly offered: number;
  readonly achieved: number;
  readonly errors: number;
  readonly latencyMs: Readonly<Record<Step, { readonly p50: number | null; readonly p99: number | null }>>;
  readonly cpuUs: Readonly<Record<Process, number | null>>;
  /** Whether both runs' audits were made and found nothing. */
  readonly clean: boolean;
}

const SHARE_OF_CEILING = 0.8;
const WARM_UP_IN_FLIGHT = 256;
/** After a start there is more to compile than between two runs. */
const FIRST_WARM_UP_FACTOR = 3;

/** Lets a contender that was just started compile what is hot and open its connections. */
export async function warmUp(dataDir: string, { warmUpSeconds }: CompareArguments): Promise<void> {
  if (warmUpSeconds === 0) return;
  const seconds = String(warmUpSeconds * FIRST_WARM_UP_FACTOR);
  const load = ['--concurrency', String(WARM_UP_IN_FLIGHT), '--duration', seconds, '--warmup', '0'];
  await drive(dataDir, [...load, '--no-webhooks']);
}

export async function measure(
  contender: ContenderName,
  dataDir: string,
  round: number,
  keys: boolean,
  { durationSeconds, warmUpSeconds }: CompareArguments,
): Promise<Figures> {
  // The same cards in the same order for all contenders of a round.
  const traffic = keys ? ['--no-webhooks'] : ['--no-webhooks', '--no-keys'];
  const common = ['--seed', String(round), '--warmup', String(warmUpSeconds), ...traffic];
  const climb = await drive(dataDir, ['--max', '--duration', String(durationSeconds), ...common]);
  const rate = Math.max(1, Math.round(climb.achieved * SHARE_OF_CEILING));
  const open = ['--rate', String(rate), '--duration', String(2 * durationSeconds)];
  const steady = await drive(dataDir, [...open, ...common]);
  const best = climb.steps?.find(({ achieved }) => achieved === climb.achieved);
  const { offered, achieved, errors, latencyMs, cpuUsPerPayment } = steady;
  return {
    contender,
    round,
    keys,
    ceiling: climb.achieved,
    inFlight: best?.concurrency ?? 0,
    offered,
    achieved,
    errors,
    latencyMs: Object.fromEntries(
      STEPS.map((step) => [step, { p50: latencyMs[step].p50, p99: latencyMs[step].p99 }]),
    ) as Figures['latencyMs'],
    cpuUs: Object.fromEntries(PROCESSES.map((name) => [name, cpuUsPerPayment[name]])) as Figures['cpuUs'],
    clean: isClean(climb) && isClean(steady),
  };
}

function isClean({ audit }: LoadReport): boolean {
  return audit !== null && audit.findings.length === 0;
}
