/**
 * Plain's rules and its test cards.
 * @module
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cardNumber, isLuhnValid } from '../card-numbers.ts';
import { behaviourOf, documentedCards } from './cards.ts';
import { readOrder } from './orders.ts';
import { decide } from './rules.ts';
import { showCharge } from './shown.ts';

const card = {
  number: '4111111111111111',
  expiry_month: 12,
  expiry_year: 2040,
  cvv: '123',
  name: 'A Shopper',
};
const body = { reference: 'txn_1', amount: 1050, currency: 'INR', card };
const now = Date.UTC(2030, 0, 15);
const BANK = 'http://127.0.0.1:9400';

function decideCard(number: string): ReturnType<typeof decide> {
  const read = readOrder({ ...body, card: { ...card, number } });
  if (!read.ok) throw new Error(read.detail);
  return decide(read.order, now);
}

describe('readOrder', () => {
  it.each([
    ['no object', [], 'body', 'field_type'],
    ['reference missing', { ...body, reference: undefined }, 'reference', 'field_type'],
    ['reference with a space', { ...body, reference: 'a b' }, 'reference', 'field_value'],
    ['amount as text', { ...body, amount: '1050' }, 'amount', 'field_type'],
    ['amount with a fraction', { ...body, amount: 10.5 }, 'amount', 'field_type'],
    ['amount zero', { ...body, amount: 0 }, 'amount', 'field_value'],
    ['amount negative', { ...body, amount: -5 }, 'amount', 'field_value'],
    ['currency in small letters', { ...body, currency: 'inr' }, 'currency', 'field_value'],
    ['no card', { ...body, card: null }, 'card', 'field_type'],
    ['number as a number', { ...body, card: { ...card, number: 4111 } }, 'card.number', 'field_type'],
    [
      'wrong check digit',
      { ...body, card: { ...card, number: '4111111111111112' } },
      'card.number',
      'card_number_invalid',
    ],
    ['month 13', { ...body, card: { ...card, expiry_month: 13 } }, 'card.expiry_month', 'field_value'],
    [
      'year of two digits',
      { ...body, card: { ...card, expiry_year: '40' } },
      'card.expiry_year',
      'field_value',
    ],
    ['cvv of two digits', { ...body, card: { ...card, cvv: '12' } }, 'card.cvv', 'field_value'],
    ['card and UPI', { ...body, upi: { flow: 'intent' } }, 'upi', 'field_value'],
    ['neither card nor UPI', { ...body, card: undefined }, 'card', 'field_type'],
    ['UPI as text', { ...body, card: undefined, upi: 'intent' }, 'upi', 'field_type'],
    [
      'another flow of UPI',
      { ...body, card: undefined, upi: { flow: 'collect' } },
      'upi.flow',
      'field_value',
    ],
    [
      'UPI in dollars',
      { ...body, currency: 'USD', card: undefined, upi: { flow: 'intent' } },
      'currency',
      'field_value',
    ],
    ['return_url as a number', { ...body, return_url: 7 }, 'return_url', 'field_type'],
    ['return_url without a host', { ...body, return_url: '/back' }, 'return_url', 'field_value'],
    ['return_url of a script', { ...body, return_url: 'javascript:x' }, 'return_url', 'field_value'],
    [
      'return_url too long',
      { ...body, return_url: `http://a/${'x'.repeat(1992)}` },
      'return_url',
      'field_value',
    ],
    ['no name', { ...body, card: { ...card, name: '' } }, 'card.name', 'field_value'],
  ])('refuses %s', (_, bad, field, code) => {
    expect(readOrder(bad)).toMatchObject({ ok: false, field, code });
  });

  it('takes expiry as digits too', () => {
    const read = readOrder({ ...body, card: { ...card, expiry_month: '07', expiry_year: '2031' } });
    expect(read).toMatchObject({ ok: true, order: { method: { expiryMonth: 7, expiryYear: 2031 } } });
  });
});

describe('decide', () => {
  it.each([
    ['4111111111111111', { status: 'succeeded', callback: true }],
    ['5555555555554444', { status: 'succeeded', callback: true }],
    ['4000000000000002', { status: 'declined', declineCode: 'card_declined', callback: true }],
    ['4000000000000119', { status: 'declined', declineCode: 'insufficient_funds', callback: true }],
    [cardNumber('40000080', 7), { status: 'succeeded', callback: true }],
    [
      cardNumber('40000081', 7),
      { status: 'declined', declineCode: 'authentication_unavailable', callback: true },
    ],
    [cardNumber('40000090', 7), { status: 'declined', declineCode: 'acquirer_unavailable', callback: true }],
    [cardNumber('40000091', 7), { status: 'processing', callback: false, settles: false }],
    [cardNumber('40000092', 7), { status: 'processing', callback: true, settles: true }],
    [cardNumber('40000093', 7), { status: 'succeeded', callback: false }],
    [cardNumber('40000099', 7), { status: 'succeeded', callback: true }],
  ])('%s', (number, decision) => {
    expect(decideCard(number)).toMatchObject(decision);
  });

  it.each(['40000081', '40000082', '40000083'])('%s asks the shopper who can be led back', (bin) => {
    const asking = readOrder({
      ...body,
      card: { ...card, number: cardNumber(bin, 7) },
      return_url: 'https://shop.example/back',
    });
    if (!asking.ok) throw new Error(asking.detail);
    expect(decide(asking.order, now)).toEqual({ status: 'requires_action', callback: false, settles: false });
  });

  it('declines a card after its last month, not within it', () => {
    const expiring = readOrder({ ...body, card: { ...card, expiry_month: 1, expiry_year: 2030 } });
    if (!expiring.ok) throw new Error(expiring.detail);
    expect(decide(expiring.order, now).status).toBe('succeeded');
    expect(decide(expiring.order, Date.UTC(2030, 1, 1))).toMatchObject({ declineCode: 'expired_card' });
  });
});

it('closes the reference of a decline and of nothing else', () => {
  const ofCard = { method: 'credit', bin: '41111111', expiresAt: undefined } as const;
  const shown = {
    id: 'ch_1',
    reference: 'r',
    account: 'a',
    amount: 1,
    currency: 'INR',
    createdAt: 5,
    ...ofCard,
  };
  expect(showCharge({ ...shown, status: 'declined', declineCode: 'card_declined' }, BANK)).toMatchObject({
    reference_closed: true,
    decline_code: 'card_declined',
  });
  expect(showCharge({ ...shown, status: 'processing', declineCode: undefined }, BANK)).not.toHaveProperty(
    'reference_closed',
  );
});

it('documents every card in README.md, each Luhn-valid and found by its own number', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  for (const behaviour of documentedCards) {
    expect(isLuhnValid(behaviour.example)).toBe(true);
    expect(behaviourOf(behaviour.example)).toBe(behaviour);
    expect(readme).toContain(behaviour.example);
  }
  expect(readme).toContain(cardNumber('40000099', 0));
});
