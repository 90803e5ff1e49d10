/**
 * PayU's words → ours. What `verify_payment` says of a transaction is the only final word there is.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';
import type { PaymentMethodType, ProcessorWord, Said, WordSource } from '../../domain/processor-word.ts';
import { isRecord } from '../json.ts';
import { meaningOf } from './error-codes.ts';
import { CURRENCY, paiseOf } from './rupees.ts';
import { parseTxnid } from './txnid.ts';

/** A transaction as `verify_payment` shows it, or an answer's parameter set, once its shape was checked. */
export interface PayuPayment {
  mihpayid: string;
  txnid: string;
  /** Null: it shows none. */
  udf1: string | null;
  /** Paise, without additional charges. */
  amount: number;
  status: string;
  unmappedStatus: string;
  /** Empty: it shows none that could be one. */
  errorCode: string;
  mode: string;
}

/** What `verify_payment` came back with, of one transaction. */
export type Verified =
  | { kind: 'found'; payment: PayuPayment }
  | { kind: 'not_found' }
  | { kind: 'no_answer'; detail: string };

/** What may stand in a row of ours: 100 visible ASCII characters. */
const PLAIN = /^[\x21-\x7e]{1,100}$/;
/** Words that are read by machines: no digits, so that no echoed card can stand in one. */
const WORDS = /^[A-Za-z][A-Za-z _]{0,39}$/;
/** Too short for a card. */
const CODE = /^EX?\d{3,5}$/;

const NO_ERROR = 'E000';
const NOT_FOUND = 'Not Found';

/** Reads the answer to `verify_payment` of one `txnid`. Anything but its own two shapes is no answer. */
export function readVerified(status: number, body: unknown, txnid: string): Verified {
  const nothing: Verified = {
    kind: 'no_answer',
    detail: `verify_payment answered ${status} without this transaction`,
  };
  if (status !== 200 || !isRecord(body) || !isRecord(body.transaction_details)) return nothing;
  const details = body.transaction_details;
  const shown = Object.hasOwn(details, txnid) ? details[txnid] : null;
  if (!isRecord(shown)) return nothing;
  if (String(body.status) === '0' && shown.mihpayid === NOT_FOUND && shown.status === NOT_FOUND) {
    return { kind: 'not_found' };
  }
  const payment = String(body.status) === '1' ? readPayment(shown) : null;
  return payment === null || payment.txnid !== txnid ? nothing : { kind: 'found', payment };
}

/** Reads a transaction; null when it is not one. */
export function readPayment(shown: Readonly<Record<string, unknown>>): PayuPayment | null {
  const { mihpayid, txnid, status, unmappedstatus, udf1 } = shown;
  const id = typeof mihpayid === 'number' ? String(mihpayid) : mihpayid;
  const amount = amountOf(shown);
  if (!isText(id, PLAIN) || !isText(txnid, PLAIN) || !isText(status, WORDS) || amount === null) return null;
  return {
    mihpayid: id,
    txnid,
    udf1: typeof udf1 === 'string' && udf1 !== '' ? udf1 : null,
    amount,
    status,
    unmappedStatus: isText(unmappedstatus, WORDS) ? unmappedstatus : '',
    errorCode: [shown.error_code, shown.error].find(isErrorCode) ?? '',
    mode: isText(shown.mode, WORDS) ? shown.mode : '',
  };
}

/**
 * What was to be paid, in paise: `amount` of a parameter set; of `verify_payment` `transaction_amount`, unless `amt`, which may have the
 * additional charges in it, is another sum altogether: then that, so that somebody looks.
 */
function amountOf(shown: Readonly<Record<string, unknown>>): number | null {
  const asked = paiseOf(shown.transaction_amount ?? shown.amount ?? shown.amt);
  if (asked === null || shown.amt === undefined) return asked;
  const total = paiseOf(shown.amt);
  const charges = paiseOf(shown.additional_charges ?? '') ?? 0;
  return total === asked || total === asked + charges ? asked : total;
}

/** Our transaction of a payment; null when its references are not ours, or not of one transaction. */
export function transactionOf({ txnid, udf1 }: Pick<PayuPayment, 'txnid' | 'udf1'>): TransactionId | null {
  const transactionId = parseTxnid(txnid);
  return udf1 === null || parseTransactionId(udf1) === transactionId ? transactionId : null;
}

/** Who was told of a payment, and when. */
export interface Hearing {
  source: WordSource;
  leg: number;
  account: string;
  at: number;
  /** Until when a failure that may still become a success is none; milliseconds since 1970. */
  ambiguousUntil: number;
}

/** What a payment says that `verify_payment` shows. */
export function wordOf(payment: PayuPayment, hearing: Hearing): ProcessorWord {
  const { source, leg, account, at } = hearing;
  return {
    source,
    leg,
    ...judge(payment, hearing),
    processor: 'PAYU',
    processorAccount: account,
    processorTxnId: payment.mihpayid,
    amount: payment.amount,
    currency: CURRENCY,
    nextAction: null,
    paymentMethodType: methodTypeOf(payment.mode),
    at,
    detail: [payment.mihpayid, payment.status, payment.unmappedStatus, payment.errorCode]
      .join(' ')
      .slice(0, 200),
  };
}

type Judged = Pick<ProcessorWord, 'said' | 'failureCode' | 'referenceClosed' | 'elsewhere'>;

function judge(payment: PayuPayment, hearing: Hearing): Judged {
  const { status, unmappedStatus } = payment;
  if (status === 'failure') return judgeFailure(payment, hearing);
  if (status === 'success') return undecided(SUCCESSES.get(unmappedStatus) ?? 'unknown');
  const works = status === 'pending' && PENDING.has(unmappedStatus);
  // A query's "pending" does not say whose turn it is: the shopper's, whose page must stay, or the bank's.
  return undecided(works && hearing.source === 'answer' ? 'accepted' : 'unknown');
}

/** Authorised is not captured: the money is not ours yet. */
const SUCCESSES: ReadonlyMap<string, Said> = new Map([
  ['captured', 'charged'],
  ['auth', 'accepted'],
]);
const PENDING: ReadonlySet<string> = new Set(['initiated', 'in progress', 'pending']);
/** Failures nothing follows on, if the code says so too; `bounced`, `dropped` and `autoRefund` are none. */
const DEFINITE: ReadonlySet<string> = new Set(['failed', 'userCancelled']);

function undecided(said: Said): Judged {
  return { said, failureCode: null, referenceClosed: false, elsewhere: false };
}

function judgeFailure(payment: PayuPayment, hearing: Hearing): Judged {
  const failureCode = payment.errorCode === '' ? 'declined' : payment.errorCode;
  const meaning = DEFINITE.has(payment.unmappedStatus) ? meaningOf(failureCode) : 'ambiguous';
  if (meaning === 'ambiguous') {
    const isOver = hearing.at > hearing.ambiguousUntil;
    return isOver ? { ...undecided('declined'), failureCode } : undecided('accepted');
  }
  return {
    said: 'declined',
    failureCode,
    referenceClosed: meaning !== 'final',
    elsewhere: meaning === 'elsewhere',
  };
}

function methodTypeOf(mode: string): PaymentMethodType | null {
  return METHOD_TYPES.get(mode) ?? null;
}

const METHOD_TYPES: ReadonlyMap<string, PaymentMethodType> = new Map([
  ['CC', 'CREDIT_CARD'],
  ['DC', 'DEBIT_CARD'],
  ['UPI', 'UPI'],
]);

function isErrorCode(value: unknown): value is string {
  return isText(value, CODE) && value !== NO_ERROR;
}

function isText(value: unknown, shape: RegExp): value is string {
  return typeof value === 'string' && shape.test(value);
}
