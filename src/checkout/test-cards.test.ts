import { expect, test } from 'vitest';
import { T0 } from '../../test/support/payments.ts';
import { luhnValid } from '../domain/card.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type CardPage, cardPage } from './page.ts';
import { TEST_BANNERS } from './test-cards.ts';

const PROCESSORS = Object.keys(TEST_BANNERS) as ProcessorName[];

function bodyOf(over: Partial<CardPage>): string {
  const answer = cardPage({
    language: 'en',
    sessionId: `sess_${'ab'.repeat(16)}`,
    merchantName: 'Amazon',
    orderId: 'order_1',
    amount: 5000,
    currency: 'INR',
    cancelUrl: 'https://shop.example/cart',
    upi: true,
    testMode: true,
    processor: 'SANDBOX',
    remainingMs: 1000,
    now: T0,
    errors: [],
    ...over,
  });
  return String(answer.body);
}

test.each(PROCESSORS)(
  'a test page of %s shows the cards of that processor, each a number that passes',
  (processor) => {
    const body = bodyOf({ processor });
    const shown = [...body.matchAll(/data-card="([\d ]+)"/g)].map(([, card]) => card!);
    expect(shown).toEqual(TEST_BANNERS[processor].cards.map((card) => card.shown));
    for (const card of shown) expect(luhnValid(Buffer.from(card.replaceAll(' ', '')))).toBe(true);
  },
);

test('where a processor wants a date and a code of its own, those are filled in', () => {
  const body = bodyOf({ processor: 'PAYU' });
  expect(body).toContain('data-card="5123 4567 8901 2346" data-month="05" data-year="2030" data-code="123"');
  expect(body).toContain('data-card="3702 950616 73669" data-month="03" data-year="2030" data-code="1234"');
  expect(body).toContain('The one-time password is 123456.');
  expect(body).not.toContain('Any future date');
});

test('the bank’s own UPI page is spoken of where it has one and UPI is offered', () => {
  const words = 'bank’s own test page';
  expect(bodyOf({})).toContain(words);
  expect(bodyOf({ upi: false })).not.toContain(words);
  expect(bodyOf({ processor: 'STRIPE' })).not.toContain(words);
});

test('in live mode, and where the processor cannot be known, there are none', () => {
  for (const over of [{ testMode: false }, { processor: null }]) {
    expect(bodyOf(over)).not.toContain('data-card');
    expect(bodyOf(over)).not.toContain('4111 1111');
  }
});
