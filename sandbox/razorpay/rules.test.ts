/**
 * How payments are decided, card by card and by the clock.
 * @module
 */
import { describe, expect, it } from 'vitest';
import type { Charge } from '../book.ts';
import { cardNumber } from '../card-numbers.ts';
import type { Decision } from '../dialect.ts';
import type { PaymentFacts } from './payments.ts';
import { decide, decideAsked, decideLater, LATE_MS, SLOW_MS } from './rules.ts';
import { behaviourOf } from './test-cards.ts';

const now = Date.UTC(2030, 0, 15);
const MINUTE_MS = 60_000;

function factsOfCard(number: string, more: Partial<PaymentFacts> = {}): PaymentFacts {
  const { asks, outcome, failsByOtp, reason, webhooks } = behaviourOf(number);
  return {
    order: 'order_1',
    email: 'a@b.example',
    contact: '9000090000',
    description: null,
    notes: {},
    network: 'Visa',
    asks,
    outcome,
    failsByOtp,
    reason,
    webhooks,
    automaticMinutes: 12,
    manualMinutes: 7200,
    wrongOtps: 0,
    resentOtps: 0,
    ...more,
  };
}

function decideCard(number: string, more: Partial<PaymentFacts> = {}, taken = false): Decision {
  const method = { type: 'card', number, expiryMonth: 12, expiryYear: 2040 } as const;
  return decide(method, factsOfCard(number, more), taken, now);
}

/** A payment of the card that stands so. */
function chargeOf(number: string, standing: Partial<Charge>, more: Partial<PaymentFacts> = {}): Charge {
  return {
    status: 'requires_action',
    createdAt: now,
    facts: factsOfCard(number, more),
    ...standing,
  } as Charge;
}

describe('the published cards', () => {
  it.each([
    '4100280000001007',
    '5500670000001002',
    '6527658900001005',
    '36082800091007',
    '340256000401007',
    '4386289407660153',
    '5267318187975449',
    '5555555555554444',
    '5105105105105100',
    '5104060000000008',
    '4012888888881881',
  ])('%s asks, and is money when approved', (number) => {
    expect(decideCard(number)).toMatchObject({ status: 'requires_action', callback: false });
    expect(decideAsked(chargeOf(number, {}), 'approve', false).status).toBe('succeeded');
    expect(decideAsked(chargeOf(number, {}), 'decline', false).declineCode).toBe('authentication_failed');
  });

  it.each([
    ['payment_timed_out', '4100280000090000'],
    ['payment_timed_out', '5305620000060000'],
    ['insufficient_fund', '4100280000080001'],
    ['insufficient_fund', '5305620000050001'],
    ['payment_cancelled', '4100280000070002'],
    ['payment_cancelled', '5305620000040002'],
    ['card_declined', '4100280000060003'],
    ['card_declined', '4100280000050004'],
    ['card_declined', '4100280000040005'],
    ['card_declined', '5305620000030003'],
    ['card_declined', '5305620000020004'],
    ['card_declined', '5305620000010005'],
    ['card_disabled_for_online_payments', '4100280000030006'],
    ['card_disabled_for_online_payments', '5305620000000006'],
    ['card_number_invalid', '4100280000010008'],
    ['card_number_invalid', '5305620000080008'],
    ['gateway_technical_error', '4100280000020007'],
    ['gateway_technical_error', '5305620000090007'],
    ['authentication_failed', '4100280000000009'],
    ['authentication_failed', '5305620000070009'],
  ])('%s is why %s fails by the failure button', (reason, number) => {
    expect(decideCard(number).status).toBe('requires_action');
    expect(decideAsked(chargeOf(number, {}), 'decline', false)).toMatchObject({
      status: 'declined',
      declineCode: reason,
      callback: true,
    });
  });
});

it.each([
  ['80', { status: 'succeeded', callback: true }],
  ['85', { status: 'declined', declineCode: 'payment_risk_check_failed' }],
  ['86', { status: 'declined', declineCode: 'payment_timed_out', changesMs: LATE_MS }],
  ['87', { status: 'declined', declineCode: 'payment_timed_out', changesMs: LATE_MS }],
  ['88', { status: 'declined', declineCode: 'card_network_not_enabled' }],
  ['90', { status: 'declined', declineCode: 'gateway_technical_error' }],
  ['91', { status: 'processing', callback: false }],
  ['92', { status: 'processing', callback: false, changesMs: SLOW_MS }],
  ['93', { status: 'succeeded', callback: false }],
  ['94', { status: 'succeeded', callback: false, answer: 'lost' }],
  ['95', { status: 'succeeded', callback: true, answer: 'lost' }],
  ['96', { status: 'succeeded', callback: true, answer: 'late' }],
  ['97', { status: 'succeeded', callback: true, answer: 'error500' }],
  ['98', { callback: false, answer: 'html502' }],
])('a card of 410028%s is decided as documented', (lastTwo, decision) => {
  expect(decideCard(cardNumber(`410028${lastTwo}`, 7))).toMatchObject(decision);
});

it('declines what an order that has its money is offered, at whatever moment', () => {
  const declined = { status: 'declined', declineCode: 'order_already_paid' };
  const number = '4111111111111111';
  expect(decideCard(number, {}, true)).toMatchObject(declined);
  expect(decideAsked(chargeOf(number, {}), 'approve', true)).toMatchObject(declined);
  const slow = cardNumber('41002892', 1);
  expect(decideLater(chargeOf(slow, { status: 'processing' }), true, now)).toMatchObject(declined);
});

describe('a late authorisation', () => {
  const failed = { status: 'declined', declineCode: 'payment_timed_out' } as const;
  const late = cardNumber('41002886', 1);
  const authorised = { status: 'processing', word: 'authorized', callback: true };

  it('is captured until the order’s automatic period is over, and not a moment longer', () => {
    const charge = chargeOf(late, failed);
    expect(decideLater(charge, false, now + 12 * MINUTE_MS).status).toBe('succeeded');
    expect(decideLater(charge, false, now + 12 * MINUTE_MS + 1)).toMatchObject({
      ...authorised,
      changesMs: 7188 * MINUTE_MS - 1,
    });
  });

  it('is never captured by itself where the order is not, nor where its money is another’s', () => {
    const manual = chargeOf(late, failed, { automaticMinutes: null });
    expect(decideLater(manual, false, now)).toMatchObject(authorised);
    const taken = decideLater(chargeOf(late, failed), true, now);
    expect(taken).toMatchObject({ ...authorised, changesMs: LATE_MS });
  });
});

it('refunds what nobody captured when the manual period is over', () => {
  const authorised = decideCard('4111111111111111', { automaticMinutes: null, manualMinutes: 20 });
  expect(authorised).toMatchObject({ word: 'authorized', changesMs: 20 * MINUTE_MS });
  const charge = chargeOf('4111111111111111', { status: 'processing', word: 'authorized' });
  expect(decideLater(charge, false, now)).toEqual({ status: 'declined', word: 'refunded', callback: false });
});

it('gives up at the third wrong one-time password', () => {
  const first = decideAsked(chargeOf('4100280000001007', {}), 'wrong_otp', false);
  expect(first).toMatchObject({ status: 'requires_action', facts: { wrongOtps: 1 } });
  const third = decideAsked(chargeOf('4100280000001007', {}, { wrongOtps: 2 }), 'wrong_otp', false);
  expect(third).toMatchObject({ status: 'declined', declineCode: 'otp_attempts_exceeded' });
});
