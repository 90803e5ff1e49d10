/**
 * Verifies and reads a callback of PayU's. Every one is a hint.
 *
 * What signs it, the reverse hash, covers the amount, the references and `status`, and neither PayU's id nor `unmappedstatus`, nor a
 * time: it says that PayU has something to tell of this transaction, and `verify_payment` says what.
 *
 * @module
 */

import { timingSafeEqual } from 'node:crypto';
import type { ProcessorWord } from '../../domain/processor-word.ts';
import type { ReadCallback } from '../connector.ts';
import { type CallbackFields, readCallbackFields } from './callback-fields.ts';
import { HASHED_FIELDS, type HashedFields, responseHashes } from './hashes.ts';
import { CURRENCY, paiseOf } from './rupees.ts';
import { transactionOf } from './status.ts';

/** The body's form has to be read to find the signature in it; nothing else is done with it before that is right. */
export const readPayuCallback: ReadCallback = ({ body }, secrets, now) => {
  const fields = readCallbackFields(body);
  if (fields === null || !signedBy(secrets, fields)) {
    return { ok: false, code: 'signature_invalid', detail: 'no salt of the account makes this hash' };
  }
  return {
    ok: true,
    callback: {
      processor: 'PAYU',
      // PayU has no id of an event. Of what is signed alone: whoever saw one could else make a new one by any other field, without end.
      callbackId: text(fields, 'hash'),
      transactionId: transactionOf({ txnid: text(fields, 'txnid'), udf1: fields.get('udf1') || null }),
      word: wordOf(fields, now),
      hint: true,
      receivedAt: now,
    },
  };
};

const HASH = /^[0-9a-f]{128}$/;
/** The two names one thing has. */
const ADDITIONAL_CHARGES = ['additional_charges', 'additionalCharges'] as const;

function signedBy(secrets: readonly string[], fields: CallbackFields): boolean {
  const hash = text(fields, 'hash');
  if (!HASH.test(hash)) return false;
  const given = Buffer.from(hash, 'hex');
  const hashed = hashedFields(fields);
  const charges = ADDITIONAL_CHARGES.map((name) => text(fields, name)).filter((value) => value !== '');
  let signed = false;
  // Every secret is tried in every way, whichever is right: time tells nothing.
  for (const secret of secrets) {
    if (secret === '') continue;
    for (const expected of responseHashes(hashed, charges, secret)) {
      if (timingSafeEqual(Buffer.from(expected, 'hex'), given)) signed = true;
    }
  }
  return signed;
}

function hashedFields(fields: CallbackFields): HashedFields & { status: string } {
  const values = HASHED_FIELDS.map((name) => [name, text(fields, name)]);
  return { ...(Object.fromEntries(values) as unknown as HashedFields), status: text(fields, 'status') };
}

function text(fields: CallbackFields, name: string): string {
  return fields.get(name) ?? '';
}

/** What is signed and no more; null where it says nothing of a charge. */
function wordOf(fields: CallbackFields, at: number): ProcessorWord | null {
  const status = text(fields, 'status');
  const amount = paiseOf(text(fields, 'amount'));
  const account = text(fields, 'key');
  if (!STATUSES.has(status) || amount === null || account === '') return null;
  return {
    source: 'callback',
    said: 'accepted',
    leg: null,
    processor: 'PAYU',
    processorAccount: account,
    processorTxnId: null,
    amount,
    currency: CURRENCY,
    failureCode: null,
    referenceClosed: false,
    elsewhere: false,
    nextAction: null,
    paymentMethodType: null,
    at,
    detail: `PayU has a ${status} to tell`,
  };
}

/** A `pending` does not say whose turn it is: the shopper's, whose step must stay, or the bank's. */
const STATUSES: ReadonlySet<string> = new Set(['success', 'failure']);
