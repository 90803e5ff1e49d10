import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anAttempt, aWord } from '../../test/support/payments.ts';
import { ATTEMPTS_MAX } from './ids.ts';
import {
  closesIntent,
  isFinal,
  moveAttempt,
  type ProcessorWord,
  publicStatus,
  type Said,
  type TransactionStatus,
} from './transaction.ts';

// One row per state; the columns are what is said. `=` duplicate, `-` ignored, else the next state's first letters.
const TABLE = `
                  charged declined accepted action_required not_sent unknown never_arrived
  SENT            SUCCESS FAILED   PROCESS  REQUIRES        FAILED   PROCESS FAILED
  PROCESSING      SUCCESS FAILED   =        REQUIRES        -        =       FAILED
  REQUIRES_ACTION SUCCESS FAILED   PROCESS  =               -        =       -
  SUCCESS         =       -        -        -               -        -       -
  FAILED          SUCCESS =        -        -               =        -       =
`;

const [header, ...lines] = TABLE.trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const rows = lines.flatMap(([status, ...cells]) =>
  cells.map((cell, i) => [status!, header![i]!, cell] as const),
);

describe('the transition table', () => {
  test.each(rows)('%s, told %s: %s', (status, said, cell) => {
    const before = anAttempt({ status: status as TransactionStatus });
    const move = moveAttempt(before, aWord({ said: said as Said }));
    if (cell === '=') expect(move.verdict).toBe('duplicate');
    else if (cell === '-') expect(move.verdict).toBe('ignored');
    else {
      expect(move.verdict).toBe('applied');
      expect(move.verdict === 'applied' && move.attempt.status.startsWith(cell)).toBe(true);
      expect(move.verdict === 'applied' && move.attempt.revision).toBe(before.revision + 1);
    }
  });

  test('it has a row for every state and a column for every word', () => {
    expect(rows).toHaveLength(5 * 7);
  });
});

describe('a word must be about this charge, whatever it says', () => {
  test.each<[string, Partial<ProcessorWord>]>([
    ['processor_mismatch', { processor: 'STRIPE' }],
    ['processor_mismatch', { leg: 2 }],
    ['account_mismatch', { processorAccount: 'acct_other' }],
    ['amount_mismatch', { amount: 4999 }],
    ['currency_mismatch', { currency: 'USD' }],
    ['processor_txn_id_mismatch', { processorTxnId: 'ch_2' }],
    // In order of precedence: the first that is wrong is named.
    ['processor_mismatch', { processor: 'STRIPE', amount: 1, currency: 'USD' }],
    ['amount_mismatch', { amount: 1, currency: 'USD', processorTxnId: 'ch_2' }],
  ])('%s', (reason, over) => {
    expect(moveAttempt(anAttempt({ processorTxnId: 'ch_1' }), aWord(over))).toEqual({
      verdict: 'quarantined',
      reason,
    });
  });

  test('what the source does not name cannot differ', () => {
    const word = aWord({
      leg: null,
      processorAccount: null,
      amount: null,
      currency: null,
      processorTxnId: null,
    });
    expect(moveAttempt(anAttempt({ processorTxnId: 'ch_1' }), word).verdict).toBe('applied');
  });
});

describe('reopening', () => {
  test.each<[string, Partial<ProcessorWord>, boolean]>([
    ['the sender proves that nothing was sent', { said: 'not_sent', source: 'answer' }, true],
    [
      'declined in the answer, reference closed',
      { said: 'declined', source: 'answer', referenceClosed: true },
      true,
    ],
    [
      'declined by callback, reference closed',
      { said: 'declined', source: 'callback', referenceClosed: true },
      true,
    ],
    ['declined, reference may still be charged', { said: 'declined', source: 'answer' }, false],
    ['recovery hears of a decline', { said: 'declined', source: 'query', referenceClosed: true }, false],
    ['recovery proves that it never arrived', { said: 'never_arrived', source: 'recovery' }, false],
    ['recovery claims that nothing was sent', { said: 'not_sent', source: 'recovery' }, false],
  ])('%s', (_, over, reopenable) => {
    const move = moveAttempt(anAttempt(), aWord({ processorTxnId: null, ...over }));
    expect(move.verdict === 'applied' && move.attempt.reopenable).toBe(reopenable);
    expect(move.verdict === 'applied' && move.event).toBe(
      reopenable ? 'payment.attempt_failed' : 'payment.failed',
    );
  });

  test('the last attempt closes its intent even when reopenable', () => {
    expect(closesIntent(anAttempt({ status: 'FAILED', reopenable: true, attempt: ATTEMPTS_MAX - 1 }))).toBe(
      false,
    );
    expect(closesIntent(anAttempt({ status: 'FAILED', reopenable: true, attempt: ATTEMPTS_MAX }))).toBe(true);
  });
});

test('a processor that has named the charge cannot have never received it', () => {
  const attempt = anAttempt({ status: 'PROCESSING', processorTxnId: 'ch_1' });
  expect(moveAttempt(attempt, aWord({ said: 'never_arrived', source: 'recovery' })).verdict).toBe('ignored');
});

test('success after failure is an event of its own, and clears the failure', () => {
  const move = moveAttempt(
    anAttempt({ status: 'FAILED', failureCode: 'processor_never_received' }),
    aWord({ source: 'callback' }),
  );
  expect(move).toMatchObject({
    verdict: 'applied',
    event: 'payment.recovered',
    attempt: { status: 'SUCCESS', failureCode: null },
  });
});

const anyWord = fc
  .record({
    said: fc.constantFrom<Said>(
      'charged',
      'declined',
      'accepted',
      'action_required',
      'not_sent',
      'unknown',
      'never_arrived',
    ),
    source: fc.constantFrom<ProcessorWord['source']>('answer', 'callback', 'query', 'recovery'),
    referenceClosed: fc.boolean(),
  })
  .map((over) => aWord(over));

test('no order of words leaves SUCCESS, and any order with "charged" in it ends there', () => {
  fc.assert(
    fc.property(fc.array(anyWord, { maxLength: 12 }), (words) => {
      let attempt = anAttempt();
      let events = 0;
      for (const word of words) {
        const move = moveAttempt(attempt, word);
        if (move.verdict !== 'applied') continue;
        expect(attempt.status).not.toBe('SUCCESS');
        if (move.event !== null) events++;
        expect(isFinal(move.attempt.status)).toBe(move.event !== null);
        expect(move.attempt.completedAt !== null).toBe(isFinal(move.attempt.status));
        attempt = move.attempt;
      }
      if (words.some((word) => word.said === 'charged')) expect(publicStatus(attempt.status)).toBe('SUCCESS');
      // FAILED at most once, SUCCESS at most once.
      expect(events).toBeLessThanOrEqual(2);
    }),
  );
});
