/**
 * Recovery over pretended databases, processor and clock; the moves are the domain's own.
 *
 * @module
 */

import { describe, expect, test, vi } from 'vitest';
import type { NotFoundRule, Query, QueryAnswer } from '../connectors/connector.ts';
import { firstIdAt, intentIdOf, makeId, transactionIdOf } from '../domain/ids.ts';
import { refusal } from '../domain/outcomes.ts';
import { INTENT_LIFETIME_MS } from '../domain/payment-intent.ts';
import type { ProcessorName, ProcessorWord } from '../domain/processor-word.ts';
import { type Attempt, isFinal, moveAttempt, publicStatus } from '../domain/transaction.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest } from '../messages/requests.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';
import { nextQueryDelayMs } from './backoff.ts';
import { expireIntents } from './expire-intents.ts';
import { mayBeChargedLate } from './late-success.ts';
import { createRecovery, type RecoveryDeps } from './recovery.ts';
import { resolveAttempt } from './resolve-attempt.ts';
import { createAttemptWalk, SETTLED_AGE_MS } from './walk.ts';
import { createWatchList, type Watched } from './watch-list.ts';

const START = Date.UTC(2026, 0, 10);
const SEND_BEFORE_MS = 30_000;
const PROOF_MS = 120_000;
const GAP_MS = 40_000;
const SECOND = 1000;
const HOUR = 3_600_000;

let ids = 0;
function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(length - 4, ++ids);
  return bytes;
}

function attemptOf(startedAt: number, over: Partial<Attempt> = {}): Attempt {
  const intentId = makeId(startedAt, 7, randomBytes(8));
  return {
    transactionId: transactionIdOf(intentId, 1),
    paymentIntentId: intentId,
    attempt: 1,
    merchantId: 'merchant_1',
    customerId: null,
    amount: 500,
    currency: 'INR',
    status: 'SENT',
    outcome: 'unknown',
    leg: 1,
    processor: 'SANDBOX',
    processorAccount: 'acct_1',
    routing: {
      fallback: null,
      legs: [
        { leg: 1, processor: 'SANDBOX', processorAccount: 'acct_1', reason: 'preferred', at: startedAt },
      ],
    },
    paymentMethodType: null,
    nextAction: null,
    processorTxnId: null,
    failureCode: null,
    reopenable: false,
    revision: 1,
    senderNonce: 'n',
    sendBefore: startedAt + SEND_BEFORE_MS,
    card: { brand: 'VISA', masked: '', expiryMonth: 1, expiryYear: 2030, fingerprint: '', token: '' },
    successUrl: null,
    cancelUrl: null,
    sessionExpiresAt: null,
    evidence: [],
    createdAt: startedAt,
    updatedAt: startedAt,
    completedAt: null,
    ...over,
  };
}

function wordOf(attempt: Attempt, said: ProcessorWord['said'], at: number): ProcessorWord {
  return {
    source: 'query',
    said,
    leg: attempt.leg,
    processor: attempt.processor,
    processorAccount: attempt.processorAccount,
    processorTxnId: 'ch_1',
    amount: attempt.amount,
    currency: attempt.currency,
    failureCode: null,
    referenceClosed: false,
    elsewhere: false,
    nextAction: null,
    paymentMethodType: null,
    at,
    detail: '',
  };
}

/** Databases, actors, a processor and a clock. */
function world() {
  const attempts = new Map<string, Attempt>();
  const pending = new Set<string>();
  const progress = new Map<string, string>();
  const words: ProcessorWord[] = [];
  const expired: string[] = [];
  const state = {
    now: START,
    bank: (_: string): QueryAnswer | Promise<QueryAnswer> => ({ kind: 'not_found' }),
    /** Told before each request; a reply of its own stands in for the actor's. */
    actor: (_: ShardRequest): ShardReply | null => null,
    account: 'acct_1' as string | null,
    /** By leg; left out, `bank` answers. */
    bankOf: undefined as ((leg: number) => QueryAnswer) | undefined,
    rules: { SANDBOX: { queries: 3, proofMs: PROOF_MS, gapMs: GAP_MS } } as Partial<
      Record<ProcessorName, NotFoundRule>
    >,
  };
  const query = vi.fn(async ({ transactionId, leg }: Parameters<Query>[0] & { processor: ProcessorName }) =>
    state.bankOf === undefined ? state.bank(transactionId) : state.bankOf(leg),
  );
  const log = vi.fn();

  function pageOf(all: string[], after: string, before: string, limit: number) {
    const window = all.filter((id) => id > after && id < before).sort();
    return { ids: window.slice(0, limit), next: window.length >= limit ? window[limit - 1]! : null };
  }
  const scan: RecoveryScan = {
    async unsettledAttempts(after, before, limit) {
      const page = pageOf([...attempts.keys()], after, before, limit);
      const rows = page.ids
        .map((id) => attempts.get(id)!)
        .filter((one) => !isFinal(one.status) || mayBeChargedLate(one));
      return { rows, next: page.next };
    },
    async pendingIntents(after, before, limit) {
      const page = pageOf([...pending], after, before, limit);
      return { rows: page.ids, next: page.next };
    },
    unmatchedCallbacks: async () => [],
    readProgress: async (name) => progress.get(name) ?? null,
    async writeProgress(name, upTo) {
      progress.set(name, upTo);
    },
    close: async () => undefined,
  };

  async function ask(_shard: number, request: ShardRequest): Promise<ShardReply> {
    const own = state.actor(request);
    if (own !== null) return own;
    if (request.type === 'find-payment') {
      const found = [...attempts.values()].filter((one) => one.paymentIntentId === request.intentId);
      return { type: 'payment-found', payment: { intent: {} as never, attempts: found } };
    }
    if (request.type === 'expire-intent') {
      expired.push(request.intentId);
      return { type: 'intent-expired', expired: pending.delete(request.intentId) };
    }
    if (request.type !== 'hear-word') throw new Error(request.type);
    words.push(request.word);
    const before = attempts.get(request.transactionId)!;
    const move = moveAttempt(before, request.word);
    const after = move.verdict === 'applied' ? move.attempt : before;
    attempts.set(after.transactionId, after);
    return { type: 'word-heard', verdict: move.verdict, status: publicStatus(after.status) };
  }

  const deps: RecoveryDeps = {
    scans: [scan],
    ask,
    askDeadlineMs: 1000,
    connectorOf(processor) {
      const notFound = state.rules[processor];
      return notFound && { query: (request) => query({ ...request, processor }), notFound };
    },
    accountOf: async (_merchantId, _processor, account) =>
      [state.account, 'acct_b'].includes(account) ? { account, secretKey: 'k' } : null,
    now: () => state.now,
    random: () => 0.5,
    randomBytes,
    onQuery: vi.fn(),
    log,
    limits: { walkEveryMs: 1, askEveryMs: 1, expireEveryMs: 1 },
  };
  function add(attempt: Attempt): Attempt {
    attempts.set(attempt.transactionId, attempt);
    return attempt;
  }
  return { attempts, pending, progress, words, expired, state, query, log, scan, deps, add };
}

function watchedOf(attempt: Attempt): Watched {
  const list = createWatchList(1);
  list.put(attempt, 0);
  return list.takeDue(Number.POSITIVE_INFINITY)!;
}

/** "Not found" answers that count, of the first leg. */
function countOf({ proofs }: Watched): number {
  return proofs[0]?.notFound ?? 0;
}

const FIRST_LEG = { leg: 1, processor: 'SANDBOX', processorAccount: 'acct_1' } as const;

describe('backoff', () => {
  test('1, 2, 5, 15, 30, 60, 300 s, then doubled up to a day', () => {
    const seconds = Array.from({ length: 17 }, (_, i) => nextQueryDelayMs(i + 1, 0.5) / SECOND);
    expect(seconds.slice(0, 7)).toEqual([1, 2, 5, 15, 30, 60, 300]);
    expect(seconds.slice(7, 15)).toEqual([600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800]);
    expect(seconds.slice(15)).toEqual([86_400, 86_400]);
    expect(nextQueryDelayMs(10_000, 0.99)).toBe(24 * HOUR);
  });

  test('no delay is much longer than the attempt is old', () => {
    let ageMs = 5 * SECOND;
    for (let asked = 1; asked < 40; asked++) {
      const delayMs = nextQueryDelayMs(asked, 0.5);
      expect(delayMs).toBeLessThan(4 * ageMs);
      ageMs += delayMs;
    }
  });
  test('a fifth to each side by chance', () => {
    expect(nextQueryDelayMs(1, 0)).toBeCloseTo(800);
    expect(nextQueryDelayMs(1, 0.999999)).toBeCloseTo(1200, 1);
  });
});

describe('watch list', () => {
  test('the longest due comes first; none before its time; a full list takes no more', () => {
    const list = createWatchList(200);
    const times = Array.from({ length: 200 }, (_, i) => START + ((i * 7919) % 200));
    for (const time of times) expect(list.put(attemptOf(time), 0)).toBe(true);
    expect(list.put(attemptOf(START), 0)).toBe(false);
    expect(list.takeDue(START + 4999)).toBeNull();
    const taken: number[] = [];
    for (let one = list.takeDue(START + HOUR); one !== null; one = list.takeDue(START + HOUR)) {
      taken.push(one.createdAt);
    }
    expect(taken).toEqual([...times].sort((a, b) => a - b));
  });

  test('an attempt under way is on the list but not due, and is not put twice', () => {
    const list = createWatchList(2);
    const attempt = attemptOf(START);
    list.put(attempt, 3);
    const watched = list.takeDue(START + 5000)!;
    expect(list.put(attempt, 3)).toBe(true);
    expect(list.takeDue(START + HOUR)).toBeNull();
    expect(list.oldest(3)).toBe(attempt.transactionId);
    expect(list.oldest(0)).toBeNull();
    list.drop(watched);
    expect(list.size()).toBe(0);
  });
});

describe('one question', () => {
  test.each([
    [SEND_BEFORE_MS + PROOF_MS, 0],
    [SEND_BEFORE_MS + PROOF_MS + 1, 1],
  ])('"not found" %i ms after the start counts %i', async (afterMs, count) => {
    const { deps, add, state, words } = world();
    const watched = watchedOf(add(attemptOf(START)));
    state.now = START + afterMs;
    await resolveAttempt(deps, watched);
    expect(countOf(watched)).toBe(count);
    expect(words.map(({ said }) => said)).toEqual(['not_found']);
  });

  test('the moment of the question counts, not that of its answer', async () => {
    const { deps, add, state } = world();
    const watched = watchedOf(add(attemptOf(START)));
    state.now = START + SEND_BEFORE_MS + PROOF_MS;
    state.bank = () => {
      state.now += HOUR;
      return { kind: 'not_found' };
    };
    await resolveAttempt(deps, watched);
    expect(countOf(watched)).toBe(0);
  });

  test('the third "not found" after the proof time, and no earlier one, closes it for good', async () => {
    const { deps, add, state, words, attempts } = world();
    const { transactionId } = add(attemptOf(START));
    const watched = watchedOf(attempts.get(transactionId)!);
    state.now = START + SEND_BEFORE_MS + PROOF_MS - 10;
    for (let i = 0; i < 10; i++) await resolveAttempt(deps, watched);
    state.now += 11;
    for (const laterMs of [0, GAP_MS - 1, 1, GAP_MS - 1]) {
      state.now += laterMs;
      expect((await resolveAttempt(deps, watched)).kind).toBe('open');
    }
    expect(words.map(({ said }) => said)).toEqual(['not_found']);
    state.now += 1;
    expect(await resolveAttempt(deps, watched)).toEqual({ kind: 'failed', failedAt: state.now });
    expect(words.slice(1)).toMatchObject([{ said: 'never_arrived', source: 'recovery', leg: 1 }]);
    expect(attempts.get(transactionId)).toMatchObject({
      status: 'FAILED',
      reopenable: false,
      outcome: 'not_sent',
    });
  });

  test('a charge that is found wins, and one that is accepted starts the proof anew', async () => {
    const { deps, add, state, attempts } = world();
    const attempt = add(attemptOf(START));
    const watched = watchedOf(attempt);
    state.now = START + HOUR;
    await resolveAttempt(deps, watched);
    state.now += GAP_MS;
    await resolveAttempt(deps, watched);
    expect(countOf(watched)).toBe(2);
    state.bank = () => ({ kind: 'found', word: wordOf(attempt, 'accepted', state.now) });
    expect((await resolveAttempt(deps, watched)).kind).toBe('open');
    expect(countOf(watched)).toBe(0);
    state.bank = () => ({ kind: 'found', word: wordOf(attempt, 'charged', state.now) });
    expect((await resolveAttempt(deps, watched)).kind).toBe('settled');
    expect(attempts.get(attempt.transactionId)!.status).toBe('SUCCESS');
  });

  test('an answer that says nothing moves nothing, counts nothing and is noted once', async () => {
    const { deps, add, state, attempts } = world();
    const attempt = add(attemptOf(START));
    const watched = watchedOf(attempt);
    state.now = START + HOUR;
    state.bank = () => ({ kind: 'no_answer', detail: 'HTTP 500' });
    for (let i = 0; i < 5; i++) await resolveAttempt(deps, watched);
    expect(countOf(watched)).toBe(0);
    const { status, revision, evidence } = attempts.get(attempt.transactionId)!;
    expect([status, revision]).toEqual(['SENT', 2]);
    expect(evidence).toEqual([
      { at: state.now, source: 'query', said: 'no_answer', leg: 1, detail: 'HTTP 500' },
    ]);
  });

  test('what a word would not change is not told', async () => {
    const { deps, add, state, words } = world();
    const attempt = add(attemptOf(START, { status: 'PROCESSING', processorTxnId: 'ch_1' }));
    const watched = watchedOf(attempt);
    state.bank = () => ({ kind: 'found', word: wordOf(attempt, 'accepted', state.now) });
    for (let i = 0; i < 3; i++) await resolveAttempt(deps, watched);
    expect(words).toEqual([]);
  });

  test.each([
    ['the shopper is at the bank', { status: 'REQUIRES_ACTION', outcome: 'action_required' } as const],
    ['the processor has named the charge', { status: 'PROCESSING', processorTxnId: 'ch_1' } as const],
  ])('while %s no "not found" closes it', async (_, over) => {
    const { deps, add, state, attempts } = world();
    const attempt = add(attemptOf(START, over));
    const watched = watchedOf(attempt);
    for (let i = 1; i <= 10; i++) {
      state.now = START + i * HOUR;
      expect(await resolveAttempt(deps, watched)).toEqual({ kind: 'open', countsFrom: null });
    }
    expect(attempts.get(attempt.transactionId)!.status).toBe(over.status);
  });

  test('a processor whose "not found" proves nothing is asked for ever, and closes nothing', async () => {
    const { deps, add, state, words } = world();
    state.rules.SANDBOX = 'never';
    const watched = watchedOf(add(attemptOf(START)));
    for (let i = 1; i <= 10; i++) {
      state.now = START + i * HOUR;
      expect(await resolveAttempt(deps, watched)).toEqual({ kind: 'open', countsFrom: null });
    }
    expect(words.map(({ said }) => said)).toEqual(['not_found']);
  });

  test.each([[null], ['acct_2']])(
    'with account %s it does not ask: another account proves nothing',
    async (account) => {
      const { deps, add, state, query } = world();
      state.account = account;
      state.now = START + HOUR;
      const watched = watchedOf(add(attemptOf(START)));
      expect((await resolveAttempt(deps, watched)).kind).toBe('open');
      expect(query).not.toHaveBeenCalled();
      expect(deps.onQuery).toHaveBeenCalledWith('SANDBOX', 'no_account');
    },
  );

  test('one that is settled meanwhile is not asked about; one that cannot be read stays open', async () => {
    const { deps, add, state, query } = world();
    const watched = watchedOf(add(attemptOf(START, { status: 'SUCCESS' })));
    expect((await resolveAttempt(deps, watched)).kind).toBe('settled');
    state.actor = () => ({ type: 'refused', refusal: refusal('storage_unavailable', '') });
    expect(await resolveAttempt(deps, watched)).toEqual({ kind: 'open', countsFrom: null });
    expect(query).not.toHaveBeenCalled();
  });
});

describe('both legs', () => {
  /** On its second leg, at another processor with a rule of its own. */
  function onSecondLeg() {
    const all = world();
    const first = attemptOf(START);
    const second = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;
    const attempt = all.add({
      ...first,
      ...second,
      leg: 2,
      routing: {
        fallback: second,
        legs: [...first.routing.legs, { leg: 2, ...second, reason: 'first_unreachable', at: START }],
      },
    });
    all.state.rules.SANDBOX_B = { queries: 2, proofMs: 10 * PROOF_MS, gapMs: GAP_MS };
    return { ...all, attempt, watched: watchedOf(attempt) };
  }

  test('each is asked with its own processor, account and leg', async () => {
    const { deps, query, watched } = onSecondLeg();
    await resolveAttempt(deps, watched);
    const asked = query.mock.calls.map(([{ leg, account, processor }]) => [leg, account.account, processor]);
    expect(asked).toEqual([
      [1, 'acct_1', 'SANDBOX'],
      [2, 'acct_b', 'SANDBOX_B'],
    ]);
  });

  test('it is closed only when "not found" is proven of both, each by its own rule', async () => {
    const { deps, state, watched, attempt, attempts } = onSecondLeg();
    state.now = START + SEND_BEFORE_MS + 2 * PROOF_MS;
    for (let i = 0; i < 3; i++, state.now += GAP_MS) await resolveAttempt(deps, watched);
    expect(watched.proofs.map(({ proven }) => proven)).toEqual([true, false]);
    state.now = START + SEND_BEFORE_MS + 10 * PROOF_MS + 1;
    expect(await resolveAttempt(deps, watched)).toEqual({ kind: 'open', countsFrom: state.now + GAP_MS });
    state.now += GAP_MS;
    expect((await resolveAttempt(deps, watched)).kind).toBe('failed');
    expect(attempts.get(attempt.transactionId)).toMatchObject({
      status: 'FAILED',
      leg: 2,
      reopenable: false,
    });
  });

  test('a first leg that is declined, at a bank whose "not found" proves nothing, is proof as well', async () => {
    const { deps, state, watched, attempt, attempts, words } = onSecondLeg();
    state.rules.SANDBOX = 'never';
    state.now = START + 24 * HOUR;
    state.bankOf = (leg) =>
      leg === 1
        ? { kind: 'found', word: { ...wordOf(attempt, 'declined', state.now), ...FIRST_LEG } }
        : { kind: 'not_found' };
    for (let i = 0; i < 2; i++, state.now += GAP_MS) await resolveAttempt(deps, watched);
    expect(attempts.get(attempt.transactionId)!.status).toBe('FAILED');
    expect(words.map(({ said, leg }) => [said, leg])).toEqual([
      ['not_found', 2],
      ['never_arrived', 2],
    ]);
  });

  test.each([
    ['the first cannot be asked', null],
    ['the first says nothing', { kind: 'no_answer', detail: '' } as const],
    ['the first is at work on it', 'accepted' as const],
  ])('nothing is closed while %s', async (_, answer) => {
    const { deps, state, watched, attempt, attempts } = onSecondLeg();
    if (answer === null) state.account = 'acct_of_another';
    const first = (): QueryAnswer =>
      answer === 'accepted'
        ? { kind: 'found', word: { ...wordOf(attempt, 'accepted', state.now), ...FIRST_LEG } }
        : (answer ?? { kind: 'not_found' });
    state.bankOf = (leg) => (leg === 1 ? first() : { kind: 'not_found' });
    for (let i = 1; i <= 10; i++) {
      state.now = START + i * HOUR;
      expect((await resolveAttempt(deps, watched)).kind).toBe('open');
    }
    expect(attempts.get(attempt.transactionId)!.status).toBe('SENT');
  });

  test('a charge of the first leg is told, also while the second bank breaks', async () => {
    const { deps, state, watched, attempt, attempts } = onSecondLeg();
    state.bankOf = (leg) => {
      if (leg === 2) throw new Error('no bank');
      return { kind: 'found', word: { ...wordOf(attempt, 'charged', state.now), ...FIRST_LEG } };
    };
    expect((await resolveAttempt(deps, watched)).kind).toBe('settled');
    expect(attempts.get(attempt.transactionId)).toMatchObject({ status: 'SUCCESS', leg: 1 });
  });

  test('when both were charged both are told', async () => {
    const { deps, state, watched, attempt, words } = onSecondLeg();
    state.bankOf = (leg) => ({
      kind: 'found',
      word: { ...wordOf(attempt, 'charged', state.now), ...(leg === 1 ? FIRST_LEG : {}) },
    });
    await resolveAttempt(deps, watched);
    expect(words.map(({ said, leg }) => [said, leg])).toEqual([
      ['charged', 1],
      ['charged', 2],
    ]);
  });
});

describe('late success', () => {
  const CLOSED = { status: 'FAILED', outcome: 'not_sent', completedAt: START } as const;

  test('10 minutes, an hour, 6 hours, a day and 3 days after its end it is asked about again, and then no more', () => {
    const list = createWatchList(10);
    list.putFailed(attemptOf(START, CLOSED), 0, START);
    const askedAfter: number[] = [];
    for (let now = START; list.late() > 0; ) {
      const due = list.takeDue(now);
      if (due === null) now += 10 * 60 * SECOND;
      else {
        askedAfter.push((now - START) / HOUR);
        list.failed(due, START, now);
      }
    }
    expect(askedAfter.map((hours) => hours * 60)).toEqual([10, 60, 360, 1440, 4320]);
  });

  test('after a restart only what lies ahead is asked: nothing is asked at once', () => {
    const list = createWatchList(10);
    list.putFailed(attemptOf(START, CLOSED), 0, START + 2 * HOUR);
    expect(list.takeDue(START + 6 * HOUR - 1)).toBeNull();
    expect(list.takeDue(START + 6 * HOUR)).not.toBeNull();
    list.putFailed(attemptOf(START, CLOSED), 0, START + 73 * HOUR);
    expect(list.late()).toBe(1);
  });

  test('those that ended have room of their own, and are not what a watermark waits for', () => {
    const list = createWatchList(1, 2);
    for (let i = 0; i < 5; i++) list.putFailed(attemptOf(START + i, CLOSED), 0, START);
    expect([list.late(), list.size(), list.oldest(0), list.oldestCreatedAt()]).toEqual([2, 0, null, null]);
    const open = attemptOf(START + HOUR);
    expect(list.put(open, 0)).toBe(true);
    list.failed(list.takeDue(START + 2 * HOUR)!, START + HOUR, START + HOUR);
    expect([list.late(), list.oldest(0)]).toEqual([2, open.transactionId]);
  });

  test.each([
    ['closed by proof', { failureCode: 'processor_never_received' }, 'recovered'],
    [
      'closed by an operator',
      { failureCode: 'resolved_as_failed', outcome: 'declined' } as const,
      'recovered',
    ],
    ['declined, reference closed', { outcome: 'declined', reopenable: true } as const, 'left alone'],
  ])('an attempt %s that was charged all the same is %s', async (_, over, fate) => {
    const { deps, add, state, query, attempts } = world();
    const attempt = add(attemptOf(START, { ...CLOSED, ...over }));
    const watched = watchedOf(attempt);
    state.bank = () => ({ kind: 'found', word: wordOf(attempt, 'charged', state.now) });
    expect((await resolveAttempt(deps, watched)).kind).toBe('settled');
    expect(query).toHaveBeenCalledTimes(fate === 'recovered' ? 1 : 0);
    expect(attempts.get(attempt.transactionId)!.status).toBe(fate === 'recovered' ? 'SUCCESS' : 'FAILED');
  });

  test('one that was not charged is left as it is', async () => {
    const { deps, add, words } = world();
    const attempt = add(attemptOf(START, CLOSED));
    expect(await resolveAttempt(deps, watchedOf(attempt))).toEqual({ kind: 'failed', failedAt: START });
    expect(words).toEqual([]);
  });

  test('the walk finds it, and goes past it without room for it', async () => {
    const all = world();
    const failed = all.add(attemptOf(START - 30 * HOUR, { ...CLOSED, completedAt: START - HOUR }));
    all.add(attemptOf(START - 29 * HOUR, { ...CLOSED, completedAt: START - HOUR }));
    all.add(attemptOf(START - 28 * HOUR, { ...CLOSED, completedAt: START - HOUR, reopenable: true }));
    const watch = createWatchList(100, 1);
    const walk = createAttemptWalk({
      ...{ scan: all.scan, database: 0, watch },
      ...{ now: () => all.state.now, stopped: () => false },
    });
    await walk.round();
    expect([watch.late(), watch.size()]).toEqual([1, 0]);
    expect(watch.takeDue(START + 10 * HOUR)!.transactionId).toBe(failed.transactionId);
    expect(all.progress.get('open-attempts')).toBe(firstIdAt(START - SETTLED_AGE_MS));
  });

  test('whoever comes to have the job finds those that the watermark has gone past', async () => {
    const all = world();
    const failed = all.add(attemptOf(START - 60 * HOUR, { ...CLOSED, completedAt: START - 50 * HOUR }));
    all.add(attemptOf(START - 110 * HOUR, { ...CLOSED, completedAt: START - 105 * HOUR }));
    all.progress.set('open-attempts', firstIdAt(START - SETTLED_AGE_MS));
    const watch = createWatchList(100);
    const walk = createAttemptWalk({
      ...{ scan: all.scan, database: 0, watch },
      ...{ now: () => all.state.now, stopped: () => false },
    });
    await walk.round();
    expect(watch.late()).toBe(1);
    expect(watch.takeDue(START + 22 * HOUR)!.transactionId).toBe(failed.transactionId);
  });
});

describe('the walk', () => {
  function walkOf({ scan, state }: ReturnType<typeof world>, watchedMax = 100) {
    const watch = createWatchList(watchedMax);
    const walk = createAttemptWalk({ scan, database: 0, watch, now: () => state.now, stopped: () => false });
    return { watch, walk };
  }

  test('finds open attempts of any age but the youngest, and no final one', async () => {
    const all = world();
    for (const age of [4, 6, 60, 600, 6000, 60_000]) all.add(attemptOf(START - age * SECOND));
    all.add(attemptOf(START - 70 * SECOND, { status: 'FAILED' }));
    const { watch, walk } = walkOf(all);
    await walk.round();
    expect(watch.size()).toBe(5);
  });

  test('finds an attempt that begins on an intent of many hours', async () => {
    const all = world();
    const { watch, walk } = walkOf(all);
    await walk.round();
    const late = attemptOf(START - 20 * HOUR, { createdAt: START });
    all.add(late);
    all.state.now += 10 * SECOND;
    await walk.round();
    expect(watch.oldest(0)).toBe(late.transactionId);
  });

  test('the watermark stays below the oldest open attempt and below a day', async () => {
    const all = world();
    const open = all.add(attemptOf(START - 50 * HOUR));
    all.add(attemptOf(START - 40 * HOUR, { status: 'SUCCESS' }));
    const { watch, walk } = walkOf(all);
    await walk.round();
    expect(all.progress.get('open-attempts')! < intentIdOf(open.transactionId)).toBe(true);
    watch.drop(watch.takeDue(all.state.now)!);
    all.attempts.set(open.transactionId, { ...open, status: 'SUCCESS' });
    await walk.round();
    expect(all.progress.get('open-attempts')).toBe(firstIdAt(START - SETTLED_AGE_MS));
  });

  test('with a full list it goes no further, and finds the rest when there is room', async () => {
    const all = world();
    for (let i = 0; i < 5; i++) all.add(attemptOf(START - 30 * HOUR + i));
    const { watch, walk } = walkOf(all, 2);
    let seen = 0;
    for (let rounds = 0; rounds < 10 && seen < 5; rounds++) {
      await walk.round();
      expect(watch.size()).toBeLessThanOrEqual(2);
      for (let one = watch.takeDue(START); one !== null; one = watch.takeDue(START)) {
        const attempt = all.attempts.get(one.transactionId)!;
        all.attempts.set(one.transactionId, { ...attempt, status: 'SUCCESS' });
        watch.drop(one);
        seen++;
      }
    }
    expect(seen).toBe(5);
  });
});

describe('intents nobody paid', () => {
  function expire(
    { deps, scan }: ReturnType<typeof world>,
    over: { oldestOpen?: string; settledTo?: string } = {},
  ) {
    return expireIntents({
      ...deps,
      scan,
      settledTo: () => over.settledTo ?? 'f'.repeat(32),
      oldestOpen: () => over.oldestOpen ?? null,
      stopping: () => false,
      lap: { at: null, atMost: '' },
    });
  }
  const intentAt = (at: number): string => makeId(at, 7, randomBytes(8));

  test('are closed after their day, and not before', async () => {
    const all = world();
    const old = intentAt(START - SETTLED_AGE_MS - 1);
    all.pending.add(old).add(intentAt(START - INTENT_LIFETIME_MS));
    expect(await expire(all)).toBe(1);
    expect(all.expired).toEqual([old]);
    expect(await expire(all)).toBe(0);
  });

  test('what the actor refuses is tried again: progress does not pass it', async () => {
    const all = world();
    for (let i = 0; i < 40; i++) all.pending.add(intentAt(START - 48 * HOUR + i));
    let refusals = 3;
    all.state.actor = () => (refusals-- > 0 ? { type: 'refused', refusal: refusal('overloaded', '') } : null);
    await expire(all);
    expect(all.progress.has('pending-intents')).toBe(false);
    await expire(all);
    expect(all.pending.size).toBe(0);
    expect(all.progress.get('pending-intents')).toBe(firstIdAt(START - SETTLED_AGE_MS));
  });

  test('progress stays below an attempt that is open, and within what was walked for such', async () => {
    const all = world();
    const open = attemptOf(START - 60 * HOUR);
    await expire(all, { oldestOpen: open.transactionId });
    expect(all.progress.get('pending-intents')! < open.paymentIntentId).toBe(true);
    const notWalked = world();
    notWalked.pending.add(intentAt(START - 48 * HOUR));
    expect(await expire(notWalked, { settledTo: firstIdAt(START - 50 * HOUR) })).toBe(0);
  });
});

describe('the whole', () => {
  test('a lost answer is found at the bank; a charge never sent ends after its proof', async () => {
    const { deps, add, state, attempts } = world();
    const lost = add(attemptOf(START - 10 * SECOND));
    const unsent = add(attemptOf(START - 9 * SECOND));
    state.bank = (transactionId) =>
      transactionId === lost.transactionId
        ? { kind: 'found', word: wordOf(lost, 'charged', state.now) }
        : { kind: 'not_found' };
    const recovery = createRecovery(deps);
    recovery.start();
    await vi.waitFor(() => expect(attempts.get(lost.transactionId)!.status).toBe('SUCCESS'));
    await vi.waitFor(
      () => {
        state.now += SECOND;
        expect(attempts.get(unsent.transactionId)!.status).toBe('FAILED');
      },
      { timeout: 10_000, interval: 2 },
    );
    expect(attempts.get(unsent.transactionId)!.completedAt! - unsent.sendBefore).toBeGreaterThan(PROOF_MS);
    await vi.waitFor(() =>
      expect(recovery.counters()).toEqual({ watched: 0, unresolved: 0, late: 1, asking: 0, oldestMs: 0 }),
    );
    await recovery.stop();
  });

  test('a bank that forgets a charge for 15 s, just when it counts, closes nothing', async () => {
    const { deps, add, state, attempts } = world();
    const lost = add(attemptOf(START - 10 * SECOND));
    const proofFrom = lost.sendBefore + PROOF_MS;
    let forgetsFrom: number | undefined;
    state.bank = () => {
      if (state.now <= proofFrom) return { kind: 'no_answer', detail: '' };
      forgetsFrom ??= state.now;
      if (state.now < forgetsFrom + 15 * SECOND) return { kind: 'not_found' };
      return { kind: 'found', word: wordOf(lost, 'charged', state.now) };
    };
    const recovery = createRecovery(deps);
    recovery.start();
    await vi.waitFor(
      () => {
        state.now += SECOND;
        expect(isFinal(attempts.get(lost.transactionId)!.status)).toBe(true);
      },
      { timeout: 10_000, interval: 2 },
    );
    await recovery.stop();
    expect(attempts.get(lost.transactionId)!.status).toBe('SUCCESS');
  });

  test('nobody is asked while the job is another’s; who comes to have it asks about all that is open', async () => {
    const { deps, add, query } = world();
    const open = [add(attemptOf(START - 60 * SECOND)), add(attemptOf(START - 20 * HOUR))];
    let ours = false;
    const recovery = createRecovery({ ...deps, jobOf: () => (ours ? 'ours' : 'anothers') });
    recovery.start();
    const asked = () => new Set(query.mock.calls.map(([{ transactionId }]) => transactionId));
    const everything = new Set(open.map(({ transactionId }) => transactionId));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(recovery.counters().watched).toBe(0);
    for (let tenure = 0; tenure < 2; tenure++) {
      query.mockClear();
      ours = true;
      await vi.waitFor(() => expect(asked()).toEqual(everything), { timeout: 10_000 });
      expect(recovery.counters().watched).toBe(2);
      ours = false;
      await vi.waitFor(() => expect(recovery.counters().watched).toBe(0), { timeout: 10_000 });
    }
    await recovery.stop();
  });

  test('who is unsure of the job rests, and goes on with what it had found when it is sure again', async () => {
    const { deps, add, query } = world();
    add(attemptOf(START - 60 * SECOND));
    let job: 'ours' | 'unsure' = 'ours';
    const recovery = createRecovery({ ...deps, jobOf: () => job });
    recovery.start();
    await vi.waitFor(() => expect(query).toHaveBeenCalled(), { timeout: 10_000 });
    job = 'unsure';
    const later = add(attemptOf(START - 50 * SECOND));
    await vi.waitFor(() => expect(recovery.counters().asking).toBe(0), { timeout: 10_000 });
    query.mockClear();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(query).not.toHaveBeenCalled();
    expect(recovery.counters().watched).toBe(1);
    job = 'ours';
    const asked = () => query.mock.calls.map(([{ transactionId }]) => transactionId);
    await vi.waitFor(() => expect(asked()).toContain(later.transactionId), { timeout: 10_000 });
    await recovery.stop();
  });

  test('what was on its way when the job was lost holds no watermark up, moves none, and is asked about again', async () => {
    const { deps, add, state, query, progress } = world();
    const open = add(attemptOf(START - 100 * HOUR));
    const gate = Promise.withResolvers<QueryAnswer>();
    state.bank = () => gate.promise;
    let ours = true;
    const recovery = createRecovery({ ...deps, jobOf: () => (ours ? 'ours' : 'anothers') });
    recovery.start();
    await vi.waitFor(() => expect(query).toHaveBeenCalledTimes(1), { timeout: 10_000 });
    ours = false;
    await vi.waitFor(() => expect(recovery.counters().watched).toBe(0), { timeout: 10_000 });
    ours = true;
    await vi.waitFor(() => expect(query).toHaveBeenCalledTimes(2), { timeout: 10_000 });
    gate.resolve({ kind: 'no_answer', detail: '' });
    await vi.waitFor(() => expect(recovery.counters()).toMatchObject({ watched: 1, asking: 0 }), {
      timeout: 10_000,
    });
    for (const upTo of progress.values()) expect(upTo < open.transactionId).toBe(true);
    await recovery.stop();
  });

  test('questions under way are bounded; stopping waits for them and begins no other', async () => {
    const { deps, add, state, query } = world();
    for (let i = 0; i < 20; i++) add(attemptOf(START - 60 * SECOND + i));
    const gate = Promise.withResolvers<QueryAnswer>();
    state.bank = () => gate.promise;
    const recovery = createRecovery({ ...deps, limits: { ...deps.limits, askingMax: 4 } });
    recovery.start();
    await vi.waitFor(() => expect(query).toHaveBeenCalledTimes(4));
    let stopped = false;
    const stopping = recovery.stop().finally(() => {
      stopped = true;
    });
    await new Promise(setImmediate);
    expect([stopped, recovery.counters().asking]).toEqual([false, 4]);
    gate.resolve({ kind: 'not_found' });
    await stopping;
    expect(query).toHaveBeenCalledTimes(4);
  });

  test('a database or processor that breaks is told of and tried again; what stays open is counted', async () => {
    const { deps, add, state, log, scan, query } = world();
    add(attemptOf(START - 100 * HOUR));
    let breaking = 2;
    const flaky = {
      ...scan,
      unsettledAttempts: async (...window: Parameters<RecoveryScan['unsettledAttempts']>) => {
        if (breaking-- > 0) throw new Error('database is away');
        return scan.unsettledAttempts(...window);
      },
    };
    state.bank = () => Promise.reject(new Error('no bank'));
    const recovery = createRecovery({ ...deps, scans: [flaky] });
    recovery.start();
    await vi.waitFor(() => expect(query).toHaveBeenCalled());
    await vi.waitFor(() => expect(recovery.counters()).toMatchObject({ watched: 1, unresolved: 1 }));
    await recovery.stop();
    expect(log.mock.calls.map(([, event]) => event).sort()).toEqual([
      'attempt_unresolved',
      'recovery_query_failed',
      'recovery_round_failed',
    ]);
  });
});
