/**
 * Plain's settlement report: what was captured on a day (UTC), as CSV and in pages of JSON.
 *
 * Nothing is kept: it is read off the book, and grows until the day is over. Format: docs/SETTLEMENT-FORMATS.md.
 * @module
 */
import { hash } from 'node:crypto';
import type { Charge } from '../book.ts';
import { otherThan } from '../dialect.ts';
import type { Settled } from '../settled.ts';

/** Of every payment, in percent. */
const FEE_PERCENT = 2n;
/** Of the fee, in percent. */
const TAX_PERCENT = 18n;

const COLUMNS = [
  'transaction_id',
  'processor_txn_id',
  'kind',
  'status',
  'amount',
  'fee',
  'tax',
  'net',
  'currency',
  'settled_at',
  'settlement_id',
  'utr',
  'movement_id',
  'account',
] as const;

/** A row: every column as text. */
export type SettlementLine = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** The charges that were decided on a day of UTC, oldest decision first. */
export function decidedOn(charges: Iterable<Charge>, day: string): Charge[] {
  return [...charges]
    .filter(({ decidedAt }) => dayOf(decidedAt) === day)
    .toSorted((one, other) => one.decidedAt - other.decidedAt || (one.id < other.id ? -1 : 1));
}

/** Amounts in minor units. A payment that is taken back has what it had when it was settled. */
export function lineOf({ charge, amountBy, feeBy, again, takenBack }: Settled): SettlementLine {
  const amount = charge.amount + amountBy;
  const fee = percentOf(amount, FEE_PERCENT) + feeBy;
  const tax = percentOf(fee - feeBy, TAX_PERCENT);
  const movement = charge.id.replace(/^ch_/, 'mov_');
  const day = dayOf(charge.decidedAt);
  const payout = hash('sha256', `${charge.account} ${day}`, 'hex').slice(0, 16);
  return {
    transaction_id: charge.reference,
    processor_txn_id: charge.id,
    kind: 'payment',
    status: takenBack ? 'failed' : 'settled',
    amount: String(amount),
    fee: String(fee),
    tax: String(tax),
    net: String(amount - fee - tax),
    currency: charge.currency,
    settled_at: new Date(charge.decidedAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    settlement_id: `setl_${payout}`,
    utr: `SBX${day.replaceAll('-', '')}${payout.slice(0, 8)}`,
    movement_id: again ? otherThan(movement) : movement,
    account: charge.account,
  };
}

/** The report as a file: a head, the rows, and how many they are with the sum of their net. */
export function writeReport(lines: readonly SettlementLine[]): string {
  const net = lines.reduce((sum, line) => sum + BigInt(line.net), 0n);
  const rows = lines.map((line) => COLUMNS.map((column) => quoted(line[column])).join(','));
  return `${[COLUMNS.join(','), ...rows, `trailer,${lines.length},${net}`].join('\n')}\n`;
}

/** Whether it is a day of the calendar, written `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false;
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && dayOf(at) === text;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Rounded half up, exactly. */
function percentOf(amount: number, percent: bigint): number {
  return Number((BigInt(amount) * percent + 50n) / 100n);
}

function quoted(value: string): string {
  return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
