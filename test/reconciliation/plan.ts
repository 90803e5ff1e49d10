/**
 * Plan of a settlement day: which payments there are, what the processor's reports say of each, and what each row must be found to be.
 *
 * A case is one payment, or one movement of money without one. It follows from the seed and its number alone, so that a day of any size
 * is never held in memory: whoever writes the databases, the report and the verdict computes it again. Kinds of cases come in decks of a
 * thousand, each with the same numbers of every defect. What is expected is written down with each kind; nothing here is computed by the
 * code that is judged.
 *
 * @module
 */

import {
  type IntentId,
  makeId,
  shardOfMerchant,
  type TransactionId,
  transactionIdOf,
} from '../../src/domain/ids.ts';
import type { ProcessorName } from '../../src/domain/processor-word.ts';
import type { AbsentClass, RowClass } from '../../src/domain/settlement.ts';
import type { TransactionStatus } from '../../src/domain/transaction.ts';
import { seededRandom, shuffled } from '../support/random.ts';

export type ReportFormat = 'plain' | 'razorpay-json' | 'razorpay-csv' | 'payu-json' | 'stripe-csv';

export const PROCESSOR_OF: Readonly<Record<ReportFormat, ProcessorName>> = {
  plain: 'SANDBOX',
  'razorpay-json': 'RAZORPAY',
  'razorpay-csv': 'RAZORPAY',
  'payu-json': 'PAYU',
  'stripe-csv': 'STRIPE',
};

export interface Plan {
  seed: number;
  format: ReportFormat;
  /** Cases; rows are about as many. */
  cases: number;
}

/** The day of the report that is judged. One of the day before it has been reconciled already. */
export const DAY = '2026-01-21';
export const DAY_BEFORE = '2026-01-20';
/** Days a processor has. */
export const DEADLINE_DAYS = 2;
const DAY_MS = 24 * 60 * 60 * 1000;
const MIDNIGHT = Date.parse(DAY);
/** A payment is over within this (fill-world.ts), on the day it began. */
const DONE_MS = 5000;

/** A payment as a gateway has left it. */
export interface PlannedTransaction {
  transactionId: TransactionId;
  paymentIntentId: IntentId;
  merchant: Merchant;
  amount: number;
  currency: string;
  status: TransactionStatus;
  processor: ProcessorName;
  account: string;
  processorTxnId: string;
  createdAt: number;
}

/** A row of a report, before it is written in a format. Minor units. */
export interface Movement {
  kind: 'payment' | 'refund' | 'adjustment';
  outcome: 'settled' | 'failed';
  movementId: string;
  processorTxnId: string;
  /** A transaction of ours, a text that is none, or nothing. */
  reference: { transactionId: TransactionId } | string | null;
  account: string | null;
  amount: number;
  fee: number;
  tax: number;
  net: number;
  currency: string;
  settledAt: number;
}

/** What a row must be found to be. */
export interface ExpectedRow {
  class: RowClass;
  /** The entry it makes. */
  entry: 'settlement' | 'suspense' | 'reversal' | null;
  /** The final record it makes. */
  final: 'SUCCESS' | 'FAILED' | null;
}

export interface PlannedRow {
  report: 'before' | 'judged';
  /** Cases after which it is written: the second row of a movement is not beside the first. */
  delay: number;
  /** Null: a row that cannot be read. */
  movement: Movement | null;
  expected: ExpectedRow | null;
}

export interface Case {
  number: number;
  kind: CaseKind;
  /** Null as well where it was only made up: the report names it, and it is not in the databases. */
  transaction: PlannedTransaction | null;
  rows: PlannedRow[];
}

export interface Merchant {
  merchantId: string;
  /** Decimal text. */
  feePercent: string;
  /** Its account at every processor. */
  account: string;
  /** What the processor keeps by contract, percent; null: there is no contract. */
  contract: { percent: string; taxPercent: string } | null;
}

const FEES = ['0.00', '1.50', '2.75', '0.33', '12.50', '0.01', '100.00', '3.99'];
const CONTRACTS = [{ percent: '2.00', taxPercent: '18.00' }, { percent: '1.85', taxPercent: '0.00' }, null];

export const MERCHANTS: readonly Merchant[] = Array.from({ length: 48 }, (_, n) => {
  const name = String(n).padStart(2, '0');
  return {
    merchantId: `merchant_${name}`,
    feePercent: FEES[n % FEES.length]!,
    account: `acct_${name}`,
    contract: CONTRACTS[n % CONTRACTS.length]!,
  };
});

/** How many cases of a thousand are of each kind; all others are `matched`. */
const DECK: readonly (readonly [kind: string, count: number])[] = [
  ['matched_by_processor_id', 15],
  ['matched_by_foreign_reference', 5],
  ['matched_failed', 5],
  ['fee_rounded', 10],
  ['failed_there', 4],
  ['failed_there_after_settlement', 3],
  ['failed_here', 5],
  ['open_settled', 5],
  ['open_failed', 3],
  ['amount_differs', 4],
  ['currency_differs', 2],
  ['fee_differs', 4],
  ['unknown_reference', 3],
  ['unknown_transaction', 2],
  ['other_processor', 2],
  ['other_account', 2],
  ['refund', 5],
  ['adjustment', 2],
  ['same_movement_twice', 4],
  ['refund_twice', 2],
  ['other_movement', 3],
  ['other_movement_later', 2],
  ['already_posted', 8],
  ['refund_already_posted', 2],
  ['late', 5],
  ['missing', 5],
  ['not_due', 5],
  ['failed_and_open_unreported', 5],
  ['elsewhere', 3],
  ['bad_row', 3],
];
export type CaseKind = string;
const DECK_SIZE = 1000;

/** Kinds only a format has that names accounts and failed payments. */
const PLAIN_ONLY: ReadonlySet<CaseKind> = new Set([
  'matched_failed',
  'failed_there',
  'failed_there_after_settlement',
  'open_failed',
  'other_account',
]);

/** Makes the function from a case's number to the case. */
export function planCases({ seed, format }: Pick<Plan, 'seed' | 'format'>): (number: number) => Case {
  const kinds = deckOf(seed, format);
  const processor = PROCESSOR_OF[format];
  return (number) => {
    const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
    return makeCase({ number, kind: kinds[number % DECK_SIZE]!, format, processor, random });
  };
}

function deckOf(seed: number, format: ReportFormat): CaseKind[] {
  const taken = DECK.filter(
    ([kind]) =>
      (format === 'plain' || !PLAIN_ONLY.has(kind)) &&
      (format !== 'payu-json' || kind !== 'currency_differs'),
  ).flatMap(([kind, count]) => Array.from({ length: count }, () => kind));
  const matched = Array.from({ length: DECK_SIZE - taken.length }, () => 'matched');
  return shuffled([...taken, ...matched], seededRandom(seed));
}

interface Draw {
  number: number;
  kind: CaseKind;
  format: ReportFormat;
  processor: ProcessorName;
  random: () => number;
}

const POSTED: ExpectedRow = { class: 'matched', entry: 'settlement', final: 'SUCCESS' };
const HELD: ExpectedRow = { class: 'unknown_here', entry: 'suspense', final: null };
const NOTHING = { entry: null, final: null };
const ALREADY: ExpectedRow = { class: 'already_posted', ...NOTHING };

/** Yesterday's payment, settled today, unless its kind says otherwise. */
function makeCase(draw: Draw): Case {
  const { number, kind, random } = draw;
  const pay = (over: Partial<PlannedTransaction> = {}, daysAgo = 1): PlannedTransaction =>
    planTransaction(draw, daysAgo, over);
  const made = (transaction: PlannedTransaction | null, rows: PlannedRow[]): Case => ({
    number,
    kind,
    transaction,
    rows,
  });
  const one = (transaction: PlannedTransaction, expected: ExpectedRow, over: Partial<Movement> = {}): Case =>
    made(transaction, [today(moved(draw, transaction, over), expected)]);
  switch (kind) {
    case 'matched':
      return one(pay(), POSTED);
    case 'matched_by_processor_id':
      return one(pay(), POSTED, { reference: null });
    case 'matched_by_foreign_reference':
      return one(pay(), POSTED, { reference: `order ${number}` });
    case 'matched_failed':
      return one(
        pay({ status: 'FAILED' }),
        { class: 'matched', entry: null, final: 'FAILED' },
        { outcome: 'failed' },
      );
    case 'fee_rounded': {
      const transaction = pay();
      const row = moved(draw, transaction);
      const off = row.fee === 0 ? 1 : random() < 0.5 ? 1 : -1;
      return one(transaction, POSTED, { fee: row.fee + off, net: row.net - off });
    }
    case 'failed_there':
      return one(pay(), { class: 'failed_there', entry: null, final: 'FAILED' }, { outcome: 'failed' });
    case 'failed_there_after_settlement': {
      const transaction = pay({}, 2);
      const movementId = `${namesOf(draw).movementId}_back`;
      return made(transaction, [
        yesterday(moved(draw, transaction), POSTED),
        today(moved(draw, transaction, { outcome: 'failed', movementId }), {
          class: 'failed_there',
          entry: 'reversal',
          final: 'FAILED',
        }),
      ]);
    }
    case 'failed_here':
      return one(pay({ status: 'FAILED' }), { ...POSTED, class: 'failed_here' });
    case 'open_settled':
      return one(pay({ status: openStatus(random) }), { ...POSTED, class: 'unknown_settled' });
    case 'open_failed':
      return one(
        pay({ status: openStatus(random) }),
        { class: 'unknown_settled', entry: null, final: 'FAILED' },
        { outcome: 'failed' },
      );
    case 'amount_differs': {
      const transaction = pay();
      const step = minorStep(transaction.currency);
      const amount = transaction.amount + (random() < 0.5 || transaction.amount <= step ? step : -step);
      return one(
        transaction,
        { class: 'amount_differs', entry: 'suspense', final: null },
        { amount, ...feesOf(amount, transaction.merchant, draw.format) },
      );
    }
    case 'currency_differs': {
      const transaction = pay();
      const currency = transaction.currency === 'USD' ? 'EUR' : 'USD';
      return one(transaction, { class: 'currency_differs', entry: 'suspense', final: null }, { currency });
    }
    case 'fee_differs': {
      const transaction = pay({ merchant: MERCHANTS[3 * Math.floor(random() * 16)]! });
      const row = moved(draw, transaction);
      return one(transaction, { ...POSTED, class: 'fee_differs' }, { fee: row.fee + 2, net: row.net - 2 });
    }
    case 'unknown_reference':
      return made(null, [today(moved(draw, pay(), { reference: `invoice ${number}` }), HELD)]);
    case 'unknown_transaction':
      return made(null, [today(moved(draw, pay()), HELD)]);
    case 'other_processor':
      return one(pay({ processor: 'SANDBOX_B' }), HELD);
    case 'other_account':
      return one(pay(), HELD, { account: 'acct_of_another' });
    case 'refund':
      return made(pay({ status: 'FAILED' }), [today(paidOut(draw, 'refund'), HELD)]);
    case 'adjustment':
      return made(null, [today(paidOut(draw, 'adjustment'), HELD)]);
    case 'same_movement_twice': {
      const transaction = pay();
      const again = today(moved(draw, transaction), { class: 'twice', ...NOTHING }, delayOf(random));
      return made(transaction, [today(moved(draw, transaction), POSTED), again]);
    }
    case 'refund_twice':
      return made(null, [
        today(paidOut(draw, 'refund'), HELD),
        today(paidOut(draw, 'refund'), { class: 'twice', ...NOTHING }, delayOf(random)),
      ]);
    case 'other_movement':
    case 'other_movement_later': {
      const later = kind === 'other_movement_later';
      const transaction = pay({}, later ? 2 : 1);
      const second = moved(draw, transaction, secondNames(draw));
      const first = moved(draw, transaction);
      const twice: ExpectedRow = { class: 'twice', entry: 'suspense', final: null };
      return made(transaction, [
        later ? yesterday(first, POSTED) : today(first, POSTED),
        today(second, twice, later ? 0 : delayOf(random)),
      ]);
    }
    case 'already_posted': {
      const transaction = pay({}, 2);
      return made(transaction, [
        yesterday(moved(draw, transaction), POSTED),
        today(moved(draw, transaction), ALREADY),
      ]);
    }
    case 'refund_already_posted':
      return made(null, [yesterday(paidOut(draw, 'refund'), HELD), today(paidOut(draw, 'refund'), ALREADY)]);
    case 'late': {
      const transaction = pay({}, 3);
      return made(transaction, [today(moved(draw, transaction), POSTED)]);
    }
    case 'missing':
      return made(pay({}, 2), []);
    case 'not_due':
      return made(pay({}, random() < 0.5 ? 0 : 1), []);
    case 'failed_and_open_unreported':
      return made(pay({ status: random() < 0.5 ? 'FAILED' : openStatus(random) }), []);
    case 'elsewhere':
      return made(pay({ processor: 'SANDBOX_B' }), []);
    case 'bad_row':
      return made(null, [{ report: 'judged', delay: 0, movement: null, expected: null }]);
    default:
      throw new Error(`there is no kind ${kind}`);
  }
}

/** Days ago (of {@link DAY}) whose payments each report tells of, and from which on they are overdue. */
const ABSENT: Readonly<Record<PlannedRow['report'], { from: number; to: number; due: number }>> = {
  before: { from: 9, to: 1, due: 3 },
  judged: { from: 2, to: 0, due: 2 },
};

/** What a case's payment is in a report that has no row of it; null: nothing is to be told of it. */
export function absentClass(
  { transaction, rows }: Case,
  report: PlannedRow['report'],
  processor: ProcessorName,
): AbsentClass | null {
  if (transaction?.status !== 'SUCCESS' || transaction.processor !== processor) return null;
  // Money of another account is not this payment's.
  const had = rows.some(
    (row) => (row.report === 'before' || report === 'judged') && row.expected?.class !== 'unknown_here',
  );
  const daysAgo = Math.ceil((MIDNIGHT - transaction.createdAt) / DAY_MS);
  const { from, to, due } = ABSENT[report];
  if (had || daysAgo > from || daysAgo < to) return null;
  return daysAgo >= due ? 'missing_there' : 'not_due';
}

function today(movement: Movement, expected: ExpectedRow, delay = 0): PlannedRow {
  return { report: 'judged', delay, movement, expected };
}

function yesterday(movement: Movement, expected: ExpectedRow): PlannedRow {
  return { report: 'before', delay: 0, movement, expected };
}

/** Up to so many cases lie between the two rows of one movement. */
export const DELAY_MAX = 400;

function delayOf(random: () => number): number {
  return 1 + Math.floor(random() * (DELAY_MAX - 1));
}

function openStatus(random: () => number): TransactionStatus {
  return (['SENT', 'PROCESSING', 'REQUIRES_ACTION'] as const)[Math.floor(random() * 3)]!;
}

const CURRENCIES = ['INR', 'INR', 'INR', 'INR', 'USD', 'JPY', 'KWD', 'EUR'];

/** KWD has three decimals and is charged in steps of ten. */
function minorStep(currency: string): number {
  return currency === 'KWD' ? 10 : 1;
}

function planTransaction(
  { format, processor, number, random }: Draw,
  daysAgo: number,
  over: Partial<PlannedTransaction>,
): PlannedTransaction {
  const merchant = over.merchant ?? MERCHANTS[Math.floor(random() * MERCHANTS.length)]!;
  const currency = format === 'payu-json' ? 'INR' : CURRENCIES[Math.floor(random() * CURRENCIES.length)]!;
  const createdAt = MIDNIGHT - daysAgo * DAY_MS + Math.floor(random() * (DAY_MS - DONE_MS));
  const paymentIntentId = makeId(
    createdAt,
    shardOfMerchant(merchant.merchantId),
    randomBytes(number, random),
  );
  return {
    transactionId: transactionIdOf(paymentIntentId, 1),
    paymentIntentId,
    merchant,
    amount: drawAmount(random) * minorStep(currency),
    currency,
    status: 'SUCCESS',
    processor,
    account: merchant.account,
    processorTxnId: namesOf({ format, number }).processorTxnId,
    createdAt,
    ...over,
  };
}

/** Small ones, ones whose fees end in half a unit, ones of twelve digits. */
function drawAmount(random: () => number): number {
  const size = random();
  if (size < 0.05) return 1 + Math.floor(random() * 9);
  if (size < 0.2) return 100 * (1 + Math.floor(random() * 500)) + 50;
  if (size < 0.21) return 90_000_000_000 + Math.floor(random() * 9_000_000_000);
  return 100 + Math.floor(random() * 1_000_000);
}

/** 60 bits; 32 of them are the case's number, so that no two are alike. */
function randomBytes(number: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(random() * 2 ** 32));
  view.setUint32(4, number);
  return bytes;
}

/** Ids as the processor of the format makes them. */
function namesOf(
  { format, number }: Pick<Draw, 'format' | 'number'>,
  which: '' | 'X' = '',
): { movementId: string; processorTxnId: string } {
  const digits = String(number).padStart(12, '0');
  switch (format) {
    case 'razorpay-json':
    case 'razorpay-csv': {
      // Its payment is the movement.
      const id = `pay_${which || 'S'}a${digits}`;
      return { movementId: id, processorTxnId: id };
    }
    case 'payu-json':
      return { movementId: `${which === '' ? 7 : 8}1${digits}`, processorTxnId: `4039${digits}` };
    case 'stripe-csv':
      return { movementId: `txn_1${which || 'S'}${digits}`, processorTxnId: `pi_1S${digits}` };
    case 'plain':
      return { movementId: `mv_${which}${digits}`, processorTxnId: `ch_${digits}` };
  }
}

/** Of a second movement of the same payment. */
function secondNames(draw: Draw): { movementId: string; processorTxnId: string } {
  return namesOf(draw, 'X');
}

/** The row of a payment as it should be. */
function moved(
  draw: Draw,
  { transactionId, amount, currency, merchant, account, createdAt }: PlannedTransaction,
  over: Partial<Movement> = {},
): Movement {
  return {
    kind: 'payment',
    outcome: 'settled',
    ...namesOf(draw),
    reference: { transactionId },
    account: draw.format === 'plain' ? account : null,
    amount,
    // A row that takes a payment back tells of no fees: what is taken back is what was posted.
    ...(over.outcome === 'failed' ? { fee: 0, tax: 0, net: amount } : feesOf(amount, merchant, draw.format)),
    currency,
    settledAt: Math.floor((createdAt + DAY_MS) / 1000) * 1000,
    ...over,
  };
}

/** By contract, or two percent and 18 percent of that as tax. Stripe's report tells no tax. */
function feesOf(
  amount: number,
  { contract }: Merchant,
  format: ReportFormat,
): Pick<Movement, 'fee' | 'tax' | 'net'> {
  const fee = percentOf(amount, contract?.percent ?? '2.00');
  const tax = format === 'stripe-csv' ? 0 : percentOf(fee, contract?.taxPercent ?? '18.00');
  return { fee, tax, net: amount - fee - tax };
}

/** The contract as it is in the control database. */
export function contractOf({ contract }: Merchant, format: ReportFormat): Merchant['contract'] {
  return contract === null || format !== 'stripe-csv' ? contract : { ...contract, taxPercent: '0.00' };
}

/** Half a minor unit is rounded up. */
export function percentOf(amount: number, percent: string): number {
  const hundredths = BigInt(percent.replace('.', ''));
  const [whole, rest] = [(BigInt(amount) * hundredths) / 10_000n, (BigInt(amount) * hundredths) % 10_000n];
  return Number(rest >= 5000n ? whole + 1n : whole);
}

/** A movement that is no payment. */
function paidOut(draw: Draw, kind: 'refund' | 'adjustment'): Movement {
  const { number, format } = draw;
  const { movementId, processorTxnId } = namesOf(draw);
  const amount = 100 + (number % 5000) * 10;
  return {
    kind,
    outcome: 'settled',
    movementId: format.startsWith('razorpay')
      ? movementId.replace('pay_', kind === 'refund' ? 'rfnd_' : 'adj_')
      : movementId,
    processorTxnId,
    reference: null,
    account: null,
    amount,
    fee: 0,
    tax: 0,
    net: -amount,
    currency: 'INR',
    settledAt: MIDNIGHT - 1000 * (number % 80_000),
  };
}

/** How many cases a plan needs for at least so many rows in its judged report. */
export function casesFor(rows: number, plan: Omit<Plan, 'cases'>): number {
  const caseOf = planCases(plan);
  const rowsOf = (number: number): number =>
    caseOf(number).rows.filter(({ report }) => report === 'judged').length;
  let ofDeck = 0;
  for (let number = 0; number < DECK_SIZE; number++) ofDeck += rowsOf(number);
  const decks = Math.floor(rows / ofDeck);
  let cases = decks * DECK_SIZE;
  // Decks have the same rows, in an order of their own.
  for (let made = decks * ofDeck; made < rows; cases++) made += rowsOf(cases);
  return cases;
}
