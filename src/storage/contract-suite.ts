/**
 * Contract of a shard store: every rule of the door, as tests that any implementation must pass.
 *
 * Two stores stand for two gateways on one database. The last test runs random turns against the store and against the
 * model of its rules in memory (`test/support/model-store.ts`) and wants the same effects and the same rows.
 *
 * @module
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commitAsLane } from '../../test/support/commit-as-lane.ts';
import {
  attemptFor,
  audited,
  callback,
  claimed,
  created,
  declined,
  expired,
  fellBack,
  freshIntent,
  incident,
  moved,
  started,
} from '../../test/support/facts.ts';
import { createModelStore, type ModelStore } from '../../test/support/model-store.ts';
import type { AttemptMoved, Effect, Fact, KeyClaimed } from '../domain/facts.ts';
import { keyName } from '../domain/idempotency.ts';
import { type IntentId, intentIdOf, shardOfId } from '../domain/ids.ts';
import type { Payment, PaymentIntent } from '../domain/payment-intent.ts';
import type { NextAction, PaymentMethodType, Said } from '../domain/processor-word.ts';
import type { Attempt } from '../domain/transaction.ts';
import { type ShardStore, StorageError, type StorageFailureKind } from './storage.ts';

/** Rows that no door reads back, in the order they were written where that can be told. */
export interface OtherRows {
  outbox: Array<{ transactionId: string | null; type: string; sequence: number }>;
  incidents: Array<{ transactionId: string; kind: string; acknowledged: boolean }>;
  audits: Array<{ transactionId: string; action: string; operator: string; reason: string }>;
  /** Of the intent. */
  paymentMethodType: string | null;
}

const NO_OTHER_ROWS: OtherRows = { outbox: [], incidents: [], audits: [], paymentMethodType: null };

/** A database of logical shards 0 to 511 with two gateways on it. */
export interface ShardStoreBed {
  stores: readonly [ShardStore, ShardStore];
  /** What was written for a payment besides its rows. */
  otherRows(intentId: IntentId): Promise<OtherRows>;
  /** Verdict of a callback by its event id; null when it is not recorded. */
  verdictOf(eventId: string): Promise<string | null>;
  /** Moves all keys into the past by so many hours, over the days' boundary. */
  ageKeys(hours: number): Promise<void>;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;

/** Runs the contract over what `make` opens. */
export function shardStoreContract(name: string, make: () => Promise<ShardStoreBed>): void {
  describe(`shard store on ${name}`, () => {
    let bed: ShardStoreBed;
    beforeAll(async () => {
      bed = await make();
    });
    afterAll(() => bed?.close());

    intentsAndKeys(() => bed);
    attempts(() => bed);
    moves(() => bed);
    reversals(() => bed);
    legs(() => bed);
    methods(() => bed);
    incidentsAndAudits(() => bed);
    callbacksAndExpiry(() => bed);
    failures(() => bed);
    twoGateways(() => bed);
    asTheModel(() => bed);
  });
}

type Bed = () => ShardStoreBed;

const effective = (effects: readonly Effect[]): boolean[] => effects.map((effect) => effect.effective);

async function payment(store: ShardStore, { paymentIntentId }: PaymentIntent): Promise<Payment | null> {
  const { payments } = await store.prefetch({ payments: new Set([paymentIntentId]), keys: new Map() });
  return payments.get(paymentIntentId)!;
}

async function storedKey(store: ShardStore, { key }: KeyClaimed) {
  const keys = new Map([[keyName(key), key]]);
  return (await store.prefetch({ payments: new Set(), keys })).keys.get(keyName(key))!;
}

async function failureOf(work: Promise<unknown>): Promise<StorageFailureKind | 'none'> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof StorageError) return error.kind;
    throw error;
  }
}

/** An intent that is stored, with its first attempt SENT. */
async function sent(store: ShardStore): Promise<{ intent: PaymentIntent; attempt: Attempt }> {
  const intent = freshIntent();
  await store.commit([created(intent)]);
  const attempt = attemptFor(intent);
  expect(effective(await store.commit([started(attempt)]))).toEqual([true]);
  return { intent, attempt };
}

function intentsAndKeys(bed: Bed): void {
  test('an intent is read back as it was committed, whatever its texts hold', async () => {
    const [store] = bed().stores;
    const awkward = `"{},\\ NULL null 'é漢🙂\n\t\\"`;
    const metadata = JSON.stringify({ note: awkward, empty: '' });
    const intents = [
      freshIntent({ orderId: awkward, customerId: awkward, metadata, amount: 2 ** 40 }),
      freshIntent({ orderId: 'NULL', customerId: null }),
      freshIntent({ orderId: '', customerId: '' }),
    ];
    expect(effective(await store.commit(intents.map((intent) => created(intent))))).toEqual([
      true,
      true,
      true,
    ]);
    for (const intent of intents) {
      const read = await payment(store, intent);
      expect(JSON.parse(read!.intent.metadata ?? 'null')).toEqual(JSON.parse(intent.metadata ?? 'null'));
      expect(read).toEqual({ intent: { ...intent, metadata: read!.intent.metadata }, attempts: [] });
    }
    expect(effective(await store.commit([created(intents[0]!)]))).toEqual([false]);
    expect(await payment(store, freshIntent())).toBeNull();
  });

  test('a key is claimed once: its effect is written with it, a second claim has none', async () => {
    const [one, other] = bed().stores;
    const [first, second] = [freshIntent(), freshIntent()];
    const claim = claimed(`key "${first.paymentIntentId}"`, first.paymentIntentId);
    expect(effective(await one.commit([claim, created(first, true)]))).toEqual([true, true]);
    const again = { ...claim, effectId: second.paymentIntentId };
    expect(effective(await other.commit([again, created(second, true)]))).toEqual([false, false]);
    expect(await payment(other, second)).toBeNull();
    expect(await storedKey(other, claim)).toEqual({
      bodyHash: claim.key.bodyHash,
      effectId: first.paymentIntentId,
      answer: claim.answer,
      createdAt: expect.any(Number),
    });
    expect(await storedKey(one, claimed('never claimed', first.paymentIntentId))).toBeNull();
  });

  test('a key without an effect of this turn is claimed alone', async () => {
    const [store] = bed().stores;
    const claim = claimed(`session ${freshIntent().paymentIntentId}`, 'ab'.repeat(16));
    expect(effective(await store.commit([claim]))).toEqual([true]);
    expect(effective(await store.commit([claim]))).toEqual([false]);
    expect((await storedKey(store, claim))!.effectId).toBe('ab'.repeat(16));
  });

  test('one key twice in a turn: the first has it', async () => {
    const [store] = bed().stores;
    const [first, second] = [freshIntent(), freshIntent()];
    const claim = claimed(`twice ${first.paymentIntentId}`, first.paymentIntentId);
    const effects = await store.commit([
      claim,
      created(first, true),
      { ...claim, effectId: second.paymentIntentId },
      created(second, true),
    ]);
    expect(effective(effects)).toEqual([true, true, false, false]);
    expect(await payment(store, second)).toBeNull();
  });

  test('yesterday’s key still holds, one of 24 hours ago does not', async () => {
    const [store] = bed().stores;
    const [first, second] = [freshIntent(), freshIntent()];
    const claim = claimed(`yesterday ${first.paymentIntentId}`, first.paymentIntentId);
    const again = { ...claim, effectId: second.paymentIntentId };
    await store.commit([claim, created(first, true)]);
    await bed().ageKeys(23);
    expect(effective(await store.commit([again, created(second, true)]))).toEqual([false, false]);
    expect((await storedKey(store, claim))!.effectId).toBe(first.paymentIntentId);
    await bed().ageKeys(2);
    expect(await storedKey(store, claim)).toBeNull();
    expect(effective(await store.commit([again, created(second, true)]))).toEqual([true, true]);
    expect((await storedKey(store, claim))!.effectId).toBe(second.paymentIntentId);
  });

  test('50 claims of one key at once over two gateways have one effect', async () => {
    const intents = Array.from({ length: 50 }, () => freshIntent());
    const effects = await Promise.all(
      intents.map((intent, i) => {
        const claim = claimed(`race ${intents[0]!.paymentIntentId}`, intent.paymentIntentId);
        return commitAsLane(bed().stores[i % 2]!, [claim, created(intent, true)]);
      }),
    );
    expect(effects.filter((one) => one[0]!.effective)).toEqual([[{ effective: true }, { effective: true }]]);
    const stored = await Promise.all(intents.map((intent) => payment(bed().stores[0], intent)));
    expect(stored.filter((one) => one !== null)).toHaveLength(1);
  });
}

function attempts(bed: Bed): void {
  test('an attempt takes amount, currency and customer from the intent, and is read back', async () => {
    const [store] = bed().stores;
    const intent = freshIntent({ amount: 777, currency: 'USD', customerId: null, orderId: 'order "1"' });
    await store.commit([created(intent)]);
    const attempt = attemptFor(intent, 1, {
      amount: 1,
      currency: 'INR',
      customerId: 'someone',
      sessionExpiresAt: null,
    });
    const [effect] = await store.commit([started(attempt)]);
    expect(effect).toEqual({
      effective: true,
      started: { amount: 777, currency: 'USD', customerId: null, orderId: 'order "1"' },
    });
    const read = await payment(store, intent);
    expect(read!.attempts).toEqual([{ ...attempt, amount: 777, currency: 'USD', customerId: null }]);
  });

  test('no attempt on an intent that is missing, another merchant’s, a day old or final', async () => {
    const [store] = bed().stores;
    const missing = freshIntent();
    const foreign = freshIntent();
    const old = freshIntent({ createdAt: Date.now() - 24 * HOUR_MS - 1000 });
    const { intent: paid, attempt } = await sent(store);
    await store.commit([created(foreign), created(old)]);
    await store.commit([moved(attempt, { said: 'charged' })]);
    const tries = [
      attemptFor(missing),
      attemptFor(foreign, 1, { merchantId: 'merchant_other' }),
      attemptFor(old),
      attemptFor(paid, 2),
    ];
    for (const one of tries) expect(await store.commit([started(one)])).toEqual([{ effective: false }]);
    expect(effective(await store.commit(tries.map((one) => started(one))))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test('of two starts of one attempt in one commit only the one whose row it is is effective', async () => {
    const [store] = bed().stores;
    const intent = freshIntent();
    await store.commit([created(intent)]);
    const nonces = ['cc'.repeat(16), 'dd'.repeat(16)];
    const effects = await store.commit(
      nonces.map((senderNonce) => started(attemptFor(intent, 1, { senderNonce }))),
    );
    const senders = nonces.filter((_, i) => effects[i]!.effective);
    expect(senders).toHaveLength(1);
    expect((await payment(store, intent))!.attempts.map(({ senderNonce }) => senderNonce)).toEqual(senders);
  });

  test('two gateways start the first attempt at once: one has it', async () => {
    const [one, other] = bed().stores;
    for (let round = 0; round < 10; round++) {
      const intent = freshIntent();
      await one.commit([created(intent)]);
      const nonces = ['aa'.repeat(16), 'bb'.repeat(16)];
      const effects = await Promise.all([
        commitAsLane(one, [started(attemptFor(intent, 1, { senderNonce: nonces[0]! }))]),
        commitAsLane(other, [started(attemptFor(intent, 1, { senderNonce: nonces[1]! }))]),
      ]);
      const winners = effects.flatMap((list, i) => (list[0]!.effective ? [nonces[i]!] : []));
      expect(winners).toHaveLength(1);
      expect((await payment(one, intent))!.attempts.map(({ senderNonce }) => senderNonce)).toEqual(winners);
    }
  });

  test('a further attempt needs the one before it closed and reopenable', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const second = started(attemptFor(intent, 2));
    expect(effective(await store.commit([second]))).toEqual([false]);
    await store.commit([declined(attempt)]);
    expect(effective(await store.commit([started(attemptFor(intent, 3))]))).toEqual([false]);
    expect(effective(await store.commit([second]))).toEqual([true]);
    const last = moved(attemptFor(intent, 2), { said: 'declined', referenceClosed: false });
    expect(effective(await store.commit([last]))).toEqual([true]);
    expect(effective(await store.commit([started(attemptFor(intent, 3))]))).toEqual([false]);
    expect((await payment(store, intent))!.intent.status).toBe('FAILED');
  });

  test('first and further attempts of different payments go in one turn', async () => {
    const [store] = bed().stores;
    const { intent: tried, attempt } = await sent(store);
    await store.commit([declined(attempt)]);
    const fresh = freshIntent();
    await store.commit([created(fresh)]);
    const claim = claimed(`second try ${tried.paymentIntentId}`, attemptFor(tried, 2).transactionId);
    const effects = await store.commit([
      started(attemptFor(fresh)),
      claim,
      started(attemptFor(tried, 2), true),
    ]);
    expect(effective(effects)).toEqual([true, true, true]);
    expect((await payment(store, tried))!.attempts).toHaveLength(2);
  });
}

function moves(bed: Bed): void {
  test('a move is made only from the expected status and revision', async () => {
    const [one, other] = bed().stores;
    const { intent, attempt } = await sent(one);
    const taken = moved(attempt, { said: 'accepted' });
    expect(effective(await one.commit([taken]))).toEqual([true]);
    expect(effective(await other.commit([moved(attempt, { said: 'charged' })]))).toEqual([false]);
    expect(effective(await other.commit([taken]))).toEqual([false]);
    expect((await payment(one, intent))!.attempts).toEqual([taken.attempt]);
    expect(await bed().otherRows(intent.paymentIntentId)).toEqual(NO_OTHER_ROWS);
  });

  test('success makes the intent final and tells the merchant, once', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const paid = moved(attempt, { said: 'charged', detail: `"quoted" \\ {word}` });
    expect(effective(await store.commit([paid]))).toEqual([true]);
    expect(effective(await store.commit([paid]))).toEqual([false]);
    const read = await payment(store, intent);
    expect(read!.intent.status).toBe('SUCCESS');
    expect(read!.attempts).toEqual([paid.attempt]);
    expect(await bed().otherRows(intent.paymentIntentId)).toEqual({
      ...NO_OTHER_ROWS,
      outbox: [{ transactionId: attempt.transactionId, type: 'payment.succeeded', sequence: 1 }],
    });
  });

  test('several moves of one attempt in a turn are one change with the last word', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const accepted = moved(attempt, { said: 'accepted' });
    const refused = moved(accepted.attempt, { said: 'declined' });
    const late = moved(refused.attempt, { said: 'charged' });
    expect(effective(await store.commit([accepted, refused, late]))).toEqual([true, true, true]);
    const read = await payment(store, intent);
    expect(read!.attempts).toEqual([late.attempt]);
    expect(read!.intent.status).toBe('SUCCESS');
    const { outbox } = await bed().otherRows(intent.paymentIntentId);
    expect(outbox).toEqual([
      { transactionId: attempt.transactionId, type: 'payment.recovered', sequence: 1 },
    ]);
  });

  test('a late success after the intent failed makes it SUCCESS', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const refused = moved(attempt, { said: 'declined' });
    await store.commit([refused]);
    expect((await payment(store, intent))!.intent.status).toBe('FAILED');
    expect(effective(await store.commit([moved(refused.attempt, { said: 'charged' })]))).toEqual([true]);
    expect((await payment(store, intent))!.intent.status).toBe('SUCCESS');
    const { outbox, incidents } = await bed().otherRows(intent.paymentIntentId);
    expect(outbox.map(({ type, sequence }) => [sequence, type])).toEqual([
      [1, 'payment.failed'],
      [2, 'payment.recovered'],
    ]);
    expect(incidents).toEqual([]);
  });

  test('a second success of one intent is an incident', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const refused = declined(attempt);
    await store.commit([refused]);
    const second = attemptFor(intent, 2);
    await store.commit([started(second)]);
    await store.commit([moved(second, { said: 'charged' })]);
    const bystander = await sent(store);
    const late = moved(refused.attempt, { said: 'charged' });
    expect(effective(await store.commit([late, moved(bystander.attempt, { said: 'charged' })]))).toEqual([
      true,
      true,
    ]);
    expect((await payment(store, intent))!.intent.status).toBe('SUCCESS');
    const { outbox, incidents } = await bed().otherRows(intent.paymentIntentId);
    expect(incidents).toEqual([
      { transactionId: attempt.transactionId, kind: 'second_success', acknowledged: false },
    ]);
    expect(outbox.map(({ type, sequence }) => [sequence, type])).toEqual([
      [1, 'payment.attempt_failed'],
      [2, 'payment.succeeded'],
      [3, 'payment.recovered'],
    ]);
    expect((await bed().otherRows(bystander.intent.paymentIntentId)).incidents).toEqual([]);
  });

  test('a last attempt that fails after an earlier one was charged late: the intent stays paid, only the attempt has failed', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const refused = declined(attempt);
    await store.commit([refused]);
    const second = attemptFor(intent, 2);
    await store.commit([started(second)]);
    await store.commit([moved(refused.attempt, { said: 'charged' })]);
    expect(effective(await store.commit([moved(second, { said: 'declined' })]))).toEqual([true]);
    expect((await payment(store, intent))!.intent.status).toBe('SUCCESS');
    const { outbox } = await bed().otherRows(intent.paymentIntentId);
    expect(
      outbox
        .filter(({ transactionId }) => transactionId === second.transactionId)
        .map(({ type, sequence }) => [sequence, type]),
    ).toEqual([[3, 'payment.attempt_failed']]);
  });

  test('success and failure of two attempts of one intent in a turn: it is paid, without an incident', async () => {
    const [store] = bed().stores;
    for (const order of [0, 1]) {
      const { intent, attempt } = await sent(store);
      const refused = declined(attempt);
      await store.commit([refused]);
      const second = attemptFor(intent, 2);
      await store.commit([started(second)]);
      const words = {
        declined: { said: 'declined', paymentMethodType: 'CREDIT_CARD' },
        charged: { said: 'charged', paymentMethodType: 'DEBIT_CARD' },
      } as const;
      const closing = moved(
        order === 0 ? second : refused.attempt,
        words[order === 0 ? 'declined' : 'charged'],
      );
      const other = moved(
        order === 0 ? refused.attempt : second,
        words[order === 0 ? 'charged' : 'declined'],
      );
      expect(effective(await store.commit([closing, other]))).toEqual([true, true]);
      expect((await payment(store, intent))!.intent.status).toBe('SUCCESS');
      const { outbox, incidents, paymentMethodType } = await bed().otherRows(intent.paymentIntentId);
      expect(incidents).toEqual([]);
      expect(paymentMethodType).toBe('DEBIT_CARD');
      // The success has the last number, whichever attempt it is of.
      expect(outbox.map(({ type, sequence }) => [sequence, type])).toEqual([
        [1, 'payment.attempt_failed'],
        [2, 'payment.attempt_failed'],
        [3, 'payment.recovered'],
      ]);
    }
  });
}

/** An intent whose first attempt was charged late, after a second had begun. */
async function paidTwice(store: ShardStore): Promise<{ intent: PaymentIntent; one: Attempt; two: Attempt }> {
  const { intent, attempt } = await sent(store);
  const refused = declined(attempt);
  await store.commit([refused]);
  const second = attemptFor(intent, 2);
  await store.commit([started(second)]);
  const [late, charged] = [moved(refused.attempt, { said: 'charged' }), moved(second, { said: 'charged' })];
  await store.commit([charged]);
  await store.commit([late]);
  return { intent, one: late.attempt, two: charged.attempt };
}

function reversed(attempt: Attempt): AttemptMoved {
  return moved(attempt, { source: 'settlement', said: 'declined', detail: 'run 1, row 1' });
}

function reversals(bed: Bed): void {
  const statusOf = async (intent: PaymentIntent) => (await payment(bed().stores[0], intent))!.intent.status;
  const eventsOf = async (intent: PaymentIntent) =>
    (await bed().otherRows(intent.paymentIntentId)).outbox.map(({ type, sequence }) => [sequence, type]);

  test('a success that is taken back makes its intent FAILED, with its event and its line in the audit, once', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const paid = moved(attempt, { said: 'charged' });
    await store.commit([paid]);
    const back = reversed(paid.attempt);
    const entry = audited(attempt.transactionId, 'corrected_failed', true);
    expect(effective(await store.commit([back, entry]))).toEqual([true, true]);
    expect(effective(await store.commit([back, entry]))).toEqual([false, false]);
    expect((await payment(store, intent))!.attempts).toEqual([back.attempt]);
    expect(await statusOf(intent)).toBe('FAILED');
    expect(await eventsOf(intent)).toEqual([
      [1, 'payment.succeeded'],
      [2, 'payment.reversed'],
    ]);
    expect((await bed().otherRows(intent.paymentIntentId)).audits).toHaveLength(1);
    const restored = moved(back.attempt, { source: 'settlement', said: 'charged', detail: 'run 2, row 1' });
    expect(await store.commit([restored])).toEqual([{ effective: true }]);
    expect(await statusOf(intent)).toBe('SUCCESS');
  });

  test('while another attempt of it stands, the intent stays paid; taken back as well, it is not', async () => {
    const [store] = bed().stores;
    const { intent, one, two } = await paidTwice(store);
    await store.commit([reversed(one)]);
    expect(await statusOf(intent)).toBe('SUCCESS');
    await store.commit([reversed(two)]);
    expect(await statusOf(intent)).toBe('FAILED');
    expect((await eventsOf(intent)).slice(3)).toEqual([
      [4, 'payment.reversed'],
      [5, 'payment.reversed'],
    ]);
  });

  test('both attempts taken back in one turn: it is not paid', async () => {
    const [store] = bed().stores;
    const { intent, one, two } = await paidTwice(store);
    const bystander = await paidTwice(store);
    const effects = await store.commit([reversed(one), reversed(two), reversed(bystander.one)]);
    expect(effective(effects)).toEqual([true, true, true]);
    expect([await statusOf(intent), await statusOf(bystander.intent)]).toEqual(['FAILED', 'SUCCESS']);
  });

  test('one attempt taken back and another charged in one turn: it is paid, without an incident', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const refused = declined(attempt);
    await store.commit([refused]);
    const second = attemptFor(intent, 2);
    await store.commit([started(second)]);
    const late = moved(refused.attempt, { said: 'charged' });
    await store.commit([late]);
    const turn = [reversed(late.attempt), moved(second, { said: 'charged' })];
    expect(await store.commit(turn)).toEqual([{ effective: true }, { effective: true }]);
    expect(await statusOf(intent)).toBe('SUCCESS');
    expect((await bed().otherRows(intent.paymentIntentId)).incidents).toEqual([]);
  });

  test('another attempt of it that is only learnt of in the same turn still stands for it', async () => {
    const [store] = bed().stores;
    const { intent, one, two } = await paidTwice(store);
    const learnt: AttemptMoved = {
      ...moved(two, { paymentMethodType: 'CREDIT_CARD' }),
      intentStatus: null,
    };
    expect(effective(await store.commit([reversed(one), learnt]))).toEqual([true, true]);
    expect(await statusOf(intent)).toBe('SUCCESS');
  });

  test('taken back by one gateway while another hears that another attempt was charged: it is paid', async () => {
    const [here, there] = bed().stores;
    for (let round = 0; round < 20; round++) {
      const { intent, attempt } = await sent(here);
      const refused = declined(attempt);
      await here.commit([refused]);
      const second = attemptFor(intent, 2);
      await here.commit([started(second)]);
      const late = moved(refused.attempt, { said: 'charged' });
      await here.commit([late]);
      const effects = await Promise.all([
        commitAsLane(here, [reversed(late.attempt)]),
        commitAsLane(there, [moved(second, { said: 'charged' })]),
      ]);
      expect(effective(effects.flat())).toEqual([true, true]);
      expect(await statusOf(intent)).toBe('SUCCESS');
    }
  });

  test('two gateways that take the two attempts of it back at once leave it unpaid', async () => {
    const [here, there] = bed().stores;
    for (let round = 0; round < 10; round++) {
      const { intent, one, two } = await paidTwice(here);
      await Promise.all([commitAsLane(here, [reversed(one)]), commitAsLane(there, [reversed(two)])]);
      expect(await statusOf(intent)).toBe('FAILED');
      expect((await eventsOf(intent)).map(([number]) => number)).toEqual([1, 2, 3, 4, 5]);
    }
  });
}

const FALLBACK = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;

/** As {@link sent}, of a merchant with a fallback. */
async function sentWithFallback(store: ShardStore): Promise<{ intent: PaymentIntent; attempt: Attempt }> {
  const intent = freshIntent();
  await store.commit([created(intent)]);
  const attempt = withFallback(attemptFor(intent));
  expect(effective(await store.commit([started(attempt)]))).toEqual([true]);
  return { intent, attempt };
}

function withFallback(attempt: Attempt): Attempt {
  return { ...attempt, routing: { ...attempt.routing, fallback: FALLBACK } };
}

function legs(bed: Bed): void {
  test('an attempt falls back while it stays SENT: its leg, place and routing are those of the second processor', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sentWithFallback(store);
    const second = fellBack(attempt);
    expect(effective(await store.commit([second]))).toEqual([true]);
    const read = await payment(store, intent);
    expect(read).toMatchObject({
      intent: { status: 'PENDING' },
      attempts: [{ status: 'SENT', leg: 2, ...FALLBACK }],
    });
    expect(read!.attempts).toEqual([second.attempt]);
    expect(await bed().otherRows(intent.paymentIntentId)).toEqual(NO_OTHER_ROWS);
  });

  test('a fallback that another gateway’s word came before changes nothing, and neither does what followed from it in its turn', async () => {
    const [one, other] = bed().stores;
    const { intent, attempt } = await sentWithFallback(one);
    const refused = declined(attempt);
    await other.commit([refused]);
    const second = fellBack(attempt);
    const paid = moved(second.attempt, { said: 'charged', leg: 2, ...FALLBACK });
    expect(effective(await one.commit([second]))).toEqual([false]);
    expect(effective(await one.commit([second, paid]))).toEqual([false, false]);
    expect((await payment(one, intent))!.attempts).toEqual([refused.attempt]);
  });

  test('the second leg and its final word in one turn are one change', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sentWithFallback(store);
    const second = fellBack(attempt);
    const paid = moved(second.attempt, { said: 'charged', leg: 2, ...FALLBACK });
    expect(effective(await store.commit([second, paid]))).toEqual([true, true]);
    expect((await payment(store, intent))!.attempts).toEqual([paid.attempt]);
    const { outbox } = await bed().otherRows(intent.paymentIntentId);
    expect(outbox.map(({ type }) => type)).toEqual(['payment.succeeded']);
  });

  test.each(['one turn', 'two turns'])(
    'when the first processor charged all the same (fallback and word in %s), the attempt is paid there and still shows both legs',
    async (turns) => {
      const [store] = bed().stores;
      const { intent, attempt } = await sentWithFallback(store);
      const second = fellBack(attempt);
      const paid = moved(second.attempt, { said: 'charged' });
      if (turns === 'two turns') await store.commit([second]);
      await store.commit(turns === 'two turns' ? [paid] : [second, paid]);
      const [read] = (await payment(store, intent))!.attempts;
      expect(read).toEqual(paid.attempt);
      expect(read).toMatchObject({ status: 'SUCCESS', leg: 1, processor: 'SANDBOX' });
      expect(read!.routing.legs.map(({ leg, reason }) => [leg, reason])).toEqual([
        [1, 'preferred'],
        [2, 'first_unreachable'],
      ]);
    },
  );
}

const CHALLENGE: NextAction = {
  kind: 'redirect',
  url: `https://bank.example/3ds?"a"=\\{1}`,
  expiresAt: 1_800_000_000_000,
};

function methods(bed: Bed): void {
  test('an attempt by UPI has no card; what the shopper must do is kept until the next word', async () => {
    const [store] = bed().stores;
    const intent = freshIntent();
    await store.commit([created(intent)]);
    const attempt = attemptFor(intent, 1, { card: null, paymentMethodType: 'UPI' });
    await store.commit([started(attempt)]);
    expect((await payment(store, intent))!.attempts).toEqual([attempt]);
    const nextAction = {
      kind: 'upi',
      link: 'upi://pay?pa=shop@bank&am=50.00',
      expiresAt: null,
      simulatorUrl: null,
    } as const;
    const waiting = moved(attempt, { said: 'action_required', nextAction });
    await store.commit([waiting]);
    const read = await payment(store, intent);
    expect(read!.attempts).toEqual([waiting.attempt]);
    expect(read!.attempts[0]).toMatchObject({ status: 'REQUIRES_ACTION', nextAction, card: null });
    const paid = moved(waiting.attempt, { said: 'charged' });
    await store.commit([paid]);
    expect((await payment(store, intent))!.attempts).toEqual([paid.attempt]);
    expect(paid.attempt).toMatchObject({ status: 'SUCCESS', nextAction: null, paymentMethodType: 'UPI' });
    expect((await bed().otherRows(intent.paymentIntentId)).paymentMethodType).toBe('UPI');
  });

  test('how an intent was paid is told by the move that closes it, and told anew by a late success', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const methodOf = async () => (await bed().otherRows(intent.paymentIntentId)).paymentMethodType;
    const challenged = moved(attempt, {
      said: 'action_required',
      nextAction: CHALLENGE,
      paymentMethodType: 'CREDIT_CARD',
    });
    await store.commit([challenged]);
    expect((await payment(store, intent))!.attempts).toEqual([challenged.attempt]);
    const refused = declined(challenged.attempt);
    await store.commit([refused]);
    // The intent may be tried again: it was not paid in any way yet.
    expect(await methodOf()).toBeNull();
    const second = attemptFor(intent, 2);
    await store.commit([started(second)]);
    await store.commit([moved(second, { said: 'declined', paymentMethodType: 'DEBIT_CARD' })]);
    expect(await methodOf()).toBe('DEBIT_CARD');
    await store.commit([moved(refused.attempt, { said: 'charged' })]);
    expect(await methodOf()).toBe('CREDIT_CARD');
  });
}

function incidentsAndAudits(bed: Bed): void {
  test('an incident is noted once per transaction and kind, and told once', async () => {
    const [one, other] = bed().stores;
    const { intent, attempt } = await sent(one);
    const { transactionId } = attempt;
    const quarantined = incident(transactionId);
    const twice = await one.commit([quarantined, quarantined, incident(transactionId, 'second_charge')]);
    expect(twice).toEqual([
      { effective: true, incident: 'quarantined_charge' },
      { effective: true },
      { effective: true, incident: 'second_charge' },
    ]);
    expect(await other.commit([quarantined])).toEqual([{ effective: true }]);
    const { incidents } = await bed().otherRows(intent.paymentIntentId);
    expect(incidents.map(({ kind, acknowledged }) => [kind, acknowledged])).toEqual([
      ['quarantined_charge', false],
      ['second_charge', false],
    ]);
  });

  test('two gateways note the same incident at once: one tells it', async () => {
    const [one, other] = bed().stores;
    for (let round = 0; round < 10; round++) {
      const { intent, attempt } = await sent(one);
      const noted = incident(attempt.transactionId);
      const effects = await Promise.all([commitAsLane(one, [noted]), commitAsLane(other, [noted])]);
      expect(effects.flat().filter((effect) => effect.incident !== undefined)).toHaveLength(1);
      expect((await bed().otherRows(intent.paymentIntentId)).incidents).toHaveLength(1);
    }
  });

  test('what an operator did is written down with the move it made, and not without it', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const { transactionId } = attempt;
    const closed = moved(attempt, { said: 'declined', source: 'operator' });
    const entry = audited(transactionId, 'resolved_failed', true);
    expect(effective(await store.commit([closed, entry]))).toEqual([true, true]);
    expect(effective(await store.commit([closed, entry]))).toEqual([false, false]);
    expect(effective(await store.commit([entry]))).toEqual([false]);
    const { action, operator, reason } = entry;
    expect((await bed().otherRows(intent.paymentIntentId)).audits).toEqual([
      { transactionId, action, operator, reason },
    ]);
  });

  test('an operator’s acknowledgement marks every incident of that transaction and no other', async () => {
    const [store] = bed().stores;
    const [seen, unseen] = [await sent(store), await sent(store)];
    const { transactionId } = seen.attempt;
    await store.commit([
      incident(transactionId),
      incident(transactionId, 'second_charge'),
      incident(unseen.attempt.transactionId),
    ]);
    const resolved = audited(transactionId, 'resolved_success');
    await store.commit([resolved]);
    const marks = async ({ intent }: { intent: PaymentIntent }) =>
      (await bed().otherRows(intent.paymentIntentId)).incidents.map(({ acknowledged }) => acknowledged);
    expect(await marks(seen)).toEqual([false, false]);
    expect(effective(await store.commit([audited(transactionId, 'incident_acknowledged')]))).toEqual([true]);
    expect(await marks(seen)).toEqual([true, true]);
    expect(await marks(unseen)).toEqual([false]);
    // The same trouble heard again is not news.
    expect(await store.commit([incident(transactionId)])).toEqual([{ effective: true }]);
    expect(await marks(seen)).toEqual([true, true]);
  });
}

function callbacksAndExpiry(bed: Bed): void {
  test('a callback is recorded with its move, and not without it', async () => {
    const [store] = bed().stores;
    const { attempt } = await sent(store);
    const { transactionId } = attempt;
    const move = moved(attempt, { said: 'charged' });
    const heard = callback({ transactionId, moves: true });
    expect(effective(await store.commit([move, heard]))).toEqual([true, true]);
    expect(await bed().verdictOf(heard.eventId)).toBe('applied');
    const lost = callback({ transactionId, moves: true });
    expect(effective(await store.commit([move, lost]))).toEqual([false, false]);
    expect(await bed().verdictOf(lost.eventId)).toBeNull();
  });

  test('a callback heard again stays as it was; one that was unmatched takes its verdict', async () => {
    const [one, other] = bed().stores;
    const ignored = callback({ verdict: 'ignored', reason: `it said "\\"`, word: '{"a":"\\"b\\\\"}' });
    expect(effective(await one.commit([ignored]))).toEqual([true]);
    expect(effective(await other.commit([{ ...ignored, verdict: 'quarantined' }]))).toEqual([true]);
    expect(await bed().verdictOf(ignored.eventId)).toBe('ignored');
    const early = callback({ verdict: 'unmatched', transactionId: null });
    await one.commit([early]);
    await other.commit([{ ...early, verdict: 'ignored' }]);
    expect(await bed().verdictOf(early.eventId)).toBe('ignored');
    await one.commit([early]);
    expect(await bed().verdictOf(early.eventId)).toBe('ignored');
  });

  test('one callback twice in a turn is recorded once, as what moved', async () => {
    const [store] = bed().stores;
    const { attempt } = await sent(store);
    const heard = callback({ transactionId: attempt.transactionId, moves: true });
    const twice = { ...heard, moves: false, verdict: 'duplicate' as const };
    const effects = await store.commit([moved(attempt, { said: 'charged' }), heard, twice]);
    expect(effective(effects)).toEqual([true, true, true]);
    expect(await bed().verdictOf(heard.eventId)).toBe('applied');
  });

  test('an intent expires when it is old, pending and without an open attempt', async () => {
    const [store] = bed().stores;
    const old = () => freshIntent({ createdAt: Date.now() - 24 * HOUR_MS - 6 * 60_000 });
    const [young, unpaid, gone] = [freshIntent(), old(), old()];
    await store.commit([created(young), created(unpaid)]);
    const effects = await store.commit([expired(young), expired(unpaid), expired(gone)]);
    expect(effective(effects)).toEqual([false, true, false]);
    expect((await payment(store, unpaid))!.intent.status).toBe('FAILED');
    expect((await payment(store, young))!.intent.status).toBe('PENDING');
    expect((await bed().otherRows(unpaid.paymentIntentId)).outbox).toEqual([
      { transactionId: null, type: 'payment.failed', sequence: 1 },
    ]);
    expect(effective(await store.commit([expired(unpaid)]))).toEqual([false]);
  });
}

function failures(bed: Bed): void {
  test('ids of a logical shard the database does not own are fenced, all or nothing', async () => {
    const [store] = bed().stores;
    const [own, foreign] = [freshIntent(), freshIntent({}, 700)];
    expect(shardOfId(foreign.paymentIntentId)).toBe(700);
    expect(await failureOf(store.commit([created(own), created(foreign)]))).toBe('fenced');
    expect(await payment(store, own)).toBeNull();
    expect(effective(await store.commit([created(own)]))).toEqual([true]);
    const { transactionId } = attemptFor(foreign);
    expect(await failureOf(store.commit([incident(transactionId)]))).toBe('fenced');
    expect(await failureOf(store.commit([audited(transactionId, 'incident_acknowledged')]))).toBe('fenced');
    expect(await bed().otherRows(foreign.paymentIntentId)).toEqual(NO_OTHER_ROWS);
  });

  test('a value the database refuses poisons its turn and changes nothing', async () => {
    const [store] = bed().stores;
    const good = freshIntent();
    const bad = [{ amount: 0 }, { orderId: 'nul \u0000' }, { orderId: 'x'.repeat(101) }, { metadata: '{' }];
    for (const over of bad) {
      expect(await failureOf(store.commit([created(good), created(freshIntent(over))]))).toBe('poisoned');
      expect(await payment(store, good)).toBeNull();
    }
  });

  test('the message of a failure holds no value of a row', async () => {
    const [store] = bed().stores;
    const secret = 'x'.repeat(101);
    const error = await store
      .commit([created(freshIntent({ orderId: secret }))])
      .catch((one: unknown) => one);
    expect(String(error)).not.toContain('xx');
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('xx');
  });

  test('a key is not claimed without its attempt: the turn is halfway and changes nothing', async () => {
    const [store] = bed().stores;
    const { intent, attempt } = await sent(store);
    const bystander = freshIntent();
    const claim = claimed(`halfway ${intent.paymentIntentId}`, attempt.transactionId);
    const facts = [claim, started(attemptFor(intent), true), created(bystander)];
    expect(await failureOf(store.commit(facts))).toBe('halfway');
    expect(await storedKey(store, claim)).toBeNull();
    expect(await payment(store, bystander)).toBeNull();
    expect(effective(await store.commit([created(bystander)]))).toEqual([true]);
    expect(effective(await store.commit([claim]))).toEqual([true]);
    // Now the key is another's: nothing is halfway, the attempt has no effect.
    const second = attemptFor(intent, 2);
    const lost = { ...claim, effectId: second.transactionId };
    expect(effective(await store.commit([lost, started(second, true)]))).toEqual([false, false]);
  });
}

function twoGateways(bed: Bed): void {
  test('overlapping turns of two gateways never deadlock', async () => {
    const [one, other] = bed().stores;
    const pool = await Promise.all(Array.from({ length: 24 }, () => sent(one)));
    const latest = new Map(pool.map(({ attempt }) => [attempt.transactionId, attempt]));
    const runs = fc.sample(fc.array(fc.nat(23), { minLength: 2, maxLength: 24 }), {
      numRuns: 200,
      seed: 20260121,
    });
    const turnOf = (indexes: readonly number[]): Fact[] => {
      const chosen = [...new Set(indexes)].map((i) => latest.get(pool[i]!.attempt.transactionId)!);
      const next = (attempt: Attempt) => ({
        ...attempt,
        status: 'PROCESSING' as const,
        revision: attempt.revision + 1,
      });
      const key = (i: number) =>
        claimed(`overlap ${pool[i]!.intent.paymentIntentId}`, freshIntent().paymentIntentId);
      return [
        ...[...new Set(indexes)].map(key),
        ...chosen.map(
          (attempt): Fact => ({
            kind: 'attempt-moved',
            expected: { status: attempt.status, revision: attempt.revision },
            attempt: next(attempt),
            event: null,
            intentStatus: null,
          }),
        ),
      ];
    };
    let effectiveMoves = 0;
    for (const indexes of runs) {
      const turn = turnOf(indexes);
      const both = await Promise.all([
        commitAsLane(one, turn),
        commitAsLane(other, turnOf([...indexes].reverse())),
      ]);
      for (const fact of turn) {
        if (fact.kind === 'attempt-moved') latest.set(fact.attempt.transactionId, fact.attempt);
      }
      const moved = both.map((effects) => effects.filter((_, i) => i >= effects.length / 2));
      const won = moved.flatMap((effects) => effects.filter((effect) => effect.effective)).length;
      expect(won).toBe(new Set(indexes).size);
      effectiveMoves += won;
    }
    const changes = [...latest.values()].reduce((sum, attempt) => sum + attempt.revision - 1, 0);
    expect(effectiveMoves).toBe(changes);
  }, 60_000);
}

/** One thing of a random turn: about the intent `on` of a small world. */
interface Step {
  on: number;
  what: 'create' | 'start' | 'leg' | 'word' | 'callback' | 'settlement' | 'incident' | 'operator' | 'expire';
  said: Said;
  methodType: PaymentMethodType | null;
  /** Of the first leg, also when there is a second. */
  early: boolean;
  closed: boolean;
  keyed: boolean;
  key: number;
  /** Decided on what was true before the last turn. */
  stale: boolean;
}

const steps = fc.record<Step>({
  on: fc.nat(5),
  what: fc.constantFrom(
    ...(['create', 'start', 'start', 'leg', 'leg', 'word', 'word'] as const),
    ...(['callback', 'settlement', 'settlement', 'incident', 'operator', 'expire'] as const),
  ),
  said: fc.constantFrom('charged', 'declined', 'declined', 'accepted', 'action_required', 'not_sent'),
  methodType: fc.constantFrom(null, 'CREDIT_CARD', 'DEBIT_CARD'),
  early: fc.boolean(),
  closed: fc.boolean(),
  keyed: fc.boolean(),
  key: fc.nat(3),
  stale: fc.nat(5).map((n) => n === 0),
});
const turns = fc.array(fc.uniqueArray(steps, { selector: ({ on }) => on, minLength: 1, maxLength: 6 }), {
  minLength: 3,
  maxLength: 12,
});

/** What a step comes to: a payment must be there before it is tried, and an attempt before it is spoken of. */
function reached(what: Step['what'], seen: Payment | undefined): Step['what'] {
  if (what === 'start' || what === 'expire') return what;
  if (seen === undefined) return 'create';
  return seen.attempts.length === 0 ? 'start' : what;
}

/** The facts of a step, as an actor that believes `seen` decides them. */
function factsOf(step: Step, intent: PaymentIntent, seen: Payment | undefined, world: string): Fact[] {
  const latest = seen?.attempts.at(-1);
  switch (reached(step.what, seen)) {
    case 'create': {
      if (!step.keyed) return [created(intent)];
      return [claimed(`${world} ${step.key}`, intent.paymentIntentId), created(intent, true)];
    }
    case 'start': {
      const attempt = withFallback(attemptFor(intent, Math.min((seen?.attempts.length ?? 0) + 1, 5)));
      if (!step.keyed) return [started(attempt)];
      return [claimed(`${world} ${step.key}`, attempt.transactionId), started(attempt, true)];
    }
    case 'expire':
      return [expired(intent)];
    case 'incident':
      return latest === undefined ? [] : [incident(latest.transactionId), incident(latest.transactionId)];
    case 'settlement':
      return latest === undefined ? [] : correctionFacts(step, step.early ? seen!.attempts[0]! : latest);
    default:
      return latest === undefined ? [] : wordFacts(step, latest);
  }
}

/** What a report makes of an attempt: the other of the two ends it can have. */
function correctionFacts({ key }: Step, attempt: Attempt): Fact[] {
  const failed = attempt.status === 'SUCCESS';
  const said = failed ? 'declined' : 'charged';
  const detail = `run ${attempt.revision}, row ${key}`;
  const { leg } = attempt;
  const { processor, processorAccount } = attempt;
  return [
    moved(attempt, { source: 'settlement', said, detail, leg, processor, processorAccount }),
    audited(attempt.transactionId, failed ? 'corrected_failed' : 'corrected_success', true),
  ];
}

/** The facts of a word about an attempt; of one without effect its callback alone. */
function wordFacts(step: Step, latest: Attempt): Fact[] {
  const { transactionId } = latest;
  try {
    const fallback = step.what === 'leg' ? [fellBack(latest)] : [];
    const move = wordOf(step, fallback[0]?.attempt ?? latest);
    if (step.what === 'operator') return [move, audited(transactionId, 'resolved_failed', true)];
    if (step.what === 'callback') return [move, callback({ transactionId, moves: true })];
    // Of some fallbacks the word comes in a later turn.
    return step.what === 'leg' && step.keyed ? fallback : [...fallback, move];
  } catch {
    if (step.what === 'operator') return [audited(transactionId, 'incident_acknowledged')];
    return [callback({ transactionId, verdict: 'ignored' })];
  }
}

function wordOf({ said, closed, methodType, early }: Step, attempt: Attempt): AttemptMoved {
  const { leg, processor, processorAccount } = attempt;
  return moved(attempt, {
    said,
    referenceClosed: closed,
    paymentMethodType: methodType,
    nextAction: said === 'action_required' ? CHALLENGE : null,
    ...(!early && { leg, processor, processorAccount }),
  });
}

function asTheModel(bed: Bed): void {
  test('random turns have the effects and rows that the model of the rules says', async () => {
    const seed = Number(process.env.SLUICE_TEST_SEED ?? Date.now() % 2 ** 31);
    console.log(`shard store against its model: seed ${seed} (SLUICE_TEST_SEED)`);
    const [one, other] = bed().stores;
    const property = fc.asyncProperty(turns, async (run) => {
      const model = createModelStore();
      const intents = Array.from({ length: 6 }, () => freshIntent());
      const world = intents[0]!.paymentIntentId;
      let before = new Map<IntentId, Payment>();
      for (const [i, turn] of run.entries()) {
        const facts = turn.flatMap((step) => {
          const intent = intents[step.on]!;
          const seen = (step.stale ? before : model.payments).get(intent.paymentIntentId);
          return factsOf(step, intent, seen, world);
        });
        before = structuredClone(model.payments);
        if (facts.length > 0) await sameOutcome(model, i % 2 === 0 ? one : other, facts);
        await sameRows(bed(), model, intents);
      }
    });
    await fc.assert(property, { seed, numRuns: 60 });
  }, 120_000);
}

async function sameOutcome(model: ModelStore, store: ShardStore, facts: readonly Fact[]): Promise<void> {
  const outcome = (work: Promise<Effect[]>) =>
    work.catch((error: unknown) => {
      if (error instanceof StorageError) return error.kind;
      throw error;
    });
  const wanted = await outcome(model.commit(facts));
  expect(await outcome(store.commit(facts))).toEqual(wanted);
}

async function sameRows(
  { stores, otherRows }: ShardStoreBed,
  model: ModelStore,
  intents: readonly PaymentIntent[],
): Promise<void> {
  const ids = new Set(intents.map(({ paymentIntentId }) => paymentIntentId));
  const { payments } = await stores[0].prefetch({ payments: ids, keys: new Map() });
  for (const id of ids) {
    const [row, wanted] = [payments.get(id)!, model.payments.get(id) ?? null];
    if (row !== null && wanted !== null) {
      expect({ ...row.intent, updatedAt: 0 }).toEqual({ ...wanted.intent, updatedAt: 0 });
      expect(row.attempts).toEqual(wanted.attempts);
    } else {
      expect(row).toEqual(wanted);
    }
    const { outbox, incidents, audits, paymentMethodType } = await otherRows(id);
    expect(paymentMethodType).toBe(model.methodTypes.get(id) ?? null);
    const marks = incidents.map(({ transactionId, kind, acknowledged }) => [
      `${transactionId} ${kind}`,
      acknowledged ? 'acknowledged' : 'open',
    ]);
    const noted = [...model.incidents].filter(([name]) => intentIdOf(name.slice(0, 32)) === id);
    expect(marks.sort()).toEqual(noted.sort());
    const done = model.audits.filter(({ transactionId }) => intentIdOf(transactionId) === id);
    expect(audits.map(({ action }) => action)).toEqual(done.map(({ action }) => action));
    const told = model.outbox.filter(({ paymentIntentId }) => paymentIntentId === id);
    const words = (list: OtherRows['outbox']) =>
      list.map(({ transactionId, type, sequence }) => `${sequence} ${transactionId} ${type}`).sort();
    expect(words(outbox)).toEqual(words(told));
  }
}
