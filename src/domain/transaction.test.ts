import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anAttempt, aWord, T0 } from '../../test/support/payments.ts';
import { ATTEMPTS_MAX } from './ids.ts';
import {
  type NextAction,
  type ProcessorWord,
  type Said,
  senderWord,
  type WordSource,
} from './processor-word.ts';
import { fallbackReason, type Routing } from './routing.ts';
import {
  type Attempt,
  type AttemptMove,
  closesIntent,
  fallBack,
  isFailedByReport,
  isFinal,
  moveAttempt,
  publicStatus,
  type TransactionStatus,
} from './transaction.ts';

// One row per state; the columns are what is said. `=` duplicate, `-` ignored, `+` noted, else the next state's first letters.
const TABLE = `
                  charged declined accepted action_required not_sent unknown never_arrived not_found no_answer
  SENT            SUCCESS FAILED   PROCESS  REQUIRES        FAILED   PROCESS FAILED        +         +
  PROCESSING      SUCCESS FAILED   =        REQUIRES        -        =       FAILED        +         +
  REQUIRES_ACTION SUCCESS FAILED   PROCESS  =               -        =       -             +         +
  SUCCESS         =       -        -        -               -        -       -             -         -
  FAILED          SUCCESS =        -        -               =        -       =             -         -
`;

const [header, ...lines] = TABLE.trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const rows = lines.flatMap(([status, ...cells]) =>
  cells.map((cell, i) => [status!, header![i]!, cell] as const),
);

/** The processor of {@link aWord} has named the charge before. */
const KNOWN = { processorTxnId: 'ch_1' };

function applied(attempt: Attempt, word: ProcessorWord): Extract<AttemptMove, { verdict: 'applied' }> {
  const move = moveAttempt(attempt, word);
  if (move.verdict !== 'applied') throw new Error(`${move.verdict}: ${move.reason}`);
  return move;
}

describe('the transition table', () => {
  test.each(rows)('%s, told %s: %s', (status, said, cell) => {
    const before = anAttempt({ status: status as TransactionStatus });
    const word = aWord({ said: said as Said, processorTxnId: null });
    const move = moveAttempt(before, word);
    expect(move.incidents).toEqual([]);
    if (cell === '=') expect(move.verdict).toBe('duplicate');
    else if (cell === '-') expect(move.verdict).toBe('ignored');
    else {
      const { attempt, event } = applied(before, word);
      expect(attempt.status.startsWith(cell === '+' ? status : cell)).toBe(true);
      expect(attempt.revision).toBe(before.revision + 1);
      expect(attempt.evidence.at(-1)).toMatchObject({ said, leg: 1 });
      expect(event !== null).toBe(isFinal(attempt.status));
    }
  });

  test('it has a row for every state and a column for every word', () => {
    expect(rows).toHaveLength(5 * 9);
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
    for (const said of ['charged', 'declined'] as const) {
      expect(moveAttempt(anAttempt(KNOWN), aWord({ ...over, said }))).toEqual({
        verdict: 'quarantined',
        reason,
        // Money was taken that is nobody's here.
        incidents: said === 'charged' ? ['quarantined_charge'] : [],
      });
    }
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
    [
      'declined to a query, reference closed',
      { said: 'declined', source: 'query', referenceClosed: true },
      true,
    ],
    [
      'declined when the shopper is back, reference closed',
      { said: 'declined', source: 'return', referenceClosed: true },
      true,
    ],
    ['an operator closes it', { said: 'declined', source: 'operator', referenceClosed: true }, false],
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

const SECOND = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;
const ROUTED = {
  fallback: SECOND,
  legs: [{ leg: 1, processor: 'SANDBOX', processorAccount: 'acct_demo', reason: 'preferred', at: T0 }],
} satisfies Routing;
const FIRST_LEG = anAttempt({ routing: ROUTED });
const UNREACHABLE = senderWord({ leg: 1, processor: 'SANDBOX', processorAccount: 'acct_demo' }, 'not_sent', {
  failureCode: 'processor_unreachable',
  detail: 'connection refused',
  at: T0 + 5,
});
const SECOND_LEG = fallBack(FIRST_LEG, UNREACHABLE, T0 + 6)!;
const FROM_SECOND = { ...SECOND, leg: 2, processorTxnId: 'chb_1' };

describe('falling back', () => {
  test.each<[Partial<ProcessorWord>, string | null]>([
    [{ said: 'not_sent', failureCode: 'processor_unreachable' }, 'first_unreachable'],
    [{ said: 'not_sent', failureCode: 'processor_busy' }, 'first_busy'],
    [{ said: 'not_sent', failureCode: 'processor_breaker_open' }, 'first_breaker_open'],
    [{ said: 'not_sent', failureCode: 'send_before_passed' }, null],
    [{ said: 'not_sent', failureCode: null }, null],
    [{ said: 'declined', elsewhere: true, referenceClosed: true }, 'first_refused'],
    [{ said: 'declined', referenceClosed: true }, null],
    [{ said: 'unknown', failureCode: 'processor_unreachable' }, null],
    [{ said: 'charged', elsewhere: true }, null],
    [{ said: 'accepted' }, null],
    [{ said: 'action_required' }, null],
    [{ said: 'never_arrived', source: 'recovery' }, null],
    [{ said: 'not_found', source: 'query' }, null],
    [{ said: 'not_sent', source: 'recovery', failureCode: 'processor_unreachable' }, null],
    [{ said: 'declined', source: 'callback', elsewhere: true, referenceClosed: true }, null],
    [{ said: 'declined', source: 'query', elsewhere: true, referenceClosed: true }, null],
    [{ said: 'declined', source: 'operator', elsewhere: true, referenceClosed: true }, null],
  ])('%o: %s', (over, reason) => {
    const word = aWord(over);
    expect(fallbackReason(word)).toBe(reason);
    const second = fallBack(FIRST_LEG, word, T0 + 6);
    if (reason === null) expect(second).toBeNull();
    else {
      expect(second).toMatchObject({ ...SECOND, leg: 2, status: 'SENT', revision: FIRST_LEG.revision + 1 });
      expect(second!.routing.legs).toEqual([...ROUTED.legs, { ...SECOND, leg: 2, reason, at: T0 + 6 }]);
      expect(second!.evidence).toMatchObject([{ said: word.said, leg: 1 }]);
    }
  });

  test.each<[string, Partial<Attempt>]>([
    ['the merchant has no second processor', { routing: { ...ROUTED, fallback: null } }],
    ['the attempt is under way', { status: 'PROCESSING' }],
    ['the shopper acts', { status: 'REQUIRES_ACTION' }],
    ['the attempt is over', { status: 'FAILED' }],
    ['the attempt is paid', { status: 'SUCCESS' }],
  ])('there is no second leg when %s', (_, over) => {
    expect(fallBack(anAttempt({ routing: ROUTED, ...over }), UNREACHABLE, T0)).toBeNull();
  });

  test('there is no third leg, and no second one by a word of another account', () => {
    expect(fallBack(SECOND_LEG, UNREACHABLE, T0)).toBeNull();
    expect(fallBack(SECOND_LEG, { ...UNREACHABLE, ...SECOND, leg: 2 }, T0)).toBeNull();
    expect(fallBack(FIRST_LEG, { ...UNREACHABLE, processorAccount: 'acct_other' }, T0)).toBeNull();
  });

  test('what the first processor has named is not taken for the second one’s', () => {
    const { attempt } = applied(FIRST_LEG, aWord({ said: 'not_found', source: 'query' }));
    expect(attempt.processorTxnId).toBe('ch_1');
    const second = fallBack(attempt, UNREACHABLE, T0 + 6)!;
    expect(applied(second, aWord(FROM_SECOND)).attempt).toMatchObject({
      status: 'SUCCESS',
      processorTxnId: 'chb_1',
    });
  });
});

describe('a decline for which the sender may fall back', () => {
  const refusal = aWord({ said: 'declined', elsewhere: true, referenceClosed: true, source: 'callback' });

  test.each(['callback', 'query', 'return'] as const)('is noted when a %s is first', (source) => {
    const noted = applied(FIRST_LEG, { ...refusal, source });
    expect(noted).toMatchObject({ event: null, attempt: { status: 'SENT', leg: 1 } });
    expect(fallBack(noted.attempt, { ...refusal, source: 'answer' }, T0 + 6)).toMatchObject({ leg: 2 });
  });

  test.each<[string, Attempt, ProcessorWord]>([
    ['the sender itself tells it', FIRST_LEG, { ...refusal, source: 'answer' }],
    ['the sender may send no more', FIRST_LEG, { ...refusal, at: FIRST_LEG.sendBefore + 1 }],
    ['there is no second processor', anAttempt(), refusal],
    ['the sender has spoken', { ...FIRST_LEG, status: 'PROCESSING' }, refusal],
    ['it is the second leg', SECOND_LEG, { ...refusal, ...FROM_SECOND }],
    ['another processor would say the same', FIRST_LEG, { ...refusal, elsewhere: false }],
  ])('closes the attempt when %s', (_, attempt, word) => {
    expect(applied(attempt, word).attempt).toMatchObject({ status: 'FAILED', reopenable: true });
  });
});

describe('a callback that the first processor has the charge', () => {
  const hint = aWord({ said: 'accepted', source: 'callback', leg: null, processorTxnId: null });

  test('is noted while the sender may fall back, and takes the second leg from nobody', () => {
    const noted = applied(FIRST_LEG, hint);
    expect(noted).toMatchObject({ event: null, attempt: { status: 'SENT', leg: 1 } });
    const refusal = aWord({ said: 'declined', elsewhere: true, referenceClosed: true });
    expect(fallBack(noted.attempt, refusal, T0 + 6)).toMatchObject({ leg: 2 });
  });

  test.each<[string, Attempt, ProcessorWord]>([
    ['there is no second processor', anAttempt(), hint],
    ['the sender may send no more', FIRST_LEG, { ...hint, at: FIRST_LEG.sendBefore + 1 }],
    ['a query or the sender says so', FIRST_LEG, { ...hint, source: 'query' }],
  ])('moves the attempt on when %s', (_, attempt, word) => {
    expect(applied(attempt, word).attempt).toMatchObject({ status: 'PROCESSING' });
  });
});

describe('words of another leg', () => {
  test.each<Said>([
    'declined',
    'accepted',
    'action_required',
    'not_sent',
    'unknown',
    'never_arrived',
    'not_found',
    'no_answer',
  ])('%s of the first moves nothing once the second has begun', (said) => {
    expect(moveAttempt(SECOND_LEG, aWord({ said }))).toEqual({
      verdict: 'ignored',
      reason: 'a word of leg 1',
      incidents: [],
    });
  });

  test('charged by the first all the same: paid there, and somebody must look', () => {
    const { attempt, event, incidents } = applied(SECOND_LEG, aWord({ source: 'callback', leg: null }));
    expect(attempt).toMatchObject({
      status: 'SUCCESS',
      leg: 1,
      processor: 'SANDBOX',
      processorTxnId: 'ch_1',
    });
    expect([event, incidents]).toEqual(['payment.succeeded', ['earlier_leg_charged']]);
    // And by the second as well, from which the answer was still to come.
    expect(moveAttempt(attempt, aWord(FROM_SECOND))).toMatchObject({
      verdict: 'ignored',
      incidents: ['second_charge'],
    });
  });

  test('charged by the first after the second has charged: both are incidents', () => {
    const { attempt } = applied(SECOND_LEG, aWord(FROM_SECOND));
    expect(moveAttempt(attempt, aWord())).toEqual({
      verdict: 'ignored',
      reason: 'both legs were charged',
      incidents: ['earlier_leg_charged', 'second_charge'],
    });
  });

  test('charged by the first after the second has declined is a late success', () => {
    const { attempt } = applied(SECOND_LEG, aWord({ ...FROM_SECOND, said: 'declined' }));
    expect(applied(attempt, aWord())).toMatchObject({
      event: 'payment.recovered',
      attempt: { status: 'SUCCESS', leg: 1, failureCode: null },
    });
  });

  test('a leg that never began has no words', () => {
    expect(moveAttempt(FIRST_LEG, aWord(FROM_SECOND))).toMatchObject({
      verdict: 'quarantined',
      reason: 'processor_mismatch',
    });
  });
});

describe('what the shopper must do', () => {
  const step = (url: string, expiresAt: number | null = T0 + 300_000): NextAction => ({
    kind: 'redirect',
    url,
    expiresAt,
  });
  const wanted = (nextAction: NextAction, source: WordSource = 'query'): ProcessorWord =>
    aWord({ said: 'action_required', nextAction, source });
  const acting = applied(anAttempt(), wanted(step('https://bank.example/1'), 'answer')).attempt;

  test.each<Said>(['charged', 'declined', 'accepted'])('is gone with "%s"', (said) => {
    expect(acting.nextAction).toEqual(step('https://bank.example/1'));
    expect(applied(acting, aWord({ said })).attempt.nextAction).toBeNull();
  });

  test('is a link of an app for UPI, and no card is needed', () => {
    const link: NextAction = { kind: 'upi', link: 'upi://pay?tr=1', expiresAt: null, simulatorUrl: null };
    const upi = anAttempt({ card: null, paymentMethodType: 'UPI' });
    const { attempt } = applied(upi, wanted(link));
    expect(attempt).toMatchObject({ status: 'REQUIRES_ACTION', nextAction: link, paymentMethodType: 'UPI' });
    expect(applied(attempt, aWord()).attempt).toMatchObject({ status: 'SUCCESS', paymentMethodType: 'UPI' });
  });

  test('is the bank’s newest step, and the same step is a duplicate', () => {
    expect(moveAttempt(acting, wanted(step('https://bank.example/1'))).verdict).toBe('duplicate');
    for (const next of [step('https://bank.example/2'), step('https://bank.example/1', T0 + 600_000)]) {
      const { attempt, event } = applied(acting, wanted(next));
      expect(attempt).toMatchObject({
        status: 'REQUIRES_ACTION',
        nextAction: next,
        revision: acting.revision + 1,
      });
      expect(event).toBeNull();
    }
  });

  test('does not go back to the first step when the answer is heard last', () => {
    const { attempt } = applied(anAttempt(), wanted(step('https://bank.example/2')));
    expect(moveAttempt(attempt, wanted(step('https://bank.example/1'), 'answer')).verdict).toBe('duplicate');
  });
});

describe('what a word teaches is known whichever came first', () => {
  test('an "accepted" after an "unknown" still names the charge, so that it cannot have never arrived', () => {
    const unknown = applied(anAttempt(), aWord({ said: 'unknown', processorTxnId: null })).attempt;
    const { attempt, event } = applied(unknown, aWord({ said: 'accepted', source: 'query' }));
    expect(attempt).toMatchObject({ status: 'PROCESSING', processorTxnId: 'ch_1' });
    expect(event).toBeNull();
    const proof = aWord({ said: 'never_arrived', source: 'recovery', processorTxnId: null });
    expect(moveAttempt(attempt, proof).verdict).toBe('ignored');
  });

  test.each(['accepted', 'action_required'] as const)(
    'what the processor has %s without a name cannot have never arrived; of another leg it says nothing',
    (said) => {
      const line = { at: T0, source: 'callback', said, leg: 1, detail: '' } as const;
      const proof = aWord({ said: 'never_arrived', source: 'recovery', processorTxnId: null });
      const known = anAttempt({ status: 'PROCESSING', evidence: [line] });
      expect(moveAttempt(known, proof).verdict).toBe('ignored');
      const elsewhere = anAttempt({ status: 'PROCESSING', evidence: [{ ...line, leg: 2 }] });
      expect(moveAttempt(elsewhere, proof).verdict).toBe('applied');
    },
  );

  test('the kind of card is learnt after the end, and lost by no word', () => {
    const paid = applied(anAttempt(), aWord()).attempt;
    expect(paid.paymentMethodType).toBeNull();
    const learnt = applied(paid, aWord({ source: 'callback', paymentMethodType: 'DEBIT_CARD' }));
    expect(learnt).toMatchObject({
      event: null,
      attempt: {
        status: 'SUCCESS',
        outcome: 'charged',
        paymentMethodType: 'DEBIT_CARD',
        completedAt: paid.completedAt,
      },
    });
    const known = anAttempt({ paymentMethodType: 'CREDIT_CARD' });
    expect(applied(known, aWord({ said: 'declined' })).attempt.paymentMethodType).toBe('CREDIT_CARD');
    const later = fallBack({ ...known, routing: ROUTED }, UNREACHABLE, T0)!;
    expect(later.paymentMethodType).toBe('CREDIT_CARD');
  });

  test('a second id for one charge is quarantined, though the first was learnt from a word without effect', () => {
    const unknown = applied(anAttempt(), aWord({ said: 'unknown', processorTxnId: null })).attempt;
    const { attempt } = applied(unknown, aWord({ said: 'accepted' }));
    expect(moveAttempt(attempt, aWord({ processorTxnId: 'ch_2' }))).toMatchObject({
      reason: 'processor_txn_id_mismatch',
      incidents: ['quarantined_charge'],
    });
  });
});

describe('evidence', () => {
  test('a query that says the same again adds nothing', () => {
    const { attempt } = applied(
      anAttempt(),
      aWord({ said: 'not_found', source: 'query', processorTxnId: null }),
    );
    const again = aWord({ said: 'not_found', source: 'query', processorTxnId: null, at: T0 + 9000 });
    expect(moveAttempt(attempt, again).verdict).toBe('duplicate');
  });

  test('it has an end, and what ends the attempt is in it all the same', () => {
    let attempt = anAttempt();
    for (let n = 0; n < 100; n++) {
      for (const said of ['not_found', 'no_answer', 'accepted', 'action_required'] as const) {
        const move = moveAttempt(attempt, aWord({ said, source: 'query' }));
        if (move.verdict === 'applied') attempt = move.attempt;
      }
    }
    expect(attempt.evidence).toHaveLength(24);
    expect(applied(attempt, aWord()).attempt.evidence.at(-1)).toMatchObject({ said: 'charged' });
    expect(applied(attempt, aWord()).attempt.evidence).toHaveLength(25);
  });
});

describe('an operator', () => {
  test.each<[TransactionStatus, Said, string]>([
    ['SENT', 'charged', 'payment.succeeded'],
    ['PROCESSING', 'charged', 'payment.succeeded'],
    ['REQUIRES_ACTION', 'charged', 'payment.succeeded'],
    ['FAILED', 'charged', 'payment.recovered'],
    ['SENT', 'declined', 'payment.failed'],
    ['PROCESSING', 'declined', 'payment.failed'],
    ['REQUIRES_ACTION', 'declined', 'payment.failed'],
  ])('%s, resolved as %s: %s, for good', (status, said, event) => {
    const word = aWord({ said, source: 'operator', processorTxnId: null });
    const move = applied(anAttempt({ status }), word);
    expect(move.event).toBe(event);
    expect(move.attempt.reopenable).toBe(false);
  });

  test('does not take a success back', () => {
    const word = aWord({ said: 'declined', source: 'operator', processorTxnId: null });
    expect(moveAttempt(anAttempt({ status: 'SUCCESS', ...KNOWN }), word).verdict).toBe('ignored');
  });
});

describe('a settlement report', () => {
  const settled = (said: 'charged' | 'declined', over: Partial<ProcessorWord> = {}): ProcessorWord =>
    aWord({ source: 'settlement', said, leg: null, at: T0 + 86_400_000, detail: 'run 7, row 12', ...over });
  const paid = anAttempt({ status: 'SUCCESS', outcome: 'charged', completedAt: T0 + 1000, ...KNOWN });
  const reversed = applied(paid, settled('declined')).attempt;

  test('takes a success back, for good, at its own moment', () => {
    const { attempt, event, incidents } = applied(
      paid,
      settled('declined', { failureCode: 'chargeback', referenceClosed: true }),
    );
    expect([event, incidents]).toEqual(['payment.reversed', []]);
    expect(attempt).toMatchObject({
      status: 'FAILED',
      outcome: 'declined',
      failureCode: 'settlement_failed',
      reopenable: false,
      completedAt: T0 + 86_400_000,
    });
    expect(closesIntent(attempt)).toBe(true);
    expect(attempt.evidence.at(-1)).toMatchObject({ source: 'settlement', said: 'declined' });
  });

  test.each<WordSource>(['answer', 'callback', 'query', 'return', 'recovery', 'operator'])(
    'is the only one that does: %s does not',
    (source) => {
      expect(moveAttempt(paid, aWord({ said: 'declined', source })).verdict).toBe('ignored');
    },
  );

  test.each<[TransactionStatus, 'charged' | 'declined', string]>([
    ['SENT', 'charged', 'payment.succeeded'],
    ['PROCESSING', 'charged', 'payment.succeeded'],
    ['REQUIRES_ACTION', 'charged', 'payment.succeeded'],
    ['FAILED', 'charged', 'payment.recovered'],
    ['SENT', 'declined', 'payment.failed'],
    ['PROCESSING', 'declined', 'payment.failed'],
    ['REQUIRES_ACTION', 'declined', 'payment.failed'],
  ])('%s, %s: %s, and what it closes stays closed', (status, said, event) => {
    const move = applied(anAttempt({ status }), settled(said, { referenceClosed: true }));
    expect([move.event, move.attempt.reopenable]).toEqual([event, false]);
  });

  test('heard again, the same row is a duplicate, also when another report has said the opposite since', () => {
    expect(moveAttempt(reversed, settled('declined')).verdict).toBe('duplicate');
    const restored = applied(reversed, settled('charged', { detail: 'run 8, row 3' }));
    expect([restored.attempt.status, restored.event]).toEqual(['SUCCESS', 'payment.recovered']);
    expect(moveAttempt(restored.attempt, settled('declined'))).toMatchObject({ verdict: 'duplicate' });
    expect(applied(restored.attempt, settled('declined', { detail: 'run 9, row 1' })).event).toBe(
      'payment.reversed',
    );
  });

  test.each<WordSource>(['answer', 'callback', 'query', 'return', 'recovery'])(
    'is not undone by a charge that %s tells of: it may be older, however late it comes',
    (source) => {
      expect(moveAttempt(reversed, aWord({ source }))).toMatchObject({ verdict: 'ignored', incidents: [] });
      const closed = applied(anAttempt({ status: 'PROCESSING' }), settled('declined')).attempt;
      expect(moveAttempt(closed, aWord({ source })).verdict).toBe('ignored');
    },
  );

  describe('of what had failed before', () => {
    const failed = anAttempt({ status: 'FAILED', failureCode: 'card_declined', ...KNOWN });
    const confirmed = applied(failed, settled('declined'));

    test('changes neither what failed it nor what the merchant was told, and is kept', () => {
      expect(confirmed.event).toBeNull();
      expect(confirmed.attempt).toMatchObject({
        status: 'FAILED',
        failureCode: 'card_declined',
        completedAt: failed.completedAt,
        revision: failed.revision + 1,
      });
      expect(confirmed.attempt.evidence.at(-1)).toMatchObject({ source: 'settlement', said: 'declined' });
      expect(moveAttempt(confirmed.attempt, settled('declined')).verdict).toBe('duplicate');
    });

    test('is kept however much was heard before', () => {
      const line = { at: T0, source: 'query', said: 'not_found', leg: 1, detail: '' } as const;
      const full = { ...failed, evidence: Array.from({ length: 40 }, () => line) };
      expect(isFailedByReport(applied(full, settled('declined')).attempt)).toBe(true);
    });

    test('each row is kept, so that it is known when it comes again after another report', () => {
      const twice = applied(confirmed.attempt, settled('declined', { detail: 'run 8, row 1' })).attempt;
      const restored = applied(twice, settled('charged', { detail: 'run 9, row 1' })).attempt;
      expect(moveAttempt(restored, settled('declined', { detail: 'run 8, row 1' })).verdict).toBe(
        'duplicate',
      );
    });

    test('fails against a charge that was on its way, whichever comes first', () => {
      expect(moveAttempt(confirmed.attempt, aWord({ source: 'callback' })).verdict).toBe('ignored');
      const chargedFirst = applied(failed, aWord({ source: 'callback' })).attempt;
      expect(applied(chargedFirst, settled('declined')).attempt.status).toBe('FAILED');
      expect(applied(confirmed.attempt, settled('charged')).event).toBe('payment.recovered');
    });

    test('leaves the shopper another try where one was left', () => {
      const reopened = anAttempt({ status: 'FAILED', failureCode: 'insufficient_funds', reopenable: true });
      expect(applied(reopened, settled('declined')).attempt.reopenable).toBe(true);
    });
  });

  test('is undone by an operator', () => {
    const move = applied(reversed, aWord({ source: 'operator' }));
    expect([move.attempt.status, move.event]).toEqual(['SUCCESS', 'payment.recovered']);
  });

  test.each<[string, Partial<ProcessorWord>]>([
    ['amount_mismatch', { amount: 1 }],
    ['currency_mismatch', { currency: 'USD' }],
    ['account_mismatch', { processorAccount: 'acct_other' }],
    ['processor_mismatch', { processor: 'STRIPE' }],
    ['processor_txn_id_mismatch', { processorTxnId: 'ch_2' }],
  ])('is quarantined with %s, and moves nothing', (reason, over) => {
    expect(moveAttempt(paid, settled('declined', over))).toMatchObject({ verdict: 'quarantined', reason });
  });

  describe('of a leg that is over', () => {
    const SECOND = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;
    const two = (over: Partial<Attempt>): Attempt => {
      const { routing } = anAttempt();
      const second = { leg: 2, ...SECOND, reason: 'first_unreachable', at: T0 } as const;
      return anAttempt({
        leg: 2,
        ...SECOND,
        routing: { fallback: SECOND, legs: [...routing.legs, second] },
        ...over,
      });
    };

    test('a failure there says nothing of the second', () => {
      expect(moveAttempt(two({ status: 'SUCCESS' }), settled('declined')).verdict).toBe('ignored');
    });

    test('a charge there beside the second is an incident, and after a failure the success', () => {
      expect(moveAttempt(two({ status: 'SUCCESS' }), settled('charged'))).toMatchObject({
        verdict: 'ignored',
        incidents: ['earlier_leg_charged', 'second_charge'],
      });
      expect(applied(two({ status: 'FAILED' }), settled('charged'))).toMatchObject({
        attempt: { status: 'SUCCESS', leg: 1 },
        event: 'payment.recovered',
        incidents: ['earlier_leg_charged'],
      });
    });

    test('a report that agrees that the second has failed says nothing of a charge there', () => {
      const second = settled('declined', SECOND);
      const confirmed = applied(two({ status: 'FAILED', failureCode: 'card_declined' }), second).attempt;
      const charge = aWord({ source: 'callback', leg: null });
      expect(applied(confirmed, charge)).toMatchObject({
        attempt: { status: 'SUCCESS', leg: 1 },
        incidents: ['earlier_leg_charged'],
      });
      const charged = applied(two({ status: 'FAILED', failureCode: 'card_declined' }), charge).attempt;
      expect(moveAttempt(charged, second).verdict).toBe('ignored');
    });

    test('a callback of a charge there does not undo what a report has failed, and is an incident', () => {
      const failed = applied(two({ status: 'PROCESSING' }), settled('declined', SECOND)).attempt;
      expect(moveAttempt(failed, aWord({ source: 'callback', leg: null }))).toMatchObject({
        verdict: 'ignored',
        incidents: ['earlier_leg_charged'],
      });
    });
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
