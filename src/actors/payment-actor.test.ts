import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createModelStore, type ModelStore } from '../../test/support/model-store.ts';
import { anAttempt, anIntent, aWord, SHOWN_CARD, T0 } from '../../test/support/payments.ts';
import { makeId, shardOfId, transactionIdOf } from '../domain/ids.ts';
import { INTENT_LIFETIME_MS, type Payment } from '../domain/payment-intent.ts';
import type { ProcessorWord } from '../domain/processor-word.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { ShardReply } from '../messages/replies.ts';
import type {
  CreateIntent,
  GrantSession,
  HearCallback,
  HearSettlement,
  HearWord,
  ShardRequest,
  StartAttempt,
  StartLeg,
} from '../messages/requests.ts';
import { createLane, type Lane } from '../runtime/turn.ts';
import { StorageError } from '../storage/storage.ts';
import { createPaymentActor } from './payment-actor.ts';

const intent = anIntent();
const INTENT = intent.paymentIntentId;
const TXN = transactionIdOf(INTENT, 1);
const KEY = { merchantId: intent.merchantId, endpoint: 'POST /v1/payment/intent', key: 'k1', bodyHash: 'aa' };

function create(over: Partial<CreateIntent> = {}): CreateIntent {
  return { type: 'create-intent', intent, answer: '{"n":1}', key: null, now: T0, ...over };
}

function grant(over: Partial<GrantSession> = {}): GrantSession {
  const session = { sessionId: 'ab'.repeat(16), expiresAt: T0 + 600_000, answer: '{"s":1}', key: null };
  return {
    type: 'grant-session',
    intentId: INTENT,
    merchantId: intent.merchantId,
    now: T0,
    ...session,
    ...over,
  };
}

function start(over: Partial<StartAttempt> = {}): StartAttempt {
  return {
    type: 'start-attempt',
    intentId: INTENT,
    merchantId: intent.merchantId,
    nonce: 'n1',
    processor: 'SANDBOX',
    processorAccount: 'acct_demo',
    fallback: null,
    card: SHOWN_CARD,
    sendBefore: T0 + 30_000,
    successUrl: null,
    cancelUrl: null,
    sessionExpiresAt: null,
    claimedAmount: null,
    claimedCurrency: null,
    key: null,
    now: T0,
    ...over,
  };
}

const SECOND = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;
const FROM_SECOND = { ...SECOND, leg: 2, processorTxnId: 'chb_1' };
/** The sender's proof that nothing has left for the first processor. */
const UNREACHABLE = {
  said: 'not_sent',
  failureCode: 'processor_unreachable',
  processorTxnId: null,
} as const;

function startLeg(word: Partial<ProcessorWord> = {}, over: Partial<StartLeg> = {}): StartLeg {
  return {
    type: 'start-leg',
    transactionId: TXN,
    nonce: 'n1',
    word: aWord({ ...UNREACHABLE, ...word }),
    now: T0,
    ...over,
  };
}

let events = 0;
function anEventId(): string {
  const random = new Uint8Array(8);
  new DataView(random.buffer).setUint32(4, ++events);
  return makeId(T0, shardOfId(INTENT), random);
}

function hear(word: Partial<ProcessorWord> = {}, transactionId = TXN): HearWord {
  return { type: 'hear-word', transactionId, word: aWord(word), eventId: anEventId(), now: T0 };
}

function callback(word: Partial<ProcessorWord> | null = {}, over: Partial<HearCallback> = {}): HearCallback {
  return {
    type: 'hear-callback',
    processor: 'SANDBOX',
    callbackId: 'sbevt_1',
    transactionId: TXN,
    word: word === null ? null : aWord({ source: 'callback', leg: null, ...word }),
    receivedAt: T0,
    relay: false,
    eventId: anEventId(),
    now: T0,
    ...over,
  };
}

function settlement(word: Partial<ProcessorWord> = {}, transactionId = TXN): HearSettlement {
  return {
    type: 'hear-settlement',
    transactionId,
    word: aWord({ source: 'settlement', leg: null, detail: 'run 7, row 12', ...word }),
    operator: 'reconciliation',
    reason: 'RAZORPAY 2026-01-21, row 12',
    eventId: anEventId(),
    now: T0,
  };
}

interface World {
  store: ModelStore;
  ask(request: ShardRequest): Promise<ShardReply>;
  /** Another gateway on the same database: its own actor memory. */
  other: World;
  setNow(at: number): void;
  lane: Lane<ShardRequest, ShardReply>;
}

function createWorld(store = createModelStore(), time = { now: T0 }): World {
  const clock = { now: () => time.now, monotonicMs: () => 0 };
  const limits = { mailboxMax: 1000, turnCommandsMax: 1000, lingerMsMax: 0, triesMax: 4 };
  const actor = createPaymentActor({ paymentsMax: 1000, writeBehindMs: 1000 });
  const lane = createLane(actor, store, clock, limits, () => undefined);
  const world: Omit<World, 'other'> = {
    store,
    lane,
    ask: (request) =>
      new Promise((resolve) => lane.submit(structuredClone(request), Number.POSITIVE_INFINITY, resolve)),
    setNow: (at) => {
      time.now = at;
    },
  };
  return Object.defineProperty(world, 'other', { get: () => createWorld(store, time) }) as World;
}

function outcome(reply: ShardReply): string {
  switch (reply.type) {
    case 'refused':
      return reply.refusal.code;
    case 'word-heard':
      return `${reply.verdict ?? 'noted'} ${reply.status}`;
    case 'callback-heard':
      return reply.verdict;
    case 'settlement-heard':
      return `${reply.verdict} ${reply.status}${reply.reason === null ? '' : `: ${reply.reason}`}`;
    case 'intent-expired':
      return reply.expired ? 'expired' : 'not expired';
    case 'leg-started':
      return reply.started ? 'leg started' : 'leg refused';
    case 'payment-found':
      return 'found';
    case 'intent-created':
    case 'session-granted':
    case 'attempt-started':
      return reply.replayed === null ? 'first' : `replayed ${reply.replayed}`;
  }
}

const CLOSED = { said: 'declined', referenceClosed: true, failureCode: 'card_declined' } as const;

/** Steps before the command of a row. Each row is run with the actor's memory and with that of a second gateway. */
const GIVEN: Record<string, readonly ShardRequest[]> = {
  nothing: [],
  'an intent': [create()],
  'an intent made with a key': [create({ key: KEY })],
  'an attempt sent': [create(), start()],
  'an attempt sent with a key': [create(), start({ key: { ...KEY, endpoint: 'p' } })],
  'an attempt declined': [create(), start(), hear(CLOSED)],
  'an attempt failed for good': [create(), start(), hear({ said: 'declined' })],
  paid: [create(), start(), hear()],
  reversed: [create(), start(), hear(), settlement({ said: 'declined' })],
  'an attempt that may fall back': [create(), start({ fallback: SECOND })],
  'an attempt on its second leg': [create(), start({ fallback: SECOND }), startLeg()],
};

describe.each(['with its own memory', 'by another gateway'])(
  'each command, in order of precedence, %s',
  (who) => {
    test.each<[string, ShardRequest, string]>([
      ['nothing', create(), 'first'],
      ['nothing', startLeg(), 'leg refused'],
      ['an attempt sent', startLeg(), 'leg refused'],
      ['an attempt that may fall back', startLeg(), 'leg started'],
      ['an attempt that may fall back', startLeg({}, { nonce: 'another sender' }), 'leg refused'],
      ['an attempt that may fall back', startLeg({ said: 'unknown' }), 'leg refused'],
      ['an attempt that may fall back', hear(UNREACHABLE), 'applied FAILED'],
      ['an attempt on its second leg', startLeg(), 'leg started'],
      ['an attempt on its second leg', startLeg({}, { nonce: 'another sender' }), 'leg refused'],
      ['an attempt on its second leg', hear(UNREACHABLE), 'ignored PROCESSING'],
      ['an attempt on its second leg', hear(CLOSED), 'ignored PROCESSING'],
      ['an attempt on its second leg', callback(CLOSED), 'ignored'],
      ['an attempt on its second leg', hear(FROM_SECOND), 'applied SUCCESS'],
      ['an attempt on its second leg', hear(), 'applied SUCCESS'],
      ['nothing', create({ key: KEY }), 'first'],
      [
        'an intent made with a key',
        create({ key: KEY, intent: anIntent({ paymentIntentId: makeId(T0, 9, new Uint8Array(8)) }) }),
        'replayed {"n":1}',
      ],
      [
        'an intent made with a key',
        create({
          key: { ...KEY, bodyHash: 'bb' },
          intent: anIntent({ paymentIntentId: makeId(T0, 9, new Uint8Array(8)) }),
        }),
        'idempotency_key_reused',
      ],
      ['an intent made with a key', create({ key: KEY }), 'first'],

      ['nothing', grant(), 'payment_not_found'],
      ['an intent', grant({ merchantId: 'merchant_other' }), 'payment_not_found'],
      ['an intent', grant(), 'first'],
      ['an intent', grant({ key: { ...KEY, endpoint: 's' } }), 'first'],
      ['an attempt sent', grant(), 'payment_in_progress'],
      ['an attempt declined', grant(), 'first'],
      ['an attempt failed for good', grant(), 'intent_closed'],
      ['paid', grant(), 'intent_already_paid'],
      ['an intent', grant({ now: T0 + INTENT_LIFETIME_MS }), 'first'],

      ['nothing', start(), 'payment_not_found'],
      ['an intent', start({ merchantId: 'merchant_other' }), 'payment_not_found'],
      ['an intent', start({ claimedAmount: 4999 }), 'amount_mismatch'],
      ['an intent', start({ claimedCurrency: 'USD' }), 'amount_mismatch'],
      ['an intent', start({ claimedAmount: 5000, claimedCurrency: 'INR' }), 'first'],
      ['an intent', start(), 'first'],
      ['an attempt sent', start({ nonce: 'n2' }), 'payment_in_progress'],
      ['an attempt sent', start({ nonce: 'n2', claimedAmount: 1 }), 'amount_mismatch'],
      ['an attempt sent', start({ nonce: 'n1' }), 'first'],
      [
        'an attempt sent with a key',
        start({ nonce: 'n2', key: { ...KEY, endpoint: 'p' } }),
        `replayed {"transactionId":"txn_${TXN}","status":"PROCESSING"}`,
      ],
      [
        'an attempt sent with a key',
        start({ nonce: 'n2', key: { ...KEY, endpoint: 'p', bodyHash: 'bb' } }),
        'idempotency_key_reused',
      ],
      ['an attempt sent', start({ nonce: 'n2', key: { ...KEY, endpoint: 'p' } }), 'payment_in_progress'],
      ['an attempt declined', start({ nonce: 'n2' }), 'first'],
      ['an attempt failed for good', start({ nonce: 'n2' }), 'intent_closed'],
      ['paid', start({ nonce: 'n2' }), 'intent_already_paid'],

      ['nothing', hear(), 'payment_not_found'],
      ['an intent', hear(), 'payment_not_found'],
      ['an attempt sent', hear(), 'applied SUCCESS'],
      ['an attempt sent', hear(CLOSED), 'applied FAILED'],
      ['an attempt sent', hear({ said: 'accepted' }), 'noted PROCESSING'],
      ['an attempt sent', hear({ said: 'accepted', source: 'query' }), 'applied PROCESSING'],
      ['an attempt sent', hear({ amount: 1 }), 'quarantined PROCESSING'],
      ['an attempt declined', hear({ processorTxnId: 'ch_1' }), 'applied SUCCESS'],
      ['paid', hear(), 'duplicate SUCCESS'],
      ['paid', hear({ said: 'declined' }), 'ignored SUCCESS'],

      ['nothing', callback(), 'unmatched'],
      ['an attempt sent', callback({}, { transactionId: null }), 'quarantined'],
      ['an attempt sent', callback(null), 'ignored'],
      ['an attempt sent', callback(), 'applied'],
      ['an attempt sent', callback({ currency: 'USD' }), 'quarantined'],
      ['an attempt declined', callback(CLOSED), 'duplicate'],
      ['paid', callback(), 'duplicate'],
      ['paid', callback({ said: 'declined' }), 'ignored'],

      ['nothing', settlement(), 'payment_not_found'],
      ['an intent', settlement(), 'payment_not_found'],
      ['an attempt sent', settlement(), 'applied SUCCESS'],
      ['an attempt sent', settlement({ said: 'declined' }), 'applied FAILED'],
      ['an attempt declined', settlement(), 'applied SUCCESS'],
      ['an attempt declined', settlement({ said: 'declined' }), 'applied FAILED'],
      ['paid', settlement(), 'duplicate SUCCESS: charged while SUCCESS'],
      ['paid', settlement({ said: 'declined' }), 'applied FAILED'],
      ['paid', settlement({ said: 'declined', amount: 1 }), 'quarantined SUCCESS: amount_mismatch'],
      [
        'reversed',
        settlement({ said: 'declined' }),
        'duplicate FAILED: this row of a report was heard before',
      ],
      ['reversed', settlement({ detail: 'run 8, row 3' }), 'applied SUCCESS'],
      ['reversed', callback(), 'ignored'],
      ['reversed', hear({ source: 'query' }), 'ignored FAILED'],
      ['reversed', grant(), 'intent_closed'],
      ['reversed', start({ nonce: 'n2' }), 'intent_closed'],

      ['nothing', { type: 'find-payment', intentId: INTENT, merchantId: null }, 'payment_not_found'],
      ['paid', { type: 'find-payment', intentId: INTENT, merchantId: 'merchant_other' }, 'payment_not_found'],
      ['paid', { type: 'find-payment', intentId: INTENT, merchantId: intent.merchantId }, 'found'],

      [
        'nothing',
        { type: 'expire-intent', intentId: INTENT, eventId: anEventId(), now: T0 + INTENT_LIFETIME_MS },
        'not expired',
      ],
      [
        'an intent',
        { type: 'expire-intent', intentId: INTENT, eventId: anEventId(), now: T0 + INTENT_LIFETIME_MS },
        'expired',
      ],
      [
        'an attempt sent',
        { type: 'expire-intent', intentId: INTENT, eventId: anEventId(), now: T0 + INTENT_LIFETIME_MS },
        'not expired',
      ],
      [
        'paid',
        { type: 'expire-intent', intentId: INTENT, eventId: anEventId(), now: T0 + INTENT_LIFETIME_MS },
        'not expired',
      ],
    ])('given %s, %j: %s', async (given, command, expected) => {
      const world = createWorld();
      for (const step of GIVEN[given]!)
        expect(outcome(await world.ask(step))).toMatch(/^(first|applied|leg started)/);
      const asked = who === 'by another gateway' ? world.other : world;
      expect(outcome(await asked.ask(command))).toBe(expected);
    });
  },
);

describe('a correction', () => {
  test('is one commit: the move, the event of the merchant and the line in the audit', async () => {
    const world = createWorld();
    for (const step of GIVEN.paid!) await world.ask(step);
    world.store.commits.length = 0;
    await world.ask(settlement({ said: 'declined' }));
    expect(world.store.commits.map((facts) => facts.map(({ kind }) => kind))).toEqual([
      ['attempt-moved', 'operator-audited'],
    ]);
    expect(world.store.payments.get(INTENT)).toMatchObject({
      intent: { status: 'FAILED' },
      attempts: [{ status: 'FAILED', failureCode: 'settlement_failed', reopenable: false }],
    });
    expect(world.store.outbox.map(({ type, status }) => [type, status])).toEqual([
      ['payment.succeeded', 'SUCCESS'],
      ['payment.reversed', 'FAILED'],
    ]);
    expect(world.store.audits).toMatchObject([
      { action: 'corrected_failed', operator: 'reconciliation', reason: 'RAZORPAY 2026-01-21, row 12' },
    ]);
  });

  test('of a failure says that it was charged, and so does its line in the audit', async () => {
    const world = createWorld();
    for (const step of GIVEN['an attempt failed for good']!) await world.ask(step);
    await world.ask(settlement());
    expect(world.store.payments.get(INTENT)!.intent.status).toBe('SUCCESS');
    expect(world.store.outbox.at(-1)).toMatchObject({ type: 'payment.recovered', status: 'SUCCESS' });
    expect(world.store.audits).toMatchObject([{ action: 'corrected_success' }]);
  });

  test('that only names the charge is not in the audit: nothing was corrected', async () => {
    const world = createWorld();
    for (const step of [create(), start(), hear({ processorTxnId: null })]) await world.ask(step);
    expect(outcome(await world.ask(settlement({ processorTxnId: 'ch_9' })))).toBe('applied SUCCESS');
    expect(world.store.payments.get(INTENT)!.attempts[0]!.processorTxnId).toBe('ch_9');
    expect(world.store.audits).toEqual([]);
  });

  test('waits a turn behind another change of its payment, and is decided from what that has left', async () => {
    const world = createWorld();
    for (const step of GIVEN['an attempt sent']!) await world.ask(step);
    const [heard, settled] = await Promise.all([
      world.ask(hear()),
      world.ask(settlement({ said: 'declined' })),
    ]);
    expect([outcome(heard), outcome(settled)]).toEqual(['applied SUCCESS', 'applied FAILED']);
    expect(world.store.outbox.map(({ type }) => type)).toEqual(['payment.succeeded', 'payment.reversed']);
  });

  test('whose commit went through without a word of it is a duplicate when it is decided again', async () => {
    const world = createWorld();
    for (const step of GIVEN.paid!) await world.ask(step);
    world.store.afterCommit = () => {
      world.store.afterCommit = () => undefined;
      throw new StorageError('uncertain', '');
    };
    expect(outcome(await world.ask(settlement({ said: 'declined' })))).toMatch(/^duplicate FAILED/);
    expect(world.store.audits).toHaveLength(1);
    expect(world.store.outbox).toHaveLength(2);
  });

  test('is not undone by a callback in its own turn', async () => {
    const world = createWorld();
    for (const step of GIVEN.paid!) await world.ask(step);
    const [settled, replayed] = await Promise.all([
      world.ask(settlement({ said: 'declined' })),
      world.ask(callback()),
    ]);
    expect([outcome(settled), outcome(replayed)]).toEqual(['applied FAILED', 'ignored']);
  });
});

test('what another gateway has changed is not answered from memory', async () => {
  const world = createWorld();
  for (const step of GIVEN['an attempt declined']!) await world.ask(step);
  expect(outcome(await world.other.ask(hear()))).toBe('applied SUCCESS');
  // Memory still says FAILED here: the answer comes from the row.
  expect(outcome(await world.ask(hear({ said: 'accepted', source: 'query' })))).toBe('ignored SUCCESS');
  expect(outcome(await world.ask(grant()))).toBe('intent_already_paid');
});

test('a word never moves an attempt that is only proposed: the row of that id may be another gateway’s', async () => {
  const world = createWorld();
  await world.ask(create());
  await world.other.ask(start({ nonce: 'theirs' }));
  const [mine, heard] = await Promise.all([
    world.ask(start({ nonce: 'mine', processorAccount: 'acct_mine' })),
    world.ask(callback({ processorAccount: null })),
  ]);
  expect([outcome(mine), outcome(heard)]).toEqual(['intent_already_paid', 'applied']);
  expect(world.store.payments.get(INTENT)!.attempts).toMatchObject([
    { senderNonce: 'theirs', processorAccount: 'acct_demo', status: 'SUCCESS' },
  ]);
});

test('a late intent cannot be paid: refused after a day by the clock of the turn', async () => {
  const world = createWorld();
  await world.ask(create());
  world.setNow(T0 + INTENT_LIFETIME_MS);
  expect(outcome(await world.ask(start()))).toBe('intent_expired');
  expect(outcome(await world.ask(grant()))).toBe('intent_expired');
});

test('fifty requests with one key in one turn have one effect and one answer', async () => {
  const world = createWorld();
  const requests = Array.from({ length: 50 }, (_, i) => {
    const random = new Uint8Array(8).fill(i + 1);
    return create({
      key: KEY,
      answer: `{"n":${i}}`,
      intent: anIntent({ paymentIntentId: makeId(T0, 7, random) }),
    });
  });
  const replies = await Promise.all(requests.map((request) => world.ask(request)));
  expect(replies.map(outcome).filter((one) => one === 'first')).toHaveLength(1);
  expect(new Set(replies.map(outcome))).toEqual(new Set(['first', 'replayed {"n":0}']));
  expect(world.store.payments.size).toBe(1);
});

test('fifty attempts of one intent in one turn: one is started, the others are told of it', async () => {
  const world = createWorld();
  await world.ask(create());
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, i) => world.ask(start({ nonce: `n${i}` }))),
  );
  expect(replies.map(outcome).filter((one) => one === 'first')).toHaveLength(1);
  expect(replies.map(outcome).filter((one) => one === 'payment_in_progress')).toHaveLength(49);
});

test('an intent that is to expire between two starts in one turn has one attempt proposed: the second start reads first', async () => {
  const world = createWorld();
  await world.ask(create());
  // A gateway that has not seen the payment tries blind.
  const blind = world.other;
  const before = world.store.commits.length;
  const replies = await Promise.all([
    blind.ask(start({ nonce: 'first' })),
    blind.ask({ type: 'expire-intent', intentId: INTENT, eventId: anEventId(), now: T0 }),
    blind.ask(start({ nonce: 'second' })),
  ]);
  const proposed = world.store.commits.slice(before).map((facts) => facts.map(({ kind }) => kind));
  expect(proposed[0]!.filter((kind) => kind === 'attempt-started')).toHaveLength(1);
  expect(replies.map(outcome)).toEqual(['first', 'not expired', 'payment_in_progress']);
});

test('a usual payment reads nothing: memory proposes, the commit verifies', async () => {
  const world = createWorld();
  const prefetch = world.store.prefetch;
  let reads = 0;
  world.store.prefetch = (needs) => {
    reads++;
    return prefetch(needs);
  };
  for (const step of [create(), start(), hear(), callback()]) await world.ask(step);
  expect(reads).toBe(0);
  expect(world.store.outbox).toMatchObject([
    { paymentIntentId: INTENT, transactionId: TXN, type: 'payment.succeeded' },
  ]);
});

test('words and callbacks of a paid payment that are heard in one turn all find it', async () => {
  const world = createWorld();
  for (const step of [create(), start(), hear(), hear()]) await world.ask(step);
  const replies = await Promise.all([
    world.ask(callback({ amount: 1 }, { callbackId: 'of another amount' })),
    world.ask(callback({}, { callbackId: 'the same again' })),
    world.ask(hear()),
  ]);
  expect(replies).toMatchObject([
    { verdict: 'quarantined' },
    { verdict: 'duplicate' },
    { verdict: 'duplicate', status: 'SUCCESS' },
  ]);
});

test('an "accepted" is not written when the final word comes in its time, and is written when it does not', async () => {
  const world = createWorld();
  for (const step of [create(), start(), hear({ said: 'accepted' }), hear()]) await world.ask(step);
  expect(world.store.commits).toHaveLength(3);

  const slow = createWorld();
  for (const step of [create(), start(), hear({ said: 'accepted' })]) await slow.ask(step);
  slow.setNow(T0 + 1000);
  await slow.ask({ type: 'find-payment', intentId: INTENT, merchantId: null });
  await slow.lane.close();
  expect(slow.store.payments.get(INTENT)!.attempts[0]).toMatchObject({
    status: 'PROCESSING',
    processorTxnId: 'ch_1',
  });
});

test.each<['accepted' | 'unknown', string]>([
  ['accepted', 'ch_1'],
  ['unknown', 'ch_2'],
])(
  'a decline after an answer of "%s" that waits to be written ends the attempt: its sender goes nowhere else',
  async (said, processorTxnId) => {
    const world = createWorld();
    const spoken = hear({ said, processorTxnId: said === 'accepted' ? 'ch_1' : null });
    for (const step of [create(), start({ fallback: SECOND }), spoken]) await world.ask(step);
    const refused = { said: 'declined', processorTxnId, elsewhere: true, referenceClosed: true } as const;
    expect(outcome(await world.ask(callback(refused)))).toBe('applied');
    const [attempt] = world.store.payments.get(INTENT)!.attempts;
    expect(attempt).toMatchObject({ status: 'FAILED', reopenable: true, processorTxnId });
    expect(attempt!.evidence.map((line) => line.said)).toEqual([said, 'declined']);
    await world.lane.close();
    expect(world.store.payments.get(INTENT)!.attempts[0]).toBe(attempt);
  },
);

test('another charge of the reference than the one whose "accepted" waits to be written is not believed', async () => {
  const world = createWorld();
  for (const step of [create(), start(), hear({ said: 'accepted' })]) await world.ask(step);
  expect(outcome(await world.ask(callback({ processorTxnId: 'ch_2' })))).toBe('quarantined');
  expect([...world.store.incidents.keys()]).toEqual([`${TXN} quarantined_charge`]);
  expect(outcome(await world.ask(callback({}, { callbackId: 'sbevt_2' })))).toBe('applied');
});

test('what is not in rupees is not paid by UPI, whether the gateway remembers the intent or not', async () => {
  const world = createWorld();
  await world.ask(create({ intent: { ...intent, currency: 'USD' } }));
  const upi = start({ card: null });
  const replies = [await world.other.ask(upi), await world.ask(upi), await world.ask(upi)];
  expect(replies.map(outcome)).toEqual(['invalid_request', 'invalid_request', 'invalid_request']);
  expect(world.store.payments.get(INTENT)!.attempts).toEqual([]);
  expect(outcome(await world.ask(start()))).toBe('first');
});

test.each([
  ['a callback', () => callback({ processorTxnId: 'ch_2' }), 'quarantined'],
  ['a query', () => hear({ source: 'query', processorTxnId: 'ch_2' }), 'quarantined PROCESSING'],
] as const)(
  '%s that names another charge than an "accepted" that waits to be written is quarantined',
  async (_, other, verdict) => {
    const world = createWorld();
    for (const step of [create(), start(), hear({ said: 'accepted' })]) await world.ask(step);
    expect(outcome(await world.ask(other()))).toBe(verdict);
    expect([...world.store.incidents.keys()]).toEqual([`${TXN} quarantined_charge`]);
    await world.lane.close();
    expect(world.store.payments.get(INTENT)!.attempts[0]).toMatchObject({
      status: 'PROCESSING',
      processorTxnId: 'ch_1',
    });
  },
);

describe('the second leg', () => {
  test('the sender that asks again after a lost commit is told of its own leg, and nobody else is', async () => {
    const world = createWorld();
    for (const step of [create(), start({ fallback: SECOND })]) await world.ask(step);
    let lost = false;
    world.store.afterCommit = () => {
      if (lost) return;
      lost = true;
      throw new StorageError('uncertain', 'the word of the commit was lost');
    };
    const replies = await Promise.all([
      world.ask(startLeg()),
      world.other.ask(startLeg()),
      world.ask(startLeg({}, { nonce: 'another sender' })),
    ]);
    expect(replies.map(outcome)).toEqual(['leg started', 'leg started', 'leg refused']);
    const attempt = world.store.payments.get(INTENT)!.attempts[0]!;
    expect(attempt).toMatchObject({ ...SECOND, leg: 2, status: 'SENT', revision: 2 });
    expect(attempt.routing.legs.map(({ reason }) => reason)).toEqual(['preferred', 'first_unreachable']);
  });

  test('a gateway that remembers the first leg hears the second one’s words all the same', async () => {
    const world = createWorld();
    const { other } = world;
    for (const step of [create(), start({ fallback: SECOND })]) await world.ask(step);
    await other.ask(hear({ said: 'not_found', source: 'query', processorTxnId: null }));
    await world.ask(startLeg());
    expect(outcome(await other.ask(callback(FROM_SECOND, { processor: 'SANDBOX_B' })))).toBe('applied');
    expect(world.store.incidents.size).toBe(0);
  });

  test('a first processor that charged all the same, heard in the very turn of commit B2, keeps the second from being charged', async () => {
    const world = createWorld();
    for (const step of [create(), start({ fallback: SECOND })]) await world.ask(step);
    const replies = await Promise.all([world.ask(startLeg()), world.ask(callback())]);
    expect(replies.map(outcome)).toEqual(['leg refused', 'applied']);
    expect(world.store.payments.get(INTENT)!.attempts[0]).toMatchObject({ status: 'SUCCESS', leg: 1 });
    expect([...world.store.incidents.keys()]).toEqual([`${TXN} earlier_leg_charged`]);
  });

  test('a first processor that charged all the same is noted once, and the second one’s charge beside it', async () => {
    const world = createWorld();
    for (const step of GIVEN['an attempt on its second leg']!) await world.ask(step);
    for (const step of [hear(), hear(FROM_SECOND), callback(FROM_SECOND, { processor: 'SANDBOX_B' })])
      await world.ask(step);
    expect([...world.store.incidents.keys()].sort()).toEqual([
      `${TXN} earlier_leg_charged`,
      `${TXN} second_charge`,
    ]);
    expect(world.store.outbox.map(({ type }) => type)).toEqual(['payment.succeeded']);
  });
});

test('what is learnt of a paid attempt is no second success and no second event', async () => {
  const world = createWorld();
  for (const step of [create(), start(), hear()]) await world.ask(step);
  expect(outcome(await world.ask(callback({ paymentMethodType: 'DEBIT_CARD' })))).toBe('applied');
  expect(outcome(await world.other.ask(hear({ paymentMethodType: 'DEBIT_CARD' })))).toBe('duplicate SUCCESS');
  const { intent, attempts } = world.store.payments.get(INTENT)!;
  expect([intent.status, attempts[0]!.paymentMethodType]).toEqual(['SUCCESS', 'DEBIT_CARD']);
  expect(world.store.outbox).toHaveLength(1);
  expect(world.store.incidents.size).toBe(0);
});

test('a word that waits to be written does not move an attempt that is only proposed', async () => {
  const world = createWorld();
  const unknown = hear({ said: 'unknown', processorTxnId: null, amount: null, currency: null });
  for (const step of [create(), start(), unknown]) await world.ask(step);
  world.store.beforeCommit = () => {
    world.store.beforeCommit = () => undefined;
    throw new StorageError('unavailable', 'down');
  };
  // Memory lets go of the payment; the word still waits.
  await world.ask(create());
  world.setNow(T0 + 1000);
  expect(outcome(await world.ask(start({ nonce: 'n2' })))).toBe('payment_in_progress');
  expect(world.store.payments.get(INTENT)!.attempts).toMatchObject([{ senderNonce: 'n1', status: 'SENT' }]);
});

test('closing a lane writes what was waiting to be written', async () => {
  const world = createWorld();
  for (const step of [create(), start(), hear({ said: 'unknown', processorTxnId: null })])
    await world.ask(step);
  await world.lane.close();
  expect(world.store.payments.get(INTENT)!.attempts[0]).toMatchObject({
    status: 'PROCESSING',
    outcome: 'unknown',
  });
});

test('an unmatched callback is applied when it comes again after its transaction', async () => {
  const world = createWorld();
  expect(outcome(await world.ask(callback()))).toBe('unmatched');
  await world.ask(create());
  await world.ask(start());
  expect(outcome(await world.ask(callback()))).toBe('applied');
  expect([...world.store.callbacks.values()]).toEqual(['applied']);
});

test('a poisoned row fails alone', async () => {
  const world = createWorld();
  world.store.beforeCommit = (facts) => {
    if (facts.some((fact) => fact.kind === 'intent-created' && fact.intent.orderId === 'poison'))
      throw new StorageError('poisoned', '');
  };
  const requests = Array.from({ length: 16 }, (_, i) => {
    const paymentIntentId = makeId(T0, 7, new Uint8Array(8).fill(i));
    return create({ intent: anIntent({ paymentIntentId, orderId: i === 11 ? 'poison' : `order_${i}` }) });
  });
  const replies = (await Promise.all(requests.map((request) => world.ask(request)))).map(outcome);
  expect(replies).toEqual(replies.map((_, i) => (i === 11 ? 'invalid_request' : 'first')));
  expect(world.store.payments.size).toBe(15);
});

type Step = { gateway: 0 | 1; request: ShardRequest };

const anyWord = fc.record({
  said: fc.constantFrom('charged', 'declined', 'accepted', 'unknown', 'not_sent', 'never_arrived'),
  referenceClosed: fc.boolean(),
  amount: fc.constantFrom(5000, 5000, 5000, 1),
}) as fc.Arbitrary<Partial<ProcessorWord>>;

const attemptNumber = fc.constantFrom(1, 1, 2, 3);

const anyStep: fc.Arbitrary<Step> = fc.record({
  gateway: fc.constantFrom<0 | 1>(0, 1),
  request: fc.oneof(
    fc
      .string({ minLength: 8, maxLength: 8 })
      .map((nonce): ShardRequest => start({ nonce, fallback: SECOND })),
    attemptNumber.map(
      (n): ShardRequest => startLeg({}, { transactionId: transactionIdOf(INTENT, n), nonce: 'n1' }),
    ),
    attemptNumber.map((n): ShardRequest => hear(FROM_SECOND, transactionIdOf(INTENT, n))),
    fc.constant<ShardRequest>(start({ fallback: SECOND })),
    fc
      .tuple(anyWord, attemptNumber)
      .map(
        ([word, n]): ShardRequest => hear({ processorTxnId: `ch_${n}`, ...word }, transactionIdOf(INTENT, n)),
      ),
    fc
      .tuple(anyWord, attemptNumber, fc.constantFrom('e1', 'e2', 'e3'))
      .map(
        ([word, n, callbackId]): ShardRequest =>
          callback(
            { processorTxnId: `ch_${n}`, ...word },
            { transactionId: transactionIdOf(INTENT, n), callbackId },
          ),
      ),
    fc
      .tuple(anyWord, attemptNumber)
      .map(
        ([word, n]): ShardRequest =>
          hear({ ...word, source: 'query', processorTxnId: `ch_${n}` }, transactionIdOf(INTENT, n)),
      ),
    attemptNumber.map(
      (n): ShardRequest =>
        hear(
          { said: 'never_arrived', source: 'recovery', processorTxnId: null, amount: null },
          transactionIdOf(INTENT, n),
        ),
    ),
    fc
      .tuple(
        fc.constantFrom<'charged' | 'declined'>('charged', 'declined'),
        attemptNumber,
        fc.constantFrom('row 1', 'row 2', 'row 3'),
      )
      .map(
        ([said, n, detail]): ShardRequest =>
          settlement({ said, detail, processorTxnId: `ch_${n}` }, transactionIdOf(INTENT, n)),
      ),
    fc.constant<ShardRequest>(grant()),
    fc.constant<ShardRequest>({ type: 'expire-intent', intentId: INTENT, eventId: anEventId(), now: T0 }),
  ),
});

test('model: any commands over two gateways, with lost words and failing commits, keep every rule of a payment', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyStep, { minLength: 1, maxLength: 6 }), { maxLength: 10 }),
      fc.array(fc.constantFrom('', '', '', 'uncertain before', 'uncertain after', 'repeat'), {
        maxLength: 30,
      }),
      async (rounds, faults) => {
        const world = createWorld();
        const gateways = [world, world.other];
        await world.ask(create());
        world.store.beforeCommit = () => {
          const fault = faults.shift();
          if (fault === 'uncertain before') throw new StorageError('uncertain', '');
          if (fault === 'repeat') throw new StorageError('repeat', '');
          world.store.afterCommit = () => {
            if (fault === 'uncertain after') throw new StorageError('uncertain', '');
          };
        };
        const charged = new Map<string, string>();
        let before = structuredClone(world.store.payments.get(INTENT)!);
        for (const round of rounds) {
          const replies = await Promise.all(round.map((step) => gateways[step.gateway]!.ask(step.request)));
          for (const [i, reply] of replies.entries()) {
            if (reply.type !== 'attempt-started') continue;
            // Only the one whose nonce is in the row may send: two senders of one attempt would be a double charge.
            const { nonce } = round[i]!.request as StartAttempt;
            expect(charged.get(reply.transactionId) ?? nonce).toBe(nonce);
            charged.set(reply.transactionId, nonce);
          }
          const after = world.store.payments.get(INTENT)!;
          checkRules(before, after);
          before = structuredClone(after);
        }
        checkOutbox(world.store);
      },
    ),
    { numRuns: 400 },
  );
});

/** The invariants of one payment, and of its change from one moment to a later one. */
function checkRules(before: Payment, after: Payment): void {
  const { intent, attempts } = after;
  for (const [i, attempt] of attempts.entries()) {
    expect(attempt.attempt).toBe(i + 1);
    expect(attempt.amount).toBe(intent.amount);
    const next = attempts[i + 1];
    // An attempt is only ever followed by another when it was closed and reopenable.
    if (next !== undefined && attempt.status !== 'SUCCESS' && attempt.failureCode !== 'settlement_failed')
      expect(attempt).toMatchObject({ status: 'FAILED', reopenable: true });
  }
  const open = attempts.filter((attempt) => attempt.status !== 'SUCCESS' && attempt.status !== 'FAILED');
  expect(open.length).toBeLessThanOrEqual(1);
  expect(intent.status === 'SUCCESS').toBe(attempts.some((attempt) => attempt.status === 'SUCCESS'));
  for (const [i, was] of before.attempts.entries()) {
    const now = attempts[i]!;
    if (was.status === 'SUCCESS' && !isSettledSince(was, now)) expect(now).toEqual(was);
    if (isFailedByReport(was) && !isSettledSince(was, now)) expect(now.status).toBe('FAILED');
    if (was.status === 'FAILED') expect(['FAILED', 'SUCCESS']).toContain(now.status);
    expect(now.revision).toBeGreaterThanOrEqual(was.revision);
  }
  if (before.intent.status === 'SUCCESS' && intent.status !== 'SUCCESS')
    expect(attempts.some(isFailedByReport)).toBe(true);
}

/** The last row about it says that nothing was paid: told by itself, not as the code tells it. */
function isFailedByReport({ status, evidence }: Attempt): boolean {
  return (
    status === 'FAILED' && evidence.findLast(({ source }) => source === 'settlement')?.said === 'declined'
  );
}

/** A report has said something of it in between. */
function isSettledSince(was: Attempt, now: Attempt): boolean {
  return now.evidence.slice(was.evidence.length).some(({ source }) => source === 'settlement');
}

/** Every final state has its event last; without a report each is told once at most. */
function checkOutbox(store: ModelStore): void {
  for (const attempt of store.payments.get(INTENT)!.attempts) {
    const types = store.outbox
      .filter((row) => row.transactionId === attempt.transactionId)
      .map((row) => row.type);
    const isSettled = attempt.evidence.some(({ source }) => source === 'settlement');
    if (!isSettled) expect(types.length).toBeLessThanOrEqual(2);
    const last = types.at(-1);
    if (attempt.status === 'SUCCESS') expect(['payment.succeeded', 'payment.recovered']).toContain(last);
    if (attempt.status === 'FAILED') {
      const failures = [
        'payment.failed',
        'payment.attempt_failed',
        ...(isSettled ? ['payment.reversed'] : []),
      ];
      expect(failures).toContain(last);
    }
    if (attempt.status === 'SENT' || attempt.status === 'PROCESSING') expect(types).toEqual([]);
  }
}

test('a builder of tests makes the attempt that the actor makes', async () => {
  const world = createWorld();
  await world.ask(create());
  await world.ask(
    start({
      nonce: anAttempt().senderNonce,
      successUrl: anAttempt().successUrl,
      cancelUrl: anAttempt().cancelUrl,
      sessionExpiresAt: anAttempt().sessionExpiresAt,
    }),
  );
  expect(world.store.payments.get(INTENT)!.attempts[0]).toEqual(anAttempt());
});
