/**
 * Transactions: what commands say of payments.
 * @module
 */
import { type Answer, jsonOf } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { Account, QueryVoice } from '../dialect.ts';
import { factsOf } from './facts.ts';
import { istTime } from './ist.ts';
import { bankRefOf, debitOf, maskOf, modeOf, pgTypeOf } from './parameters.ts';
import { commandRefusalOf } from './refusals.ts';
import { showRupees } from './rupees.ts';
import { schemeOf } from './schemes.ts';
import { utrOf } from './settlements.ts';
import { standingOf } from './standings.ts';

const NOT_FOUND = { mihpayid: 'Not Found', status: 'Not Found' } as const;
const NEVER = '0000-00-00 00:00:00';

/** Payments that were asked for by name. */
export interface AskedTransactions {
  /** The names, each answered for. */
  readonly names: readonly string[];
  /** How a payment is called there. */
  readonly nameOf: (charge: Charge) => string;
  /** Those that were found. */
  readonly charges: readonly Charge[];
}

/** The words of an answer about an account's payments: those that were found, and of the others that they were not. */
export function transactionsVoice(
  { names, nameOf, charges }: AskedTransactions,
  account: Account,
): QueryVoice {
  const known = new Set(charges.map(nameOf));
  const missing = names.filter((name) => !known.has(name));
  return {
    found: (found) =>
      detailsOf(
        missing,
        found.map((charge) => [nameOf(charge), transactionOf(charge, account)]),
      ),
    notFound: () => detailsOf(names, []),
    internalError: () => commandRefusalOf('Some problem occurred', 500),
  };
}

function detailsOf(missing: readonly string[], found: readonly (readonly [string, object])[]): Answer {
  const asked = missing.length + found.length;
  return jsonOf(200, {
    status: found.length > 0 ? 1 : 0,
    msg: `${found.length} out of ${asked} Transactions Fetched Successfully`,
    transaction_details: Object.fromEntries([...found, ...missing.map((name) => [name, NOT_FOUND] as const)]),
  });
}

/** A payment as `verify_payment` has it. Source: 2b of the reference. */
export function transactionOf(charge: Charge, account: Account): object {
  const { txnid, productinfo, firstname, udf, bankcode, additionalCharges } = factsOf(charge);
  const standing = standingOf(charge);
  const amount = showRupees(charge.amount);
  const settled = charge.status === 'succeeded';
  return {
    mihpayid: charge.id,
    request_id: '',
    bank_ref_num: bankRefOf(charge) || null,
    amt: amount,
    transaction_amount: amount,
    txnid,
    additional_charges: additionalCharges === '' ? '0.00' : additionalCharges,
    productinfo,
    firstname,
    bankcode,
    udf1: udf[0] ?? '',
    udf2: udf[1] ?? '',
    udf3: udf[2] ?? '',
    udf4: udf[3] ?? '',
    udf5: udf[4] ?? '',
    field2: bankRefOf(charge),
    field9: standing.reason,
    error_code: standing.error,
    addedon: istTime(charge.createdAt),
    payment_source: 'payuPureS2S',
    card_type: charge.method === 'upi' ? null : schemeOf(charge.bin),
    error_Message: standing.errorMessage,
    net_amount_debit: debitOf(charge),
    disc: '0.00',
    mode: modeOf(charge),
    PG_TYPE: pgTypeOf(charge),
    card_no: maskOf(charge),
    status: standing.status,
    unmappedstatus: standing.unmappedstatus,
    Merchant_UTR: settled ? utrOf(charge, account) : null,
    Settled_At: settled ? istTime(charge.decidedAt) : NEVER,
  };
}
