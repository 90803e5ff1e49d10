import { expect, test } from 'vitest';
import { anAttempt, anIntent, T0 } from '../../test/support/payments.ts';
import { ATTEMPTS_MAX } from './ids.ts';
import { INTENT_LIFETIME_MS, intentStatus, nextAttempt, type PaymentIntent } from './payment-intent.ts';
import type { Attempt } from './transaction.ts';

const DAY = INTENT_LIFETIME_MS;
const FAILED: Partial<Attempt> = { status: 'FAILED' };
const REOPENABLE: Partial<Attempt> = { status: 'FAILED', reopenable: true };

// In order of precedence: the first row that fits decides.
test.each<[string, Partial<PaymentIntent>, Partial<Attempt>[], number, object]>([
  ['paid', { status: 'SUCCESS' }, [{ status: 'SUCCESS' }], 0, { refusal: 'intent_already_paid' }],
  [
    'paid, and another attempt is open',
    { status: 'SUCCESS' },
    [{ status: 'SUCCESS' }, { status: 'SENT' }],
    0,
    { refusal: 'intent_already_paid' },
  ],
  ['an attempt is sent', {}, [{ status: 'SENT' }], 0, { refusal: 'payment_in_progress' }],
  [
    'an attempt is processing, a day later',
    {},
    [{ status: 'PROCESSING' }],
    DAY,
    { refusal: 'payment_in_progress' },
  ],
  ['closed', { status: 'FAILED' }, [FAILED], 0, { refusal: 'intent_closed' }],
  ['a day old', {}, [], DAY, { refusal: 'intent_expired' }],
  ['just under a day old', {}, [], DAY - 1, { attempt: 1 }],
  ['fresh', {}, [], 0, { attempt: 1 }],
  ['declined, may be tried again', {}, [REOPENABLE], 0, { attempt: 2 }],
  ['declined for good, not stored yet', {}, [FAILED], 0, { refusal: 'intent_closed' }],
  [
    'all attempts used',
    {},
    Array.from({ length: ATTEMPTS_MAX }, () => REOPENABLE),
    0,
    { refusal: 'intent_closed' },
  ],
])('the next attempt when %s', (_, intent, attempts, age, outcome) => {
  const payment = {
    intent: anIntent(intent),
    attempts: attempts.map((over, i) => anAttempt({ attempt: i + 1, ...over })),
  };
  expect(nextAttempt(payment, T0 + age)).toEqual(outcome);
});

test.each<[string, PaymentIntent['status'], Partial<Attempt>[], string]>([
  ['nothing was tried', 'PENDING', [], 'PENDING'],
  ['an attempt is open', 'PENDING', [{ status: 'SENT' }], 'PROCESSING'],
  ['the shopper must act', 'PENDING', [{ status: 'REQUIRES_ACTION' }], 'PROCESSING'],
  ['the last attempt was declined and may be repeated', 'PENDING', [REOPENABLE], 'PENDING'],
  ['a second attempt is open', 'PENDING', [REOPENABLE, { status: 'SENT' }], 'PROCESSING'],
  ['it is stored', 'SUCCESS', [{ status: 'SUCCESS' }], 'SUCCESS'],
  ['it is stored', 'FAILED', [FAILED], 'FAILED'],
])('the status when %s', (_, status, attempts, shown) => {
  const payment = {
    intent: anIntent({ status }),
    attempts: attempts.map((over, i) => anAttempt({ attempt: i + 1, ...over })),
  };
  expect(intentStatus(payment)).toBe(shown);
});
