/**
 * Answers to `_payment` → what they claim. Nothing of it ends a charge: that is for `verify_payment` to say.
 *
 * @module
 */

import type { NextAction } from '../../domain/processor-word.ts';
import { isUpiLinkFor } from '../../domain/upi-link.ts';
import type { ChargeRequest } from '../connector.ts';
import { isRecord, parseExactly } from '../json.ts';
import { readAcsTemplate } from './acs-page.ts';
import { REFUSALS } from './error-codes.ts';
import { CURRENCY, paiseOf } from './rupees.ts';
import { type PayuPayment, readPayment, transactionOf } from './status.ts';
import { txnidOf } from './txnid.ts';

/** What an answer claims. */
export type Claim =
  /** Nothing was begun. */
  | { kind: 'refused'; code: string }
  /** The shopper must act; null: in a way nobody can show. */
  | { kind: 'action'; action: NextAction | null }
  | { kind: 'accepted' }
  /** It is over, one way or the other. */
  | { kind: 'final' }
  | { kind: 'unknown'; detail: string };

/** Reads an answer to a charge. */
export function readClaim(request: ChargeRequest, status: number, bytes: Uint8Array): Claim {
  const body = parseExactly(bytes);
  if (!isRecord(body) || status >= 500) return unknown(`answered ${status} without a charge`);
  const refusal = refusalOf(body);
  if (refusal !== null && REFUSALS.has(refusal)) return { kind: 'refused', code: refusal };
  if (refusal !== null) return unknown('refused in a way that does not say that nothing was begun');
  if (status !== 200) return unknown(`answered ${status} without a charge`);
  const payment = parametersOf(body);
  if (payment !== null) return claimOf(request, payment);
  return isRecord(body.metaData) && isRecord(body.result)
    ? readAction(request, body.metaData, body.result)
    : unknown('answered 200 without a charge');
}

function unknown(detail: string): Claim {
  return { kind: 'unknown', detail };
}

/** The code of a request that was refused as a whole: such an answer has no payment in it. */
function refusalOf(body: Readonly<Record<string, unknown>>): string | null {
  const { error } = body;
  const isRefusal =
    typeof error === 'string' && CODE.test(error) && body.mihpayid === undefined && !isRecord(body.metaData);
  return isRefusal && !hasPayment(body.result) ? error : null;
}

const CODE = /^EX?\d{3,5}$/;

function hasPayment(result: unknown): boolean {
  return isRecord(result) && result.mihpayid !== undefined;
}

/** The full parameter set, as it is or as the `result` of something; null: there is none. */
function parametersOf(body: Readonly<Record<string, unknown>>): PayuPayment | null {
  const shown = hasPayment(body.result) ? body.result : body;
  return isRecord(shown) ? readPayment(shown) : null;
}

function claimOf(request: ChargeRequest, payment: PayuPayment): Claim {
  const other = differenceOf(request, payment);
  if (other !== null) return unknown(`answered 200 with another ${other}`);
  if (payment.status === 'pending') return { kind: 'accepted' };
  if (payment.status === 'success' || payment.status === 'failure') return { kind: 'final' };
  return unknown('answered 200 with a status nobody knows');
}

/** What of a payment is not what was asked for; null: nothing. */
export function differenceOf(request: ChargeRequest, payment: PayuPayment): string | null {
  if (transactionOf(payment) !== request.transactionId) return 'reference';
  return payment.amount === request.amount ? null : 'amount';
}

/** `Enrolled` wants the shopper at the bank's page, `pending` with UPI's words in a UPI app. */
function readAction(
  request: ChargeRequest,
  metaData: Readonly<Record<string, unknown>>,
  result: Readonly<Record<string, unknown>>,
): Claim {
  if (metaData.txnId !== txnidOf(request.transactionId))
    return unknown('answered 200 with another reference');
  if (metaData.txnStatus === 'Enrolled') return { kind: 'action', action: formOf(result) };
  if (metaData.txnStatus !== 'pending') return unknown('answered 200 with a status nobody knows');
  if (result.intentURIData === undefined) return { kind: 'accepted' };
  if (result.amount !== undefined && paiseOf(result.amount) !== request.amount) {
    return unknown('answered 200 with another amount');
  }
  return { kind: 'action', action: upiOf(request, result) };
}

function formOf({ acsTemplate }: Readonly<Record<string, unknown>>): NextAction | null {
  const form = readAcsTemplate(acsTemplate);
  return form === null ? null : { kind: 'form', ...form, expiresAt: null };
}

function upiOf(
  { amount }: ChargeRequest,
  { intentURIData: words }: Readonly<Record<string, unknown>>,
): NextAction | null {
  const link = `upi://pay?${words}`;
  if (typeof words !== 'string' || !isUpiLinkFor(link, amount, CURRENCY)) return null;
  return { kind: 'upi', link, expiresAt: null, simulatorUrl: null };
}
