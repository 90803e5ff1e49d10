/**
 * Test cards: what the sandbox bank does with which published number, for the banner of test mode.
 *
 * The bank has its own list; the two share no code, and a test compares them.
 *
 * @module
 */

import type { Messages } from './messages.ts';

export interface TestCard {
  /** In groups, as it is shown. */
  shown: string;
  outcome: keyof Messages['testOutcomes'];
}

export const TEST_CARDS: readonly TestCard[] = [
  { shown: '4111 1111 1111 1111', outcome: 'paid' },
  { shown: '4000 0080 0000 0005', outcome: 'debit' },
  { shown: '4000 0081 0000 0004', outcome: 'confirm' },
  { shown: '4000 0000 0000 0002', outcome: 'declined' },
  { shown: '4000 0000 0000 0119', outcome: 'noFunds' },
  { shown: '4000 0092 0000 0001', outcome: 'later' },
  { shown: '4000 0091 0000 0002', outcome: 'silent' },
];
