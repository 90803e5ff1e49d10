/**
 * Our charge → Razorpay's order and payment. The card's last stop.
 *
 * An order first, by which no money can move: without one nothing was begun. Then the payment, once. Its body is built as bytes: card
 * number and CVV never become strings, and the one buffer that holds them is filled with zeros when the call is over.
 *
 * @module
 */

import { showTransactionId } from '../../domain/ids.ts';
import { type LegPlace, ownWord, type ProcessorWord, senderWord } from '../../domain/processor-word.ts';
import type { ChargeMethod, ChargeRequest, ChargeRoom, ChargeRoomDeps } from '../connector.ts';
import { notSentWord } from '../not-sent.ts';
import { type ApiReply, createRazorpayClient, type RazorpayClient } from './client.ts';
import {
  CONTACT_LENGTH_MAX,
  EMAIL_LENGTH_MAX,
  type RazorpayConfig,
  type ShopperPlaceholders,
} from './config.ts';
import { orderRefusalOf, readError, refusalOf } from './errors.ts';
import { nextActionOf } from './next-action.ts';
import { isUntouched, type Order, orderBody, readOrder } from './order.ts';
import { createRazorpayOtpDesk } from './otp.ts';
import { queryOver } from './query.ts';
import {
  fieldsOf,
  isPaymentId,
  judgeFailed,
  type Payment,
  REFERENCE_NOTE,
  readPayment,
  type Telling,
  wordOf,
} from './status.ts';

/** Opens the connections to Razorpay. */
export function createRazorpayCharge(config: RazorpayConfig, deps: ChargeRoomDeps): ChargeRoom {
  checkPlaceholders(config.shopper);
  const client = createRazorpayClient(config, config.connectionsMax);
  return {
    async charge(request, method) {
      const order = await makeOrder(client, request, deps);
      if ('said' in order) return order;
      const reply = await makePayment(client, { request, method, order, shopper: config.shopper }, deps);
      return await readReply({ client, deps, request, method, order }, reply);
    },
    otp: createRazorpayOtpDesk(client, queryOver(client, config), deps),
    close: () => client.close(),
  };
}

/** One charge under way. */
interface Charging {
  client: RazorpayClient;
  deps: ChargeRoomDeps;
  request: ChargeRequest;
  method: ChargeMethod;
  order: Order;
}

function placeOf({ account, leg }: ChargeRequest): LegPlace {
  return { processor: 'RAZORPAY', processorAccount: account.account, leg };
}

/** An order nobody has tried to pay, or the word that there is none. */
async function makeOrder(
  client: RazorpayClient,
  request: ChargeRequest,
  { now }: ChargeRoomDeps,
): Promise<Order | ProcessorWord> {
  const reply = await client.send({
    method: 'POST',
    path: '/v1/orders',
    credentials: request.account.secretKey,
    body: orderBody(request),
  });
  const without = (said: 'not_sent' | 'unknown' | 'declined', failureCode: string | null, detail: string) =>
    senderWord(placeOf(request), said, { failureCode, detail, at: now() });
  if (reply.kind === 'not_sent') return notSentWord(placeOf(request), reply, now());
  const noOrder = (detail: string) => without('not_sent', 'processor_unreachable', `no order: ${detail}`);
  if (reply.kind === 'unknown') return noOrder(reply.detail);
  const refused = orderRefusalOf(reply.status, reply.body);
  if (refused !== null) {
    return without('declined', 'processor_refused', `order refused with ${reply.status} ${refused}`);
  }
  const order = reply.status === 200 ? readOrder(reply.body) : null;
  if (order === null) return noOrder(`answered ${reply.status}`);
  const isOurs = order.receipt === showTransactionId(request.transactionId);
  if (!isOurs || order.amount !== request.amount || order.currency !== request.currency) {
    return noOrder('answered with another one');
  }
  // Somebody has sent this charge before: whether it moved money is to be asked.
  return isUntouched(order) ? order : without('unknown', null, `the order is ${order.id} ${order.status}`);
}

async function makePayment(
  client: RazorpayClient,
  what: Pick<Charging, 'request' | 'method' | 'order'> & { shopper: ShopperPlaceholders },
  deps: ChargeRoomDeps,
): Promise<ApiReply> {
  const { request } = what;
  const body = paymentBody(what);
  try {
    return await client.send({
      method: 'POST',
      path: '/v1/payments/create/json',
      credentials: request.account.secretKey,
      body,
      mayLeave: request.mayLeave,
      ...(deps.left !== undefined && { onSent: deps.left }),
    });
  } finally {
    body.fill(0);
  }
}

function paymentBody({
  request,
  method,
  order,
  shopper,
}: Pick<Charging, 'request' | 'method' | 'order'> & { shopper: ShopperPlaceholders }): Buffer {
  const facts = JSON.stringify({
    amount: request.amount,
    currency: request.currency,
    order_id: order.id,
    email: shopper.email,
    contact: shopper.contact,
    notes: { [REFERENCE_NOTE]: showTransactionId(request.transactionId) },
    callback_url: request.returnUrl,
    ip: request.browser.address ?? shopper.ip,
    referer: request.returnUrl,
    user_agent: request.browser.userAgent ?? shopper.userAgent,
    authentication: { authentication_channel: 'browser' },
    browser: BROWSER,
  }).slice(0, -1);
  if (method.kind === 'upi') return Buffer.from(`${facts},"method":"upi","upi":{"flow":"intent"}}`);
  const { card } = method;
  const month = String(card.expiryMonth).padStart(2, '0');
  const year = String(card.expiryYear % 100).padStart(2, '0');
  const name = JSON.stringify(Buffer.from(card.cardholderName).toString());
  const head = `${facts},"method":"card","card":{"name":${name},"expiry_month":"${month}","expiry_year":"${year}","number":"`;
  return Buffer.concat([Buffer.from(head), card.pan, Buffer.from('","cvv":"'), card.cvv, Buffer.from('"}}')]);
}

/** A browser like most: 3-D Secure pages are laid out for it. What only a script could tell of the shopper's own is not known here. */
const BROWSER = {
  java_enabled: false,
  javascript_enabled: true,
  timezone_offset: -330,
  color_depth: 24,
  screen_width: 1440,
  screen_height: 900,
  language: 'en-US',
} as const;

function checkPlaceholders({ email, contact }: ShopperPlaceholders): void {
  if (email.length > EMAIL_LENGTH_MAX) throw new RangeError('the placeholder mail address is too long');
  if (contact.length > CONTACT_LENGTH_MAX) throw new RangeError('the placeholder phone number is too long');
}

/**
 * Only a payment's id in a 200 is Razorpay's word that it has it, only an error in its own words that it has not, or that it failed.
 * Anything else after sending is unknown, with what came back as evidence.
 */
async function readReply(charging: Charging, reply: ApiReply): Promise<ProcessorWord> {
  const { request, deps } = charging;
  const place = placeOf(request);
  if (reply.kind === 'not_sent') return notSentWord(place, reply, deps.now());
  const unknown = (detail: string): ProcessorWord =>
    senderWord(place, 'unknown', { failureCode: null, detail, at: deps.now() });
  if (reply.kind === 'unknown') return unknown(reply.detail);
  const { status, body } = reply;
  const { razorpay_payment_id: paymentId, next } = fieldsOf(body);
  if (status === 200 && isPaymentId(paymentId)) {
    return Array.isArray(next) && next.length > 0
      ? await handOn(charging, paymentId, next)
      : await lookAt(charging, paymentId);
  }
  const refused = refusalOf(status, body);
  if (refused !== null) {
    const detail = `refused with ${status} ${refused}`;
    return senderWord(place, 'declined', { failureCode: 'processor_refused', detail, at: deps.now() });
  }
  return readFailure(charging, status, body) ?? unknown(`answered ${status} without a payment`);
}

/** The word of an error that is about a payment, or about what it was to be paid with; null: it says nothing of this one. */
function readFailure(charging: Charging, status: number, body: unknown): ProcessorWord | null {
  const error = readError(status, body);
  const isOfAnother = error !== null && error.orderId !== null && error.orderId !== charging.order.id;
  if (error === null || isOfAnother) return null;
  const telling = tellingOf(charging);
  const judged = judgeFailed(error.reason, charging.method.kind, telling);
  // Begun or not, nobody knows.
  if (judged.said === 'accepted' && error.paymentId === null) return null;
  const said = { ...judged, source: telling.source, at: telling.at };
  const detail = `answered ${status} ${error.label}`;
  return { ...ownWord(placeOf(charging.request), { ...said, detail }), processorTxnId: error.paymentId };
}

/** The charge has just been sent: what is ambiguous has its time before it. */
function tellingOf({ request, deps }: Charging): Telling {
  const { account, leg } = request;
  return { source: 'answer', leg, account: account.account, at: deps.now(), ambiguousUntil: null };
}

/** Razorpay has the payment, and the shopper must act, where there is something to be shown. */
async function handOn(charging: Charging, paymentId: string, next: unknown[]): Promise<ProcessorWord> {
  const { client, request, method, deps } = charging;
  const action = await nextActionOf(client, request, next);
  const said = action === null ? 'accepted' : 'action_required';
  const detail = `${paymentId} ${action?.kind ?? 'with nothing to show'}`;
  return {
    ...ownWord(placeOf(request), { source: 'answer', said, detail, at: deps.now() }),
    processorTxnId: paymentId,
    nextAction: action,
    paymentMethodType: method.kind === 'upi' ? 'UPI' : null,
  };
}

/** There is nothing more to do for the shopper, and the reply does not say what became of the payment: it is looked at. */
async function lookAt(charging: Charging, paymentId: string): Promise<ProcessorWord> {
  const { client, request, deps, order } = charging;
  const reply = await client.send({
    method: 'GET',
    path: `/v1/payments/${paymentId}?expand[]=card`,
    credentials: request.account.secretKey,
  });
  const payment = reply.kind === 'answered' && reply.status === 200 ? readPayment(reply.body) : null;
  const place = placeOf(request);
  if (payment === null) {
    const detail = `${paymentId}, and no look at it`;
    const accepted = ownWord(place, { source: 'answer', said: 'accepted', detail, at: deps.now() });
    return { ...accepted, processorTxnId: paymentId };
  }
  const other = differenceOf(request, order, payment);
  if (other === null && payment.id === paymentId) return wordOf(payment, tellingOf(charging));
  const detail = `answered 200 with another ${other ?? 'payment'}`;
  return senderWord(place, 'unknown', { failureCode: null, detail, at: deps.now() });
}

/** What of a payment is not what was asked for; null: nothing. */
function differenceOf(request: ChargeRequest, order: Order, payment: Payment): string | null {
  const { reference, orderId } = payment;
  if (reference !== null && reference !== showTransactionId(request.transactionId)) return 'reference';
  if (orderId !== null && orderId !== order.id) return 'order, of another reference';
  if (payment.amount !== request.amount) return 'amount';
  return payment.currency === request.currency ? null : 'currency';
}
