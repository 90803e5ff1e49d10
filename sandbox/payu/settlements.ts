/**
 * Settlements: what PayU pays out to a merchant, payment by payment.
 *
 * A payment is settled on the day (IST) it was captured, all of a day under one UTR. Real PayU takes a day or more; the calendar
 * is the merchant's contract.
 * @module
 */
import { hash } from 'node:crypto';
import type { Charge } from '../book.ts';
import { type Account, otherThan } from '../dialect.ts';
import type { Settled } from '../settled.ts';
import { factsOf } from './facts.ts';
import { istDay, istTime } from './ist.ts';
import { modeOf, pgTypeOf } from './parameters.ts';
import { showRupees } from './rupees.ts';
import { schemeOf } from './schemes.ts';

/** Of every payment, in percent. */
const FEE_PERCENT = 2;
/** GST of the fee, in percent. */
const TAX_PERCENT = 18;

/** What is kept of a payment, in paise. `net` is what is paid out: the amount without fee and tax. */
export interface Shares {
  readonly fee: number;
  readonly tax: number;
  readonly net: number;
}

/** @param amount paise */
export function sharesOf(amount: number): Shares {
  const fee = percentOf(amount, FEE_PERCENT);
  const tax = percentOf(fee, TAX_PERCENT);
  return { fee, tax, net: amount - fee - tax };
}

/** The bank's reference of the payout that a captured payment is part of. */
export function utrOf({ decidedAt }: Pick<Charge, 'decidedAt'>, { account }: Account): string {
  const day = istDay(decidedAt).replaceAll('-', '');
  const digits = BigInt(`0x${hash('sha256', `${account}|${day}`, 'hex').slice(0, 10)}`) % 10_000n;
  return `PAYUN${day}${String(digits).padStart(4, '0')}`;
}

/** The charges that were decided on a day (IST), or on that of a UTR, in order of creation. */
export function decidedOn(charges: Iterable<Charge>, account: Account, dayOrUtr: string): Charge[] {
  return [...charges].filter(
    (charge) => istDay(charge.decidedAt) === dayOrUtr || utrOf(charge, account) === dayOrUtr,
  );
}

/** A row of `get_settlement_details`. Source: 2e of the reference. */
export function settlementRowOf(
  { charge, amountBy, feeBy, again }: Settled,
  account: Account,
  version: '1' | '2',
): object {
  const paise = charge.amount + amountBy;
  const { fee, tax, net } = sharesOf(paise);
  const amount = showRupees(paise);
  const requestId = `1${charge.id.slice(1)}`;
  return {
    payuid: charge.id,
    txnid: factsOf(charge).txnid,
    txndate: istTime(charge.createdAt),
    mode: modeOf(charge),
    amount,
    requestid: again ? otherThan(requestId) : requestId,
    requestdate: istTime(charge.decidedAt),
    requestaction: 'capture',
    requestamount: amount,
    mer_utr: utrOf(charge, account),
    mer_service_fee: showRupees(fee + feeBy),
    mer_service_tax: showRupees(tax),
    mer_net_amount: showRupees(net - feeBy),
    bank_name: charge.method === 'upi' ? 'UPI' : schemeOf(charge.bin),
    issuing_bank: charge.method === 'upi' ? '' : 'SANDBOX',
    merchant_subvention_amount: '0.00',
    cgst: '0.00',
    igst: showRupees(tax),
    sgst: '0.00',
    PG_TYPE: pgTypeOf(charge),
    'Card Type': charge.method === 'upi' ? '' : schemeOf(charge.bin),
    token: '',
    ...(version === '2' ? { offerServiceFee: '0.00', offerServiceTax: '0.00', pricingDays: '0' } : {}),
  };
}

/** Rounded half up, all in integers. */
function percentOf(paise: number, percent: number): number {
  return Math.floor((paise * percent + 50) / 100);
}
