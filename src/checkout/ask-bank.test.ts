import { expect, test } from 'vitest';
import { anAttempt, aWord } from '../../test/support/payments.ts';
import type { Query, QueryAnswer } from '../connectors/connector.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { ShardRequest } from '../messages/requests.ts';
import { createAskBank } from './ask-bank.ts';

const NOW = Date.UTC(2026, 0, 21, 10);
const HEARD = { type: 'word-heard', verdict: 'applied', status: 'SUCCESS' } as const;
const ACTION = anAttempt({ status: 'REQUIRES_ACTION', updatedAt: NOW - 5000 });
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A bank that answers when the test says, and clocks that stand until the test moves them. */
function world() {
  const asked: Parameters<Query>[0][] = [];
  const answers: ((answer: QueryAnswer) => void)[] = [];
  const told: ShardRequest[] = [];
  const timers = new Set<{ call: () => void; ms: number }>();
  const counted: string[] = [];
  const troubles: unknown[] = [];
  const clock = { passedMs: 0 };
  const accountOf = async (merchantId: string, processor: string, account: string) => {
    if (account === 'gone') return null;
    if (account === 'unreadable') throw new Error('control is down');
    return { account, secretKey: `key of ${merchantId} at ${processor}` };
  };
  const bank = createAskBank({
    ask: async (_, request) => {
      told.push(request);
      return HEARD;
    },
    askDeadlineMs: 5000,
    queryOf: () => (question) => {
      asked.push(question);
      return new Promise((resolve) => answers.push(resolve));
    },
    accountOf,
    now: () => NOW + clock.passedMs,
    monotonicMs: () => clock.passedMs,
    randomBytes: (length) => new Uint8Array(length),
    later: (call, ms) => {
      const timer = { call, ms };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    onQuery: (processor, outcome) => counted.push(`${processor} ${outcome}`),
    onTrouble: (error) => troubles.push(error),
  });
  return { bank, asked, answers, told, timers, counted, troubles, clock };
}

const found = (said: 'charged' | 'action_required'): QueryAnswer => ({
  kind: 'found',
  word: aWord({ source: 'query', said }),
});

test('a return asks with the attempt’s own account and leg, and the shard hears the bank’s word as that of a return', async () => {
  const { bank, asked, answers, told, timers, counted } = world();
  const { transactionId, merchantId, processor, processorAccount, leg } = ACTION;
  const back = bank.onReturn(ACTION, {});
  await settle();
  const account = { account: processorAccount, secretKey: `key of ${merchantId} at ${processor}` };
  const startedAt = ACTION.createdAt;
  expect(asked).toEqual([
    { transactionId, leg, account, startedAt, processorTxnId: null, returned: {}, now: NOW },
  ]);
  answers[0]!(found('charged'));
  await back;
  expect(told).toMatchObject([
    { type: 'hear-word', transactionId, word: { source: 'return', said: 'charged', leg } },
  ]);
  expect([timers.size, counted]).toEqual([0, [`${processor} found`]]);
});

test('what a browser brought goes with the question; one that joins a question not yet asked brings its own', async () => {
  const { bank, asked, answers, clock, timers } = world();
  const first = bank.onReturn(ACTION, { status: 'success' });
  await settle();
  expect(asked[0]!.returned).toEqual({ status: 'success' });
  answers[0]!({ kind: 'not_found' });
  await first;
  clock.passedMs = 100;
  void bank.onReturn(ACTION, {});
  void bank.onReturn(ACTION, { signature: 'a' });
  void bank.onReturn(ACTION, {});
  await settle();
  for (const { call, ms } of timers) if (ms < 1000) call();
  await settle();
  expect(asked[1]!.returned).toEqual({ signature: 'a' });
});

test('that the shopper was back is told although the bank knows nothing, or says nothing', async () => {
  for (const answer of [{ kind: 'not_found' }, { kind: 'no_answer', detail: 'x'.repeat(300) }] as const) {
    const { bank, answers, told } = world();
    const back = bank.onReturn(ACTION, {});
    await settle();
    answers[0]!(answer);
    await back;
    expect(told).toMatchObject([{ word: { source: 'return', said: answer.kind, processorTxnId: null } }]);
  }
});

test('returns at once are one question; one right after it waits its turn, for a shopper may be back before the decision', async () => {
  const { bank, asked, answers, timers, clock } = world();
  const both = Promise.all([bank.onReturn(ACTION, {}), bank.onReturn(ACTION, {})]);
  await settle();
  answers[0]!({ kind: 'not_found' });
  await both;
  clock.passedMs = 100;
  void bank.onReturn(ACTION, {});
  void bank.onReturn(ACTION, {});
  await settle();
  const turn = [...timers].filter(({ ms }) => ms < 3000);
  expect([asked.length, turn.map(({ ms }) => ms)]).toEqual([1, [200]]);
  clock.passedMs = 300;
  turn[0]!.call();
  await settle();
  expect(asked).toHaveLength(2);
});

test('a return is not content with a question that was asked before the shopper was back', async () => {
  const { bank, asked, answers, told } = world();
  bank.whileWaiting(ACTION);
  await settle();
  const back = bank.onReturn(ACTION, {});
  await settle();
  expect(asked).toHaveLength(1);
  answers[0]!(found('action_required'));
  await settle();
  expect(asked).toHaveLength(2);
  answers[1]!(found('charged'));
  await back;
  expect(told).toMatchObject([{ word: { source: 'return', said: 'charged' } }]);
});

test('a bank that does not answer keeps the shopper for three seconds, and its late word is told all the same', async () => {
  const { bank, answers, told, timers } = world();
  let back = false;
  void bank.onReturn(ACTION, {}).then(() => {
    back = true;
  });
  await settle();
  expect(back).toBe(false);
  expect([...timers].map(({ ms }) => ms)).toEqual([3000]);
  for (const { call } of timers) call();
  await settle();
  expect(back).toBe(true);
  answers[0]!(found('charged'));
  await settle();
  expect(told).toHaveLength(1);
});

test('a page that waits asks five seconds after the bank wanted the shopper, then every five, and tells only news', async () => {
  const { bank, asked, answers, told, clock } = world();
  bank.whileWaiting({ ...ACTION, updatedAt: NOW - 4999 });
  bank.whileWaiting({ ...ACTION, status: 'PROCESSING' });
  expect(asked).toHaveLength(0);
  bank.whileWaiting(ACTION);
  bank.whileWaiting(ACTION);
  await settle();
  answers[0]!(found('action_required'));
  await settle();
  clock.passedMs = 4999;
  bank.whileWaiting(ACTION);
  await settle();
  expect([asked.length, told]).toEqual([1, []]);
  clock.passedMs = 5000;
  bank.whileWaiting(ACTION);
  await settle();
  answers[1]!(found('charged'));
  await settle();
  expect(told).toMatchObject([{ word: { source: 'query', said: 'charged' } }]);
});

test('a final attempt, an account that is gone or cannot be read: nothing is asked, and nobody is kept', async () => {
  const { bank, asked, told, counted, troubles } = world();
  await bank.onReturn({ ...ACTION, status: 'SUCCESS' }, {});
  await bank.onReturn({ ...ACTION, processorAccount: 'gone' }, {});
  await bank.onReturn({ ...anAttempt({ transactionId: 'b' as never }), processorAccount: 'unreadable' }, {});
  expect([asked, told]).toEqual([[], []]);
  expect(counted).toEqual([`${ACTION.processor} no_account`]);
  expect(troubles).toHaveLength(1);
});

/** Attempts that wait for their shoppers, each of another payment. */
const attempts = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    ...ACTION,
    transactionId: i.toString(16).padStart(32, '0') as TransactionId,
  }));

test('over sixty-four questions at once a processor is asked no more, and another one is', async () => {
  const { bank, asked } = world();
  for (const attempt of attempts(70)) void bank.onReturn(attempt, {});
  await settle();
  expect(asked).toHaveLength(64);
  void bank.onReturn({ ...ACTION, processor: 'SANDBOX_B' }, {});
  await settle();
  expect(asked).toHaveLength(65);
});

test('pages that wait leave half of the questions to shoppers who come back', async () => {
  const { bank, asked } = world();
  for (const attempt of attempts(40)) bank.whileWaiting(attempt);
  await settle();
  expect(asked).toHaveLength(32);
  void bank.onReturn(ACTION, {});
  await settle();
  expect(asked).toHaveLength(33);
});
