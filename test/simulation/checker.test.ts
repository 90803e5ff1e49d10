import { expect, test } from 'vitest';
import { transactionIdOf } from '../../src/domain/ids.ts';
import type { PaymentFound } from '../../src/messages/replies.ts';
import type { StartAttempt } from '../../src/messages/requests.ts';
import { attemptFor, created, declined, freshIntent, moved, started } from '../support/facts.ts';
import { createModelStore } from '../support/model-store.ts';
import type { Bank, BookEntry } from './bank.ts';
import { createChecker, type Reader } from './checker.ts';
import type { Database } from './database.ts';
import { createHost, createThread } from './host.ts';
import { judge } from './judge.ts';
import { createScheduler } from './scheduler.ts';
import { createTrace } from './trace.ts';

/** A checker over one database with one intent and its first attempt, SENT, and an empty book. */
function createWorld() {
  const model = createModelStore();
  const book = new Map<string, BookEntry>();
  const time = { now: 0 };
  const checker = createChecker(() => ({
    databaseOf: () => ({ model }) as Database,
    bankOf: () => ({ book }) as unknown as Bank,
    notFoundProofMs: 10_000,
    now: () => time.now,
    clocksHold: true,
  }));
  const intent = freshIntent();
  const attempt = attemptFor(intent);
  model.apply([created(intent)]);
  model.apply([started(attempt)]);
  const paid = moved(attempt);
  const what = () => checker.violations.map((violation) => violation.what);
  return { model, book, time, checker, intent, attempt, paid, what };
}

function aThread() {
  const scheduler = createScheduler(() => createTrace(() => 0, null));
  return createThread('g1/api', createHost('g1', scheduler), scheduler);
}

test('what is in order is not objected to', () => {
  const { model, book, checker, attempt, paid, what } = createWorld();
  const { transactionId, amount, currency, processorAccount: account } = attempt;
  const charge = { id: 'ch_1', reference: '', account, amount, currency, status: 'succeeded' };
  checker.sent(transactionId, 'SANDBOX', 1);
  book.set(transactionId, { transactionId, charge, visibleAt: 0 });
  const before = new Map([[transactionId, attempt]]);
  checker.committed([paid], model.apply([paid]), before);
  checker.attemptAcknowledged(transactionId, null);
  expect(judge([model], [...book.values()], checker, 0)).toEqual({
    intents: 1,
    attempts: 1,
    charged: 1,
    recovered: 0,
    reversed: 0,
    fellBack: 0,
  });
  expect(what()).toEqual([]);
});

test('a success without a charge, and a charge without a success', () => {
  const { model, book, checker, attempt, paid, what } = createWorld();
  checker.committed([paid], model.apply([paid]), new Map([[attempt.transactionId, attempt]]));
  expect(what()).toEqual([expect.stringContaining('was not charged')]);
  judge([model], [...book.values()], checker, 0);
  expect(what()).toContainEqual(expect.stringContaining('success_without_charge'));
});

test('what was acknowledged and is not there, and one key with two answers', () => {
  const { checker, intent, what } = createWorld();
  const absent = freshIntent().paymentIntentId;
  checker.intentAcknowledged(absent, { orderId: 'order_1', amount: 1, currency: 'INR' }, null);
  checker.attemptAcknowledged(transactionIdOf(intent.paymentIntentId, 2), null);
  checker.intentAcknowledged(intent.paymentIntentId, intent, 'key');
  expect(what()).toHaveLength(2);
  checker.intentAcknowledged(absent, { orderId: 'order_1', amount: 1, currency: 'INR' }, 'key');
  expect(what().at(-1)).toContain('one key was answered with');
});

test('a charge that is sent twice, or before its attempt is stored', () => {
  const { checker, attempt, intent, what } = createWorld();
  checker.sent(attempt.transactionId, 'SANDBOX', 1);
  checker.sent(attempt.transactionId, 'SANDBOX', 1);
  checker.sent(transactionIdOf(intent.paymentIntentId, 2), 'SANDBOX', 1);
  expect(what()).toEqual([
    expect.stringContaining('sent twice'),
    expect.stringContaining('before it was stored'),
  ]);
});

test('a second leg that is sent before it is stored, or while the first bank may still charge', () => {
  const { book, checker, attempt, what } = createWorld();
  const { transactionId, amount, currency, processorAccount: account } = attempt;
  checker.sent(transactionId, 'SANDBOX', 1);
  const charge = { id: 'ch_1', reference: '', account, amount, currency, status: 'declined' };
  const refused = { ...charge, decline_code: 'acquirer_unavailable', reference_closed: true };
  book.set(transactionId, { transactionId, charge: refused, visibleAt: 0 });
  checker.sent(transactionId, 'SANDBOX_B', 2);
  expect(what()).toEqual([expect.stringContaining('leg 2')]);

  const other = createWorld();
  const onSecond = { ...other.attempt, leg: 2, processor: 'SANDBOX_B' as const };
  other.checker.sent(other.attempt.transactionId, 'SANDBOX', 1);
  other.model.payments.set(other.intent.paymentIntentId, { intent: other.intent, attempts: [onSecond] });
  other.checker.sent(other.attempt.transactionId, 'SANDBOX_B', 2);
  expect(other.what()).toEqual([expect.stringContaining('SANDBOX may charge it')]);
});

test('an answer that is given twice, or never by a thread that lives', () => {
  const { checker, time, intent, what } = createWorld();
  const request = { type: 'find-payment', intentId: intent.paymentIntentId, merchantId: null } as const;
  const reply = { type: 'intent-expired', expired: false } as const;
  const [living, dying] = [aThread(), aThread()];
  const settle = checker.asked(living, request, () => undefined);
  checker.asked(dying, request, () => undefined);
  expect(checker.unanswered()).toEqual([]);
  time.now = 60_000;
  expect(checker.unanswered()).toHaveLength(2);
  dying.die();
  expect(checker.unanswered()).toHaveLength(1);
  settle(reply);
  settle(reply);
  expect(what()).toEqual([expect.stringContaining('answered twice')]);
});

test('a refusal of what can be paid, and what is shown of a payment as it is not', () => {
  const { model, checker, attempt, intent, what } = createWorld();
  model.apply([declined(attempt)]);
  const { paymentIntentId: intentId } = intent;
  const { code, detail } = { code: 'payment_in_progress', detail: '' } as const;
  const thread = aThread();
  const start = { type: 'start-attempt', intentId, nonce: 'another' } as unknown as StartAttempt;
  checker.asked(thread, start, () => undefined)({ type: 'refused', refusal: { code, detail } });
  const find = { type: 'find-payment', intentId, merchantId: null } as const;
  const stale: PaymentFound = { type: 'payment-found', payment: { intent, attempts: [attempt] } };
  checker.asked(thread, find, () => undefined)(stale);
  expect(what()).toEqual([
    expect.stringContaining('was refused as payment_in_progress, and it can be paid'),
    expect.stringContaining('was shown as PENDING SENT 1, it is PENDING FAILED 2'),
  ]);
});

test('a reader who sees a status go back', () => {
  const { model, checker, attempt, intent, paid, what } = createWorld();
  const reader: Reader = { intent: null, attempts: new Map() };
  model.apply([paid]);
  checker.read(reader, intent.paymentIntentId, model.payments.get(intent.paymentIntentId)!);
  checker.read(reader, intent.paymentIntentId, { intent, attempts: [attempt] });
  expect(what()).toEqual([
    expect.stringContaining('saw the intent SUCCESS, then PENDING'),
    expect.stringContaining('SUCCESS, then SENT'),
  ]);
});
