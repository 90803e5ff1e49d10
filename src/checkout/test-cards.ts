/**
 * Test cards: what each processor does in its test mode with which number it has published, for the banner of our test mode.
 *
 * The sandbox bank has its own list; the two share no code, and a test compares them. Of the others these are the numbers of their
 * documentation.
 *
 * @module
 */

import type { ProcessorName } from '../domain/processor-word.ts';
import type { Messages } from './messages.ts';

export interface TestCard {
  /** In groups, as it is shown. */
  shown: string;
  outcome: keyof Messages['testOutcomes'];
  /** Where not any date and any code will do. */
  expiry?: { month: string; year: string };
  code?: string;
}

/** What stands in the banner of a merchant's processor. */
export interface TestBanner {
  cards: readonly TestCard[];
  /** What is said below the cards. */
  hints: readonly ('testAny' | 'testRazorpay' | 'testPayu')[];
  /** Said where UPI is offered. */
  upiHint: 'testUpi' | null;
}

const SANDBOX: TestBanner = {
  cards: [
    { shown: '4111 1111 1111 1111', outcome: 'paid' },
    { shown: '4000 0080 0000 0005', outcome: 'debit' },
    { shown: '4000 0081 0000 0004', outcome: 'confirm' },
    { shown: '4000 0000 0000 0002', outcome: 'declined' },
    { shown: '4000 0000 0000 0119', outcome: 'noFunds' },
    { shown: '4000 0092 0000 0001', outcome: 'later' },
    { shown: '4000 0091 0000 0002', outcome: 'silent' },
  ],
  hints: ['testAny'],
  upiHint: 'testUpi',
};

export const TEST_BANNERS: Readonly<Record<ProcessorName, TestBanner>> = {
  SANDBOX,
  SANDBOX_B: SANDBOX,
  /** Its cards are confirmed at a page of its own, where each ends as one chooses. */
  RAZORPAY: {
    cards: [
      { shown: '4100 2800 0000 1007', outcome: 'confirm' },
      { shown: '5500 6700 0000 1002', outcome: 'confirm' },
      { shown: '6527 6589 0000 1005', outcome: 'confirm' },
      { shown: '4100 2800 0006 0003', outcome: 'declinedAfter' },
      { shown: '4100 2800 0008 0001', outcome: 'noFundsAfter' },
    ],
    hints: ['testAny', 'testRazorpay'],
    upiHint: null,
  },
  /** It publishes no card that is declined. */
  PAYU: {
    cards: [
      {
        shown: '5123 4567 8901 2346',
        outcome: 'confirm',
        expiry: { month: '05', year: '2030' },
        code: '123',
      },
      { shown: '4012 0010 3714 1112', outcome: 'confirm' },
      { shown: '6082 0153 0957 7308', outcome: 'confirm' },
      {
        shown: '3702 950616 73669',
        outcome: 'confirm',
        expiry: { month: '03', year: '2030' },
        code: '1234',
      },
    ],
    hints: ['testPayu'],
    upiHint: null,
  },
  STRIPE: {
    cards: [
      { shown: '4242 4242 4242 4242', outcome: 'paid' },
      { shown: '4000 0027 6000 3184', outcome: 'confirm' },
      { shown: '4000 0000 0000 0002', outcome: 'declined' },
      { shown: '4000 0000 0000 9995', outcome: 'noFunds' },
      { shown: '4000 0084 0000 1629', outcome: 'declinedConfirmed' },
    ],
    hints: ['testAny'],
    upiHint: null,
  },
};
