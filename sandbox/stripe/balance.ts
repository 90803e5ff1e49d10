/**
 * The balance: what each success leaves of itself, when that is available, and how it is paid out.
 *
 * Everything is computed from the book at the moment it is asked for, so it is the same after every restart.
 * @module
 */
import { createHash } from 'node:crypto';
import type { Charge } from '../book.ts';
import { otherThan } from '../dialect.ts';
import type { Settled } from '../settled.ts';
import type { StripeTerms } from './account.ts';
import { factsOf, receivedOf } from './intents.ts';

/** A movement of the balance. Amounts in minor units, times in ms. */
export interface Movement {
  readonly id: string;
  readonly type: 'charge' | 'payment' | 'payout';
  readonly amount: number;
  readonly fees: readonly Fee[];
  /** Lower case. */
  readonly currency: string;
  readonly source: string;
  readonly description: string | null;
  readonly createdAt: number;
  readonly availableAt: number;
  /** The payout it is part of, or is; undefined while it is paid out by none. */
  readonly payout: Payout | undefined;
  /** The charge it comes of; undefined for a payout. */
  readonly charge: Charge | undefined;
}

interface Fee {
  readonly amount: number;
  readonly description: string;
  readonly type: 'stripe_fee' | 'tax';
}

/** An automatic payout. */
export interface Payout {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  /** When it was made and, in a sandbox, arrived; ms. */
  readonly at: number;
}

/** The id of a charge's movement. */
export function balanceIdOf({ id }: Pick<Charge, 'id'>): string {
  return `txn_${id.slice('ch_'.length)}`;
}

/** Every movement of an account, newest first. */
export function movementsOf(rows: readonly Settled[], terms: StripeTerms, now: number): Movement[] {
  const incoming = rows.map((row) => movementOf(row, terms));
  const payouts = payoutsOf(incoming, terms, now);
  const byId = new Map(payouts.map((payout) => [payout.id, payout]));
  const paid = incoming.map((movement) => ({ ...movement, payout: byId.get(payoutIdOf(movement, terms)) }));
  return [...paid, ...payouts.map(movementOfPayout)].toSorted(
    (one, other) => other.createdAt - one.createdAt || (one.id < other.id ? 1 : -1),
  );
}

/** The payouts that are made, oldest first. */
function payoutsOf(incoming: readonly Movement[], terms: StripeTerms, now: number): Payout[] {
  const payouts = new Map<string, Payout>();
  for (const movement of incoming) {
    const at = payoutAt(movement, terms);
    if (at > now) continue;
    const id = payoutIdOf(movement, terms);
    const { currency } = movement;
    const amount = (payouts.get(id)?.amount ?? 0) + netOf(movement);
    payouts.set(id, { id, amount, currency, at });
  }
  return [...payouts.values()].toSorted((one, other) => one.at - other.at);
}

/** What is left of a movement. */
export function netOf({ amount, fees }: Pick<Movement, 'amount' | 'fees'>): number {
  return amount - feeOf({ fees });
}

/** What a movement costs. */
export function feeOf({ fees }: Pick<Movement, 'fees'>): number {
  return fees.reduce((sum, fee) => sum + fee.amount, 0);
}

/** The balance transaction as Stripe shows it. */
export function showMovement(movement: Movement, now: number): object {
  const { id, type, amount, fees, currency, source, description, createdAt, availableAt } = movement;
  return {
    id,
    object: 'balance_transaction',
    amount,
    available_on: Math.floor(availableAt / 1000),
    balance_type: 'payments',
    created: Math.floor(createdAt / 1000),
    currency,
    description,
    exchange_rate: null,
    fee: feeOf(movement),
    fee_details: fees.map((fee) => ({
      amount: fee.amount,
      application: null,
      currency,
      description: fee.description,
      type: fee.type,
    })),
    net: netOf(movement),
    reporting_category: type === 'payout' ? 'payout' : 'charge',
    source,
    status: availableAt <= now ? 'available' : 'pending',
    type,
  };
}

/** The payout as Stripe shows it. */
export function showPayout({ id, amount, currency, at }: Payout): object {
  return {
    id,
    object: 'payout',
    amount,
    arrival_date: Math.floor(at / 1000),
    automatic: true,
    balance_transaction: payoutMovementId(id),
    created: Math.floor(at / 1000),
    currency,
    description: 'STRIPE PAYOUT',
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: {},
    method: 'standard',
    reconciliation_status: 'completed',
    source_type: 'card',
    statement_descriptor: null,
    status: 'paid',
    trace_id: { status: 'supported', value: id.slice('po_'.length) },
    type: 'bank_account',
  };
}

function movementOf(
  { charge, amountBy, feeBy, again }: Settled,
  { availableAfterMs }: StripeTerms,
): Movement {
  const amount = receivedOf(charge) + amountBy;
  const currency = charge.currency.toLowerCase();
  const id = balanceIdOf(charge);
  const [fee, ...taxes] = feesOf(amount, currency);
  return {
    id: again ? otherThan(id) : id,
    type: charge.method === 'upi' ? 'payment' : 'charge',
    amount,
    fees: [{ ...fee, amount: fee.amount + feeBy }, ...taxes],
    currency,
    source: charge.id,
    description: factsOf(charge).intent.description,
    createdAt: charge.decidedAt,
    availableAt: charge.decidedAt + availableAfterMs,
    payout: undefined,
    charge,
  };
}

/** The sandbox's own tariff: 2 % and 18 % tax on that in rupees, else 2.9 % and 30; never more than there is. */
function feesOf(amount: number, currency: string): [Fee, ...Fee[]] {
  const fee: Fee = {
    amount: Math.min(
      amount,
      currency === 'inr' ? Math.round(amount * 0.02) : Math.round(amount * 0.029) + 30,
    ),
    description: 'Stripe processing fees',
    type: 'stripe_fee',
  };
  if (currency !== 'inr') return [fee];
  return [fee, { amount: Math.round(fee.amount * 0.18), description: 'GST', type: 'tax' }];
}

function movementOfPayout(payout: Payout): Movement {
  const { id, amount, currency, at } = payout;
  return {
    id: payoutMovementId(id),
    type: 'payout',
    amount: -amount,
    fees: [],
    currency,
    source: id,
    description: 'STRIPE PAYOUT',
    createdAt: at,
    availableAt: at,
    payout,
    charge: undefined,
  };
}

/** The first payout at or after the money is available. */
function payoutAt({ availableAt }: Movement, { payoutEveryMs }: StripeTerms): number {
  return Math.ceil((availableAt + 1) / payoutEveryMs) * payoutEveryMs;
}

function payoutIdOf(movement: Movement, terms: StripeTerms): string {
  const { account } = movement.charge!;
  const digest = createHash('sha256').update(`${account} ${movement.currency} ${payoutAt(movement, terms)}`);
  return `po_${digest.digest('hex').slice(0, 24)}`;
}

function payoutMovementId(payoutId: string): string {
  return `txn_${payoutId.slice('po_'.length)}`;
}
