/**
 * Reads what Stripe has paid out: balance transactions (JSON, minor units) and rows of its report CSVs (decimals of the main unit),
 * reference 3e.
 *
 * Rows of `balance_change_from_activity.itemized.3` and of `payout_reconciliation.itemized.5` have the same columns as far as they are
 * read; what else a version of a report has is passed over.
 *
 * @module
 */

import { parseTransactionId } from '../../domain/ids.ts';
import { exponentOf } from '../../domain/money.ts';
import type { SettlementRow } from '../../domain/settlement.ts';
import { isRecord } from '../json.ts';
import type { ReadSettlementRow, SettlementFormat } from '../read-settlement.ts';
import { isIntentId } from './intent.ts';

type Kind = SettlementRow['kind'];

/** `type` and `reporting_category` → kind. What is not here moves a balance and is none of a payment's. */
const KINDS: ReadonlyMap<unknown, Kind> = new Map<unknown, Kind>([
  ['charge', 'payment'],
  ['payment', 'payment'],
  ['refund', 'refund'],
  ['payment_refund', 'refund'],
  ['refund_failure', 'refund'],
  ['adjustment', 'adjustment'],
  ['dispute', 'adjustment'],
  ['dispute_reversal', 'adjustment'],
  ['payment_failure_refund', 'payment'],
  ['charge_failure', 'payment'],
]);

/** `type` and `reporting_category` of a payment that the bank has taken back after it had succeeded (requirements 7.9). */
const FAILED: ReadonlySet<unknown> = new Set(['payment_failure_refund', 'charge_failure']);

/** Reads one balance transaction. Its charge's intent is told only when `source` was expanded. */
export const readBalanceTransaction: ReadSettlementRow = (row) => {
  const currency = currencyOf(row.currency);
  if (currency === null) return refused('currency is missing');
  const { amount, fee, net, source } = row;
  if (!isAmount(amount) || !isAmount(fee) || !isAmount(net))
    return refused('amount, fee and net must be integers');
  const tax = taxOf(row.fee_details);
  if (tax === null) return refused('fee_details cannot be read');
  const charge = isRecord(source) ? source : {};
  const reference = isRecord(charge.metadata) ? charge.metadata.gateway_txn_id : null;
  const available = row.status === 'available' && isAmount(row.available_on) ? row.available_on * 1000 : null;
  return settled({
    kind: KINDS.get(row.type) ?? 'other',
    outcome: FAILED.has(row.type) ? 'failed' : 'settled',
    movementId: textOf(row.id),
    account: null,
    ...namesOf(charge.payment_intent, reference),
    amount,
    fee,
    tax,
    net,
    currency,
    settledAt: available,
    settlementId: null,
    utr: null,
  });
};

/** Reads one row of a report, by column name. The reports do not tell the tax in a fee. */
export const readReportRow: ReadSettlementRow = (row) => {
  const currency = currencyOf(row.currency);
  const exponent = currency === null ? undefined : exponentOf(currency);
  if (currency === null || exponent === undefined) return refused('currency is missing or not known');
  const amount = minorUnits(row.gross, exponent);
  const fee = minorUnits(row.fee, exponent);
  const net = minorUnits(row.net, exponent);
  if (amount === null || fee === null || net === null) {
    return refused(`gross, fee and net must be decimals with at most ${exponent} places`);
  }
  const times = [row.automatic_payout_effective_at_utc, row.available_on_utc].filter(
    (time) => !isEmpty(time),
  );
  const settledAt = times.length === 0 ? null : timeOf(times[0]);
  if (settledAt === undefined) return refused('the time is none');
  return settled({
    kind: KINDS.get(row.reporting_category) ?? 'other',
    outcome: FAILED.has(row.reporting_category) ? 'failed' : 'settled',
    movementId: textOf(row.balance_transaction_id),
    account: null,
    ...namesOf(row.payment_intent_id, row['payment_metadata[gateway_txn_id]']),
    amount,
    fee,
    tax: 0,
    net,
    currency,
    settledAt,
    settlementId: textOf(row.automatic_payout_id),
    utr: textOf(row.trace_id),
  });
};

export const STRIPE_FORMATS: readonly SettlementFormat[] = [
  {
    name: 'stripe-json',
    kind: 'json',
    required: ['id', 'amount', 'fee', 'net', 'currency', 'type'],
    rowsIn: [{ member: 'data' }],
    faultOf: ({ has_more: hasMore }) =>
      hasMore === true ? 'has_more is true: it is one page of several' : null,
    readRow: readBalanceTransaction,
  },
  {
    name: 'stripe-csv',
    kind: 'csv',
    required: ['balance_transaction_id', 'currency', 'gross', 'fee', 'net', 'reporting_category'],
    optional: [
      'payment_intent_id',
      'payment_metadata[gateway_txn_id]',
      'available_on_utc',
      'automatic_payout_id',
      'automatic_payout_effective_at_utc',
      'trace_id',
    ],
    trailer: false,
    readRow: readReportRow,
  },
];

/**
 * The row as all rooms have it: `fee` without tax, `amount` without its sign; a payment that is taken back as it was when it was settled.
 * `read.fee` is the whole fee.
 */
function settled(read: SettlementRow): ReturnType<ReadSettlementRow> {
  const { outcome, amount, fee, tax, net } = read;
  if (net !== amount - fee) return refused('net is not amount less fee');
  const size = Math.abs(amount);
  return {
    ok: true,
    row: { ...read, amount: size, fee: fee - tax, net: outcome === 'failed' ? size - fee : net },
  };
}

function refused(detail: string): { ok: false; detail: string } {
  return { ok: false, detail };
}

function namesOf(
  intentId: unknown,
  reference: unknown,
): Pick<SettlementRow, 'processorTxnId' | 'reference' | 'transactionId'> {
  const ours = textOf(reference);
  return {
    processorTxnId: typeof intentId === 'string' && isIntentId(intentId) ? intentId : null,
    reference: ours,
    transactionId: ours === null ? null : parseTransactionId(ours),
  };
}

/** Of all fees those that are taxes; null when one of them is none. */
function taxOf(details: unknown): number | null {
  if (details === undefined || details === null) return 0;
  if (!Array.isArray(details)) return null;
  let tax = 0;
  for (const detail of details) {
    if (!isRecord(detail) || !isAmount(detail.amount)) return null;
    if (detail.type === 'tax') tax += detail.amount;
  }
  return tax;
}

const DECIMAL = /^(-?)([0-9]{1,13})(?:\.([0-9]{1,6}))?$/;

/** A decimal of the main unit → minor units, exactly; null when it is none, or has a part of a minor unit. */
function minorUnits(value: unknown, exponent: number): number | null {
  const [, sign, whole, places = ''] = (typeof value === 'string' ? DECIMAL.exec(value) : null) ?? [];
  if (whole === undefined || !/^0*$/.test(places.slice(exponent))) return null;
  const minor = Number(whole + places.slice(0, exponent).padEnd(exponent, '0'));
  if (!Number.isSafeInteger(minor)) return null;
  return sign === '-' && minor !== 0 ? -minor : minor;
}

function currencyOf(value: unknown): string | null {
  return typeof value === 'string' && /^[a-z]{3}$/.test(value) ? value.toUpperCase() : null;
}

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$/;

/** `2023-11-17 00:00:00` in UTC → milliseconds; undefined when it is no time. */
function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !TIME.test(value)) return undefined;
  const text = value.replace(' ', 'T');
  const ms = Date.parse(`${text}Z`);
  // What is no time is parsed as another: 31 February as 3 March.
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text) ? ms : undefined;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function isAmount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
