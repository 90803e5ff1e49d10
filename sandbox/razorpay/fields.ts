/**
 * Fields that orders and payments share, and what is wrong with them.
 *
 * Forms have only text, and the API takes text for numbers in JSON, too: so an integer may be its digits everywhere.
 * @module
 */
import { isRecord } from '../json.ts';
import { badInput, badRequest, type Problem } from './problems.ts';

/** Notes as they are kept: text by name. */
export type Notes = Readonly<Record<string, string>>;

const NOTES_MAX = 15;
const NOTE_LENGTH_MAX = 256;
/** Of one rupee; other currencies begin at their smallest unit. */
const INR_MIN = 100;
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));
const ZERO_LAST_DIGIT: ReadonlySet<string> = new Set(['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND']);

/** The integer that `value` is, or is the digits of; null when it is none. */
export function integerOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : null;
  return typeof value === 'string' && /^-?[0-9]{1,15}$/.test(value) ? Number(value) : null;
}

/** The boolean that `value` is, or is spelt as; null when it is none. */
export function booleanOf(value: unknown): boolean | null {
  if (value === true || value === 'true' || value === 1 || value === '1') return true;
  return value === false || value === 'false' || value === 0 || value === '0' ? false : null;
}

/** Whether `value` counts as not sent. */
export function isAbsent(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === '';
}

/** What is not a field of the request is not passed over: it may be a misspelt one. */
export function strangerProblem(
  body: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
): Problem | undefined {
  const strangers = Object.keys(body).filter((field) => !known.has(field));
  if (strangers.length === 0) return undefined;
  return badRequest(`${strangers.join(', ')} is/are not required and should not be sent`);
}

/** What is wrong with an amount, in the smallest unit of its currency. */
export function amountProblem(amount: unknown, currency: unknown): Problem | undefined {
  if (isAbsent(amount)) return missing('amount');
  const units = integerOf(amount);
  if (units === null) return badInput('amount', 'The amount must be an integer.');
  if (currency === 'INR' && units < INR_MIN)
    return badInput('amount', 'Order amount less than minimum amount allowed');
  if (units < 1) return badInput('amount', 'The amount must be at least 1.');
  if (typeof currency === 'string' && ZERO_LAST_DIGIT.has(currency) && units % 10 !== 0) {
    return badInput('amount', `The last digit of an amount in ${currency} must be 0.`);
  }
  return undefined;
}

/** What is wrong with a currency: ISO 4217, upper case. */
export function currencyProblem(currency: unknown): Problem | undefined {
  if (isAbsent(currency)) return missing('currency');
  if (typeof currency !== 'string' || currency.length !== 3)
    return badInput('currency', 'The currency must be 3 characters.');
  if (!CURRENCIES.has(currency)) return badInput('currency', 'Currency is not supported');
  return undefined;
}

/** What is wrong with notes: at most 15 pairs of 256 characters; an empty list is none. */
export function notesProblem(notes: unknown): Problem | undefined {
  if (isAbsent(notes) || (Array.isArray(notes) && notes.length === 0)) return undefined;
  if (!isRecord(notes)) return badInput('notes', 'The notes must be an object.');
  const pairs = Object.entries(notes);
  if (pairs.length > NOTES_MAX) {
    return badInput('notes', 'Number of fields in notes should be less than or equal to 15');
  }
  for (const [name, value] of pairs) {
    if (typeof value !== 'string' && typeof value !== 'number')
      return badInput('notes', `The notes.${name} must be a string.`);
    if (name.length > NOTE_LENGTH_MAX || String(value).length > NOTE_LENGTH_MAX)
      return badInput('notes', `The notes.${name} may not be greater than 256 characters.`);
  }
  return undefined;
}

/** Notes that were found right. */
export function notesOf(notes: unknown): Notes {
  if (!isRecord(notes)) return {};
  return Object.fromEntries(Object.entries(notes).map(([name, value]) => [name, String(value)]));
}

/** Notes as they are shown: a list when there are none, as PHP would. */
export function showNotes(notes: Notes): Notes | readonly never[] {
  return Object.keys(notes).length === 0 ? [] : notes;
}

/** What is wrong with text of a length. */
export function textProblem(
  field: string,
  value: unknown,
  { lengthMax, needed }: { readonly lengthMax: number; readonly needed: boolean },
): Problem | undefined {
  if (isAbsent(value)) return needed ? missing(field) : undefined;
  if (typeof value !== 'string') return badInput(field, `The ${field} must be a string.`);
  if (value.length <= lengthMax) return undefined;
  return badInput(field, `The ${field} may not be greater than ${lengthMax} characters.`);
}

/** A field that is needed is not there. */
export function missing(field: string): Problem {
  return badInput(field, `The ${field} field is required.`);
}
