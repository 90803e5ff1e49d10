import { expect, test } from 'vitest';
import { anAttempt, T0 } from '../../test/support/payments.ts';
import { resolveByOperator } from './operator-resolution.ts';
import type { Attempt } from './transaction.ts';

const LATER = T0 + 3_600_000;
const WORD = { operator: 'asha', reason: 'the bank said so', eventId: 'e'.repeat(32), now: LATER };

function decided(as: 'success' | 'failed', over: Partial<Attempt>, now = LATER) {
  const decision = resolveByOperator(anAttempt(over), as, null, { ...WORD, now });
  return decision.kind === 'facts' ? decision.attempt.status : decision.kind;
}

test.each([
  ['SENT', 'SUCCESS', 'FAILED'],
  ['PROCESSING', 'SUCCESS', 'FAILED'],
  ['REQUIRES_ACTION', 'SUCCESS', 'FAILED'],
  ['FAILED', 'SUCCESS', 'unchanged'],
  ['SUCCESS', 'unchanged', 'refused'],
] as const)('an attempt in %s called a success is %s, called failed it is %s', (status, success, failed) => {
  expect([decided('success', { status }), decided('failed', { status })]).toEqual([success, failed]);
});

test('a success is one commit with its event, its intent and its line in the audit', () => {
  const attempt = anAttempt({ status: 'FAILED', revision: 4, failureCode: 'processor_never_received' });
  expect(resolveByOperator(attempt, 'success', null, WORD)).toMatchObject({
    facts: [
      {
        kind: 'attempt-moved',
        expected: { status: 'FAILED', revision: 4 },
        attempt: { status: 'SUCCESS', outcome: 'charged', failureCode: null },
        event: { eventId: WORD.eventId, type: 'payment.recovered' },
        intentStatus: 'SUCCESS',
      },
      { kind: 'operator-audited', action: 'resolved_success', operator: 'asha', moves: true, at: LATER },
    ],
  });
});

test('what an operator calls failed closes its intent and is never opened again', () => {
  expect(resolveByOperator(anAttempt({ status: 'PROCESSING' }), 'failed', null, WORD)).toMatchObject({
    facts: [
      {
        attempt: { status: 'FAILED', failureCode: 'resolved_as_failed', reopenable: false },
        event: { type: 'payment.failed' },
        intentStatus: 'FAILED',
      },
      { action: 'resolved_failed', moves: true },
    ],
  });
});

test('merchants, who read the evidence, do not read the reason', () => {
  const decision = resolveByOperator(anAttempt({ status: 'PROCESSING' }), 'failed', null, WORD);
  if (decision.kind !== 'facts') throw new Error(decision.why);
  expect(JSON.stringify(decision.attempt)).not.toMatch(/asha|the bank said so/);
});

test('until its sender must have stopped an attempt is not called failed', () => {
  const { sendBefore } = anAttempt();
  expect(decided('failed', {}, sendBefore)).toBe('refused');
  expect(decided('failed', {}, sendBefore + 1)).toBe('FAILED');
  expect(decided('success', {}, sendBefore)).toBe('SUCCESS');
});

const SECOND = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;
/** On its second leg. */
function fellBack(over: Partial<Attempt> = {}): Attempt {
  const { routing, ...attempt } = anAttempt({ status: 'PROCESSING', ...over });
  const second = { ...SECOND, leg: 2, reason: 'first_unreachable', at: T0 } as const;
  return { ...attempt, ...SECOND, leg: 2, routing: { fallback: SECOND, legs: [...routing.legs, second] } };
}

test.each([
  [null, 2, 'SANDBOX_B', []],
  [2, 2, 'SANDBOX_B', []],
  [1, 1, 'SANDBOX', ['earlier_leg_charged']],
] as const)(
  'of an attempt with two legs, leg %s called charged is a success of leg %i at %s',
  (leg, charged, processor, incidents) => {
    const decision = resolveByOperator(fellBack(), 'success', leg, WORD);
    if (decision.kind !== 'facts') throw new Error(decision.why);
    expect(decision.attempt).toMatchObject({ status: 'SUCCESS', leg: charged, processor });
    const noted = decision.facts.flatMap((fact) => (fact.kind === 'incident-noted' ? [fact.incident] : []));
    expect(noted).toEqual(incidents);
    expect(decision.facts.map(({ kind }) => kind).at(-1)).toBe('operator-audited');
  },
);

test.each([
  ['success', {}, 3, 'has had no leg 3'],
  ['failed', {}, 1, 'a word of leg 1'],
  ['success', { status: 'SUCCESS' }, 1, 'is SUCCESS by leg 2 already: a second charge is refunded'],
] as const)('%s of an attempt on its second leg, %o, is refused for leg %i: %s', (as, over, leg, why) => {
  expect(resolveByOperator(fellBack(over), as, leg, WORD)).toEqual({ kind: 'refused', why });
});
