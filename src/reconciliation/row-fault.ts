/**
 * Row fault: what no row may be, whichever room has read it, because neither ledger nor database could hold it.
 *
 * @module
 */

import type { SettlementRow } from '../domain/settlement.ts';

/** Characters that a text of a row may have at most: what its column holds. */
const LENGTHS = [
  ['movementId', 200],
  ['processorTxnId', 100],
  ['reference', 200],
  ['account', 100],
  ['settlementId', 100],
  ['utr', 100],
] as const;

const AMOUNTS = ['amount', 'fee', 'tax', 'net'] as const;
const CURRENCY = /^[A-Z]{3}$/;
/** Control characters and halves of surrogate pairs: PostgreSQL keeps no NUL, and a terminal obeys the others. */
const ODD = /[\p{Cc}\p{Cs}]/u;
/** Milliseconds: the last of the year 9999. Ids and days are made of a row's time, and neither holds one of any year. */
const TIME_MAX = Date.UTC(10_000, 0) - 1;

/** What of a row cannot be; null: nothing. */
export function rowFault(row: SettlementRow): string | null {
  for (const name of AMOUNTS) {
    if (!Number.isSafeInteger(row[name])) return `its ${name} is no amount in minor units`;
  }
  if (row.amount < 0) return 'its amount is negative';
  if (row.kind === 'payment' && row.net !== row.amount - row.fee - row.tax) {
    return 'its net is not its amount less fee and tax';
  }
  if (!CURRENCY.test(row.currency)) return 'its currency is none';
  const { settledAt } = row;
  if (settledAt !== null && !(Number.isInteger(settledAt) && settledAt >= 0 && settledAt <= TIME_MAX)) {
    return 'its time of settlement is none';
  }
  for (const [name, lengthMax] of LENGTHS) {
    const text = row[name];
    if (text === null) continue;
    if (text.length > lengthMax) return `its ${name} is longer than ${lengthMax} characters`;
    if (ODD.test(text)) return `its ${name} has a character that cannot be kept`;
  }
  return null;
}
