/**
 * Day: `YYYY-MM-DD`, as reports, runs and payouts have it.
 *
 * @module
 */

/** Some days that are none are parsed as others: 31 February as 3 March. A year 0 is none, and PostgreSQL has none. */
export function isDay(text: string): boolean {
  if (!/^(?!0000)\d{4}-\d\d-\d\d$/.test(text)) return false;
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** The day in UTC of a moment in milliseconds since 1970. */
export function utcDayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
