/**
 * Backoff: when a processor is asked about the same charge again.
 *
 * Most unknown outcomes are known a second later; what is not known after an hour is asked about for days. No delay is much longer
 * than the attempt has been unknown, and none is longer than a day.
 *
 * @module
 */

const DELAYS_MS = [1000, 2000, 5000, 15_000, 30_000, 60_000, 300_000] as const;
const DELAY_MS_MAX = 24 * 60 * 60 * 1000;
/** Each delay is drawn from this share below to this share above it, so that a burst does not stay one. */
const JITTER = 0.2;

/**
 * Milliseconds until the next question.
 * @param asked questions asked so far, at least 1
 * @param random from 0 to below 1
 */
export function nextQueryDelayMs(asked: number, random: number): number {
  const step = DELAYS_MS[asked - 1];
  const last = DELAYS_MS.at(-1)!;
  const delayMs = step ?? Math.min(last * 2 ** Math.min(asked - DELAYS_MS.length, 10), DELAY_MS_MAX);
  return Math.min(delayMs * (1 - JITTER + 2 * JITTER * random), DELAY_MS_MAX);
}
