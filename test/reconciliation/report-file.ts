/**
 * Writes a planned report as its processor does, row by row.
 *
 * The formats are written here from their documents, with none of the code that reads them.
 *
 * @module
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { PassThrough, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import {
  type Case,
  DAY,
  DAY_BEFORE,
  type Movement,
  type Plan,
  type PlannedRow,
  planCases,
  type ReportFormat,
} from './plan.ts';

/** A row of a report with its line in the file, or of JSON its number. */
export interface NumberedRow {
  line: number;
  case: Case;
  row: PlannedRow;
}

/** The rows of a report in their order. */
export function* rowsOf(plan: Plan, report: PlannedRow['report']): Generator<NumberedRow> {
  const caseOf = planCases(plan);
  const later = new Map<number, Omit<NumberedRow, 'line'>[]>();
  // The first line of a CSV names its columns.
  let line = plan.format.endsWith('json') ? 0 : 1;
  for (let number = 0; number < plan.cases || later.size > 0; number++) {
    for (const due of later.get(number) ?? []) yield { line: ++line, ...due };
    later.delete(number);
    if (number >= plan.cases) continue;
    const one = caseOf(number);
    for (const row of one.rows) {
      if (row.report !== report) continue;
      if (row.delay === 0) yield { line: ++line, case: one, row };
      else later.set(number + row.delay, [...(later.get(number + row.delay) ?? []), { case: one, row }]);
    }
  }
}

export interface ReportFileOptions {
  gzip?: boolean;
  /** Same rows, other bytes: blank lines at the end of a CSV, another space in JSON. */
  otherBytes?: boolean;
}

const CHUNK_CHARS = 1 << 16;

/** Writes the report and resolves with how many rows it has. */
export async function writeReport(
  plan: Plan,
  report: PlannedRow['report'],
  path: string,
  { gzip = false, otherBytes = false }: ReportFileOptions = {},
): Promise<number> {
  const file = createWriteStream(path);
  const out: Writable = gzip ? new PassThrough() : file;
  const written = gzip ? pipeline(out as PassThrough, createGzip({ level: 1 }), file) : once(file, 'close');
  const { head, row: textOf, between, tail } = WRITERS[plan.format](report === 'judged' ? DAY : DAY_BEFORE);
  let rows = 0;
  let net = 0n;
  let text = head;
  for (const { line, row } of rowsOf(plan, report)) {
    text += (rows++ === 0 ? '' : between) + textOf(line, row.movement);
    net += BigInt(row.movement?.net ?? 0);
    if (text.length < CHUNK_CHARS) continue;
    if (!out.write(text)) await once(out, 'drain');
    text = '';
  }
  out.end(text + tail(rows, net) + (otherBytes ? '\n' : ''));
  await written;
  return rows;
}

interface Writer {
  head: string;
  /** Null: one that cannot be read. */
  row(line: number, movement: (Movement & { utr?: string }) | null): string;
  between: string;
  /** By the number of its rows and the sum of their net. */
  tail(rows: number, net: bigint): string;
}

const WRITERS: Readonly<Record<ReportFormat, (day: string) => Writer>> = {
  plain: () => ({
    ...csv(PLAIN_COLUMNS, plainRow),
    tail: (rows, net) => `\ntrailer,${rows},${net}\n`,
  }),
  'razorpay-csv': (day) => csv(RAZORPAY_COLUMNS, (movement) => razorpayItem(movement, day)),
  'stripe-csv': () => csv(STRIPE_COLUMNS, stripeRow),
  'razorpay-json': (day) => ({
    head: '{"entity":"collection","items":[',
    row: (line, movement) =>
      JSON.stringify(
        movement === null ? { type: 'payment', amount: `row ${line}` } : razorpayItem(movement, day),
      ),
    between: ',\n',
    tail: (rows) => `],"count":${rows}}`,
  }),
  'payu-json': (day) => ({
    head: `{"status":1,"msg":"transactions settled on ${day}","Txn_details":{`,
    row: (line, movement) =>
      `"${line}":${JSON.stringify(movement === null ? { requestaction: 'capture', requestamount: 'none' } : payuRow(movement))}`,
    between: ',\n',
    tail: () => '}}',
  }),
};

type Fields = Readonly<Record<string, string | number | boolean | null | object>>;

function csv(columns: readonly string[], fieldsOf: (movement: Movement) => Fields): Writer {
  const quoted = (value: Fields[string] | undefined): string => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return {
    head: `${columns.join(',')}\n`,
    row(line, movement) {
      if (movement === null)
        return columns
          .map((column, n) => (n === 0 ? `row ${line}` : column === 'net' ? '0' : 'none'))
          .join(',');
      const fields = fieldsOf(movement);
      return columns.map((column) => quoted(fields[column])).join(',');
    },
    between: '\n',
    tail: () => '\n',
  };
}

const PLAIN_COLUMNS = [
  'kind',
  'status',
  'movement_id',
  'processor_txn_id',
  'transaction_id',
  'account',
  'amount',
  'fee',
  'tax',
  'net',
  'currency',
  'settled_at',
  'settlement_id',
  'utr',
];

function plainRow({ kind, outcome, reference, settledAt, ...movement }: Movement & { utr?: string }): Fields {
  return {
    kind,
    status: outcome,
    movement_id: movement.movementId,
    processor_txn_id: movement.processorTxnId,
    transaction_id: referenceText(reference),
    account: movement.account,
    amount: movement.amount,
    fee: movement.fee,
    tax: movement.tax,
    net: movement.net,
    currency: movement.currency,
    settled_at: new Date(settledAt).toISOString(),
    settlement_id: 'setl_1',
    utr: movement.utr ?? 'UTR1',
  };
}

/** Some rows as a whole plain report. */
export function plainText(movements: readonly (Movement & { utr: string })[]): string {
  const { head, row, between, tail } = WRITERS.plain(DAY);
  const net = movements.reduce((sum, movement) => sum + BigInt(movement.net), 0n);
  return (
    head + movements.map((movement, at) => row(at + 1, movement)).join(between) + tail(movements.length, net)
  );
}

const RAZORPAY_COLUMNS = [
  'entity_id',
  'type',
  'debit',
  'credit',
  'amount',
  'currency',
  'fee',
  'tax',
  'on_hold',
  'settled',
  'created_at',
  'settled_at',
  'settlement_id',
  'description',
  'notes',
  'payment_id',
  'settlement_utr',
  'order_id',
  'order_receipt',
  'method',
];

function razorpayItem(movement: Movement, day: string): Fields {
  const { kind, amount, fee, tax, net, currency, settledAt, reference, movementId, processorTxnId } =
    movement;
  return {
    entity_id: movementId,
    type: kind,
    debit: net < 0 ? -net : 0,
    credit: Math.max(net, 0),
    amount,
    currency,
    fee: fee + tax,
    tax,
    on_hold: false,
    settled: true,
    created_at: Date.parse(day) / 1000 - 3600,
    settled_at: settledAt / 1000,
    settlement_id: 'setl_EvCyz9h4XyWl1d',
    description: 'a "quoted", text',
    notes: '',
    payment_id: kind === 'payment' ? null : processorTxnId,
    settlement_utr: 'UTR1',
    order_id: 'order_EvCyz9h4XyWl1d',
    order_receipt: referenceText(reference),
    method: 'card',
  };
}

function payuRow({ kind, movementId, processorTxnId, reference, amount, fee, tax, net }: Movement): Fields {
  return {
    payuid: processorTxnId,
    txnid:
      typeof reference === 'object' && reference !== null
        ? BigInt(`0x${reference.transactionId}`).toString(36).padStart(25, '0')
        : (reference ?? ''),
    txndate: `${DAY} 10:00:00`,
    mode: 'CC',
    amount: decimal(amount, 2),
    requestid: movementId,
    requestdate: `${DAY} 10:00:00`,
    requestaction: { payment: 'capture', refund: 'refund', adjustment: 'chargeback' }[kind],
    requestamount: decimal(amount, 2),
    mer_utr: 'UTR1',
    mer_service_fee: decimal(fee, 2),
    mer_service_tax: decimal(tax, 2),
    mer_net_amount: decimal(net, 2),
  };
}

const STRIPE_COLUMNS = [
  'balance_transaction_id',
  'created_utc',
  'created',
  'available_on_utc',
  'available_on',
  'currency',
  'gross',
  'fee',
  'net',
  'reporting_category',
  'source_id',
  'description',
  'automatic_payout_id',
  'automatic_payout_effective_at_utc',
  'charge_id',
  'payment_intent_id',
  'payment_metadata[gateway_txn_id]',
];

function stripeRow(movement: Movement): Fields {
  const { kind, movementId, processorTxnId, reference, fee, tax, net, currency, settledAt } = movement;
  const places = currency === 'JPY' ? 0 : currency === 'KWD' ? 3 : 2;
  const time = new Date(settledAt).toISOString().slice(0, 19).replace('T', ' ');
  return {
    balance_transaction_id: movementId,
    created_utc: time,
    created: time,
    available_on_utc: time,
    available_on: time,
    currency: currency.toLowerCase(),
    gross: decimal(net + fee + tax, places),
    fee: decimal(fee + tax, places),
    net: decimal(net, places),
    reporting_category: { payment: 'charge', refund: 'refund', adjustment: 'dispute' }[kind],
    source_id: `ch_${movementId}`,
    description: 'a "quoted", text',
    automatic_payout_id: 'po_1',
    automatic_payout_effective_at_utc: time,
    charge_id: `ch_${movementId}`,
    payment_intent_id: processorTxnId,
    'payment_metadata[gateway_txn_id]': referenceText(reference),
  };
}

function referenceText(reference: Movement['reference']): string | null {
  return typeof reference === 'object' && reference !== null ? `txn_${reference.transactionId}` : reference;
}

/** Minor units as a decimal of so many places. */
function decimal(amount: number, places: number): string {
  const digits = String(Math.abs(amount)).padStart(places + 1, '0');
  const sign = amount < 0 ? '-' : '';
  return places === 0 ? sign + digits : `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}
