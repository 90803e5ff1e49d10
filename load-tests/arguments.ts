/**
 * Arguments of `npm run load`.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import type { Load } from './arrivals.ts';
import type { TargetArguments } from './target.ts';

export const SCENARIOS = ['create-intent', 'get-transaction', 'full-payment'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** `max` climbs through MAX_STEPS; the others are one run. */
export type LoadArgument = Load | { readonly kind: 'max' };

/** What the command line asks for. */
export interface LoadArguments extends TargetArguments {
  readonly scenario: ScenarioName;
  readonly load: LoadArgument;
  /** Of one run; with `max` of each step. */
  readonly durationSeconds: number;
  readonly json: string | null;
  /** Connections to each listener; null lets the load decide. */
  readonly connections: number | null;
  /** The first wait before a payment's status is asked for. */
  readonly firstPollMs: number;
}

/** Payments in flight of the steps of `--max`. */
export const MAX_STEPS = [64, 128, 256, 512, 768] as const;

export const USAGE = `usage: npm run load -- SCENARIO [--rate N | --concurrency N | --max] [--duration S] [--json FILE]
                             [--target URL --key K [--merchant ID] [--sandbox URL]]
                             [--connections N] [--first-poll MS]
  SCENARIO       ${SCENARIOS.join(', ')}
  --rate N       open loop: N a second by schedule, latency from the scheduled instant
  --concurrency N  closed loop: N in flight (default 64)
  --max          closed loop at ${MAX_STEPS.join(', ')} in flight one after the other; reports the best
  --duration S   seconds, 1 to 86400 (default 10; with --max of each step, default 5)
  --json FILE    writes the report there
  --target URL --key K  another gateway than the local one; --merchant is whose key it is (default merchant_demo),
                 --sandbox its bank, for the audit
  --connections N  at most N connections to each listener (default: as many as in flight, open loop 512)
  --first-poll MS  full-payment asks for the status after MS, then twice that, and so on (default 5)
`;

/** The command line is wrong; the message names what. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/**
 * Reads the command line.
 * @param words the arguments after the script's name
 * @throws ArgumentError
 */
export function parseArguments(words: readonly string[]): LoadArguments {
  const { values, positionals } = readWords(words);
  const [scenario, ...rest] = positionals;
  if (scenario === undefined) throw new ArgumentError('no scenario is named');
  if (!isScenario(scenario)) throw new ArgumentError(`there is no scenario ${scenario}`);
  if (rest.length > 0) throw new ArgumentError(`one scenario at a time, not also ${rest.join(' ')}`);
  const { target = null, key = null, merchant = null, sandbox = null, json = null } = values;
  if ((target === null) !== (key === null)) throw new ArgumentError('--target and --key go together');
  if (target === null && (merchant !== null || sandbox !== null)) {
    throw new ArgumentError('--merchant and --sandbox go with --target');
  }
  for (const [name, url] of [['target', target] as const, ['sandbox', sandbox] as const]) {
    if (url !== null && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new ArgumentError(`--${name} is not an http or https URL: ${url}`);
    }
  }
  const load = readLoad(values);
  const durationText = values.duration ?? (load.kind === 'max' ? '5' : '10');
  return {
    scenario,
    load,
    durationSeconds: number('duration', durationText, 1, 86_400),
    json,
    connections:
      values.connections === undefined ? null : number('connections', values.connections, 1, 4096, true),
    firstPollMs: number('first-poll', values['first-poll'] ?? '5', 1, 10_000),
    target,
    key,
    merchant,
    sandbox,
  };
}

function readWords(words: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        rate: text,
        concurrency: text,
        max: { type: 'boolean' },
        duration: text,
        json: text,
        target: text,
        key: text,
        merchant: text,
        sandbox: text,
        connections: text,
        'first-poll': text,
      },
    });
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error });
  }
}

function readLoad(values: { rate?: string; concurrency?: string; max?: boolean }): LoadArgument {
  const { rate, concurrency, max } = values;
  const named = [rate, concurrency, max].filter((value) => value !== undefined).length;
  if (named > 1) throw new ArgumentError('only one of --rate, --concurrency and --max');
  if (max) return { kind: 'max' };
  if (rate !== undefined) return { kind: 'rate', perSecond: number('rate', rate, 0.1, 1_000_000) };
  return { kind: 'concurrency', inFlight: number('concurrency', concurrency ?? '64', 1, 4096, true) };
}

function number(name: string, text: string, min: number, max: number, whole = false): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    throw new ArgumentError(
      `--${name} is ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}, not ${text}`,
    );
  }
  return value;
}

function isScenario(name: string): name is ScenarioName {
  return (SCENARIOS as readonly string[]).includes(name);
}
