/**
 * The parameters PayU says of a payment: by the browser to surl or furl, by callback, and as the result of an answer.
 * @module
 */
import { hash } from 'node:crypto';
import type { Charge } from '../book.ts';
import type { Account } from '../dialect.ts';
import { factsOf } from './facts.ts';
import { responseHash, UDF_NAMES } from './hashes.ts';
import { istTime } from './ist.ts';
import { readRupees, showRupees } from './rupees.ts';
import { standingOf } from './standings.ts';

export type Parameters = Readonly<Record<string, string>>;

/** All of them but the hash. Source: 2b of the reference. */
export function parametersOf(charge: Charge, account: Account): Parameters {
  const { txnid, productinfo, firstname, lastname, email, phone, udf, bankcode, additionalCharges } =
    factsOf(charge);
  const standing = standingOf(charge);
  return {
    mihpayid: charge.id,
    mode: modeOf(charge),
    status: standing.status,
    unmappedstatus: standing.unmappedstatus,
    key: account.account,
    txnid,
    amount: showRupees(charge.amount),
    ...(additionalCharges === '' ? {} : { additional_charges: additionalCharges }),
    discount: '0.00',
    net_amount_debit: debitOf(charge),
    addedon: istTime(charge.createdAt),
    productinfo,
    firstname,
    lastname,
    email,
    phone,
    ...Object.fromEntries(UDF_NAMES.map((name, index) => [name, udf[index] ?? ''])),
    field0: '',
    field1: '',
    field2: bankRefOf(charge),
    field3: '',
    field4: '',
    field5: '',
    field6: '',
    field7: standing.stage,
    field8: '',
    field9: standing.reason,
    payment_source: 'payuPureS2S',
    PG_TYPE: pgTypeOf(charge),
    bank_ref_num: bankRefOf(charge),
    bankcode,
    error: standing.error,
    error_Message: standing.errorMessage,
    cardnum: maskOf(charge),
  };
}

/** All of them, with the reverse hash. */
export function signedParametersOf(charge: Charge, account: Account): Parameters {
  const parameters = parametersOf(charge, account);
  return { ...parameters, hash: responseHash(parameters, account.secretKey) };
}

/** `CC`, `DC` or `UPI`. */
export function modeOf(charge: Charge): string {
  return charge.method === 'upi' ? 'UPI' : factsOf(charge).pg;
}

export function pgTypeOf(charge: Charge): string {
  return `${modeOf(charge)}-PG`;
}

/** The card as it may be shown: six digits, crosses, four digits. Empty for UPI. */
export function maskOf({ bin, last4 }: Pick<Charge, 'bin' | 'last4'>): string {
  return bin === '' ? '' : `${bin.slice(0, 6)}XXXXXX${last4}`;
}

/** What the shopper pays in rupees, additional charges and all; nothing until it is captured. */
export function debitOf(charge: Charge): string {
  if (charge.status !== 'succeeded') return '0.00';
  return showRupees(charge.amount + (readRupees(factsOf(charge).additionalCharges) ?? 0));
}

/** The bank's reference: twelve digits of a payment that the bank has made; empty of any other. */
export function bankRefOf({ id, status }: Pick<Charge, 'id' | 'status'>): string {
  if (status !== 'succeeded') return '';
  return String(BigInt(`0x${hash('sha256', id, 'hex').slice(0, 12)}`) % 1_000_000_000_000n).padStart(12, '0');
}
