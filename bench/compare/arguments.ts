/**
 * Arguments of `npm run bench -- compare`.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { CONTENDER_NAMES, type ContenderName } from './contenders.ts';

export interface CompareArguments {
  readonly repeat: number;
  /** Of each closed-loop step; the open loop lasts twice as long. */
  readonly durationSeconds: number;
  /** Before each of them; three times as long after a start. */
  readonly warmUpSeconds: number;
  readonly only: readonly ContenderName[];
}

export const USAGE = `usage: npm run bench -- compare [--repeat N] [--duration S] [--warmup S] [--only NAME,…]
  --repeat N    rounds, 1 to 100 (default 5); in each, ${CONTENDER_NAMES.join(', ')} one after the other, started fresh
  --duration S  seconds of each step of the closed loop, 1 to 3600 (default 10); the open loop lasts twice as long
  --warmup S    seconds of load before each, 0 to 3600 (default 5); three times as long after a start
  --only NAME,… not all of them
`;

/** The command line is wrong; the message names what. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/**
 * Reads the command line.
 * @param words the arguments after `compare`
 * @throws ArgumentError
 */
export function parseArguments(words: readonly string[]): CompareArguments {
  const values = readWords(words);
  return {
    repeat: whole('repeat', values.repeat, 5, 1, 100),
    durationSeconds: whole('duration', values.duration, 10, 1, 3600),
    warmUpSeconds: whole('warmup', values.warmup, 5, 0, 3600),
    only: values.only === undefined ? CONTENDER_NAMES : readNames(values.only),
  };
}

function readWords(words: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = { repeat: text, duration: text, warmup: text, only: text };
    return parseArgs({ args: [...words], options }).values;
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error });
  }
}

function readNames(text: string): ContenderName[] {
  const names = text.split(',');
  const unknown = names.find((name) => !CONTENDER_NAMES.includes(name as ContenderName));
  if (unknown !== undefined)
    throw new ArgumentError(`--only: there is no ${unknown}; there are ${CONTENDER_NAMES.join(', ')}`);
  return CONTENDER_NAMES.filter((name) => names.includes(name));
}

function whole(name: string, text: string | undefined, without: number, min: number, max: number): number {
  if (text === undefined) return without;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new ArgumentError(`--${name} is a whole number from ${min} to ${max}, not ${text}`);
}
