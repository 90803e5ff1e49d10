/**
 * Operator's resolution: what an operator's word about an attempt changes, with its line in the audit.
 *
 * The word goes through `moveAttempt` like any other. An operator may end what is open and say that a failed attempt was charged;
 * a success is never taken back (reconciliation does that), and what an operator closed is never opened again.
 *
 * @module
 */

import type { Fact, OperatorAudited } from './facts.ts';
import { ownWord, type ProcessorWord } from './processor-word.ts';
import type { RoutedLeg } from './routing.ts';
import { type Attempt, closesIntent, type IncidentKind, moveAttempt } from './transaction.ts';

/** Merchants read the evidence; who and why is in the audit, which they do not. */
const DETAIL = 'resolved by an operator';

/** Who says so and why, and when. */
export interface OperatorWord {
  operator: string;
  reason: string;
  /** Id of the merchant's event: `makeId(now, shardOfId(transactionId), random)`. */
  eventId: string;
  /** Milliseconds since 1970. */
  now: number;
}

/** `unchanged` and `refused` say why, in words that go after the attempt's id. */
export type OperatorDecision =
  | { kind: 'facts'; facts: Fact[]; attempt: Attempt }
  | { kind: 'unchanged' | 'refused'; why: string };

/**
 * What becomes of an attempt that an operator calls charged or failed.
 * @param leg whose processor charged, for an attempt that has had two; null: the one it stands on
 */
export function resolveByOperator(
  attempt: Attempt,
  as: 'success' | 'failed',
  leg: number | null,
  word: OperatorWord,
): OperatorDecision {
  const meant = attempt.routing.legs.find((one) => one.leg === (leg ?? attempt.leg));
  if (meant === undefined) return { kind: 'refused', why: `has had no leg ${leg}` };
  const standing = standingAgainst(attempt, as, meant, word.now);
  if (standing !== null) return standing;
  const move = moveAttempt(attempt, spoken(meant, as, word.now));
  if (move.verdict !== 'applied') return { kind: 'refused', why: move.reason };
  const { attempt: next, event, incidents } = move;
  const facts: Fact[] = [
    {
      kind: 'attempt-moved',
      expected: { status: attempt.status, revision: attempt.revision },
      attempt: next,
      event: event === null ? null : { eventId: word.eventId, type: event },
      intentStatus: next.status === 'SUCCESS' ? 'SUCCESS' : closesIntent(next) ? 'FAILED' : null,
    },
    ...incidents.map((incident) => noted(attempt, incident, word.now)),
    auditOf(attempt, as === 'success' ? 'resolved_success' : 'resolved_failed', word),
  ];
  return { kind: 'facts', facts, attempt: next };
}

/** The line of the audit that acknowledges a transaction's incidents. */
export function acknowledgeIncidents(
  attempt: Pick<Attempt, 'transactionId'>,
  word: Pick<OperatorWord, 'operator' | 'reason' | 'now'>,
): OperatorAudited {
  return auditOf(attempt, 'incident_acknowledged', word);
}

function standingAgainst(
  attempt: Attempt,
  as: 'success' | 'failed',
  { leg }: RoutedLeg,
  now: number,
): OperatorDecision | null {
  const { status, failureCode, sendBefore } = attempt;
  if (status === 'SUCCESS') {
    if (as === 'success' && leg !== attempt.leg)
      return {
        kind: 'refused',
        why: `is SUCCESS by leg ${attempt.leg} already: a second charge is refunded`,
      };
    return as === 'success'
      ? { kind: 'unchanged', why: 'is SUCCESS already' }
      : { kind: 'refused', why: 'is SUCCESS, and a success is never taken back: reconciliation corrects it' };
  }
  if (as === 'success') return null;
  if (status === 'FAILED') return { kind: 'unchanged', why: `is FAILED already (${failureCode})` };
  // Its sender may be about to send the charge.
  if (now <= sendBefore) {
    const seconds = Math.ceil((sendBefore - now) / 1000);
    return { kind: 'refused', why: `may still be sent for ${seconds} s: try again after that` };
  }
  return null;
}

function spoken(leg: RoutedLeg, as: 'success' | 'failed', at: number): ProcessorWord {
  const said =
    as === 'success'
      ? ({ said: 'charged' } as const)
      : ({ said: 'declined', failureCode: 'resolved_as_failed' } as const);
  return ownWord(leg, { ...said, source: 'operator', at, detail: DETAIL });
}

function noted({ transactionId }: Attempt, incident: IncidentKind, at: number): Fact {
  return { kind: 'incident-noted', transactionId, incident, detail: DETAIL, at };
}

function auditOf(
  { transactionId }: Pick<Attempt, 'transactionId'>,
  action: OperatorAudited['action'],
  { operator, reason, now }: Pick<OperatorWord, 'operator' | 'reason' | 'now'>,
): OperatorAudited {
  const moves = action !== 'incident_acknowledged';
  return { kind: 'operator-audited', transactionId, operator, action, reason, moves, at: now };
}
