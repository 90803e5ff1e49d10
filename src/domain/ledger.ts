/**
 * Ledger: double entry, in entries whose postings sum to zero in one currency.
 *
 * An entry is one row with a signed amount for each account: debits positive, credits negative (decision 0016). It is never changed; a
 * correction is its reversal and a new entry. Of a payment of `amount`, of which the processor keeps `fee` and `tax` and the gateway its
 * merchant's fee (half a minor unit is rounded up):
 *
 *     processor_receivable   amount - fee - tax
 *     processor_fees         fee
 *     processor_tax          tax
 *     merchant_payable       merchant's fee - amount
 *     merchant_fees          - merchant's fee
 *
 * Money that is nobody's yet is `suspense`, - amount, in place of the last two. A day is millions of entries, so they are made in SQL
 * (`storage/postgres/statements/settle-segment.ts`), where a CHECK says that each sums to zero; `sluice verify` says it again.
 *
 * @module
 */

/** The accounts, in the order of the table's columns. */
export const LEDGER_ACCOUNTS = [
  /** What the processor pays out. */
  'processor_receivable',
  /** What it has kept for itself. */
  'processor_fees',
  /** The tax on that. */
  'processor_tax',
  /** What the merchant is owed. */
  'merchant_payable',
  /** What the gateway keeps of it: the merchant's fee percent (requirements 7.6). */
  'merchant_fees',
  /** Money that is nobody's yet. */
  'suspense',
] as const;

/**
 * Why an entry was made:
 * - `settlement`: a settled payment
 * - `suspense`: money that a person must find the owner of
 * - `reversal`: takes an earlier entry of the same subject back
 */
export type EntryKind = 'settlement' | 'suspense' | 'reversal';
