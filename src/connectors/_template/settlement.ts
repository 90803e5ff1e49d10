/**
 * Reads one row of the processor's report of what it has paid out.
 *
 * Fill in: names and units of the columns. Decimals become minor units by their digits, never by a float; a row that does not add up is
 * refused.
 *
 * @module
 */

import { parseTransactionId } from '../../domain/ids.ts';
import type { ReadSettlementRow } from '../read-settlement.ts';

export const readTemplateSettlementRow: ReadSettlementRow = (row) => {
  const { id, reference, amount, fee, net, currency } = row;
  if (!isAmount(amount) || !isAmount(fee) || !isAmount(net)) {
    return { ok: false, detail: 'amount, fee and net must be integers' };
  }
  if (net !== amount - fee) return { ok: false, detail: 'net is not amount less fee' };
  if (typeof currency !== 'string') return { ok: false, detail: 'currency is missing' };
  const ours = typeof reference === 'string' ? reference : null;
  return {
    ok: true,
    row: {
      kind: 'payment',
      outcome: 'settled',
      // The processor's own id of this movement of money, where it names one.
      movementId: null,
      processorTxnId: typeof id === 'string' ? id : null,
      transactionId: ours === null ? null : parseTransactionId(ours),
      reference: ours,
      account: null,
      amount,
      fee,
      tax: 0,
      net,
      currency,
      settledAt: null,
      settlementId: null,
      utr: null,
    },
  };
};

function isAmount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
