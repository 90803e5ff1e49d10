/**
 * Arguments of `npm run load`.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import type { Load } from './arrivals.ts';
import { RECORDS_MAX } from './client-record.ts';
import type { ScenarioDefinition } from './scenario.ts';
import { SCENARIOS } from './scenarios/registry.ts';
import { type Phase, WARM_UP } from './schedule.ts';
import type { TargetArguments } from './target.ts';

/** `max` climbs through MAX_STEPS; the others are one run. */
export type LoadArgument = Load | { readonly kind: 'max' };

/** What the command line asks for. */
export interface LoadArguments extends TargetArguments {
  readonly scenario: ScenarioDefinition;
  readonly load: LoadArgument;
  /** Of one run; with `max` of each step. The warm-up comes first. */
  readonly phases: readonly Phase[];
  readonly json: string | null;
  readonly html: string | null;
  /** Merchants that sell; with --target it is the one whose key is given. */
  readonly merchants: number;
  /** Whether API POSTs carry an Idempotency-Key. */
  readonly keys: boolean;
  /** Whether the browser asks for the checkout page before it posts the form. */
  readonly page: boolean;
  /** Whether the merchants have endpoints and hear of their payments. */
  readonly webhooks: boolean;
  readonly seed: number;
  /** Connections to each listener; null lets the load decide. */
  readonly connections: number | null;
  /** The first wait before a payment's status is asked for. */
  readonly firstPollMs: number;
}

/** Payments in flight of the steps of `--max`. */
export const MAX_STEPS = [64, 128, 256, 512, 768] as const;
const MAX_STEP_SECONDS = 5;
const IN_FLIGHT_DEFAULT = 64;
const RATE_DEFAULT = 200;

const nameWidth = Math.max(...SCENARIOS.map(({ name }) => name.length));
export const USAGE = `usage: npm run load -- SCENARIO [--rate N | --concurrency N | --max] [--duration S] [--warmup S] [--json FILE] [--html FILE]
                             [--target URL --key K [--merchant ID] [--sandbox URL]] [--merchants N] [--no-keys] [--no-webhooks] [--page]
                             [--factor N] [--first-poll MS] [--connections N] [--seed N]
${SCENARIOS.map(({ name, summary }) => `  ${name.padEnd(nameWidth)}  ${summary}\n`).join('')}
  --rate N         open loop: N a second by schedule, latency from the scheduled instant
  --concurrency N  closed loop: N in flight (default ${IN_FLIGHT_DEFAULT})
  --max            closed loop at ${MAX_STEPS.join(', ')} in flight one after the other; reports the best
  --duration S     seconds that are measured, 1 to 86400 (default 10 or 30; with --max of each step, default ${MAX_STEP_SECONDS})
  --warmup S       seconds of the same load before them, 0 to 3600 (default 3): audited, and in no figure
  --json FILE, --html FILE  writes the report there
  --target URL --key K  another gateway than the local one; --merchant is whose key it is (default merchant_demo),
                   --sandbox its bank, for the audit and the processor scenarios
  --merchants N    of the local gateway, 1 to 9999 (default 1000); those that are missing are made
  --no-keys        API requests without an Idempotency-Key
  --no-webhooks    merchants have no webhook endpoints
  --page           the browser asks for the checkout page before it posts the form
  --factor N       spike: how many times as many (default 3)
  --first-poll MS  the status is asked for after MS, then after twice that, and so on (default 100)
  --connections N  at most N connections to each listener (default: as many as in flight, open loop 512)
  --seed N         brings back the same cards, and the same merchants in the same order (default: by the clock)
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
  const scenario = readScenario(positionals);
  const load = readLoad(scenario, values);
  const target = readTarget(scenario, values);
  if (values.factor !== undefined && scenario.name !== 'spike')
    throw new ArgumentError(`--factor goes with spike, not with ${scenario.name}`);
  const secondsDefault = load.kind === 'max' ? MAX_STEP_SECONDS : scenario.secondsDefault;
  const seconds = number('duration', values.duration, secondsDefault, 1, 86_400);
  const warmUp = number('warmup', values.warmup, 3, 0, 3600);
  const factor = number('factor', values.factor, 3, 1, 100);
  const phases = [{ name: WARM_UP, seconds: warmUp, factor: 1 }, ...scenario.phases(seconds, factor)];
  if (load.kind === 'rate') checkRoom(load.perSecond, phases);
  return {
    ...target,
    scenario,
    load,
    phases,
    json: values.json ?? null,
    html: values.html ?? null,
    merchants: target.target === null ? whole('merchants', values.merchants, 1000, 1, 9999) : 1,
    keys: values['no-keys'] !== true,
    page: values.page === true,
    webhooks: values['no-webhooks'] !== true,
    seed: whole('seed', values.seed, Date.now() % 1_000_000, 0, 2 ** 32 - 1),
    connections:
      values.connections === undefined ? null : whole('connections', values.connections, 0, 1, 4096),
    firstPollMs: number('first-poll', values['first-poll'], 100, 1, 10_000),
  };
}

function readWords(words: readonly string[]) {
  const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        rate: text,
        concurrency: text,
        max: flag,
        duration: text,
        warmup: text,
        json: text,
        html: text,
        target: text,
        key: text,
        merchant: text,
        sandbox: text,
        merchants: text,
        'no-keys': flag,
        'no-webhooks': flag,
        page: flag,
        factor: text,
        'first-poll': text,
        connections: text,
        seed: text,
      },
    });
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error });
  }
}

type Values = ReturnType<typeof readWords>['values'];

function readScenario([name, ...rest]: readonly string[]): ScenarioDefinition {
  if (name === undefined) throw new ArgumentError('no scenario is named');
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new ArgumentError(`there is no scenario ${name}`);
  if (rest.length > 0) throw new ArgumentError(`one scenario at a time, not also ${rest.join(' ')}`);
  return scenario;
}

function readLoad(scenario: ScenarioDefinition, { rate, concurrency, max }: Values): LoadArgument {
  const named = [rate, concurrency, max].filter((value) => value !== undefined).length;
  if (named > 1) throw new ArgumentError('only one of --rate, --concurrency and --max');
  const kind =
    rate !== undefined ? 'rate' : concurrency !== undefined ? 'concurrency' : max ? 'max' : scenario.loads[0];
  if (kind === undefined || !scenario.loads.includes(kind))
    throw new ArgumentError(
      `${scenario.name} takes ${scenario.loads.map((one) => `--${one}`).join(' or ')}, not --${kind}`,
    );
  if (kind === 'max') return { kind };
  return kind === 'rate'
    ? { kind, perSecond: number('rate', rate, RATE_DEFAULT, 0.1, 1_000_000) }
    : { kind, inFlight: whole('concurrency', concurrency, IN_FLIGHT_DEFAULT, 1, 4096) };
}

function readTarget(scenario: ScenarioDefinition, values: Values): TargetArguments {
  const { target = null, key = null, merchant = null, sandbox = null } = values;
  if ((target === null) !== (key === null)) throw new ArgumentError('--target and --key go together');
  if (target === null && (merchant !== null || sandbox !== null))
    throw new ArgumentError('--merchant and --sandbox go with --target');
  if (target !== null && values.merchants !== undefined)
    throw new ArgumentError('--merchants is of the local gateway: --target has the one whose key is given');
  if (target !== null && sandbox === null && scenario.needsBank === true)
    throw new ArgumentError(`${scenario.name} tells the bank what to do: name it with --sandbox URL`);
  for (const [name, url] of [['target', target] as const, ['sandbox', sandbox] as const]) {
    if (url !== null && !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
      throw new ArgumentError(`--${name} is not an http or https URL: ${url}`);
  }
  return { target, key, merchant, sandbox };
}

/** The driver remembers every payment for the audit. */
function checkRoom(perSecond: number, phases: readonly Phase[]): void {
  const payments = phases.reduce((sum, { seconds, factor }) => sum + seconds * factor * perSecond, 0);
  if (payments > RECORDS_MAX)
    throw new ArgumentError(
      `--rate and --duration make ${Math.ceil(payments)} payments; the audit can remember ${RECORDS_MAX}`,
    );
}

function number(
  name: string,
  text: string | undefined,
  otherwise: number,
  min: number,
  max: number,
  kind: 'a number' | 'a whole number' = 'a number',
): number {
  if (text === undefined) return otherwise;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max) || (kind === 'a whole number' && !Number.isInteger(value)))
    throw new ArgumentError(`--${name} is ${kind} from ${min} to ${max}, not ${text}`);
  return value;
}

function whole(name: string, text: string | undefined, otherwise: number, min: number, max: number): number {
  return number(name, text, otherwise, min, max, 'a whole number');
}
