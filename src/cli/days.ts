/**
 * Days: how commands take them.
 *
 * @module
 */
import { isDay, utcDayOf } from '../domain/day.ts';
import { MisuseError } from './command.ts';
import { printable } from './payments.ts';

/** A day as `YYYY-MM-DD`. */
export function dayIn(option: string, word: string): string {
  if (isDay(word)) return word;
  throw new MisuseError(`${option} ${printable(word)} is not a day as 2026-01-31`);
}

const FIRST_REPORT_DAY = '2000-01-01';
/** The day begins nowhere earlier than in UTC+14: processors' days are those of where they are. */
const DAY_AHEAD_MS = 14 * 60 * 60 * 1000;

/** The day of a report. Of one that has not begun anywhere, every payment of ours would be missing. */
export function reportDayIn(option: string, word: string, now: number): string {
  const day = dayIn(option, word);
  if (day > utcDayOf(now + DAY_AHEAD_MS)) throw new MisuseError(`${option} ${day} is in the future`);
  if (day < FIRST_REPORT_DAY) throw new MisuseError(`${option} ${day} is before ${FIRST_REPORT_DAY}`);
  return day;
}
