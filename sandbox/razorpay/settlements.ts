/**
 * Settlements: what Razorpay pays out, and the report that says of which payments.
 *
 * Nothing is kept: they are read off the book. Every day of India with a captured payment has one settlement, of that same
 * day, which grows until the day is over.
 * @module
 */
import { hash } from 'node:crypto';
import type { Settled } from '../settled.ts';
import { feeOf } from './fees.ts';
import { showNotes } from './fields.ts';
import { derivedIdentifier } from './identifiers.ts';
import { factsOf } from './payments.ts';

/** A day's payout to an account. Amounts in the smallest unit, times in ms since 1970. */
export interface Settlement {
  readonly id: string;
  /** `YYYY-MM-DD` in India. */
  readonly day: string;
  readonly utr: string;
  readonly createdAt: number;
  /** Oldest first. */
  readonly payments: readonly Settled[];
}

const INDIA_AHEAD_MS = 5.5 * 3_600_000;

/** The settlements of an account, oldest first. */
export function settlementsOf(account: string, rows: Iterable<Settled>): Settlement[] {
  const byDay = Map.groupBy(rows, ({ charge }) => dayOf(charge.decidedAt));
  return [...byDay]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([day, payments]) => {
      const oldestFirst = payments.toSorted((one, other) => one.charge.decidedAt - other.charge.decidedAt);
      const facts = `${account} ${day}`;
      return {
        id: derivedIdentifier('setl', facts),
        day,
        utr: `${day.replaceAll('-', '')}${hash('sha256', facts, 'hex').slice(0, 8)}`,
        createdAt: oldestFirst.at(-1)!.charge.decidedAt,
        payments: oldestFirst,
      };
    });
}

/** The settlement entity. */
export function showSettlement({ id, utr, createdAt, payments }: Settlement): object {
  const rows = payments.map(sizesOf);
  const total = (pick: (row: (typeof rows)[number]) => number) =>
    rows.reduce((sum, row) => sum + pick(row), 0);
  return {
    id,
    entity: 'settlement',
    amount: total(({ amount, fee }) => amount - fee),
    status: 'processed',
    fees: total(({ fee }) => fee),
    tax: total(({ tax }) => tax),
    utr,
    created_at: Math.floor(createdAt / 1000),
  };
}

/** A row of the reconciliation report for each payment of a settlement. */
export function reconRowsOf({ id, utr, createdAt, payments }: Settlement): object[] {
  return payments.map((row) => {
    const { charge } = row;
    const { amount, fee, tax } = sizesOf(row);
    const { order, description, notes, network } = factsOf(charge);
    const { currency, method } = charge;
    return {
      entity_id: charge.id,
      type: 'payment',
      debit: 0,
      credit: amount - fee,
      amount,
      currency,
      fee,
      tax,
      on_hold: false,
      settled: true,
      created_at: Math.floor(charge.createdAt / 1000),
      settled_at: Math.floor(createdAt / 1000),
      settlement_id: id,
      posted_at: null,
      credit_type: 'default',
      description,
      notes: showNotes(notes),
      payment_id: null,
      settlement_utr: utr,
      order_id: order,
      order_receipt: charge.reference === order ? null : charge.reference,
      method: method === 'upi' ? 'upi' : 'card',
      card_network: network,
      card_issuer: null,
      card_type: method === 'upi' ? null : method,
      dispute_id: null,
    };
  });
}

/** `fee` includes `tax`. */
function sizesOf({ charge, amountBy, feeBy }: Settled): { amount: number; fee: number; tax: number } {
  const amount = charge.amount + amountBy;
  const { fee, tax } = feeOf({ amount });
  return { amount, fee: fee + feeBy, tax };
}

/** The day of India of a moment, `YYYY-MM-DD`. */
export function dayOf(moment: number): string {
  return new Date(moment + INDIA_AHEAD_MS).toISOString().slice(0, 10);
}
