/**
 * Reads rows of the plain report, Sluice's own: for banks in a box, and for whoever turns another report into it
 * (`docs/SETTLEMENT-FORMATS.md`).
 *
 * @module
 */

import { parseTransactionId } from '../domain/ids.ts';
import type { SettlementRow } from '../domain/settlement.ts';
import type { ReadSettlementRow, SettlementFormat } from './read-settlement.ts';

/** Reads a row: amounts are integers in minor units, as text or as numbers. */
export const readPlainSettlementRow: ReadSettlementRow = (row) => {
  const kind = KINDS.get(row.kind);
  if (kind === undefined) return refused('kind is none of payment, refund, adjustment, other');
  const outcome = OUTCOMES.get(row.status);
  if (outcome === undefined) return refused('status is neither settled nor failed');
  const amount = integerOf(row.amount);
  if (amount === null || amount < 0) return refused('amount is no integer of 0 or more');
  const fee = integerOf(row.fee);
  if (fee === null) return refused('fee is no integer');
  const tax = integerOf(row.tax);
  if (tax === null) return refused('tax is no integer');
  const net = integerOf(row.net);
  if (net === null) return refused('net is no integer');
  if (kind === 'payment' && net !== amount - fee - tax) return refused('net is not amount less fee and tax');
  const { currency } = row;
  if (typeof currency !== 'string' || !CURRENCY.test(currency)) return refused('currency is none');
  const settledAt = timeOf(row.settled_at);
  if (settledAt === undefined) return refused('settled_at is no time like 2026-01-21T10:00:00Z');
  const reference = textOf(row.transaction_id);
  return {
    ok: true,
    row: {
      kind,
      outcome,
      movementId: textOf(row.movement_id),
      processorTxnId: textOf(row.processor_txn_id),
      transactionId: reference === null ? null : parseTransactionId(reference),
      reference,
      account: textOf(row.account),
      amount,
      fee,
      tax,
      net,
      currency,
      settledAt,
      settlementId: textOf(row.settlement_id),
      utr: textOf(row.utr),
    },
  };
};

const REQUIRED = [
  'transaction_id',
  'processor_txn_id',
  'kind',
  'status',
  'amount',
  'fee',
  'tax',
  'net',
  'currency',
] as const;

/** Any processor's. */
export const PLAIN_FORMATS: readonly SettlementFormat[] = [
  {
    name: 'plain-csv',
    kind: 'csv',
    required: REQUIRED,
    optional: ['settled_at', 'settlement_id', 'utr', 'movement_id', 'account'],
    trailer: true,
    readRow: readPlainSettlementRow,
  },
  {
    name: 'plain-json',
    kind: 'json',
    required: REQUIRED,
    rowsIn: [{ member: 'rows' }],
    faultOf({ total, has_more: hasMore }, rows) {
      if (hasMore === true) return 'has_more is true: it is one page of several';
      return total === rows ? null : 'total is not the number of its rows';
    },
    readRow: readPlainSettlementRow,
  },
];

const KINDS: ReadonlyMap<unknown, SettlementRow['kind']> = new Map(
  (['payment', 'refund', 'adjustment', 'other'] as const).map((kind) => [kind, kind]),
);
const OUTCOMES: ReadonlyMap<unknown, SettlementRow['outcome']> = new Map(
  (['settled', 'failed'] as const).map((outcome) => [outcome, outcome]),
);
const INTEGER = /^-?[0-9]{1,16}$/;
const CURRENCY = /^[A-Z]{3}$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z$/;

function integerOf(value: unknown): number | null {
  const number = typeof value === 'string' && INTEGER.test(value) ? Number(value) : value;
  // `-0` would be another number than `0` to whoever compares rows.
  return Number.isSafeInteger(number) ? (number as number) + 0 : null;
}

/** Milliseconds since 1970; null: none is told; undefined: it is no time. */
function timeOf(value: unknown): number | null | undefined {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string' || !TIME.test(value)) return undefined;
  const ms = Date.parse(value);
  // What is no day is parsed as another, 31 February as 3 March, and so is an hour 24.
  return new Date(ms).getUTCDate() === Number(value.slice(8, 10)) ? ms : undefined;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function refused(detail: string): { ok: false; detail: string } {
  return { ok: false, detail };
}
