/**
 * The rules, held against right stories of every kind and against stories that are wrong in one thing.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { makeId, showIntentId, showTransactionId, transactionIdOf } from '../domain/ids.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { RouteReason } from '../domain/routing.ts';
import type { Evidence } from '../domain/transaction.ts';
import type {
  ScannedAttempt,
  ScannedEntry,
  ScannedEvent,
  ScannedFinal,
  ScannedIntent,
} from '../storage/payment-scan.ts';
import {
  type BookedCharge,
  type BookedRefusal,
  INTENT_CLOSED_AFTER_MS,
  judge,
  type RuleName,
  type Story,
  type Terms,
} from './rules.ts';
import type { Told } from './told.ts';

const NOW = Date.UTC(2026, 0, 21, 10);
const DAY_MS = 24 * 60 * 60 * 1000;
const TERMS: Terms = {
  account: null,
  processors: null,
  now: NOW,
  unknownAfterMs: 60_000,
  closedBefore: NOW - INTENT_CLOSED_AFTER_MS - 60_000,
};

const intentId = makeId(NOW, 7, new Uint8Array(8));
const txn = (attempt: number): string => transactionIdOf(intentId, attempt);
const PI = showIntentId(intentId);
const T1 = showTransactionId(txn(1));
const T2 = showTransactionId(txn(2));

function intent(over: Partial<ScannedIntent> = {}): ScannedIntent {
  return {
    intentId,
    merchantId: 'merchant_1',
    orderId: 'order_1',
    amount: 100,
    currency: 'INR',
    status: 'SUCCESS',
    createdAt: NOW,
    changedAfterMs: 900,
    ...over,
  };
}

function attempt(number: number, over: Partial<ScannedAttempt> = {}): ScannedAttempt {
  return {
    transactionId: txn(number),
    merchantId: 'merchant_1',
    amount: 100,
    currency: 'INR',
    status: 'SUCCESS',
    reopenable: false,
    isFailedByReport: false,
    processor: 'SANDBOX',
    processorAccount: 'acct_1',
    leg: 1,
    routed: null,
    sendBefore: NOW,
    updatedAt: NOW,
    ...over,
  };
}

/** The sequence of an event that has the number of its place in the story. */
const IN_ORDER = 0;

function judged(story: Story, terms: Terms): ReturnType<typeof judge> {
  const events = story.events.map((one, at) =>
    one.sequence === IN_ORDER ? { ...one, sequence: at + 1 } : one,
  );
  return judge({ ...story, events }, terms);
}

function event(number: number | null, type: string, over: Partial<ScannedEvent> = {}): ScannedEvent {
  const isSuccess = type === 'payment.succeeded' || type === 'payment.recovered';
  return {
    intentId,
    merchantId: 'merchant_1',
    transactionId: number === null ? null : txn(number),
    type,
    status: isSuccess ? 'SUCCESS' : 'FAILED',
    sequence: IN_ORDER,
    ...over,
  };
}

function charge(number: number, over: Partial<BookedCharge> = {}): BookedCharge {
  return {
    transactionId: txn(number),
    processor: 'SANDBOX',
    account: 'acct_1',
    amount: 100,
    currency: 'INR',
    ...over,
  };
}

function shown(number: number, status: 'PROCESSING' | 'SUCCESS' | 'FAILED', askedAt: number): Told {
  return { kind: 'read', transactionId: txn(number), status, askedAt, toldAt: askedAt + 1 };
}

const declined = attempt(1, { status: 'FAILED', reopenable: true });
const open = attempt(1, { status: 'PROCESSING' });

const NO_LEDGER = { entries: [], finals: [] };

/** Declined, then paid with another card. */
const PAID: Story = {
  intentId,
  intents: [intent()],
  attempts: [declined, attempt(2)],
  events: [event(1, 'payment.attempt_failed'), event(2, 'payment.succeeded')],
  ...NO_LEDGER,
  charges: [charge(2)],
  refusals: [],
  told: [
    { kind: 'intent', intentId, orderId: 'order_1', amount: 100, currency: 'INR' },
    { kind: 'pay', transactionId: txn(1), askedFor: intentId },
    { kind: 'pay', transactionId: txn(2), askedFor: intentId },
    shown(1, 'FAILED', 4),
    shown(2, 'PROCESSING', 6),
    shown(2, 'SUCCESS', 8),
  ],
};

/** One attempt, closed for good. */
const FAILED: Story = {
  intentId,
  intents: [intent({ status: 'FAILED' })],
  attempts: [attempt(1, { status: 'FAILED' })],
  events: [event(1, 'payment.failed')],
  ...NO_LEDGER,
  charges: [],
  refusals: [],
  told: [],
};

/** Not tried, or not paid within its day. */
const UNPAID: Story = {
  intentId,
  intents: [intent({ status: 'PENDING', changedAfterMs: 0 })],
  attempts: [],
  events: [],
  ...NO_LEDGER,
  charges: [],
  refusals: [],
  told: [],
};
const EXPIRED: Story = {
  ...UNPAID,
  intents: [intent({ status: 'FAILED', changedAfterMs: DAY_MS + 1000 })],
  events: [event(null, 'payment.failed')],
};

/** Failed, and then the processor said that it was charged after all. */
const RECOVERED: Story = {
  ...FAILED,
  intents: [intent()],
  attempts: [attempt(1)],
  events: [event(1, 'payment.failed'), event(1, 'payment.recovered')],
  charges: [charge(1)],
};

/** Paid, and taken back by the processor's report a day later. */
const REVERSED: Story = {
  ...FAILED,
  attempts: [attempt(1, { status: 'FAILED', isFailedByReport: true })],
  events: [event(1, 'payment.succeeded'), event(1, 'payment.reversed')],
  charges: [charge(1)],
};
/** Failed, charged late while a second attempt was under way, and taken back; the second had failed meanwhile. */
const REVERSED_BESIDE: Story = {
  ...REVERSED,
  attempts: [...REVERSED.attempts, attempt(2, { status: 'FAILED' })],
  events: [
    event(1, 'payment.attempt_failed'),
    event(1, 'payment.recovered'),
    event(2, 'payment.attempt_failed'),
    event(1, 'payment.reversed'),
  ],
};

const PAID_AT_ONCE = { intents: [intent()], attempts: [attempt(1)] };
const FAILED_AT_ONCE = {
  intents: FAILED.intents,
  attempts: FAILED.attempts,
  events: FAILED.events,
  charges: [],
};

function entry(number: number, over: Partial<ScannedEntry> = {}): ScannedEntry {
  return {
    subjectId: txn(1),
    isOfTransaction: true,
    entry: number,
    kind: 'settlement',
    reverses: null,
    currency: 'INR',
    sum: 0,
    gross: 100,
    owed: -100,
    isAccepted: false,
    ...over,
  };
}

function final(status: 'SUCCESS' | 'FAILED', over: Partial<ScannedFinal> = {}): ScannedFinal {
  return { transactionId: txn(1), status, isUncorrected: false, ...over };
}

/** Takes the first entry back. */
const REVERSAL = entry(2, { kind: 'reversal', reverses: 1, gross: -100, owed: 100 });

/** Paid at once, and settled. */
const SETTLED: Story = {
  ...FAILED,
  intents: [intent()],
  attempts: [attempt(1)],
  events: [event(1, 'payment.succeeded')],
  charges: [charge(1)],
  entries: [entry(1)],
  finals: [final('SUCCESS')],
};

const AT_B = { processor: 'SANDBOX_B', processorAccount: 'acct_b' } as const;

/** A line of what the first processor or the sender said, as the sender heard it unless told otherwise. */
function heard(said: Evidence['said'], source: Evidence['source'] = 'answer', leg = 1): Evidence {
  return { at: NOW, source, said, leg, detail: '' };
}

/** An attempt that went on to the second bank for this reason, and what was heard of the first. */
function wentOn(
  reason: RouteReason,
  evidence: readonly Evidence[],
  over: Partial<ScannedAttempt> = {},
): ScannedAttempt {
  const first = { processor: 'SANDBOX', processorAccount: 'acct_1' } as const;
  const legs = [
    { leg: 1, ...first, reason: 'preferred' as const, at: NOW },
    { leg: 2, ...AT_B, reason, at: NOW },
  ];
  return attempt(1, { ...AT_B, leg: 2, routed: { legs, evidence }, ...over });
}

function refusal(over: Partial<BookedRefusal> = {}): BookedRefusal {
  return { transactionId: txn(1), processor: 'SANDBOX', account: 'acct_1', declineCode: null, ...over };
}

const CHARGED_AT_B = charge(1, { processor: 'SANDBOX_B', account: 'acct_b' });

/** The first bank was not reached, and the second has charged. */
const FALLEN_BACK: Story = {
  ...FAILED,
  intents: [intent()],
  attempts: [wentOn('first_unreachable', [heard('not_sent'), heard('charged', 'answer', 2)])],
  events: [event(1, 'payment.succeeded')],
  charges: [CHARGED_AT_B],
};
/** The first bank has declined for a trouble of its own. */
const REFUSED: Story = {
  ...FALLEN_BACK,
  attempts: [wentOn('first_refused', [heard('declined'), heard('charged', 'answer', 2)])],
  refusals: [refusal({ declineCode: 'acquirer_unavailable' })],
};

/** The same of a first bank that speaks as another processor. */
function refusedBy(processor: ProcessorName, declineCode: string): Story {
  const [one] = REFUSED.attempts;
  const legs = one!.routed!.legs.map((leg) => (leg.leg === 1 ? { ...leg, processor } : leg));
  return {
    ...REFUSED,
    attempts: [{ ...one!, routed: { ...one!.routed!, legs } }],
    refusals: [refusal({ processor, declineCode })],
  };
}

function fallenBack(reason: RouteReason, ...evidence: Evidence[]): Story {
  return { ...FALLEN_BACK, attempts: [wentOn(reason, evidence)] };
}

describe('is right', () => {
  test.each<[string, Story]>([
    ['declined, then paid', PAID],
    ['failed for good', FAILED],
    [
      'closed by what became of its attempt after days',
      { ...FAILED, intents: [intent({ status: 'FAILED', changedAfterMs: 3 * DAY_MS })] },
    ],
    ['not tried yet', UNPAID],
    ['expired without an attempt', EXPIRED],
    [
      'expired after a decline',
      {
        ...EXPIRED,
        attempts: [declined],
        events: [...EXPIRED.events, event(1, 'payment.attempt_failed')],
      },
    ],
    [
      'declined and still open to another card',
      { ...UNPAID, attempts: [declined], events: [event(1, 'payment.attempt_failed')] },
    ],
    ['under way', { ...UNPAID, attempts: [open] }],
    ['under way and charged already', { ...UNPAID, attempts: [open], charges: [charge(1)] }],
    ['a late success', RECOVERED],
    ['charged by the second bank, the first not reached', FALLEN_BACK],
    [
      'charged by the second bank, the breaker of the first open',
      fallenBack('first_breaker_open', heard('not_sent')),
    ],
    ['charged by the second bank, the first busy', fallenBack('first_busy', heard('not_sent'))],
    ['charged by the second bank, the first declined for a trouble of its own', REFUSED],
    [
      'charged by the second bank, Razorpay does not take the card',
      refusedBy('RAZORPAY', 'card_type_invalid'),
    ],
    ['charged by the second bank, PayU has no gateway for it', refusedBy('PAYU', 'E803')],
    [
      'charged by the second bank, a hint of PayU’s heard before its answer',
      {
        ...refusedBy('PAYU', 'E803'),
        attempts: refusedBy('PAYU', 'E803').attempts.map((one) => ({
          ...one,
          routed: { ...one.routed!, evidence: [heard('accepted', 'callback'), ...one.routed!.evidence] },
        })),
      },
    ],
    ['charged by the second bank, Stripe could not process it', refusedBy('STRIPE', 'processing_error')],
    [
      'charged by the second bank, the first refused without a line in its book',
      { ...REFUSED, refusals: [] },
    ],
    [
      'charged by the second bank, the first declined for a trouble of its own and called back before it answered',
      { ...REFUSED, attempts: [wentOn('first_refused', [heard('declined', 'callback'), heard('declined')])] },
    ],
    [
      'charged by the second bank, which recovery asked about before the first was left',
      fallenBack(
        'first_unreachable',
        heard('not_found', 'query'),
        heard('no_answer', 'query'),
        heard('not_sent'),
      ),
    ],
    [
      'charged by the second bank after it had declined an attempt before',
      {
        ...FALLEN_BACK,
        attempts: [
          { ...FALLEN_BACK.attempts[0]!, status: 'FAILED', reopenable: true },
          attempt(2, { ...AT_B, leg: 1 }),
        ],
        events: [event(1, 'payment.attempt_failed'), event(2, 'payment.succeeded')],
        charges: [{ ...CHARGED_AT_B, transactionId: txn(2) }],
        refusals: [refusal({ processor: 'SANDBOX_B', account: 'acct_b', declineCode: 'card_declined' })],
      },
    ],
    [
      'a late success, whose failure was decided in the same turn',
      { ...RECOVERED, events: [event(1, 'payment.recovered')] },
    ],
    [
      'a failure shown before its late success',
      { ...RECOVERED, told: [shown(1, 'FAILED', 1), shown(1, 'SUCCESS', 5)] },
    ],
    [
      'a late success after the intent had expired',
      {
        ...RECOVERED,
        events: [
          event(1, 'payment.attempt_failed'),
          event(null, 'payment.failed'),
          event(1, 'payment.recovered'),
        ],
      },
    ],
    [
      'a late success of an attempt that had been followed by another, which then failed',
      {
        ...RECOVERED,
        attempts: [attempt(1), attempt(2, { status: 'FAILED' })],
        events: [
          event(1, 'payment.attempt_failed'),
          event(1, 'payment.recovered'),
          event(2, 'payment.attempt_failed'),
        ],
      },
    ],
    ['taken back by a report', REVERSED],
    ['taken back by a report, and no longer in the book', { ...REVERSED, charges: [] }],
    [
      'shown as paid before a report took it back',
      { ...REVERSED, told: [shown(1, 'SUCCESS', 1), shown(1, 'FAILED', 5)] },
    ],
    [
      'taken back by one report and given back by another',
      { ...REVERSED, ...PAID_AT_ONCE, events: [...REVERSED.events, event(1, 'payment.recovered')] },
    ],
    [
      'taken back a second time',
      {
        ...REVERSED,
        events: [...REVERSED.events, event(1, 'payment.recovered'), event(1, 'payment.reversed')],
      },
    ],
    ['taken back after it had been paid late beside another attempt', REVERSED_BESIDE],
    [
      'taken back long after its day',
      {
        ...REVERSED_BESIDE,
        intents: [intent({ status: 'FAILED', changedAfterMs: 3 * DAY_MS })],
        attempts: [...REVERSED.attempts, attempt(2, { status: 'FAILED', reopenable: true })],
      },
    ],
    [
      'taken back, and paid by another attempt of it',
      {
        ...REVERSED,
        intents: [intent()],
        attempts: [...REVERSED.attempts, attempt(2)],
        events: [
          event(1, 'payment.attempt_failed'),
          event(2, 'payment.succeeded'),
          event(1, 'payment.recovered'),
          event(1, 'payment.reversed'),
        ],
        charges: [charge(1), charge(2)],
      },
    ],
    [
      'closed by a report while it was open, though the book has a charge of it',
      { ...FAILED, attempts: REVERSED.attempts, charges: [charge(1)] },
    ],
    [
      'expired, paid late and taken back',
      {
        ...REVERSED,
        events: [
          event(1, 'payment.attempt_failed'),
          event(null, 'payment.failed'),
          event(1, 'payment.recovered'),
          event(1, 'payment.reversed'),
        ],
      },
    ],
    ['settled', SETTLED],
    [
      'settled, and taken back in the ledger as well',
      { ...REVERSED, entries: [entry(1), REVERSAL], finals: [final('SUCCESS'), final('FAILED')] },
    ],
    [
      'settled again after it was taken back',
      { ...SETTLED, entries: [entry(1), REVERSAL, entry(3)], finals: [final('FAILED'), final('SUCCESS')] },
    ],
    [
      'settled as failed here, and its correction waits',
      { ...SETTLED, ...FAILED_AT_ONCE, finals: [final('SUCCESS', { isUncorrected: true })] },
    ],
    [
      'settled with another amount that a person has accepted',
      { ...SETTLED, entries: [entry(1, { gross: 90, owed: -90, isAccepted: true })] },
    ],
    [
      'held in suspense',
      { ...SETTLED, entries: [entry(1, { kind: 'suspense', gross: 90, owed: 0 })], finals: [] },
    ],
    [
      'held in suspense, and then settled',
      {
        ...SETTLED,
        entries: [
          entry(1, { kind: 'suspense', gross: 90, owed: 0 }),
          entry(2, { kind: 'reversal', reverses: 1, gross: -90, owed: 0 }),
          entry(3),
        ],
      },
    ],
    [
      'money of nobody',
      {
        ...UNPAID,
        intents: [],
        entries: [entry(1, { kind: 'suspense', isOfTransaction: false, subjectId: intentId, owed: 0 })],
      },
    ],
    [
      'a ledger that has outlived its payment',
      { ...UNPAID, intents: [], entries: [entry(1)], finals: [final('SUCCESS')] },
    ],
    [
      'five declines',
      {
        ...FAILED,
        attempts: [1, 2, 3, 4, 5].map((number) => attempt(number, { status: 'FAILED', reopenable: true })),
        events: [
          ...[1, 2, 3, 4].map((number) => event(number, 'payment.attempt_failed')),
          event(5, 'payment.failed'),
        ],
      },
    ],
    [
      'answers that crossed on their way',
      {
        ...PAID,
        told: [
          { kind: 'read', transactionId: txn(2), status: 'PROCESSING', askedAt: 1, toldAt: 9 },
          shown(2, 'SUCCESS', 2),
        ],
      },
    ],
    ['paid, where no book is compared', { ...PAID, charges: null }],
    [
      'paid, in a book that does not tell accounts apart',
      { ...PAID, charges: [charge(2, { account: null })] },
    ],
    [
      'a decline after a long time, whose intent is about to be closed',
      {
        ...UNPAID,
        intents: [intent({ status: 'PENDING', createdAt: NOW - 3 * DAY_MS })],
        attempts: [declined],
        events: [event(1, 'payment.attempt_failed')],
      },
    ],
    [
      'under way for days at a processor that takes its time',
      {
        ...UNPAID,
        intents: [intent({ status: 'PENDING', createdAt: NOW - 3 * DAY_MS })],
        attempts: [{ ...open, updatedAt: NOW - 3 * DAY_MS }],
      },
    ],
  ])('%s', (_, story) => {
    expect(judged(story, TERMS)).toEqual([]);
  });
});

describe('is found, and nothing else', () => {
  const STORIES: Array<[string, Story, Array<[RuleName, string]>]> = [
    [
      'an intent a client was told of, and that is gone',
      { ...UNPAID, intents: [], told: PAID.told.slice(0, 1) },
      [['acknowledged_absent', PI]],
    ],
    [
      'an attempt a client was told of, and that is gone',
      { ...UNPAID, told: PAID.told.slice(1, 2) },
      [['acknowledged_absent', T1]],
    ],
    [
      'an attempt a client was shown, and that is gone',
      { ...UNPAID, told: [shown(1, 'PROCESSING', 1)] },
      [['acknowledged_absent', T1]],
    ],
    [
      'an attempt of another intent than was to be paid',
      {
        ...PAID,
        told: [{ kind: 'pay', transactionId: txn(2), askedFor: makeId(NOW, 8, new Uint8Array(8)) }],
      },
      [['acknowledged_other', T2]],
    ],
    [
      'an intent of another order',
      { ...UNPAID, told: [{ kind: 'intent', intentId, orderId: 'order_2', amount: 100, currency: 'INR' }] },
      [['acknowledged_other', PI]],
    ],
    [
      'a success shown for what failed',
      { ...FAILED, told: [shown(1, 'SUCCESS', 1)] },
      [['final_taken_back', T1]],
    ],
    [
      'a success shown for what is open',
      { ...UNPAID, attempts: [open], told: [shown(1, 'SUCCESS', 1)] },
      [['final_taken_back', T1]],
    ],
    [
      'a failure shown for what is open',
      { ...UNPAID, attempts: [open], told: [shown(1, 'FAILED', 1)] },
      [['final_taken_back', T1]],
    ],
    [
      'a success, then a failure, then the success again',
      { ...PAID, told: [shown(2, 'SUCCESS', 1), shown(2, 'FAILED', 10), shown(2, 'SUCCESS', 20)] },
      [['final_taken_back', T2]],
    ],
    [
      'a failure, then processing again',
      { ...FAILED, told: [shown(1, 'PROCESSING', 10), shown(1, 'FAILED', 2)] },
      [['final_taken_back', T1]],
    ],
    ['two charges of one attempt', { ...PAID, charges: [charge(2), charge(2)] }, [['second_success', PI]]],
    [
      'two charges of two attempts that succeeded',
      {
        ...RECOVERED,
        attempts: [attempt(1), attempt(2)],
        events: [...RECOVERED.events, event(2, 'payment.succeeded')],
        charges: [charge(1), charge(2)],
      },
      [['second_success', PI]],
    ],
    [
      'two attempts that succeeded, also without a book',
      {
        ...RECOVERED,
        attempts: [attempt(1), attempt(2)],
        events: [...RECOVERED.events, event(2, 'payment.succeeded')],
        charges: null,
      },
      [['second_success', PI]],
    ],
    [
      'a charge of an attempt that is not there',
      { ...UNPAID, charges: [charge(1)] },
      [['charge_without_attempt', T1]],
    ],
    [
      'a charge of an intent that is not there',
      { ...UNPAID, intents: [], charges: [charge(1)] },
      [['charge_without_attempt', T1]],
    ],
    ['a success that is not in the book', { ...PAID, charges: [] }, [['success_without_charge', T2]]],
    ['a charge of an attempt that failed', { ...FAILED, charges: [charge(1)] }, [['charge_of_failed', T1]]],
    ['another amount charged', { ...PAID, charges: [charge(2, { amount: 99 })] }, [['amount_differs', T2]]],
    [
      'another currency charged',
      { ...PAID, charges: [charge(2, { currency: 'USD' })] },
      [['amount_differs', T2]],
    ],
    [
      'a charge at another account',
      { ...PAID, charges: [charge(2, { account: 'acct_2' })] },
      [['account_differs', T2]],
    ],
    [
      'the charge of an attempt at another account beside its own',
      { ...PAID, charges: [charge(2, { account: 'acct_2' }), charge(2)] },
      [
        ['second_success', PI],
        ['account_differs', T2],
      ],
    ],
    [
      "a charge at another bank than its attempt's, of an account of the same name",
      { ...PAID, charges: [charge(2, { processor: 'SANDBOX_B' })] },
      [['account_differs', T2]],
    ],
    [
      'charges at two banks under one reference',
      { ...FALLEN_BACK, charges: [charge(1), CHARGED_AT_B] },
      [
        ['second_success', PI],
        ['account_differs', T1],
        ['fallback_unproven', T1],
      ],
    ],
    ['a fallback without a word of the first', fallenBack('first_unreachable'), [['fallback_unproven', T1]]],
    ...(['unknown', 'accepted', 'action_required', 'charged'] as const).map(
      (said): [string, Story, Array<[RuleName, string]>] => [
        `a fallback after ${said}`,
        fallenBack('first_unreachable', heard(said)),
        [['fallback_unproven', T1]],
      ],
    ),
    [
      'a fallback after an unknown outcome, that claims the sender did not send afterwards',
      fallenBack('first_unreachable', heard('unknown'), heard('not_sent')),
      [['fallback_unproven', T1]],
    ],
    [
      "a fallback by recovery's own proof",
      fallenBack('first_unreachable', heard('never_arrived', 'recovery')),
      [['fallback_unproven', T1]],
    ],
    [
      'a fallback by a decline that a callback brought',
      fallenBack('first_refused', heard('declined', 'callback')),
      [['fallback_unproven', T1]],
    ],
    [
      'a fallback although a callback said that it was charged',
      fallenBack('first_refused', heard('charged', 'callback'), heard('declined')),
      [['fallback_unproven', T1]],
    ],
    [
      'a fallback for another reason than was heard',
      fallenBack('first_unreachable', heard('declined')),
      [['fallback_unproven', T1]],
    ],
    [
      'a fallback for no reason at all',
      fallenBack('preferred', heard('not_sent')),
      [['fallback_unproven', T1]],
    ],
    [
      "a fallback after a decline of the shopper's bank",
      { ...REFUSED, refusals: [refusal({ declineCode: 'insufficient_funds' })] },
      [['fallback_unproven', T1]],
    ],
    ...(
      [
        ['RAZORPAY', 'payment_timed_out'],
        ['PAYU', 'E312'],
        ['STRIPE', 'generic_decline'],
      ] as const
    ).map(([processor, code]): [string, Story, [RuleName, string][]] => [
      `a fallback after ${code} of ${processor}`,
      refusedBy(processor, code),
      [['fallback_unproven', T1]],
    ]),
    [
      'a fallback from a bank that says it was not reached, and has it in its book',
      { ...FALLEN_BACK, refusals: [refusal({ declineCode: 'acquirer_unavailable' })] },
      [['fallback_unproven', T1]],
    ],
    [
      'a fallback from a bank that works on it',
      { ...REFUSED, refusals: [refusal(), ...REFUSED.refusals] },
      [['fallback_unproven', T1]],
    ],
    [
      'an attempt that stands on its first leg after a fallback',
      {
        ...FALLEN_BACK,
        attempts: [{ ...FALLEN_BACK.attempts[0]!, leg: 1, processor: 'SANDBOX', processorAccount: 'acct_1' }],
        charges: [charge(1)],
      },
      [
        ['routing_differs', T1],
        ['fallback_unproven', T1],
      ],
    ],
    [
      'an attempt at another account than it was routed to',
      {
        ...FALLEN_BACK,
        attempts: [{ ...FALLEN_BACK.attempts[0]!, processorAccount: 'acct_c' }],
        charges: [{ ...CHARGED_AT_B, account: 'acct_c' }],
      },
      [['routing_differs', T1]],
    ],
    [
      'an attempt on its second leg of which no routing is kept',
      { ...FALLEN_BACK, attempts: [{ ...FALLEN_BACK.attempts[0]!, routed: { legs: [], evidence: [] } }] },
      [['routing_differs', T1]],
    ],
    [
      'an attempt of another merchant',
      { ...PAID, attempts: [declined, attempt(2, { merchantId: 'merchant_2' })] },
      [['merchant_differs', T2]],
    ],
    [
      'an event of another merchant',
      {
        ...PAID,
        events: [event(1, 'payment.attempt_failed', { merchantId: 'merchant_2' }), ...PAID.events.slice(1)],
      },
      [['merchant_differs', T1]],
    ],
    [
      'an expiry told to another merchant',
      { ...EXPIRED, events: [event(null, 'payment.failed', { merchantId: 'merchant_2' })] },
      [['merchant_differs', PI]],
    ],
    [
      'an intent not tried and not closed',
      { ...UNPAID, intents: [intent({ status: 'PENDING', createdAt: TERMS.closedBefore - 1 })] },
      [['intent_not_closed', PI]],
    ],
    [
      'an intent not closed after a decline',
      {
        ...UNPAID,
        intents: [intent({ status: 'PENDING', createdAt: NOW - 3 * DAY_MS })],
        attempts: [{ ...declined, updatedAt: TERMS.closedBefore - 1 }],
        events: [event(1, 'payment.attempt_failed')],
      },
      [['intent_not_closed', PI]],
    ],
    [
      'an attempt of another amount than its intent',
      { ...PAID, attempts: [declined, attempt(2, { amount: 99 })], charges: [charge(2, { amount: 99 })] },
      [['amount_differs', T2]],
    ],
    [
      'an intent of another amount than was ordered',
      { ...UNPAID, told: [{ kind: 'intent', intentId, orderId: 'order_1', amount: 99, currency: 'INR' }] },
      [['amount_differs', PI]],
    ],
    [
      'an attempt open past its deadline',
      { ...UNPAID, attempts: [{ ...open, sendBefore: NOW - 60_001 }] },
      [['unknown_too_long', T1]],
    ],
    [
      'a sender that never sent, past the deadline',
      { ...UNPAID, attempts: [{ ...open, status: 'SENT', sendBefore: NOW - 60_001 }] },
      [['unknown_too_long', T1]],
    ],
    [
      'a paid intent that does not say so',
      { ...PAID, intents: [intent({ status: 'PENDING' })] },
      [['intent_status', PI]],
    ],
    [
      'a paid intent that says failed, even after a day',
      { ...PAID, intents: [intent({ status: 'FAILED', changedAfterMs: DAY_MS + 1 })] },
      [['intent_status', PI]],
    ],
    ['a failed intent that says paid', { ...FAILED, intents: [intent()] }, [['intent_status', PI]]],
    [
      'an intent closed by a decline that allows another',
      {
        ...UNPAID,
        intents: [intent({ status: 'FAILED' })],
        attempts: [declined],
        events: [event(1, 'payment.attempt_failed')],
      },
      [['intent_status', PI]],
    ],
    [
      'an intent closed while an attempt is open',
      {
        ...UNPAID,
        intents: [intent({ status: 'FAILED', changedAfterMs: DAY_MS + 1 })],
        attempts: [open],
      },
      [['intent_status', PI]],
    ],
    [
      'an intent expired before its day was over',
      { ...UNPAID, intents: [intent({ status: 'FAILED', changedAfterMs: DAY_MS - 1 })] },
      [['intent_status', PI]],
    ],
    ['attempts without their intent', { ...PAID, intents: [], told: [] }, [['intent_status', PI]]],
    ['an intent that is stored twice', { ...PAID, intents: [intent(), intent()] }, [['intent_status', PI]]],
    [
      'an attempt after one that closed the intent',
      {
        ...PAID,
        attempts: [attempt(1, { status: 'FAILED' }), attempt(2)],
        events: [event(1, 'payment.failed'), event(2, 'payment.succeeded')],
      },
      [['attempt_not_allowed', T2]],
    ],
    [
      'an attempt after one that is open',
      { ...PAID, attempts: [open, attempt(2)], events: [event(2, 'payment.succeeded')], told: [] },
      [['attempt_not_allowed', T2]],
    ],
    [
      'an attempt after one that was paid at once',
      {
        ...PAID,
        attempts: [attempt(1), attempt(2, { status: 'FAILED' })],
        events: [event(1, 'payment.succeeded'), event(2, 'payment.attempt_failed')],
        charges: [charge(1)],
        told: [],
      },
      [['attempt_not_allowed', T2]],
    ],
    [
      'an attempt after one that was paid at once, though the later one was paid late',
      {
        ...RECOVERED,
        attempts: [attempt(1), attempt(2)],
        events: [
          event(1, 'payment.succeeded'),
          event(2, 'payment.attempt_failed'),
          event(2, 'payment.recovered'),
        ],
        charges: [charge(1), charge(2)],
      },
      [
        ['second_success', PI],
        ['attempt_not_allowed', T2],
      ],
    ],
    [
      'a second attempt without a first',
      { ...PAID, attempts: [attempt(2)], events: [event(2, 'payment.succeeded')], told: [] },
      [['attempt_not_allowed', T2]],
    ],
    [
      'a sixth attempt',
      {
        ...PAID,
        attempts: [
          ...[1, 2, 3, 4, 5].map((number) => attempt(number, { status: 'FAILED', reopenable: true })),
          attempt(6),
        ],
        events: [
          ...[1, 2, 3, 4].map((number) => event(number, 'payment.attempt_failed')),
          event(5, 'payment.failed'),
          event(6, 'payment.succeeded'),
        ],
        charges: [charge(6)],
        told: [],
      },
      [['attempt_not_allowed', showTransactionId(txn(6))]],
    ],
    ['a success not told', { ...PAID, events: PAID.events.slice(0, 1) }, [['event_missing', T2]]],
    ['a failure not told', { ...PAID, events: PAID.events.slice(1) }, [['event_missing', T1]]],
    ['a late success not told', { ...RECOVERED, events: FAILED.events }, [['event_missing', T1]]],
    ['an expiry not told', { ...EXPIRED, events: [] }, [['event_missing', PI]]],
    [
      'a success told with the status of a failure',
      {
        ...PAID,
        events: [...PAID.events.slice(0, 1), event(2, 'payment.succeeded', { status: 'FAILED' })],
      },
      [['event_differs', T2]],
    ],
    [
      'two events with one number',
      { ...PAID, events: [...PAID.events.slice(0, 1), event(2, 'payment.succeeded', { sequence: 1 })] },
      [['event_differs', PI]],
    ],
    [
      'a number left out',
      { ...PAID, events: [...PAID.events.slice(0, 1), event(2, 'payment.succeeded', { sequence: 3 })] },
      [['event_differs', PI]],
    ],
    [
      'a failure that a merchant puts after its late success',
      {
        ...RECOVERED,
        events: [event(1, 'payment.failed', { sequence: 2 }), event(1, 'payment.recovered', { sequence: 1 })],
      },
      [['event_differs', T1]],
    ],
    [
      'an expiry told with another status',
      { ...EXPIRED, events: [event(null, 'payment.failed', { status: 'SUCCESS' })] },
      [['event_differs', PI]],
    ],
    [
      'a success told twice',
      { ...PAID, events: [...PAID.events, event(2, 'payment.succeeded')] },
      [['event_unfounded', T2]],
    ],
    [
      'a success told as two kinds',
      { ...PAID, events: [...PAID.events, event(2, 'payment.recovered')] },
      [['event_unfounded', T2]],
    ],
    [
      'a failure told of what was paid at once',
      {
        ...PAID,
        events: [
          event(1, 'payment.attempt_failed'),
          event(2, 'payment.failed'),
          event(2, 'payment.succeeded'),
        ],
      },
      [['event_unfounded', T2]],
    ],
    [
      'a late success whose failure is told twice',
      { ...RECOVERED, events: [event(1, 'payment.attempt_failed'), ...RECOVERED.events] },
      [['event_unfounded', T1]],
    ],
    [
      'a failure told twice',
      { ...FAILED, events: [...FAILED.events, event(1, 'payment.failed')] },
      [['event_unfounded', T1]],
    ],
    [
      'an open attempt that is told of',
      { ...UNPAID, attempts: [open], events: [event(1, 'payment.succeeded')] },
      [['event_unfounded', T1]],
    ],
    [
      'an end of the intent, told where only the attempt has failed',
      {
        ...UNPAID,
        attempts: [declined],
        events: [event(1, 'payment.attempt_failed'), event(null, 'payment.failed')],
      },
      [['event_unfounded', PI]],
    ],
    [
      'an expiry told twice',
      { ...EXPIRED, events: [...EXPIRED.events, ...EXPIRED.events] },
      [['event_unfounded', PI]],
    ],
    [
      'an event of an attempt that is not there',
      { ...UNPAID, events: [event(1, 'payment.succeeded')] },
      [['event_unfounded', T1]],
    ],
    [
      'an event of an intent that is not there',
      { ...UNPAID, intents: [], events: [event(null, 'payment.failed')] },
      [['event_unfounded', PI]],
    ],
    [
      'a success that failed without a report',
      { ...REVERSED, attempts: FAILED.attempts, charges: [] },
      [['event_missing', T1]],
    ],
    [
      'a success taken back that is not told',
      { ...REVERSED, events: REVERSED.events.slice(0, 1), told: [shown(1, 'SUCCESS', 1)] },
      [
        ['final_taken_back', T1],
        ['event_missing', T1],
        ['event_unfounded', T1],
      ],
    ],
    [
      'a success taken back that is shown as open',
      { ...REVERSED, told: [shown(1, 'SUCCESS', 1), shown(1, 'PROCESSING', 5)] },
      [['final_taken_back', T1]],
    ],
    [
      'taken back without ever having succeeded',
      { ...REVERSED, events: [event(1, 'payment.failed'), event(1, 'payment.reversed')] },
      [['event_unfounded', T1]],
    ],
    [
      'taken back twice',
      { ...REVERSED, events: [...REVERSED.events, event(1, 'payment.reversed')] },
      [['event_unfounded', T1]],
    ],
    ['taken back, and the intent still paid', { ...REVERSED, intents: [intent()] }, [['intent_status', PI]]],
    [
      'taken back with the status of a success',
      {
        ...REVERSED,
        events: [event(1, 'payment.succeeded'), event(1, 'payment.reversed', { status: 'SUCCESS' })],
      },
      [['event_differs', T1]],
    ],
    ['given back, and not told', { ...REVERSED, ...PAID_AT_ONCE }, [['event_missing', T1]]],
    [
      'taken back, and charged twice under one reference',
      { ...REVERSED, charges: [charge(1), charge(1)] },
      [['second_success', PI]],
    ],
    [
      'postings that do not sum to zero',
      { ...SETTLED, entries: [entry(1, { sum: 1 })] },
      [['ledger_unbalanced', T1]],
    ],
    [
      'postings of a subject of nobody that do not sum to zero',
      {
        ...UNPAID,
        intents: [],
        entries: [
          entry(1, { kind: 'suspense', isOfTransaction: false, subjectId: intentId, owed: 0, sum: -1 }),
        ],
      },
      [['ledger_unbalanced', intentId]],
    ],
    [
      'settled with another amount',
      { ...SETTLED, entries: [entry(1, { gross: 90, owed: -90 })] },
      [['ledger_differs', T1]],
    ],
    [
      'settled in another currency',
      { ...SETTLED, entries: [entry(1, { currency: 'USD' })] },
      [['ledger_differs', T1]],
    ],
    [
      'settled, and not all of it is the merchant’s',
      { ...SETTLED, entries: [entry(1, { owed: -99 })] },
      [['ledger_differs', T1]],
    ],
    ['settled twice', { ...SETTLED, entries: [entry(1), entry(2)] }, [['ledger_differs', T1]]],
    ['an entry left out', { ...SETTLED, entries: [entry(2)] }, [['ledger_differs', T1]]],
    [
      'a reversal of another amount',
      {
        ...REVERSED,
        entries: [entry(1), { ...REVERSAL, gross: -99 }],
        finals: [final('FAILED')],
      },
      [['ledger_differs', T1]],
    ],
    [
      'a reversal of nothing',
      { ...REVERSED, entries: [{ ...REVERSAL, entry: 1 }], finals: [final('FAILED')] },
      [['ledger_differs', T1]],
    ],
    [
      'one entry taken back twice',
      {
        ...REVERSED,
        entries: [entry(1), REVERSAL, { ...REVERSAL, entry: 3 }],
        finals: [final('FAILED')],
      },
      [['ledger_differs', T1]],
    ],
    ['settled, and FAILED here', { ...SETTLED, ...FAILED_AT_ONCE }, [['final_record_differs', T1]]],
    [
      'taken back in the final record, and SUCCESS here',
      { ...SETTLED, entries: [entry(1), REVERSAL], finals: [final('SUCCESS'), final('FAILED')] },
      [['final_record_differs', T1]],
    ],
    [
      'taken back in the final record, and not in the ledger',
      { ...REVERSED, entries: [entry(1)], finals: [final('SUCCESS'), final('FAILED')] },
      [['final_record_differs', T1]],
    ],
    ['settled without a final record', { ...SETTLED, finals: [] }, [['final_record_differs', T1]]],
  ];
  test.each(STORIES)('%s', (_, story, expected) => {
    expect(judged(story, TERMS)).toEqual(expected.map(([rule, id]) => ({ rule, id })));
  });

  test('a success that is not in the book of its account; the book of another account says nothing of it', () => {
    const unbooked = { ...PAID, charges: [] };
    expect(judged(unbooked, { ...TERMS, account: 'acct_1' })).toEqual([
      { rule: 'success_without_charge', id: T2 },
    ]);
    expect(judged(unbooked, { ...TERMS, account: 'acct_2' })).toEqual([]);
  });

  test('a success that is not in the book of its processor; the book of another processor has no charge of it', () => {
    const unbooked = { ...PAID, charges: [] };
    const found = (story: Story, ...processors: ProcessorName[]) => judged(story, { ...TERMS, processors });
    expect(found(unbooked, 'SANDBOX')).toEqual([{ rule: 'success_without_charge', id: T2 }]);
    expect(found(unbooked, 'STRIPE')).toEqual([]);
    expect(found(unbooked, 'STRIPE', 'SANDBOX')).toEqual([{ rule: 'success_without_charge', id: T2 }]);
  });

  test('a failure told with the wrong type, as missing and as unfounded', () => {
    const story = { ...FAILED, events: [event(1, 'payment.attempt_failed')] };
    expect(judged(story, TERMS)).toEqual([
      { rule: 'event_missing', id: T1 },
      { rule: 'event_unfounded', id: T1 },
    ]);
  });
});
