import { expect, test } from 'vitest';
import { anAttempt, anIntent, aWord } from '../../test/support/payments.ts';
import type { Query, QueryAnswer } from '../connectors/connector.ts';
import { intentIdOf, type TransactionId } from '../domain/ids.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { HearWord } from '../messages/requests.ts';
import { createConfirm } from './confirm.ts';

const NOW = Date.UTC(2026, 0, 21, 10);
const ATTEMPT = anAttempt({ status: 'PROCESSING' });
const settle = () => new Promise((resolve) => setImmediate(resolve));
const HEARD: ShardReply = { type: 'word-heard', verdict: 'applied', status: 'SUCCESS' };

/** A shard with these attempts, and a processor that answers when the test says. */
function world(
  attempts: readonly Attempt[] = [ATTEMPT],
  heard: ShardReply = HEARD,
  mayAsk: (name: string) => boolean = () => true,
) {
  const asked: Parameters<Query>[0][] = [];
  const answers: ((answer: QueryAnswer) => void)[] = [];
  const told: HearWord[] = [];
  const hints: string[] = [];
  const counted: string[] = [];
  const troubles: unknown[] = [];
  const confirm = createConfirm({
    async ask(_, request) {
      if (request.type === 'hear-word') {
        told.push(request);
        return heard;
      }
      if (request.type !== 'find-payment') throw new Error(request.type);
      const found = attempts.filter(({ transactionId }) => intentIdOf(transactionId) === request.intentId);
      return found.length === 0
        ? { type: 'refused', refusal: { code: 'payment_not_found', detail: '' } }
        : { type: 'payment-found', payment: { intent: anIntent(), attempts: found } };
    },
    mayAsk,
    askDeadlineMs: 5000,
    queryOf: () => (question) => {
      asked.push(question);
      return new Promise((resolve) => answers.push(resolve));
    },
    async accountOf(merchantId, processor, account) {
      if (account === 'gone') return null;
      if (account === 'unreadable') throw new Error('control is down');
      return { account, secretKey: `key of ${merchantId} at ${processor}` };
    },
    now: () => NOW,
    randomBytes: (length) => new Uint8Array(length),
    onQuery: (processor, outcome) => counted.push(`${processor} ${outcome}`),
    onHint: (processor, outcome) => hints.push(`${processor} ${outcome}`),
    onTrouble: (error) => troubles.push(error),
  });
  const hint = (
    transactionId: TransactionId = ATTEMPT.transactionId,
    processor = ATTEMPT.processor,
    account = 'acct',
  ) => confirm.onHint({ processor, transactionId, account });
  return { confirm, hint, asked, answers, told, hints, counted, troubles };
}

const found = (said: 'charged' | 'accepted' | 'declined'): QueryAnswer => ({
  kind: 'found',
  word: aWord({ source: 'query', said }),
});

test('a hint has the processor asked with the attempt’s own account and leg, and the shard hears the answer as a query’s', async () => {
  const { hint, asked, answers, told, counted, hints } = world();
  const { transactionId, merchantId, processor, processorAccount, leg } = ATTEMPT;
  hint();
  await settle();
  const account = { account: processorAccount, secretKey: `key of ${merchantId} at ${processor}` };
  const startedAt = ATTEMPT.createdAt;
  expect(asked).toEqual([
    { transactionId, leg, account, startedAt, processorTxnId: null, returned: {}, now: NOW },
  ]);
  answers[0]!(found('charged'));
  await settle();
  expect(told).toMatchObject([
    { type: 'hear-word', transactionId, word: { source: 'query', said: 'charged', leg } },
  ]);
  expect([hints, counted]).toEqual([[`${processor} taken`], [`${processor} found`]]);
});

test('an attempt that ended FAILED is asked about: it may have been charged late', async () => {
  const { hint, answers, told } = world([{ ...ATTEMPT, status: 'FAILED' }]);
  hint();
  await settle();
  answers[0]!(found('charged'));
  await settle();
  expect(told).toMatchObject([{ word: { said: 'charged' } }]);
});

test('a paid attempt is not asked about, unless it is its other leg that is hinted at', async () => {
  const { hint, asked } = world([{ ...ATTEMPT, status: 'SUCCESS' }]);
  hint();
  await settle();
  expect(asked).toEqual([]);

  const place = { processor: 'SANDBOX_B', processorAccount: 'acct_b', leg: 2 } as const;
  const legs = [...ATTEMPT.routing.legs, { ...place, reason: 'first_unreachable', at: NOW } as const];
  const paidByB = { ...ATTEMPT, ...place, status: 'SUCCESS', routing: { fallback: null, legs } } as const;
  const other = world([paidByB]);
  other.hint();
  await settle();
  expect(other.asked).toMatchObject([{ leg: 1, account: { account: ATTEMPT.processorAccount } }]);
  other.answers[0]!(found('charged'));
  await settle();
  // It changes nothing of the attempt, and is an incident.
  expect(other.told).toMatchObject([{ word: { said: 'charged', leg: 1 } }]);
});

test('what would change nothing is not told: no answer, nothing found, what is known', async () => {
  const answers: QueryAnswer[] = [
    { kind: 'no_answer', detail: '' },
    { kind: 'not_found' },
    found('accepted'),
  ];
  for (const answer of answers) {
    const known = { ...ATTEMPT, processorTxnId: 'ch_1', paymentMethodType: 'UPI' } as const;
    const { hint, answers: give, told } = world([known]);
    hint();
    await settle();
    give[0]!(answer.kind === 'found' ? found('accepted') : answer);
    await settle();
    expect(told).toEqual([]);
  }
});

test('a storm of hints for one transaction asks once, and once more for all that came meanwhile', async () => {
  const { hint, asked, answers, hints } = world();
  hint();
  await settle();
  for (let i = 0; i < 1000; i++) hint();
  await settle();
  expect(asked).toHaveLength(1);
  answers[0]!({ kind: 'no_answer', detail: '' });
  await settle();
  expect(asked).toHaveLength(2);
  answers[1]!({ kind: 'no_answer', detail: '' });
  await settle();
  expect(asked).toHaveLength(2);
  expect(hints.filter((outcome) => outcome.endsWith('merged'))).toHaveLength(999);
});

test('a hint that is sent again and again has its processor asked so often and no more', async () => {
  let left = 3;
  const { hint, asked, answers, hints } = world([ATTEMPT], HEARD, () => left-- > 0);
  for (let i = 0; i < 10; i++) {
    hint();
    await settle();
    answers[i]?.({ kind: 'no_answer', detail: '' });
    await settle();
  }
  expect([asked.length, hints.filter((outcome) => outcome.endsWith('dropped')).length]).toEqual([3, 7]);
});

test('who signs hints about another’s transaction uses up none of its questions', async () => {
  const spent = new Set<string>();
  const { hint, hints } = world([ATTEMPT], HEARD, (name) => !spent.has(name) && spent.add(name) !== null);
  const { transactionId, processor } = ATTEMPT;
  for (const account of ['acct_hostile', 'acct_hostile', 'acct']) {
    hint(transactionId, processor, account);
    await settle();
  }
  expect(hints).toEqual(['taken', 'dropped', 'taken'].map((outcome) => `${processor} ${outcome}`));
});

/** Attempts each of another payment. */
const many = (count: number): Attempt[] =>
  Array.from({ length: count }, (_, i) => ({
    ...ATTEMPT,
    transactionId: `${(i + 1).toString(16).padStart(31, '0')}1`,
  }));

test('a processor that hangs is asked thirty-two questions and no more, takes no turn at another, and what waits is asked in order', async () => {
  const attempts = many(40);
  const place = { processor: 'SANDBOX_B', processorAccount: 'acct_b', leg: 1 } as const;
  const atB: Attempt = {
    ...ATTEMPT,
    ...place,
    routing: { fallback: null, legs: [{ ...place, reason: 'preferred', at: NOW }] },
  };
  const { hint, asked, answers } = world([...attempts, atB]);
  for (const { transactionId } of attempts) hint(transactionId);
  await settle();
  expect(asked).toHaveLength(32);
  hint(atB.transactionId, 'SANDBOX_B');
  await settle();
  expect(asked[32]).toMatchObject({ account: { account: 'acct_b' } });

  answers[5]!({ kind: 'not_found' });
  await settle();
  expect(asked).toHaveLength(34);
  expect(asked[33]!.transactionId).toBe(attempts[32]!.transactionId);
});

test('what waits is bounded: one hint too many is dropped, and recovery’s', async () => {
  const { hint, hints } = world(many(1));
  for (let i = 0; i < 32 + 10_000; i++) hint(`${i.toString(16).padStart(31, '0')}2`);
  hint(`${'f'.repeat(31)}2`);
  expect(hints.filter((outcome) => outcome.endsWith('dropped'))).toHaveLength(1);
});

test('an unknown transaction, an account that is gone or cannot be read, a shard that refuses: nothing breaks, and the turn is free again', async () => {
  const refused: ShardReply = { type: 'refused', refusal: { code: 'overloaded', detail: '' } };
  const place = (processorAccount: string): Attempt => ({
    ...ATTEMPT,
    processorAccount,
    routing: { fallback: null, legs: [{ ...ATTEMPT.routing.legs[0]!, processorAccount }] },
  });
  const unknown = world([]);
  unknown.hint();
  await settle();
  expect([unknown.asked, unknown.troubles]).toEqual([[], []]);
  const gone = world([place('gone')]);
  gone.hint();
  await settle();
  expect(gone.counted).toEqual([`${ATTEMPT.processor} no_account`]);
  const unreadable = world([place('unreadable')]);
  for (let i = 1; i <= 2; i++) {
    unreadable.hint();
    await settle();
    expect(unreadable.troubles).toHaveLength(i);
  }
  const full = world([ATTEMPT], refused);
  full.hint();
  await settle();
  full.answers[0]!(found('charged'));
  await settle();
  expect(full.troubles).toEqual(['overloaded']);
});

test('closing waits for what is under way and begins nothing more', async () => {
  const { confirm, hint, asked, answers, told } = world();
  hint();
  await settle();
  hint();
  let closed = false;
  const closing = confirm.close().then(() => {
    closed = true;
  });
  await settle();
  expect(closed).toBe(false);
  answers[0]!(found('charged'));
  await closing;
  expect([told.length, asked.length]).toEqual([1, 1]);
  hint();
  await settle();
  expect(asked).toHaveLength(1);
});
