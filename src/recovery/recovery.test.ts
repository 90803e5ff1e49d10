/**
 * Recovery over pretended databases, processor and clock; the moves are the domain's own.
 *
 * @module
 */

import { describe, expect, test, vi } from 'vitest';
import type { QueryAnswer } from '../connectors/connector.ts';
import { firstIdAt, intentIdOf, makeId, transactionIdOf } from '../domain/ids.ts';
import { refusal } from '../domain/outcomes.ts';
import { INTENT_LIFETIME_MS } from '../domain/payment-intent.ts';
import {
  type Attempt,
  isFinal,
  moveAttempt,
  type ProcessorWord,
  publicStatus,
} from '../domain/transaction.ts';
import type { ShardReply } from '../messages/replies.ts';
import type { ShardRequest } from '../messages/requests.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';
import { nextQueryDelayMs } from './backoff.ts';
import { expireIntents } from './expire-intents.ts';
import { createRecovery, type RecoveryDeps } from './recovery.ts';
import { resolveAttempt } from './resolve-attempt.ts';
import { createAttemptWalk, SETTLED_AGE_MS } from './walk.ts';
import { createWatchList, type Watched } from './watch-list.ts';

const START = Date.UTC(2026, 0, 10);
const SEND_BEFORE_MS = 30_000;
const PROOF_MS = 120_000;
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
  };
  const query = vi.fn(async ({ transactionId }: { transactionId: string }) => state.bank(transactionId));
  const log = vi.fn();

  function pageOf(all: string[], after: string, before: string, limit: number) {
    const window = all.filter((id) => id > after && id < before).sort();
    return { ids: window.slice(0, limit), next: window.length >= limit ? window[limit - 1]! : null };
  }
  const scan: RecoveryScan = {
    async openAttempts(after, before, limit) {
      const page = pageOf([...attempts.keys()], after, before, limit);
      const rows = page.ids.map((id) => attempts.get(id)!).filter(({ status }) => !isFinal(status));
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
    clock: async () => new Date(state.now),
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
    connectorOf: (processor) =>
      processor === 'SANDBOX'
        ? { query, notFound: { queries: 3, proofMs: PROOF_MS, gapMs: 40_000 } }
        : undefined,
    accountOf: async (_merchantId, _processor, account) =>
      state.account === account ? { account, secretKey: 'k' } : null,
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

describe('backoff', () => {
  test('1, 2, 5, 15, 30, 60, 300 s, then doubled up to an hour', () => {
    const seconds = Array.from({ length: 13 }, (_, i) => nextQueryDelayMs(i + 1, 0.5) / SECOND);
    expect(seconds).toEqual([1, 2, 5, 15, 30, 60, 300, 600, 1200, 2400, 3600, 3600, 3600]);
    expect(nextQueryDelayMs(10_000, 0.99)).toBe(HOUR);
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
    expect(watched.notFound).toBe(count);
    expect(words).toEqual([]);
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
    expect(watched.notFound).toBe(0);
  });

  test('the third "not found" after the proof time, and no earlier one, closes it for good', async () => {
    const { deps, add, state, words, attempts } = world();
    const { transactionId } = add(attemptOf(START));
    const watched = watchedOf(attempts.get(transactionId)!);
    state.now = START + SEND_BEFORE_MS + PROOF_MS - 10;
    for (let i = 0; i < 10; i++) await resolveAttempt(deps, watched);
    state.now += 11;
    expect((await resolveAttempt(deps, watched)).kind).toBe('open');
    expect((await resolveAttempt(deps, watched)).kind).toBe('open');
    expect(words).toEqual([]);
    expect((await resolveAttempt(deps, watched)).kind).toBe('settled');
    expect(words).toMatchObject([{ said: 'never_arrived', source: 'recovery', leg: 1 }]);
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
    await resolveAttempt(deps, watched);
    state.bank = () => ({ kind: 'found', word: wordOf(attempt, 'accepted', state.now) });
    expect((await resolveAttempt(deps, watched)).kind).toBe('open');
    expect(watched.notFound).toBe(0);
    state.bank = () => ({ kind: 'found', word: wordOf(attempt, 'charged', state.now) });
    expect((await resolveAttempt(deps, watched)).kind).toBe('settled');
    expect(attempts.get(attempt.transactionId)!.status).toBe('SUCCESS');
  });

  test('an answer that says nothing moves nothing and counts nothing', async () => {
    const { deps, add, state, words } = world();
    const watched = watchedOf(add(attemptOf(START)));
    state.now = START + HOUR;
    state.bank = () => ({ kind: 'no_answer', detail: '' });
    for (let i = 0; i < 5; i++) await resolveAttempt(deps, watched);
    expect([watched.notFound, words]).toEqual([0, []]);
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
    expect(await resolveAttempt(deps, watched)).toEqual({ kind: 'open', sendBefore: null });
    expect(query).not.toHaveBeenCalled();
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
    await vi.waitFor(() => expect(recovery.counters()).toEqual({ watched: 0, unresolved: 0, asking: 0 }));
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
      openAttempts: async (...window: Parameters<RecoveryScan['openAttempts']>) => {
        if (breaking-- > 0) throw new Error('database is away');
        return scan.openAttempts(...window);
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
