/**
 * Not found: how many such answers, and how far apart, prove that a reference never arrived.
 *
 * @module
 */

import type { NotFoundRule, RoomConfig } from './connector.ts';

const QUERIES = 3;
const GAP_MS_MIN = 1000;
const GAP_MS_MAX = 60_000;

/**
 * Three answers, each a third of the proof's time after the one before, a second to a minute: a processor that forgets, or whose lists lag,
 * for some seconds closes nothing.
 * @param gaps by how many the proof's time is divided, and the longest of them, where a processor's documents ask for others
 */
export function threeTimesNotFound(
  { notFoundProofMs }: Pick<RoomConfig, 'notFoundProofMs'>,
  gaps: { count: number; msMax: number } = { count: 3, msMax: GAP_MS_MAX },
): Exclude<NotFoundRule, 'never'> {
  const gapMs = Math.min(Math.max(Math.ceil(notFoundProofMs / gaps.count), GAP_MS_MIN), gaps.msMax);
  return { queries: QUERIES, proofMs: notFoundProofMs, gapMs };
}
