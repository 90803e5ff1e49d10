/**
 * The test cards that the checkout shows do at the bank in a box what is said of them. The two sides share no code.
 *
 * @module
 */
import { describe, expect, test } from 'vitest';
import { behaviourOf as payuCard } from '../sandbox/payu/cards.ts';
import { RIGHT_OTP } from '../sandbox/payu/rules.ts';
import { behaviourOf as plainCard } from '../sandbox/plain/cards.ts';
import { behaviourOf as razorpayCard } from '../sandbox/razorpay/test-cards.ts';
import { stripeCardOf } from '../sandbox/stripe/cards.ts';
import { MESSAGES } from '../src/checkout/messages.ts';
import { TEST_BANNERS, type TestBanner } from '../src/checkout/test-cards.ts';
import type { ProcessorName } from '../src/domain/processor-word.ts';

type Outcome = TestBanner['cards'][number]['outcome'];

/** What the bank does with a card, in the words of the checkout; null where those have none. */
const AT_THE_BANK: Readonly<Record<ProcessorName, (card: string) => Outcome | null>> = {
  SANDBOX: plainOutcome,
  SANDBOX_B: plainOutcome,
  RAZORPAY: (card) => {
    const { asks, outcome, reason } = razorpayCard(card);
    if (outcome !== 'money') return null;
    if (asks === 'nothing') return 'paid';
    // Whoever chooses Failure on the bank's page gets the card's own reason.
    if (reason === 'card_declined') return 'declinedAfter';
    return reason === 'insufficient_fund' ? 'noFundsAfter' : 'confirm';
  },
  PAYU: (card) => {
    const { asks, decision } = payuCard(card);
    if (decision.status === 'succeeded') return asks ? 'confirm' : 'paid';
    if (decision.declineCode === 'E706') return asks ? 'noFundsAfter' : 'noFunds';
    return decision.status === 'declined' ? (asks ? 'declinedConfirmed' : 'declined') : null;
  },
  STRIPE: (card) => {
    const { authentication, outcome } = stripeCardOf(card);
    const asks = authentication === 'required';
    if (outcome === 'succeeded') return asks ? 'confirm' : 'paid';
    if (outcome === 'processing') return null;
    if (asks) return 'declinedConfirmed';
    return outcome === 'insufficient_funds' ? 'noFunds' : 'declined';
  },
};

function plainOutcome(card: string): Outcome {
  const { asks, status, declineCode, settles, funding } = plainCard(card);
  if (status === 'processing') return settles ? 'later' : 'silent';
  if (status === 'declined') return declineCode === 'insufficient_funds' ? 'noFunds' : 'declined';
  if (asks) return 'confirm';
  return funding === 'debit' ? 'debit' : 'paid';
}

describe.each(Object.keys(TEST_BANNERS) as ProcessorName[])('of %s', (processor) => {
  test.each(TEST_BANNERS[processor].cards)('$shown: $outcome', ({ shown, outcome }) => {
    expect(AT_THE_BANK[processor](shown.replaceAll(' ', ''))).toBe(outcome);
  });
});

test('the one-time password that is told for PayU is the one that is right', () => {
  expect(TEST_BANNERS.PAYU.hints).toContain('testPayu');
  expect(MESSAGES.en.testPayu).toContain(RIGHT_OTP);
});
