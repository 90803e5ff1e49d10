/**
 * One row of `get_settlement_details`, as JSON or as CSV, or one transaction of the settlement range API, which has other names.
 *
 * `requestaction` is the movement and `requestamount` its size; `amount` is the whole transaction's. A row has no time of its settlement:
 * that is the day that was asked for. Whether what goes out has a minus is unverified, so either is taken.
 *
 * @module
 */

import type { SettlementRow } from '../../domain/settlement.ts';
import type { ReadSettlementRow, SettlementFormat } from '../read-settlement.ts';
import { CURRENCY, signedPaiseOf } from './rupees.ts';
import { parseTxnid } from './txnid.ts';

/** Reads a row of `Txn_details`. */
export const readPayuSettlementRow: ReadSettlementRow = (row) => {
  const kind = KINDS.get(textOf(row.requestaction)?.toLowerCase() ?? '') ?? 'other';
  const sizes = AMOUNTS.map((name) => [name, signedPaiseOf(row[name])] as const);
  const unreadable = sizes.find(([, paise]) => paise === null);
  if (unreadable !== undefined) return { ok: false, detail: `${unreadable[0]} is no amount in rupees` };
  const [amount, fee, tax, shownNet] = sizes.map(([, paise]) => paise!) as [number, number, number, number];
  const net = kind === 'refund' ? -Math.abs(shownNet) : shownNet;
  if (kind === 'payment' && !addsUp(row, { amount, fee, tax, net })) {
    return { ok: false, detail: 'mer_net_amount is not requestamount less fee and tax' };
  }
  const txnid = textOf(row.txnid);
  return {
    ok: true,
    row: {
      kind,
      outcome: 'settled',
      movementId: textOf(row.requestid),
      processorTxnId: textOf(row.payuid),
      transactionId: txnid === null ? null : parseTxnid(txnid),
      reference: txnid,
      account: null,
      amount: Math.abs(amount),
      // What a merchant pays for its shoppers' offers is kept back like a fee.
      fee: kind === 'payment' ? amount - tax - net : fee,
      tax,
      net,
      currency: CURRENCY,
      settledAt: null,
      settlementId: null,
      utr: textOf(row.mer_utr),
    },
  };
};

/** Reads a transaction of the range API; what its settlement says stands beside its own. */
const readRangeRow: ReadSettlementRow = (item) => {
  const { transactionCurrency = CURRENCY, settlementCurrency = CURRENCY } = item;
  if (transactionCurrency !== CURRENCY || settlementCurrency !== CURRENCY) {
    return { ok: false, detail: `transactionCurrency or settlementCurrency is not ${CURRENCY}` };
  }
  const row = Object.fromEntries(RANGE_NAMES.map(([theirs, ours]) => [ours, item[theirs]]));
  const read = readPayuSettlementRow(row);
  if (!read.ok) return { ok: false, detail: withRangeNames(read.detail) };
  return { ok: true, row: read.row && { ...read.row, settlementId: textOf(item.settlementId) } };
};

/** The range API's names, and `get_settlement_details`'s. */
const RANGE_NAMES = [
  ['payuId', 'payuid'],
  ['merchantTransactionId', 'txnid'],
  ['action', 'requestaction'],
  ['requestId', 'requestid'],
  ['requestedAmount', 'requestamount'],
  ['merchantServiceFee', 'mer_service_fee'],
  ['merchantServiceTax', 'mer_service_tax'],
  ['merchantNetAmount', 'mer_net_amount'],
  ['utrNumber', 'mer_utr'],
] as const;

function withRangeNames(detail: string): string {
  return RANGE_NAMES.reduce((text, [theirs, ours]) => text.replace(ours, theirs), detail);
}

const REQUIRED = ['payuid', 'txnid', 'requestaction', 'requestamount'] as const;

export const PAYU_FORMATS: readonly SettlementFormat[] = [
  {
    name: 'payu-json',
    kind: 'json',
    required: REQUIRED,
    rowsIn: [{ member: 'Txn_details' }],
    faultOf: statusFault,
    readRow: readPayuSettlementRow,
  },
  {
    name: 'payu-range-json',
    kind: 'json',
    required: ['payuId', 'action', 'requestedAmount'],
    rowsIn: [{ member: 'result', each: 'transaction' }],
    faultOf: statusFault,
    readRow: readRangeRow,
  },
  {
    name: 'payu-csv',
    kind: 'csv',
    required: [...REQUIRED, 'mer_service_fee', 'mer_service_tax', 'mer_net_amount'],
    optional: ['requestid', 'mer_utr', 'merchant_subvention_amount'],
    trailer: false,
    readRow: readPayuSettlementRow,
  },
];

/** PayU answers 200 with a status of its own, now a number, now a text. */
function statusFault({ status }: Readonly<Record<string, unknown>>): string | null {
  return status === 1 || status === '1' ? null : 'status is not 1';
}

const KINDS: ReadonlyMap<string, SettlementRow['kind']> = new Map([
  ['capture', 'payment'],
  ['refund', 'refund'],
]);
const AMOUNTS = ['requestamount', 'mer_service_fee', 'mer_service_tax', 'mer_net_amount'] as const;

/** Sample of the documents: 11979.88 − 239.60 − 43.13 = 11697.15. A subvention of the merchant's goes off too, where there is one. */
function addsUp(
  row: Readonly<Record<string, unknown>>,
  { amount, fee, tax, net }: Pick<SettlementRow, 'amount' | 'fee' | 'tax' | 'net'>,
): boolean {
  const subvention = signedPaiseOf(row.merchant_subvention_amount) ?? 0;
  const rest = amount - fee - tax;
  return net === rest || net === rest - subvention;
}

/** A text that is there; ids come as numbers too. */
function textOf(value: unknown): string | null {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text !== '' ? text : null;
}
