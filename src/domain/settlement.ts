/**
 * Settlement: what a processor reports the day after, in our words, and what each row and each of our transactions turns out to be.
 *
 * Amounts are integers in minor units; nothing is rounded. The classes are those of design 12, and every row and every transaction is in
 * exactly one.
 *
 * @module
 */

import type { IntentId, TransactionId } from './ids.ts';
import type { ProcessorName } from './processor-word.ts';

/** One row of a report. */
export interface SettlementRow {
  kind: 'payment' | 'refund' | 'adjustment' | 'other';
  /** `failed`: the row takes the payment back (requirements 7.9). Most formats have no such row: what failed is not in them. */
  outcome: 'settled' | 'failed';
  /** The processor's own id of this movement of money; null where it names none. Two rows with one id are one movement. */
  movementId: string | null;
  /** The processor's id of the charge. */
  processorTxnId: string | null;
  /** Null when the reference is not one of ours. */
  transactionId: TransactionId | null;
  /** Our reference as the row has it. */
  reference: string | null;
  /** The account at the processor; null where the row does not tell. */
  account: string | null;
  /** What was moved before fees; never negative, `net` has the direction. */
  amount: number;
  /** The processor's, without the tax on it. */
  fee: number;
  tax: number;
  /** What the balance grows by: negative where money goes out. Of a payment always `amount - fee - tax`, of one taken back as well. */
  net: number;
  currency: string;
  /** Milliseconds since 1970; null where the row does not tell. */
  settledAt: number | null;
  settlementId: string | null;
  /** The bank's reference of the payout. */
  utr: string | null;
}

/** Which report: one processor's of one day, of one account or (null) of all. */
export interface SettlementScope {
  processor: ProcessorName;
  account: string | null;
  /** `YYYY-MM-DD`, as the processor counts its days. */
  day: string;
}

/**
 * What a row is:
 * - `matched`: both say the same; it is posted
 * - `failed_there`: SUCCESS here, and the report takes it back. Sluice corrects it: FAILED, and what was posted is reversed
 * - `failed_here`: FAILED here, and it was settled. Sluice corrects it: SUCCESS, posted
 * - `unknown_settled`: open here, and the report has the final word. Sluice corrects it; posted when it was settled
 * - `amount_differs`, `currency_differs`: the money is held in suspense until a person decides
 * - `fee_differs`: posted as the report has it; the processor took another fee than its contract says
 * - `unknown_here`: no transaction of ours at this processor, or a movement that is no payment; the money is held in suspense
 * - `twice`: a second row of a payment that this report or an earlier one has had already; another movement is held in suspense
 * - `already_posted`: an earlier report has had this very row
 */
export type RowClass =
  | 'matched'
  | 'failed_there'
  | 'failed_here'
  | 'unknown_settled'
  | 'amount_differs'
  | 'currency_differs'
  | 'fee_differs'
  | 'unknown_here'
  | 'twice'
  | 'already_posted';

/**
 * What a transaction of ours is that no report has had:
 * - `not_due`: SUCCESS, and its time to be settled is not over
 * - `missing_there`: SUCCESS, and it is over
 *
 * What is FAILED or open here and in no report agrees with it: failed payments are not reported, and recovery asks about the open ones.
 */
export type AbsentClass = 'not_due' | 'missing_there';

export type SettlementClass = RowClass | AbsentClass;

/** In the order they are told. */
export const SETTLEMENT_CLASSES: readonly SettlementClass[] = [
  'matched',
  'already_posted',
  'failed_there',
  'failed_here',
  'unknown_settled',
  'amount_differs',
  'currency_differs',
  'fee_differs',
  'unknown_here',
  'twice',
  'missing_there',
  'not_due',
];

/** Classes that Sluice corrects itself, through the transaction's actor. */
export const CORRECTED_CLASSES: ReadonlySet<SettlementClass> = new Set([
  'failed_there',
  'failed_here',
  'unknown_settled',
]);

/** Classes that need a person. */
export const BREAK_CLASSES: ReadonlySet<SettlementClass> = new Set([
  'amount_differs',
  'currency_differs',
  'fee_differs',
  'unknown_here',
  'twice',
  'missing_there',
]);

/**
 * What has become of a break:
 * - `correcting`: on its way to the actor
 * - `open`: a person is to look: by its class, or because the actor refused the correction
 * - `corrected`: by the actor
 * - `settled`: a missing transaction that a later report has had, or a movement of nobody's whose payment it has
 * - `accepted`, `dismissed`: by a person, with a reason
 */
export type BreakState = 'correcting' | 'open' | 'corrected' | 'settled' | 'accepted' | 'dismissed';

export const BREAK_STATES: readonly BreakState[] = [
  'correcting',
  'open',
  'corrected',
  'settled',
  'accepted',
  'dismissed',
];

/** Whatever is not as it should be, of one row or one transaction. */
export interface SettlementBreak {
  /** `brk_<database>_<number>`, the number within its database. */
  breakId: string;
  runId: number;
  scope: SettlementScope;
  class: SettlementClass;
  state: BreakState;
  /** One sentence: what differs, or why the correction was refused. */
  detail: string;
  /** Number of the row in its report, from 1; null: there is none. */
  line: number | null;
  transactionId: TransactionId | null;
  paymentIntentId: IntentId | null;
  merchantId: string | null;
  processorTxnId: string | null;
  reference: string | null;
  /** As reported; null: nothing was. */
  reported: { amount: number; fee: number; tax: number; net: number; currency: string } | null;
  /** As we have it; null: no transaction of ours. */
  ours: { amount: number; currency: string; status: string } | null;
  /** Milliseconds since 1970. */
  foundAt: number;
  closedAt: number | null;
  /** Who closed it: an operator's name, or `reconciliation`. */
  closedBy: string | null;
  reason: string | null;
}

/** Rows and money of one class in one currency. */
export interface ClassTotal {
  class: SettlementClass;
  currency: string;
  count: number;
  /** As reported; of absent transactions as we have them. Sums in minor units may be beyond 2^53: decimal text. */
  amount: string;
  fee: string;
  tax: string;
  net: string;
}
