/**
 * Backoff: when a processor is asked about the same charge again.
 *
 * Most unknown outcomes are known a second later; what is not known after an hour is asked about for days.
 *
 * @module
 */

const DELAYS_MS = [1000, 2000, 5000, 15_000, 30_000, 60_000, 300_000] as const;
const DELAY_MS_MAX = 60 * 60 * 1000;
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

const PROOF_GAP_MS_MIN = 1000;
const PROOF_GAP_MS_MAX = 60_000;

/**
 * Milliseconds, at least, between the questions whose "not found" are the proof that a charge never arrived: a third of
 * the proof's time, so that a bank that forgets what it booked for some seconds closes nothing.
 * @param notFoundProofMs how long after `sendBefore` the first of them is asked
 */
export function proofQueryGapMs(notFoundProofMs: number): number {
  return Math.min(Math.max(Math.ceil(notFoundProofMs / 3), PROOF_GAP_MS_MIN), PROOF_GAP_MS_MAX);
}
