/**
 * The Razorpay room: the contract of all connectors, and what only this one does.
 *
 * @module
 */

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { timeOfId } from '../../domain/ids.ts';
import type { ProcessorWord, WordSource } from '../../domain/processor-word.ts';
import {
  httpAnswer,
  type ScriptedRequest,
  type ScriptedServer,
  startScriptedServer,
} from '../../outbound/testing/scripted-server.ts';
import type { ChargeCard, ChargeMethod, ChargeRequest, ChargeRoom, QueryRequest } from '../connector.ts';
import {
  connectorContract,
  type DeclineRow,
  type Dialect,
  type HttpText,
  type Told,
} from '../contract-suite.ts';
import { readRazorpayCallback } from './callback.ts';
import { createRazorpayCharge } from './charge.ts';
import { PLACEHOLDERS, type RazorpayConfig, readRazorpayAccount } from './config.ts';
import { createRazorpay } from './index.ts';
import { readRazorpaySettlementRow } from './settlement.ts';
import { isReturnSigned, isSignedBy } from './signature.ts';
import { readPayment, wordOf } from './status.ts';

const CONFIG = {
  connectTimeoutMs: 2000,
  connectionsMax: 64,
  notFoundProofMs: 120_000,
  ambiguousFailureMs: 900_000,
  shopper: PLACEHOLDERS,
} as const;

/** The reference's lists (section 1b, 1c, 1f and 5), written out: what each allows. */
const DECLINES: readonly DeclineRow[] = [
  { code: 'authentication_failed', means: 'closed' },
  { code: 'card_declined', means: 'closed' },
  { code: 'card_disabled_for_online_payments', means: 'closed' },
  { code: 'card_expired', means: 'closed' },
  { code: 'card_not_enrolled', means: 'closed' },
  { code: 'card_number_invalid', means: 'closed' },
  { code: 'debit_instrument_blocked', means: 'closed' },
  { code: 'debit_instrument_inactive', means: 'closed' },
  { code: 'incorrect_cvv', means: 'closed' },
  { code: 'incorrect_otp', means: 'closed' },
  { code: 'insufficient_fund', failureCode: 'insufficient_funds', means: 'closed' },
  { code: 'insufficient_funds', means: 'closed' },
  { code: 'invalid_otp', means: 'closed' },
  { code: 'invalid_vpa', means: 'closed' },
  { code: 'otp_attempts_exceeded', means: 'closed' },
  { code: 'otp_expired', means: 'closed' },
  { code: 'payment_declined', means: 'closed' },
  { code: 'payment_risk_check_failed', means: 'closed' },
  { code: 'transaction_limit_exceeded', means: 'closed' },
  { code: 'vpa_resolution_failed', means: 'closed' },
  { code: 'card_network_not_enabled', means: 'elsewhere' },
  { code: 'card_type_invalid', means: 'elsewhere' },
  { code: 'input_validation_failed', means: 'elsewhere' },
  { code: 'international_transaction_not_allowed', means: 'elsewhere' },
  { code: 'bank_technical_error', means: 'ambiguous' },
  { code: 'capture_failed', means: 'ambiguous' },
  { code: 'collect_request_pending', means: 'ambiguous' },
  { code: 'credit_failed', means: 'ambiguous' },
  { code: 'deemed_transaction', means: 'ambiguous' },
  { code: 'gateway_technical_error', means: 'ambiguous' },
  { code: 'incorrect_pin', means: 'ambiguous' },
  { code: 'invalid_response_from_gateway', means: 'ambiguous' },
  { code: 'issuer_technical_error', means: 'ambiguous' },
  { code: 'order_already_paid', means: 'ambiguous' },
  { code: 'payment_cancelled', means: 'ambiguous', asked: 'closed' },
  { code: 'payment_collect_request_expired', means: 'ambiguous' },
  { code: 'payment_failed', means: 'ambiguous' },
  { code: 'payment_pending', means: 'ambiguous' },
  { code: 'payment_timed_out', means: 'ambiguous' },
  { code: 'request_timed_out', means: 'ambiguous' },
  { code: 'server_error', means: 'ambiguous' },
  { code: 'verification_failed', means: 'ambiguous' },
  { code: 'BAD_REQUEST_ERROR', failureCode: 'bad_request_error', means: 'ambiguous' },
  { code: 'GATEWAY_ERROR', failureCode: 'gateway_error', means: 'ambiguous' },
  { code: 'SERVER_ERROR', failureCode: 'server_error', means: 'ambiguous' },
];

const json = (status: number, body: unknown): HttpText => ({ status, body: JSON.stringify(body) });
const collection = (items: unknown[]) => json(200, { entity: 'collection', count: items.length, items });

/** An error as Razorpay writes one. */
function error(status: number, code: string, more: object = {}): HttpText {
  const none = { description: 'no', source: 'NA', step: 'NA', reason: 'NA', metadata: {} };
  return json(status, { error: { code, ...none, ...more } });
}

/** Fourteen characters that are the same for the same thing. */
function suffix(thing: unknown): string {
  return createHash('sha256').update(JSON.stringify(thing)).digest('hex').slice(0, 14);
}

const orderIdOf = (reference: string): string => `order_${suffix(reference)}`;

/** The order of a reference, as it was asked for. */
function shownOrder(reference: string, over: object = {}): object {
  return {
    id: orderIdOf(reference),
    entity: 'order',
    amount: 149_900,
    amount_paid: 0,
    amount_due: 149_900,
    currency: 'INR',
    receipt: reference,
    offer_id: null,
    status: 'created',
    attempts: 0,
    notes: { gateway_txn_id: reference },
    created_at: 1_700_000_000,
    ...over,
  };
}

const STATUS = {
  charged: 'captured',
  declined: 'failed',
  accepted: 'authorized',
  action_required: 'created',
  'a status nobody knows': 'reversed_by_moonlight',
} as const;

/** A payment as the documents have it. */
function shownPayment(told: Told): object {
  const { transactionId, amount, currency, status, declineCode, paidBy } = told;
  const isCode = /^[A-Z]/.test(declineCode);
  return {
    id: `pay_${suffix(told)}`,
    entity: 'payment',
    amount,
    currency,
    status: STATUS[status],
    order_id: orderIdOf(`txn_${transactionId}`),
    invoice_id: null,
    international: false,
    method: paidBy === 'upi' ? 'upi' : 'card',
    amount_refunded: 0,
    refund_status: null,
    captured: status === 'charged',
    card: paidBy === 'upi' ? null : { last4: '1111', network: 'Visa', type: cardType(paidBy) },
    notes: { gateway_txn_id: `txn_${transactionId}` },
    error_code: status === 'declined' ? (isCode ? declineCode : 'BAD_REQUEST_ERROR') : null,
    error_reason: status === 'declined' && !isCode ? declineCode : null,
    created_at: 1_700_000_000,
  };
}

function cardType(paidBy: Told['paidBy']): string {
  return paidBy === 'nobody knows' ? 'unknown' : paidBy;
}

function shownNext(action: Told['action']): object[] {
  switch (action.kind) {
    case 'redirect':
      return [{ action: 'redirect', url: action.url }];
    case 'upi':
      return [
        { action: 'intent', url: action.link },
        { action: 'poll', url: 'https://api.razorpay.com/v1/payments/pay_1/status' },
      ];
    case 'nobody knows':
      return [{ action: 'dance', url: 'https://bank.example/dance' }];
  }
}

const pathOf = ({ head }: ScriptedRequest): string => head.split(' ', 2)[1]!;
const isOrderCreation = ({ head }: ScriptedRequest): boolean => head.startsWith('POST /v1/orders ');

/** What was told of a payment is found again by its id. */
const payments = new Map<string, object>();

/** Orders, and looks at payments. */
function beside(request: ScriptedRequest): HttpText | null {
  if (isOrderCreation(request)) {
    const { receipt, amount, currency } = JSON.parse(request.body.toString());
    return json(200, shownOrder(receipt, { amount, currency }));
  }
  const path = pathOf(request);
  const reference = /^\/v1\/orders\?receipt=(txn_\w+)$/.exec(path)?.[1];
  if (reference !== undefined) return collection([shownOrder(reference)]);
  const paymentId = /^\/v1\/payments\/(pay_\w+)\?/.exec(path)?.[1];
  return paymentId === undefined ? null : json(200, payments.get(paymentId));
}

const refusals = {
  '401, a wrong key': error(401, 'BAD_REQUEST_ERROR', { description: 'Authentication failed' }),
  '403': error(403, 'BAD_REQUEST_ERROR'),
  '404 of the API': error(404, 'BAD_REQUEST_ERROR', { description: 'The requested URL was not found.' }),
  '404 of its door': json(404, { message: 'no Route matched with those values' }),
  '429': error(429, 'BAD_REQUEST_ERROR', { description: 'Request failed. Please try after sometime.' }),
  '400 of a field': error(400, 'BAD_REQUEST_ERROR', { reason: 'input_validation_failed', field: 'contact' }),
  '400 of a field, older': error(400, 'BAD_REQUEST_ERROR', { reason: null, field: 'amount' }),
};

const EVENTS: Readonly<Record<Told['status'], string>> = {
  charged: 'payment.captured',
  declined: 'payment.failed',
  accepted: 'payment.authorized',
  action_required: 'payment.pending',
  'a status nobody knows': 'payment.moonlight',
};

function signedEvent(
  event: object,
  secret: string,
  eventId = 'evt_1',
): { headers: Record<string, string>; body: Buffer } {
  const body = Buffer.from(JSON.stringify(event));
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  return { headers: { 'x-razorpay-signature': signature, 'x-razorpay-event-id': eventId }, body };
}

/** Razorpay, as its own side of the wire. */
const dialect: Dialect = {
  processor: 'RAZORPAY',
  lacks: ['account', 'action_bound', 'query_action', 'callback_time'],
  page: 'redirect',
  open(baseUrl, timings) {
    const config: RazorpayConfig = { ...CONFIG, baseUrl, ...timings };
    const { charge, close } = createRazorpayCharge(config, { now: Date.now });
    return { ...createRazorpay(config), charge, close };
  },
  declines: DECLINES,
  unlistedDecline: 'ambiguous',
  refusals,
  beside,
  isStepBefore: isOrderCreation,
  chargeAnswer(told) {
    const payment = shownPayment(told);
    const { id } = payment as { id: string };
    payments.set(id, payment);
    const next = told.status === 'action_required' ? { next: shownNext(told.action) } : {};
    return json(200, { razorpay_payment_id: id, ...next });
  },
  queryAnswer: (told) => collection([shownPayment(told)]),
  queryNotFound: () => collection([]),
  callback(told, secret) {
    const payment = shownPayment(told);
    return signedEvent(
      {
        entity: 'event',
        account_id: told.account,
        event: EVENTS[told.status],
        contains: ['payment'],
        payload: { payment: { entity: payment } },
        created_at: 1_700_000_000,
      },
      secret,
    );
  },
  reportPage({ head }, ids) {
    const { searchParams: query } = new URL(head.split(' ')[1]!, 'http://razorpay');
    const [count, skip] = [Number(query.get('count')), Number(query.get('skip'))];
    return collection(ids.slice(skip, skip + count).map((id) => ({ entity_id: id, type: 'payment' })));
  },
  signedHeaders: ['x-razorpay-signature'],
  callbackSeconds: null,
};

describe('contract', () => connectorContract(dialect));

/** An answer or an event as the documents have it. */
const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'));

const PAYMENT = fixture('payment');
const ORDER = fixture('order');
const REFERENCE: string = ORDER.receipt;
const TRANSACTION_ID = REFERENCE.slice(4);
const BEGAN = timeOfId(TRANSACTION_ID);
const PAYMENT_ID: string = PAYMENT.id;
const ACCOUNT = { account: 'acc_BFQ7uQEaa7j2z7', secretKey: 'rzp_test_1:EnLs21M47BllR3X8PSFtjtbd' };
const CREATE = 'POST /v1/payments/create/json';
const LOOK = `GET /v1/payments/${PAYMENT_ID}?expand[]=card`;
const ORDERS = `GET /v1/orders?receipt=${REFERENCE}`;
const PAYMENTS = `GET /v1/orders/${ORDER.id}/payments`;

const request: ChargeRequest = {
  transactionId: TRANSACTION_ID,
  amount: 50_000,
  currency: 'INR',
  orderId: 'order_1',
  leg: 1,
  account: ACCOUNT,
  returnUrl: 'https://pay.example/checkout/return',
  browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
  mayLeave: () => true,
};

const cardDetails = (): ChargeCard => ({
  pan: Buffer.from('5555555555554444'),
  cvv: Buffer.from('012'),
  expiryMonth: 3,
  expiryYear: 2031,
  cardholderName: Buffer.from('Zoë "Z" O\\Brien\u0001'),
});
const card = (): ChargeMethod => ({ kind: 'card', card: cardDetails() });
const upi: ChargeMethod = { kind: 'upi' };

const plainWrite = Socket.prototype.write;
const stepOf = ({ head }: ScriptedRequest): string => head.split(' ', 2).join(' ');
const credentialsOf = ({ head }: ScriptedRequest): string =>
  Buffer.from(/authorization: Basic (\S+)/i.exec(head)![1]!, 'base64').toString();

describe('against a server', () => {
  let server: ScriptedServer;
  let room: ChargeRoom;
  let left: number;
  beforeEach(async () => {
    server = await startScriptedServer();
    left = 0;
    room = createRazorpayCharge(config(), { now: Date.now, left: () => left++ });
  });
  afterEach(async () => {
    await room.close();
    await server.close();
  });

  const config = (over: Partial<RazorpayConfig> = {}): RazorpayConfig => ({
    ...CONFIG,
    baseUrl: server.origin,
    timeoutMs: 5000,
    ...over,
  });

  /** Answers by method and path; addresses of Razorpay's own are the server's. */
  function answers(by: Readonly<Record<string, HttpText>>): void {
    server.answer((socket, sent) => {
      const { status, body } = by[stepOf(sent)] ?? error(404, 'BAD_REQUEST_ERROR');
      socket.write(httpAnswer(status, body.replaceAll('https://api.razorpay.com', server.origin)));
    });
  }
  const ordered = { 'POST /v1/orders': json(200, ORDER) };
  const created = (next?: object): HttpText => json(200, { razorpay_payment_id: PAYMENT_ID, ...next });
  const steps = (): string[] => server.requests.map(stepOf);

  /** Charges a card when the payment is answered so. */
  function charged(reply: HttpText, more: Readonly<Record<string, HttpText>> = {}): Promise<ProcessorWord> {
    answers({ ...ordered, [CREATE]: reply, ...more });
    return room.charge(request, card());
  }

  test('an order is made first, with our reference and the policy of captures', async () => {
    await charged(created(), { [LOOK]: json(200, PAYMENT) });
    expect(steps()).toEqual(['POST /v1/orders', CREATE, LOOK]);
    const [order] = server.requests;
    expect(credentialsOf(order!)).toBe(ACCOUNT.secretKey);
    expect(JSON.parse(order!.body.toString())).toEqual({
      amount: 50_000,
      currency: 'INR',
      receipt: REFERENCE,
      unique_receipt: true,
      notes: { gateway_txn_id: REFERENCE },
      payment: {
        capture: 'automatic',
        capture_options: { automatic_expiry_period: 12, manual_expiry_period: 7200, refund_speed: 'normal' },
      },
    });
    expect(left).toBe(1);
  });

  const common = {
    amount: 50_000,
    currency: 'INR',
    order_id: ORDER.id,
    email: PLACEHOLDERS.email,
    contact: PLACEHOLDERS.contact,
    notes: { gateway_txn_id: REFERENCE },
    callback_url: request.returnUrl,
    ip: request.browser.address,
    referer: request.returnUrl,
    user_agent: request.browser.userAgent,
    authentication: { authentication_channel: 'browser' },
    browser: {
      java_enabled: false,
      javascript_enabled: true,
      timezone_offset: -330,
      color_depth: 24,
      screen_width: 1440,
      screen_height: 900,
      language: 'en-US',
    },
  };

  test('then the card’s payment of it, with a year of two digits', async () => {
    await charged(created(), { [LOOK]: json(200, PAYMENT) });
    const [, payment] = server.requests;
    expect(credentialsOf(payment!)).toBe(ACCOUNT.secretKey);
    expect(JSON.parse(payment!.body.toString())).toEqual({
      ...common,
      method: 'card',
      card: {
        number: '5555555555554444',
        name: 'Zoë "Z" O\\Brien\u0001',
        expiry_month: '03',
        expiry_year: '31',
        cvv: '012',
      },
    });
  });

  test('UPI is an intent and no card, and its link is for this very amount', async () => {
    answers({ ...ordered, [CREATE]: json(200, fixture('created-upi')) });
    expect(await room.charge(request, upi)).toMatchObject({
      said: 'action_required',
      processorTxnId: PAYMENT_ID,
      nextAction: { kind: 'upi', link: fixture('created-upi').next[0].url, simulatorUrl: null },
    });
    const sent = JSON.parse(server.requests[1]!.body.toString());
    expect(sent).toEqual({ ...common, method: 'upi', upi: { flow: 'intent' } });
    expect(await room.charge({ ...request, amount: 50_001 }, upi)).toMatchObject({ said: 'not_sent' });
  });

  test.each<[string, object]>([
    ['receipt', { receipt: 'txn_other' }],
    ['amount', { amount: 50_001 }],
    ['currency', { currency: 'USD' }],
    ['id', { id: 'order_' }],
  ])('an order of another %s is no order: nothing is paid for it', async (_, over) => {
    answers({ 'POST /v1/orders': json(200, { ...ORDER, ...over }), [CREATE]: created() });
    expect(await room.charge(request, card())).toMatchObject({
      said: 'not_sent',
      failureCode: 'processor_unreachable',
    });
    expect(steps()).toEqual(['POST /v1/orders']);
  });

  test.each<[string, object]>([
    ['attempted', { status: 'attempted', attempts: 1 }],
    ['paid', { status: 'paid', attempts: 1, amount_paid: 50_000 }],
    ['created, with an attempt', { attempts: 1 }],
    ['created, with money', { amount_paid: 1 }],
  ])('an order that was tried before is paid no second time: %s', async (_, over) => {
    answers({ 'POST /v1/orders': json(200, { ...ORDER, ...over }), [CREATE]: created() });
    expect(await room.charge(request, card())).toMatchObject({ said: 'unknown', referenceClosed: false });
    expect(steps()).toEqual(['POST /v1/orders']);
  });

  test('any fault of ours in an order is a refusal, any other a charge that was not sent', async () => {
    answers({ 'POST /v1/orders': error(400, 'BAD_REQUEST_ERROR', { reason: 'currency_not_supported' }) });
    expect(await room.charge(request, card())).toMatchObject({ said: 'declined', elsewhere: true });
    for (const text of [
      error(400, 'GATEWAY_ERROR'),
      error(500, 'SERVER_ERROR'),
      error(429, 'SERVER_ERROR'),
    ]) {
      answers({ 'POST /v1/orders': text });
      expect(await room.charge(request, card())).toMatchObject({ said: 'not_sent', elsewhere: false });
    }
    expect(steps().every((step) => step === 'POST /v1/orders')).toBe(true);
  });

  test('a page of the bank goes before a password, which is then not sent for', async () => {
    const { next } = fixture('created-redirect');
    expect(await charged(json(200, fixture('created-redirect')))).toMatchObject({
      said: 'action_required',
      processorTxnId: PAYMENT_ID,
      nextAction: { kind: 'redirect', url: next[0].url.replace('https://api.razorpay.com', server.origin) },
    });
    expect(steps()).toEqual(['POST /v1/orders', CREATE]);
  });

  test('a password is sent for with the id of the key alone, and typed at our page', async () => {
    const generate = `POST /v1/payments/${PAYMENT_ID}/otp_generate`;
    const word = await charged(json(200, fixture('created-otp')), {
      [generate]: json(200, fixture('otp-generated')),
    });
    expect(word).toMatchObject({
      said: 'action_required',
      processorTxnId: PAYMENT_ID,
      nextAction: {
        kind: 'otp',
        submitUrl: `${server.origin}/v1/payments/${PAYMENT_ID}/otp/submit`,
        resendUrl: `${server.origin}/v1/payments/${PAYMENT_ID}/otp/resend`,
      },
    });
    expect(steps()).toEqual(['POST /v1/orders', CREATE, generate]);
    expect(credentialsOf(server.requests[2]!)).toBe('rzp_test_1:');
  });

  test('no password goes to an address that is not Razorpay’s, whoever named it', async () => {
    const stranger = await startScriptedServer();
    const url = (path: string) => `${stranger.origin}/v1/payments/${PAYMENT_ID}/${path}`;
    const next = (action: string, path: string) => ({ next: [{ action, url: url(path) }] });
    const generate = `POST /v1/payments/${PAYMENT_ID}/otp_generate`;
    const accepted = { said: 'accepted', nextAction: null, processorTxnId: PAYMENT_ID };
    expect(await charged(created(next('otp_generate', 'otp_generate')))).toMatchObject(accepted);
    const elsewhere = created(next('otp_submit', 'otp/submit'));
    expect(await charged(json(200, fixture('created-otp')), { [generate]: elsewhere })).toMatchObject(
      accepted,
    );
    const otp = Buffer.from('123456');
    expect(
      await room.otp!.submit({ ...request, startedAt: BEGAN, submitUrl: url('otp/submit'), otp }),
    ).toMatchObject({
      kind: 'no_answer',
    });
    expect(await room.otp!.resend({ account: ACCOUNT, resendUrl: url('otp/resend') })).toBe(false);
    expect(stranger.requests).toEqual([]);
    await stranger.close();
  });

  test.each<[string, HttpText]>([
    ['poll alone', created({ next: [{ action: 'poll', url: 'https://api.razorpay.com/v1/p' }] })],
    ['what is no list of steps', created({ next: [null, 7, 'redirect', {}] })],
    ['a password nobody sends', json(200, fixture('created-otp'))],
  ])('with %s the payment is being worked on', async (_, reply) => {
    const word = { said: 'accepted', processorTxnId: PAYMENT_ID, nextAction: null };
    expect(await charged(reply)).toMatchObject(word);
  });

  test.each<[string, HttpText]>([
    ['an error', error(500, 'SERVER_ERROR')],
    ['half a payment', { status: 200, body: JSON.stringify(PAYMENT).slice(0, -1) }],
    ['what is none', json(200, { entity: 'payment' })],
  ])('with nothing to do and a look that shows %s it is being worked on', async (_, text) => {
    const word = { said: 'accepted', processorTxnId: PAYMENT_ID };
    expect(await charged(created(), { [LOOK]: text })).toMatchObject(word);
  });

  test('a look that shows another payment is no word of this one', async () => {
    const other = json(200, { ...PAYMENT, id: 'pay_00000000000000' });
    expect(await charged(created(), { [LOOK]: other })).toMatchObject({
      said: 'unknown',
      processorTxnId: null,
    });
  });

  test.each(DECLINES.filter(({ code }) => /^[a-z]/.test(code)))(
    'an error with $code about a payment: $means',
    async ({ code, failureCode = code, means }) => {
      const metadata = { payment_id: PAYMENT_ID, order_id: ORDER.id };
      const word = await charged(error(400, 'BAD_REQUEST_ERROR', { reason: code, metadata }));
      const said = means === 'ambiguous' ? 'accepted' : 'declined';
      expect(word).toMatchObject({
        said,
        failureCode: said === 'declined' ? failureCode : null,
        processorTxnId: PAYMENT_ID,
        referenceClosed: said === 'declined',
        elsewhere: means === 'elsewhere',
      });
      const ofAnother = { payment_id: PAYMENT_ID, order_id: 'order_00000000000000' };
      const stray = error(400, 'BAD_REQUEST_ERROR', { reason: code, metadata: ofAnother });
      expect(await charged(stray)).toMatchObject({ said: 'unknown', processorTxnId: null });
    },
  );

  test('a field that is named in a conflict is no proof that nothing was begun', async () => {
    for (const status of [408, 409]) {
      const conflict = error(status, 'BAD_REQUEST_ERROR', { reason: null, field: 'order_id' });
      expect(await charged(conflict)).toMatchObject({ said: 'unknown', elsewhere: false });
    }
  });

  test('an error that names no payment is a decline by a certain reason, and by another nobody knows', async () => {
    const without = (reason: string) => charged(error(400, 'BAD_REQUEST_ERROR', { reason }));
    expect(await without('card_expired')).toMatchObject({
      said: 'declined',
      failureCode: 'card_expired',
      referenceClosed: true,
      elsewhere: false,
    });
    for (const reason of ['order_already_paid', 'payment_failed', 'a_reason_nobody_knows', 'NA']) {
      expect(await without(reason)).toMatchObject({ said: 'unknown', referenceClosed: false });
    }
    const broken = error(400, 'SERVER_ERROR', { reason: 'card_declined' });
    expect(await charged(broken)).toMatchObject({ said: 'unknown' });
  });

  describe('passwords', () => {
    const SUBMIT = `POST /v1/payments/${PAYMENT_ID}/otp/submit`;
    const otp = (): Buffer => Buffer.from('123456');
    const submitUrl = () => `${server.origin}/v1/payments/${PAYMENT_ID}/otp/submit`;
    const submit = () =>
      room.otp!.submit({ ...request, startedAt: BEGAN, submitUrl: submitUrl(), otp: otp() });

    test('a right one is told once, and the payment is looked at', async () => {
      answers({ [SUBMIT]: json(200, fixture('otp-right')), [LOOK]: json(200, PAYMENT) });
      expect(await submit()).toMatchObject({
        kind: 'found',
        word: { source: 'query', said: 'charged', processorTxnId: PAYMENT_ID, amount: 50_000 },
      });
      expect(steps()).toEqual([SUBMIT, LOOK]);
      expect(JSON.parse(server.requests[0]!.body.toString())).toEqual({ otp: '123456' });
      expect(credentialsOf(server.requests[0]!)).toBe(ACCOUNT.secretKey);
    });

    test('what went to the socket of it is zeros afterwards, and the shopper’s own is left to its owner', async () => {
      answers({ [SUBMIT]: json(400, fixture('otp-wrong')) });
      const written: Uint8Array[] = [];
      const write = vi.spyOn(Socket.prototype, 'write').mockImplementation(function (
        this: Socket,
        chunk,
        ...rest
      ) {
        if (typeof chunk !== 'string' && Buffer.from(chunk).includes('123456')) written.push(chunk);
        return Reflect.apply(plainWrite, this, [chunk, ...rest]) as boolean;
      } as typeof plainWrite);
      const typed = otp();
      try {
        await room.otp!.submit({ ...request, startedAt: BEGAN, submitUrl: submitUrl(), otp: typed });
      } finally {
        write.mockRestore();
      }
      expect(written).toHaveLength(1);
      expect(written[0]!.every((byte) => byte === 0)).toBe(true);
      expect(typed).toEqual(otp());
    });

    test('a wrong one may be typed again while Razorpay says so, in either way of writing it', async () => {
      const wrong = fixture('otp-wrong');
      for (const next of [wrong.next, ['otp_submit', 'otp_resend']]) {
        answers({ [SUBMIT]: json(400, { ...wrong, next }) });
        expect(await submit()).toEqual({ kind: 'again' });
      }
      expect(steps()).toEqual([SUBMIT, SUBMIT]);
    });

    test('the last wrong one is a failed payment', async () => {
      const failed = { ...PAYMENT, status: 'failed', captured: false, error_reason: 'otp_attempts_exceeded' };
      answers({
        [SUBMIT]: json(400, { error: fixture('otp-wrong').error, next: ['otp_resend'] }),
        [ORDERS]: collection([ORDER]),
        [PAYMENTS]: collection([failed]),
      });
      expect(await submit()).toMatchObject({
        kind: 'found',
        word: { said: 'declined', failureCode: 'otp_attempts_exceeded', referenceClosed: true },
      });
    });

    test('silence says nothing, and nothing is sent again', async () => {
      server.answer(() => undefined);
      await room.close();
      room = createRazorpayCharge(config({ timeoutMs: 300 }), { now: Date.now });
      expect(await submit()).toMatchObject({ kind: 'no_answer' });
      expect(steps()).toEqual([SUBMIT]);
    });

    test('another is sent for at the address Razorpay gave', async () => {
      const resendUrl = `${server.origin}/v1/payments/${PAYMENT_ID}/otp/resend`;
      const RESEND = `POST /v1/payments/${PAYMENT_ID}/otp/resend`;
      answers({ [RESEND]: json(200, fixture('otp-generated')) });
      expect(await room.otp!.resend({ account: ACCOUNT, resendUrl })).toBe(true);
      answers({ [RESEND]: error(400, 'BAD_REQUEST_ERROR') });
      expect(await room.otp!.resend({ account: ACCOUNT, resendUrl })).toBe(false);
      expect(steps()).toEqual([RESEND, RESEND]);
    });
  });

  describe('a question', () => {
    const asked = (over: Partial<QueryRequest> = {}) =>
      createRazorpay(config()).query({
        transactionId: TRANSACTION_ID,
        leg: 1,
        account: ACCOUNT,
        startedAt: BEGAN,
        processorTxnId: null,
        returned: {},
        now: BEGAN + 1000,
        ...over,
      });
    const failed = { ...PAYMENT, status: 'failed', captured: false, error_reason: 'card_declined' };
    const withPayments = (...items: object[]) =>
      answers({ [ORDERS]: collection([ORDER]), [PAYMENTS]: collection(items) });

    test('about a payment that is known goes to it, and no further', async () => {
      answers({ [LOOK]: json(200, PAYMENT) });
      expect(await asked({ processorTxnId: PAYMENT_ID })).toMatchObject({
        kind: 'found',
        word: { said: 'charged', paymentMethodType: 'CREDIT_CARD' },
      });
      expect(steps()).toEqual([LOOK]);
    });

    test.each<[string, HttpText]>([
      ['failed', json(200, failed)],
      ['is not there', error(404, 'BAD_REQUEST_ERROR')],
      ['has no note of ours', json(200, { ...PAYMENT, status: 'created', notes: [] })],
      ['is another transaction’s', json(200, { ...PAYMENT, notes: { gateway_txn_id: 'txn_other' } })],
    ])('about a known payment that %s goes to the order: a success beside it wins', async (_, look) => {
      answers({
        [LOOK]: look,
        [ORDERS]: collection([ORDER]),
        [PAYMENTS]: collection([failed, { ...PAYMENT, id: 'pay_00000000000002' }]),
      });
      expect(await asked({ processorTxnId: PAYMENT_ID })).toMatchObject({
        kind: 'found',
        word: { said: 'charged', processorTxnId: 'pay_00000000000002' },
      });
    });

    test.each<[string, object[], object]>([
      ['a captured one wins', [failed, PAYMENT, { ...PAYMENT, status: 'created' }], { said: 'charged' }],
      [
        'one that was given back after capture was a success',
        [failed, { ...PAYMENT, status: 'refunded' }, { ...failed, created_at: 1_900_000_000 }],
        { said: 'charged' },
      ],
      [
        'an authorised one is ahead of those that failed',
        [
          failed,
          { ...PAYMENT, status: 'authorized', captured: false },
          { ...failed, created_at: 1_900_000_000 },
        ],
        { said: 'accepted' },
      ],
      [
        'a new one is ahead of those that failed',
        [{ ...PAYMENT, status: 'created', captured: false }, failed],
        { said: 'unknown' },
      ],
      [
        'of failures the last counts',
        [
          { ...failed, error_reason: 'card_expired', created_at: 1 },
          { ...failed, error_reason: 'incorrect_cvv', created_at: 3 },
          { ...failed, created_at: 2 },
        ],
        { said: 'declined', failureCode: 'incorrect_cvv' },
      ],
    ])('of several payments %s', async (_, items, word) => {
      withPayments(...items);
      expect(await asked()).toMatchObject({ kind: 'found', word });
    });

    test('nobody has the reference: no order, or one that nobody tried to pay', async () => {
      answers({ [ORDERS]: collection([]) });
      expect(await asked()).toEqual({ kind: 'not_found' });
      withPayments();
      expect(await asked()).toEqual({ kind: 'not_found' });
    });

    test.each<[string, object[], object[]]>([
      ['an order that was tried, and no payment', [{ ...ORDER, status: 'attempted', attempts: 1 }], []],
      ['an order with money, and no payment', [{ ...ORDER, amount_paid: 50_000 }], []],
      ['other orders', [{ ...ORDER, receipt: 'txn_other' }], [PAYMENT]],
      ['what is no order', [{}], [PAYMENT]],
      ['a payment of another order', [ORDER], [{ ...PAYMENT, order_id: 'order_00000000000000' }]],
      ['what is no payment beside one', [ORDER], [PAYMENT, { id: PAYMENT_ID }]],
    ])('%s: no answer', async (_, orders, items) => {
      answers({ [ORDERS]: collection(orders), [PAYMENTS]: collection(items) });
      expect(await asked()).toMatchObject({ kind: 'no_answer' });
    });

    test('a payment without notes is known by its order', async () => {
      withPayments({ ...PAYMENT, notes: [], order_id: null });
      expect(await asked()).toMatchObject({ kind: 'found', word: { said: 'charged' } });
    });

    test('of orders with one reference that which was tried is asked about', async () => {
      const twin = { ...ORDER, id: 'order_00000000000000' };
      answers({
        [ORDERS]: collection([twin, { ...ORDER, status: 'paid' }]),
        [PAYMENTS]: collection([PAYMENT]),
      });
      expect(await asked()).toMatchObject({ kind: 'found', word: { said: 'charged' } });
    });

    test('what the browser brought is checked with the order Razorpay named, and is evidence only', async () => {
      const { razorpay_signature: right } = fixture('otp-right');
      const wrong = `${right.slice(0, -1)}e`;
      const other = 'pay_00000000000000';
      const ofOther = createHmac('sha256', 'EnLs21M47BllR3X8PSFtjtbd')
        .update(`${ORDER.id}|${other}`)
        .digest('hex');
      const cases: Array<[Record<string, string>, object, string]> = [
        [{ razorpay_payment_id: PAYMENT_ID, razorpay_signature: right }, failed, 'is right'],
        [{ razorpay_payment_id: PAYMENT_ID, razorpay_signature: wrong }, PAYMENT, 'is wrong'],
        [{ razorpay_payment_id: other, razorpay_signature: right }, PAYMENT, 'is wrong'],
        [{ razorpay_payment_id: other, razorpay_signature: ofOther }, PAYMENT, 'is wrong'],
      ];
      for (const [returned, payment, evidence] of cases) {
        withPayments(payment);
        const answer = await asked({ returned });
        const said = payment === PAYMENT ? 'charged' : 'declined';
        expect(answer).toMatchObject({ kind: 'found', word: { said } });
        expect(answer.kind === 'found' ? answer.word.detail : '').toContain(evidence);
      }
      withPayments(PAYMENT);
      const halves: Array<Record<string, string>> = [
        {},
        { razorpay_payment_id: PAYMENT_ID },
        { razorpay_signature: right },
      ];
      for (const returned of halves) {
        expect(await asked({ returned })).toMatchObject({ word: { detail: `${PAYMENT_ID} captured` } });
      }
    });

    test('a payment the shopper left is a decline of a card, and of UPI one that may still come', async () => {
      const cancelled = { ...failed, error_reason: 'payment_cancelled' };
      withPayments(cancelled);
      expect(await asked()).toMatchObject({ word: { said: 'declined', referenceClosed: true } });
      withPayments({ ...cancelled, method: 'upi' });
      expect(await asked()).toMatchObject({ word: { said: 'accepted', paymentMethodType: 'UPI' } });
      const late = { now: BEGAN + CONFIG.ambiguousFailureMs + 1 };
      expect(await asked(late)).toMatchObject({
        word: {
          said: 'declined',
          failureCode: 'payment_cancelled',
          referenceClosed: false,
          elsewhere: false,
        },
      });
    });
  });
});

describe('a payment’s status', () => {
  const judged = (over: object, source: WordSource = 'query'): ProcessorWord => {
    const payment = readPayment({ ...PAYMENT, ...over })!;
    return wordOf(payment, { source, leg: 1, account: null, at: BEGAN, ambiguousUntil: BEGAN + 1 });
  };

  test.each<[string, boolean | null, object]>([
    ['captured', true, { said: 'charged' }],
    ['captured', null, { said: 'charged' }],
    ['authorized', false, { said: 'accepted' }],
    ['authorized', true, { said: 'accepted' }],
    ['created', false, { said: 'unknown' }],
    ['refunded', true, { said: 'charged' }],
    ['refunded', null, { said: 'unknown' }],
    [
      'refunded',
      false,
      { said: 'declined', failureCode: 'refunded_uncaptured', referenceClosed: true, elsewhere: false },
    ],
    ['failed', false, { said: 'accepted', referenceClosed: false }],
    ['failed', true, { said: 'accepted', referenceClosed: false }],
    ['reversed', true, { said: 'unknown' }],
  ])('%s, captured %s', (status, captured, word) => {
    expect(judged({ status, captured })).toMatchObject({ processor: 'RAZORPAY', amount: 50_000, ...word });
  });

  test('whatever else a payment shows, only captured money is a success', () => {
    const statuses = ['created', 'authorized', 'captured', 'refunded', 'failed', 'constructor', 'paid'];
    const reasons = [null, '', undefined, 7, 'card_declined', 'order_already_paid', 'toString'];
    for (const status of statuses) {
      for (const captured of [true, false, null, undefined, 'true']) {
        for (const error_reason of reasons) {
          for (const source of ['answer', 'query', 'callback'] as const) {
            const isMoney = status === 'captured' || (status === 'refunded' && captured === true);
            const { said } = judged({ status, captured, error_reason }, source);
            expect([status, captured, error_reason, said === 'charged']).toEqual([
              status,
              captured,
              error_reason,
              isMoney,
            ]);
          }
        }
      }
    }
  });

  test.each([null, '', undefined, 'NA', 7, {}])(
    'a failure with the reason %j goes by its code',
    (error_reason) => {
      const word = judged({ status: 'failed', error_code: 'GATEWAY_ERROR', error_reason }, 'callback');
      expect(word).toMatchObject({ said: 'accepted', referenceClosed: false });
      const nothing = { status: 'failed', error_code: null, error_reason };
      expect(judged(nothing, 'callback')).toMatchObject({ said: 'accepted', referenceClosed: false });
    },
  );

  test('why it failed is evidence, also while that is open', () => {
    const failed = { status: 'failed', error_reason: 'payment_timed_out' };
    expect(judged(failed)).toMatchObject({
      said: 'accepted',
      detail: `${PAYMENT_ID} failed payment_timed_out`,
    });
  });

  test('under a server that broke no reason is certain', () => {
    const broken = { status: 'failed', error_code: 'SERVER_ERROR', error_reason: 'card_declined' };
    expect(judged(broken)).toMatchObject({ said: 'accepted', referenceClosed: false });
  });

  test.each<[string, object]>([
    ['an id of another kind', { id: 'order_IEIaMR65cu6nz3' }],
    ['an amount that is no integer', { amount: 500.5 }],
    ['an amount as text', { amount: '50000' }],
    ['a currency that is none', { currency: 'inr' }],
    ['no status', { status: undefined }],
    ['a status with digits', { status: '4111' }],
  ])('%s is no payment', (_, over) => {
    expect(readPayment({ ...PAYMENT, ...over })).toBeNull();
  });
});

describe('callback', () => {
  const SECRET = 'whsec_razorpay';
  const events: ReadonlyArray<Record<string, unknown>> = fixture('events');
  const read = ({ headers, body }: { headers: Record<string, string>; body: Buffer }, secrets = [SECRET]) =>
    readRazorpayCallback({ header: (name) => headers[name] ?? '', body }, secrets, BEGAN);
  const eventOf = (type: string) => events.find(({ event }) => event === type)!;

  const charged = { said: 'charged', amount: 50_000, currency: 'INR', processorTxnId: PAYMENT_ID };
  const WORDS: Readonly<Record<string, object | null>> = {
    'payment.authorized': { said: 'accepted', processorTxnId: PAYMENT_ID },
    'payment.captured': { ...charged, paymentMethodType: 'CREDIT_CARD' },
    'payment.failed': { said: 'declined', failureCode: 'insufficient_funds', referenceClosed: true },
    'order.paid': charged,
    'refund.created': null,
    'refund.processed': null,
    'refund.failed': null,
    'refund.speed_changed': null,
    'payment.dispute.created': null,
    'payment.dispute.won': null,
    'payment.dispute.lost': null,
    'payment.dispute.closed': null,
    'payment.dispute.under_review': null,
    'payment.dispute.action_required': null,
    'settlement.processed': null,
  };

  test('there is a sample of every type', () => {
    expect(events.map(({ event }) => event).sort()).toEqual(Object.keys(WORDS).sort());
  });

  test.each(Object.entries(WORDS))('%s', (type, word) => {
    const result = read(signedEvent(eventOf(type), SECRET, 'EvtX7+/=.7'));
    expect(result).toMatchObject({
      ok: true,
      callback: {
        processor: 'RAZORPAY',
        callbackId: 'EvtX7+/=.7',
        transactionId: type === 'settlement.processed' ? null : TRANSACTION_ID,
        hint: false,
        word: word === null ? null : { source: 'callback', processorAccount: 'acc_BFQ7uQEaa7j2z7', ...word },
      },
    });
  });

  test.each(Object.keys(WORDS))('%s: one flipped bit anywhere in body or signature is refused', (type) => {
    const { headers, body } = signedEvent(eventOf(type), SECRET);
    for (let bit = 0; bit < body.length * 8; bit++) {
      body[bit >> 3]! ^= 1 << (bit & 7);
      if (read({ headers, body }).ok) expect.fail(`not noticed: bit ${bit} of the body`);
      body[bit >> 3]! ^= 1 << (bit & 7);
    }
    const signature = Buffer.from(headers['x-razorpay-signature']!, 'latin1');
    for (let bit = 0; bit < signature.length * 8; bit++) {
      const flipped = Buffer.from(signature);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const other = { ...headers, 'x-razorpay-signature': flipped.toString('latin1') };
      if (read({ headers: other, body }).ok) expect.fail(`not noticed: bit ${bit} of the signature`);
    }
    expect(read({ headers, body }).ok).toBe(true);
  });

  test.each(['', 'two words', 'x'.repeat(201), 'evt_1\n'])(
    'without an event id, %j, it is no callback',
    (id) => {
      expect(read(signedEvent(eventOf('payment.captured'), SECRET, id))).toEqual({
        ok: false,
        code: 'body_invalid',
        detail: 'the header x-razorpay-event-id is missing or no id',
      });
    },
  );

  const withPayment = (type: string, over: object) => {
    const event = structuredClone(eventOf(type)) as { payload: { payment: { entity: object } } };
    event.payload.payment.entity = { ...event.payload.payment.entity, ...over };
    return read(signedEvent(event, SECRET));
  };

  test.each<[string, object]>([
    ['payment.captured', { status: 'failed' }],
    ['payment.captured', { status: 'authorized' }],
    ['payment.failed', { status: 'captured' }],
    ['payment.authorized', { status: 'failed' }],
    ['order.paid', { status: 'authorized' }],
    ['order.paid', { order_id: 'order_00000000000000' }],
  ])('%s with %j contradicts itself, and says nothing', (type, over) => {
    expect(withPayment(type, over)).toMatchObject({ ok: true, callback: { word: { said: 'unknown' } } });
  });

  test('what was paid of an order is its amount', () => {
    const event = structuredClone(eventOf('order.paid')) as {
      payload: { order: { entity: { amount_paid: number; status: string } } };
    };
    event.payload.order.entity.amount_paid = 49_999;
    expect(read(signedEvent(event, SECRET))).toMatchObject({
      callback: { word: { said: 'charged', amount: 49_999 } },
    });
    event.payload.order.entity.status = 'attempted';
    expect(read(signedEvent(event, SECRET))).toMatchObject({ callback: { word: { said: 'unknown' } } });
  });

  test('a failure that may still become a success stays open, however old the event', () => {
    const result = withPayment('payment.failed', { error_reason: 'payment_timed_out' });
    expect(result).toMatchObject({ callback: { word: { said: 'accepted', referenceClosed: false } } });
    const { headers, body } = signedEvent(
      { ...eventOf('payment.failed'), payload: { payment: { entity: { ...PAYMENT, status: 'failed' } } } },
      SECRET,
    );
    const later = readRazorpayCallback({ header: (name) => headers[name] ?? '', body }, [SECRET], BEGAN * 2);
    expect(later).toMatchObject({ callback: { word: { said: 'accepted' } } });
  });

  test.each<[string, unknown]>([
    ['not JSON', 'not json'],
    ['null', null],
    ['a list', []],
    ['no payload', { event: 'payment.captured' }],
    ['a payload of text', { event: 'payment.captured', payload: 'payment' }],
    ['an entity that is none', { event: 'payment.captured', payload: { payment: { entity: [] } } }],
    ['a type of nothing', { event: 'constructor', payload: {} }],
    ['no type', { payload: { payment: { entity: PAYMENT } } }],
  ])('signed, and %s: taken, and says nothing', (_, event) => {
    const body = Buffer.from(event === 'not json' ? event : JSON.stringify(event));
    const signature = createHmac('sha256', SECRET).update(body).digest('hex');
    const headers = { 'x-razorpay-signature': signature, 'x-razorpay-event-id': 'evt_1' };
    expect(read({ headers, body })).toMatchObject({ ok: true, callback: { word: null } });
  });

  test('two references at odds are none', () => {
    const notes = { gateway_txn_id: `${REFERENCE.slice(0, -1)}2` };
    expect(withPayment('payment.captured', { notes }).ok).toBe(true);
    expect(withPayment('order.paid', { notes })).toMatchObject({ callback: { transactionId: null } });
  });

  test('the reference is our note on the payment, or the order’s receipt', () => {
    for (const notes of [[], null, undefined, {}, { gateway_txn_id: 7 }, 'txn']) {
      expect(withPayment('payment.captured', { notes })).toMatchObject({ callback: { transactionId: null } });
      expect(withPayment('order.paid', { notes })).toMatchObject({
        callback: { transactionId: TRANSACTION_ID },
      });
    }
  });
});

describe('published signatures', () => {
  test('of a callback, as in Razorpay’s own packages', () => {
    const signature = '2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc';
    const body = Buffer.from('{"a":1,"b":2,"c":{"d":3}}');
    expect(isSignedBy(['123456'], body, signature)).toBe(true);
    expect(isSignedBy(['123457'], body, signature)).toBe(false);
    const headers: Record<string, string> = {
      'x-razorpay-signature': signature,
      'x-razorpay-event-id': 'evt_1',
    };
    const header = (name: string): string => headers[name] ?? '';
    expect(readRazorpayCallback({ header, body }, ['123456'], 0)).toMatchObject({ ok: true });
  });

  test.each([
    [
      'EnLs21M47BllR3X8PSFtjtbd',
      'order_IEIaMR65cu6nz3',
      'pay_IH4NVgf4Dreq1l',
      '0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f',
    ],
    [
      'key_secret',
      'fake_order_id',
      'fake_payment_id',
      'b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89',
    ],
  ])('of a return, with the key %s', (secret, orderId, paymentId, signature) => {
    expect(isReturnSigned(secret, orderId, paymentId, signature)).toBe(true);
    expect(isReturnSigned(secret, paymentId, orderId, signature)).toBe(false);
    expect(isReturnSigned(`${secret}x`, orderId, paymentId, signature)).toBe(false);
    expect(isReturnSigned('', orderId, paymentId, signature)).toBe(false);
  });
});

describe('an account', () => {
  const entry = {
    account: 'acc_BFQ7uQEaa7j2z7',
    keyId: 'rzp_test_1DP5mmOlF5G5ag',
    secretKey: 'thiskeyissecret',
    webhookSecret: 'whsec_razorpay',
  };

  test('is kept as requests are authorised', () => {
    expect(readRazorpayAccount(entry)).toEqual({
      ok: true,
      config: {
        account: entry.account,
        secretKey: 'rzp_test_1DP5mmOlF5G5ag:thiskeyissecret',
        webhookSecret: entry.webhookSecret,
      },
    });
    expect(readRazorpayAccount({ ...entry, keyId: 'rzp_live_1DP5mmOlF5G5ag' })).toMatchObject({ ok: true });
  });

  test.each<[string, unknown]>([
    ['account', undefined],
    ['account', 'BFQ7uQEaa7j2z7'],
    ['account', 'acc_ 1'],
    ['keyId', undefined],
    ['keyId', 'thiskeyissecret'],
    ['keyId', 'rzp_test_1:2'],
    ['secretKey', undefined],
    ['secretKey', ''],
    ['webhookSecret', undefined],
    ['webhookSecret', ''],
  ])('with the %s %j is refused by that name, and no secret is repeated', (name, value) => {
    const read = readRazorpayAccount({ ...entry, [name]: value });
    expect(read.ok).toBe(false);
    const detail = read.ok ? '' : read.detail;
    expect(detail).toMatch(new RegExp(`^${name}\\b`));
    expect(detail).not.toContain(entry.secretKey);
    expect(detail).not.toContain(entry.webhookSecret);
  });
});

test.each<[string, object]>([
  ['mail address', { email: `${'x'.repeat(30)}@example.com` }],
  ['phone number', { contact: '+919999999999999' }],
])('a placeholder %s that Razorpay would not take is no room', (_, over) => {
  const shopper = { ...PLACEHOLDERS, ...over };
  const config = { ...CONFIG, baseUrl: 'http://127.0.0.1:1', timeoutMs: 1, shopper };
  expect(() => createRazorpayCharge(config, { now: Date.now })).toThrow(RangeError);
});

describe('a settlement’s item', () => {
  const { items } = fixture('recon');
  const [payment, refund, transfer, adjustment] = items;
  const paid = {
    outcome: 'settled',
    account: null,
    processorTxnId: PAYMENT_ID,
    transactionId: TRANSACTION_ID,
    reference: REFERENCE,
    currency: 'INR',
    settledAt: 1_732_060_800_000,
    settlementId: 'setl_IH4NVgf4Dreq1l',
    utr: '1568176960vxp0rj',
  };
  const none = { transactionId: null, reference: null };
  const moved = { ...paid, kind: 'refund', amount: 100_000, fee: 0, tax: 0, net: -100_000 };
  const open = { ...paid, ...none, processorTxnId: null, settledAt: null, settlementId: null, utr: null };

  test.each<[string, Record<string, unknown>, object]>([
    ['payment', payment, { ...paid, kind: 'payment', amount: 100_000, fee: 2458, tax: 442, net: 97_100 }],
    ['refund', refund, moved],
    [
      'transfer',
      transfer,
      { ...paid, ...none, kind: 'other', amount: 10_000, fee: 250, tax: 45, net: -10_295 },
    ],
    [
      'adjustment',
      { ...adjustment, settled: true },
      { ...open, kind: 'adjustment', amount: 1012, fee: 0, tax: 0, net: 1012 },
    ],
  ])('%s', (_, item, row) => {
    expect(readRazorpaySettlementRow(item)).toEqual({
      ok: true,
      row: { ...row, movementId: item.entity_id },
    });
  });

  test('that is not settled yet is no row: a later report has it', () => {
    expect(readRazorpaySettlementRow(adjustment)).toEqual({ ok: true, row: null });
    expect(readRazorpaySettlementRow({ ...payment, settled: false })).toEqual({ ok: true, row: null });
  });

  test.each<[string, object]>([
    ['amount is no amount in minor units', { amount: 1000.5 }],
    ['fee is no amount in minor units', { fee: '2900' }],
    ['credit is no amount in minor units', { credit: -1 }],
    ['credit and debit are both something', { debit: 1 }],
    ['credit is not amount less fee', { credit: 97_101 }],
    ['tax is more than the fee it is part of', { tax: 2901 }],
    ['currency is none', { currency: undefined }],
    ['type is missing', { type: undefined }],
    ['entity_id is missing', { entity_id: null }],
  ])('that is wrong is refused: %s', (detail, over) => {
    expect(readRazorpaySettlementRow({ ...payment, ...over })).toEqual({ ok: false, detail });
  });
});
