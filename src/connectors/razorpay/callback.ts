/**
 * Verifies and reads a callback of Razorpay.
 *
 * An event is a snapshot of its moment, delivered at least once and in any order. What it says goes by its type and the payment's
 * status together; where they disagree it says nothing.
 *
 * @module
 */

import { parseTransactionId, type TransactionId } from '../../domain/ids.ts';
import type { ProcessorWord } from '../../domain/processor-word.ts';
import type { ReadCallback } from '../connector.ts';
import { parseAnswer } from '../json.ts';
import { readOrder } from './order.ts';
import { isSignedBy } from './signature.ts';
import { fieldsOf, type Payment, REFERENCE_NOTE, readPayment, wordOf } from './status.ts';

const SIGNATURE_HEADER = 'x-razorpay-signature';
/** The same on every delivery of an event. It is not signed; whoever changes it has an event read twice, which moves nothing. */
const EVENT_ID_HEADER = 'x-razorpay-event-id';

/** What a callback is read by, beside its body. */
export const SIGNATURE_HEADERS = [SIGNATURE_HEADER, EVENT_ID_HEADER] as const;

/** How Razorpay writes one is not documented. */
const EVENT_ID = /^[\x21-\x7e]{1,200}$/;
const ACCOUNT = /^[\x21-\x7e]{1,100}$/;

/** HMAC-SHA256 over the raw body, hex. Nothing of it has a time: the table of event ids alone keeps old ones out. */
export const readRazorpayCallback: ReadCallback = ({ header, body }, secrets, now) => {
  if (!isSignedBy(secrets, body, header(SIGNATURE_HEADER))) {
    return { ok: false, code: 'signature_invalid', detail: 'no secret of the account makes this signature' };
  }
  const callbackId = header(EVENT_ID_HEADER);
  if (!EVENT_ID.test(callbackId)) {
    return { ok: false, code: 'body_invalid', detail: `the header ${EVENT_ID_HEADER} is missing or no id` };
  }
  const { event, account_id: account, payload } = fieldsOf(parseAnswer(body));
  const told: Told = {
    event: String(event),
    account: typeof account === 'string' && ACCOUNT.test(account) ? account : null,
    payload: fieldsOf(payload),
  };
  return {
    ok: true,
    callback: {
      processor: 'RAZORPAY',
      callbackId,
      transactionId: transactionOf(told),
      word: readWord(told, now),
      hint: false,
      receivedAt: now,
    },
  };
};

/** An event, once it was opened. */
interface Told {
  event: string;
  account: string | null;
  payload: Readonly<Record<string, unknown>>;
}

function entityOf({ payload }: Told, name: string): Readonly<Record<string, unknown>> {
  return fieldsOf(fieldsOf(payload[name]).entity);
}

/** Our note on the payment or on the order, and the order's receipt, which payments do not carry; null when two of them are at odds. */
function transactionOf(told: Told): TransactionId | null {
  const [payment, order] = [entityOf(told, 'payment'), entityOf(told, 'order')];
  const names = [
    fieldsOf(payment.notes)[REFERENCE_NOTE],
    fieldsOf(order.notes)[REFERENCE_NOTE],
    order.receipt,
  ];
  const ids = new Set(
    names.flatMap((name) => (typeof name === 'string' ? (parseTransactionId(name) ?? []) : [])),
  );
  const [id = null] = ids;
  return ids.size === 1 ? id : null;
}

/** What it says of a charge; null: nothing. Refunds and disputes are what became of money that came in. */
function readWord(told: Told, at: number): ProcessorWord | null {
  const read = Object.hasOwn(READERS, told.event) ? READERS[told.event]! : null;
  const payment = read === null ? null : readPayment(entityOf(told, 'payment'));
  if (read === null || payment === null) return null;
  // An event may be old when it comes: that a failure has had its time only a question can tell.
  return wordOf(read(payment, told), {
    source: 'callback',
    leg: null,
    account: told.account,
    at,
    ambiguousUntil: null,
  });
}

/** The payment as an event means it. */
type ReadEvent = (payment: Payment, told: Told) => Payment;

/** A status no event of that type has. */
const CONTRADICTION = 'contradiction';

const READERS: Readonly<Record<string, ReadEvent>> = {
  'payment.authorized': only(['authorized', 'captured'], 'authorized'),
  'payment.captured': only(['captured', 'refunded']),
  'payment.failed': only(['failed']),
  'order.paid': readPaidOrder,
};

/** Takes the payment with one of these statuses. @param as the status it is read with; default its own */
function only(statuses: readonly string[], as?: string): ReadEvent {
  return (payment) => {
    const status = statuses.includes(payment.status) ? (as ?? payment.status) : CONTRADICTION;
    return { ...payment, status };
  };
}

/** What was paid of the order counts, not what the payment was to be. */
function readPaidOrder(payment: Payment, told: Told): Payment {
  const order = readOrder(entityOf(told, 'order'));
  const isPaid = order?.status === 'paid' && order.amountPaid !== null && payment.status === 'captured';
  const isOfIt = order !== null && (payment.orderId === null || payment.orderId === order.id);
  if (!isPaid || !isOfIt) return { ...payment, status: CONTRADICTION };
  return { ...payment, amount: order.amountPaid! };
}
