/**
 * Late success: which attempts that ended FAILED may be charged all the same, and when their processors are asked again.
 *
 * Closed by recovery's proof or by an operator, or declined without the reference being closed at the processor: a charge can still
 * follow, of a sender that was paused, or of a bank that changed its mind. A callback tells of it; should that be lost, a question does.
 *
 * @module
 */

import type { Attempt } from '../domain/transaction.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** After its end. */
const ASKED_AFTER_MS = [10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 3 * DAY_MS] as const;

/** After its end; then no more. */
export const ASKED_FOR_MS = ASKED_AFTER_MS.at(-1)!;

/** FAILED, and neither the sender nor the processor has ruled out that it was charged. */
export function mayBeChargedLate({ status, reopenable }: Pick<Attempt, 'status' | 'reopenable'>): boolean {
  return status === 'FAILED' && !reopenable;
}

/** The next moment after `now` to ask about an attempt that ended at `failedAt`; null: it is asked no more. */
export function nextLateQuestionAt(failedAt: number, now: number): number | null {
  const afterMs = ASKED_AFTER_MS.find((ms) => failedAt + ms > now);
  return afterMs === undefined ? null : failedAt + afterMs;
}
