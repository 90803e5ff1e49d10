/**
 * One item of `settlements/recon/combined`, or a line of the same as CSV.
 *
 * Razorpay's `fee` has the tax in it. `credit` and `debit` are what the balance moved by; one of them is nothing.
 *
 * @module
 */

import { parseTransactionId } from '../../domain/ids.ts';
import type { SettlementRow } from '../../domain/settlement.ts';
import type { ReadSettlementRow, SettlementFormat } from '../read-settlement.ts';
import { fieldsOf, isPaymentId, REFERENCE_NOTE } from './status.ts';

/** Reads one item. What is on hold or not paid out yet is in the report of a later day. */
export const readRazorpaySettlementRow: ReadSettlementRow = (item) => {
  const odd = SIZES.find((name) => !isSize(item[name]));
  if (odd !== undefined) return { ok: false, detail: `${odd} is no amount in minor units` };
  const [amount, withTax, tax, credit, debit] = SIZES.map((name) => (item[name] ?? 0) as number) as Sizes;
  const fault = faultOf(item, { amount, withTax, tax, credit, debit });
  if (fault !== null) return { ok: false, detail: fault };
  if (item.settled === false) return { ok: true, row: null };
  const { entity_id: entityId, payment_id: parentId, settled, settled_at: settledAt } = item;
  const paymentId = item.type === 'payment' ? entityId : parentId;
  const reference = referenceOf(item);
  return {
    ok: true,
    row: {
      kind: KINDS.get(item.type as string) ?? 'other',
      outcome: 'settled',
      movementId: entityId as string,
      processorTxnId: isPaymentId(paymentId) ? paymentId : null,
      transactionId: reference === null ? null : parseTransactionId(reference),
      reference,
      account: null,
      amount,
      fee: withTax - tax,
      tax,
      net: credit - debit,
      currency: item.currency as string,
      settledAt: settled === true && Number.isSafeInteger(settledAt) ? (settledAt as number) * 1000 : null,
      settlementId: textOf(item.settlement_id),
      utr: textOf(item.settlement_utr),
    },
  };
};

/** Reads one line: the item's fields as texts, an empty one for null. */
const readCsvRow: ReadSettlementRow = (row) => {
  const item: Record<string, unknown> = { ...row };
  for (const name of NUMBERS) {
    const text = row[name];
    item[name] = text === '' ? null : typeof text === 'string' && DIGITS.test(text) ? Number(text) : text;
  }
  const settled = FLAGS.get((row.settled as string | undefined)?.toLowerCase());
  if (settled === undefined) return { ok: false, detail: 'settled is neither true nor false' };
  item.settled = settled;
  if (settled && typeof item.settled_at === 'string') {
    return { ok: false, detail: 'settled_at is no time in seconds' };
  }
  return readRazorpaySettlementRow(item);
};

const DIGITS = /^[0-9]{1,16}$/;
const FLAGS: ReadonlyMap<string | undefined, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
  ['', false],
  [undefined, false],
]);

const SIZES = ['amount', 'fee', 'tax', 'credit', 'debit'] as const;
const NUMBERS = [...SIZES, 'settled_at'] as const;
type Sizes = [number, number, number, number, number];

const KINDS: ReadonlyMap<string, SettlementRow['kind']> = new Map([
  ['payment', 'payment'],
  ['refund', 'refund'],
  ['adjustment', 'adjustment'],
]);

export const RAZORPAY_FORMATS: readonly SettlementFormat[] = [
  {
    name: 'razorpay-json',
    kind: 'json',
    required: ['entity_id', 'type', 'amount', 'currency'],
    rowsIn: [{ member: 'items' }],
    faultOf: ({ count }, rows) => (count === rows ? null : 'count is not the number of its items'),
    readRow: readRazorpaySettlementRow,
  },
  {
    name: 'razorpay-csv',
    kind: 'csv',
    required: ['entity_id', 'type', 'debit', 'credit', 'amount', 'currency', 'fee', 'tax'],
    optional: [
      'payment_id',
      'order_receipt',
      'notes',
      'settled',
      'settled_at',
      'settlement_id',
      'settlement_utr',
    ],
    trailer: false,
    readRow: readCsvRow,
  },
];

/** What of an item does not add up; null: nothing. */
function faultOf(
  { type, currency, entity_id: entityId }: Readonly<Record<string, unknown>>,
  sizes: Record<'amount' | 'withTax' | 'tax' | 'credit' | 'debit', number>,
): string | null {
  const { amount, withTax, tax, credit, debit } = sizes;
  if (typeof type !== 'string') return 'type is missing';
  if (typeof entityId !== 'string') return 'entity_id is missing';
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) return 'currency is none';
  if (credit !== 0 && debit !== 0) return 'credit and debit are both something';
  if (tax > withTax) return 'tax is more than the fee it is part of';
  if (type === 'payment' && credit - debit !== amount - withTax) return 'credit is not amount less fee';
  return null;
}

/** Of a row that has none it is nothing. */
function isSize(value: unknown): boolean {
  return value === undefined || value === null || (Number.isSafeInteger(value) && (value as number) >= 0);
}

/** The order's receipt, else our note; notes are an object, its JSON, another text or nothing. */
function referenceOf({ order_receipt: receipt, notes }: Readonly<Record<string, unknown>>): string | null {
  return (
    textOf(receipt) ?? textOf(fieldsOf(typeof notes === 'string' ? parsed(notes) : notes)[REFERENCE_NOTE])
  );
}

/** Of a text that is no JSON object: nothing. */
function parsed(notes: string): unknown {
  if (!notes.startsWith('{')) return null;
  try {
    return JSON.parse(notes);
  } catch {
    return null;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
