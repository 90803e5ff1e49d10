/**
 * Reconcile words: how the words of `sluice reconcile …` are read.
 *
 * @module
 */
import type { ProcessorName } from '../domain/processor-word.ts';
import { MisuseError } from './command.ts';
import { CHARGEABLE } from './merchant-accounts.ts';
import { printable } from './payments.ts';

export const OUTPUTS = ['table', 'json', 'csv'] as const;

/** Beyond it there is no run: the column is an integer. */
export const RUN_ID_MAX = 2 ** 31 - 1;

/** A processor's name, in either case. */
export function processorIn(option: string, word: string): ProcessorName {
  return oneOf(option, word.toUpperCase(), CHARGEABLE);
}

export function oneOf<Word extends string>(option: string, word: string, words: readonly Word[]): Word {
  const found = words.find((one) => one === word);
  if (found === undefined)
    throw new MisuseError(`${option} ${printable(word)} is none of ${words.join(', ')}`);
  return found;
}

/** A whole number from `min` to `max`. */
export function numberIn(option: string, word: string, min: number, max: number): number {
  const number = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new MisuseError(`${option} ${printable(word)} is not a number from ${min} to ${max}`);
}

/** A name from outside, as of an account or a merchant. */
export function nameIn(option: string, word: string): string {
  if (word === '' || word.length > 100 || /\p{C}/u.test(word))
    throw new MisuseError(`${option} is not a name of 1 to 100 characters`);
  return word;
}
