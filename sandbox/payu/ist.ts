/**
 * Indian Standard Time, which PayU writes without saying so: five and a half hours ahead of UTC, never changed.
 * @module
 */

const AHEAD_MS = 5.5 * 3_600_000;
const DAY = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;

/** `2026-01-21 14:05:09`. @param at ms since 1970 */
export function istTime(at: number): string {
  return new Date(at + AHEAD_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** `2026-01-21`. @param at ms since 1970 */
export function istDay(at: number): string {
  return istTime(at).slice(0, 10);
}

/** Whether it is a day of the calendar, written `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  if (!DAY.test(text)) return false;
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
