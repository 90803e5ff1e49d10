/**
 * Schedule: when an event is tried again.
 *
 * Ten tries in all, the last about three days after the first (Standard Webhooks' own example).
 *
 * @module
 */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** After the first failure, the second, and so on. */
export const RETRY_STEPS_MS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/**
 * A step is lengthened by up to this share of itself, so that events that failed together do not come back together. Never
 * shortened: merchants are told how long an outage is outlasted, and that sum must hold.
 */
const JITTER = 0.1;

/** A merchant may ask for patience, not for being forgotten. */
const RETRY_AFTER_MS_MAX = 24 * HOUR;

/**
 * Milliseconds since 1970 of the next try; null: there is none, the delivery is dead.
 * @param tries made so far, at least 1
 * @param at when the last one ended
 * @param random from 0 to below 1
 * @param retryAfterMs what the endpoint asked for; it can only delay
 */
export function nextTryAt(
  tries: number,
  at: number,
  random: number,
  retryAfterMs: number | null,
): number | null {
  const step = RETRY_STEPS_MS[tries - 1];
  if (step === undefined) return null;
  return Math.round(at + Math.max(step * (1 + JITTER * random), retryAfterMs ?? 0));
}

const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Reads a Retry-After header (RFC 9110, 10.2.3): seconds, or the date in its one form that may be sent.
 * @returns milliseconds from `now` on, 0 to a day; null when there is none or it says nothing
 */
export function readRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  const ms = /^\d{1,10}$/.test(text)
    ? Number(text) * SECOND
    : IMF_FIXDATE.test(text)
      ? Date.parse(text) - now
      : Number.NaN;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX);
}
