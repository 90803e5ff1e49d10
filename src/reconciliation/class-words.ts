/**
 * Class words: what each class of settlement is called, what it means, and what a person is to do about it.
 *
 * @module
 */

import {
  BREAK_CLASSES,
  CORRECTED_CLASSES,
  type SettlementClass,
  type SettlementScope,
} from '../domain/settlement.ts';

interface ClassWords {
  title: string;
  meaning: string;
  /** Null: nothing. */
  advice: string | null;
}

export const CLASS_WORDS: Readonly<Record<SettlementClass, ClassWords>> = {
  matched: {
    title: 'Matched',
    meaning: 'The processor and Sluice say the same. Posted to the ledger.',
    advice: null,
  },
  already_posted: {
    title: 'Already posted',
    meaning: 'An earlier report has had this very row. Nothing was posted.',
    advice: null,
  },
  failed_there: {
    title: 'Failed there',
    meaning:
      'Paid here, and the processor took it back. Sluice corrects the payment to FAILED, tells the merchant and reverses what was posted.',
    advice: 'Only when the correction was refused: see the payment’s story and decide.',
  },
  failed_here: {
    title: 'Failed here',
    meaning:
      'Failed here, and the processor settled it. Sluice corrects the payment to SUCCESS and tells the merchant. Posted.',
    advice:
      'Only when the correction was refused: most often another attempt of the same intent was paid as well; refund one.',
  },
  unknown_settled: {
    title: 'Unknown, now settled',
    meaning: 'Its outcome was open here, and the report has the final word. Sluice corrects the payment.',
    advice: 'Only when the correction was refused: see the payment’s story and decide.',
  },
  amount_differs: {
    title: 'Amount differs',
    meaning: 'The processor settled another amount than was charged. The money is in suspense.',
    advice:
      'Ask the processor which is right. Accept to post what was reported, dismiss to leave it in suspense.',
  },
  currency_differs: {
    title: 'Currency differs',
    meaning: 'The processor settled another currency than was charged. The money is in suspense.',
    advice:
      'Most often the account is set up to convert. Accept to post what was reported, dismiss to leave it in suspense.',
  },
  fee_differs: {
    title: 'Fee differs',
    meaning: 'Posted as reported, and the processor kept another fee than its contract says.',
    advice:
      'Claim the difference from the processor, or mend the contract of the account here. Then dismiss.',
  },
  unknown_here: {
    title: 'Unknown here',
    meaning:
      'No payment of ours at this processor and account, or a movement that is no payment (a refund, an adjustment). The money is in suspense.',
    advice:
      'Find whose money it is: a refund made at the processor’s own pages, another system on the same account. Then dismiss with what you found.',
  },
  twice: {
    title: 'Twice',
    meaning:
      'A second row of a payment that has been reported already. Another movement of money is held in suspense; the same movement is not posted again.',
    advice: 'Ask the processor whether the shopper was charged twice, and have one refunded. Then dismiss.',
  },
  missing_there: {
    title: 'Missing there',
    meaning: 'Paid here, and no report has had it although its time to be settled is over.',
    advice:
      'Ask the processor when it settles it. A later report that has it closes this by itself; dismiss only what will never come.',
  },
  not_due: {
    title: 'Not due yet',
    meaning: 'Paid here, in no report yet, and there is still time.',
    advice: null,
  },
};

/** How a class is meant: all well, corrected by Sluice, for a person, or for later. */
export type ClassTone = 'well' | 'corrected' | 'person' | 'later';

export function toneOf(name: SettlementClass): ClassTone {
  if (BREAK_CLASSES.has(name)) return 'person';
  if (CORRECTED_CLASSES.has(name)) return 'corrected';
  return name === 'not_due' ? 'later' : 'well';
}

export const TONE_WORDS: Readonly<Record<ClassTone, string>> = {
  well: 'agree',
  corrected: 'corrected by Sluice',
  person: 'need a person',
  later: 'not due yet',
};

/** `RAZORPAY of 2026-01-21, account acc_1`. */
export function showScope({ processor, account, day }: SettlementScope): string {
  return `${processor} of ${day}${account === null ? '' : `, account ${account}`}`;
}
