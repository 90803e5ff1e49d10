/**
 * The Stripe room: the contract of all connectors, and what only this one does.
 *
 * @module
 */

import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { showTransactionId } from '../../domain/ids.ts';
import type { ProcessorWord } from '../../domain/processor-word.ts';
import {
  httpAnswer,
  type ScriptedRequest,
  type ScriptedServer,
  startScriptedServer,
} from '../../outbound/testing/scripted-server.ts';
import type { ChargeMethod, ChargeRequest, ChargeRoom, Connector, QueryRequest } from '../connector.ts';
import { connectorContract, type Dialect, type HttpText, type Told } from '../contract-suite.ts';
import { createStripeCharge } from './charge.ts';
import { readStripeAccount, type StripeConfig } from './config.ts';
import { DECLINES, meaningOfRefusal, REQUEST_ERRORS } from './error-codes.ts';
import { createStripe } from './index.ts';

const clocks = { now: Date.now };
const CONFIG = {
  connectTimeoutMs: 2000,
  connectionsMax: 64,
  timeoutMs: 5000,
  notFoundProofMs: 120_000,
  ambiguousFailureMs: 900_000,
  apiVersion: '2026-07-29.dahlia',
  abandonedMs: 1_800_000,
} as const;

const fixture = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'));
const SUCCEEDED = fixture('intent.succeeded');
const REDIRECT = fixture('next_action.redirect');
const UPI = fixture('next_action.upi');

const json = (status: number, body: object): HttpText => ({ status, body: JSON.stringify(body) });
const list = (...data: object[]): HttpText => json(200, { object: 'list', data, has_more: false });
const refusal = (status: number, error: object): HttpText =>
  json(status, { error: { type: 'invalid_request_error', message: 'no', ...error } });
const UNEXPECTED_STATE = refusal(400, { code: 'payment_intent_unexpected_state' });
const CANCEL = /^POST \/v1\/payment_intents\/(\w+)\/cancel /;

/** Codes that stand in `code`; all others are decline codes of `card_declined`. */
const CODES: ReadonlySet<string> = new Set([
  'card_declined',
  'expired_card',
  'incorrect_cvc',
  'incorrect_number',
  'invalid_expiry_month',
  'invalid_expiry_year',
  'processing_error',
  'authentication_required',
  'payment_intent_authentication_failure',
  'payment_method_customer_decline',
  'payment_method_provider_timeout',
  'rate_limit',
  'lock_timeout',
  'idempotency_key_in_use',
  'payment_intent_unexpected_state',
]);

function errorWith(code: string, type = 'card_error'): object {
  const codes = CODES.has(code) ? { code } : { code: 'card_declined', decline_code: code };
  return { type, ...codes, message: 'Your card was declined.' };
}

const NOW = Date.UTC(2026, 10, 24);

/** An intent as Stripe would show what the suite tells. */
function shown(told: Told): Record<string, unknown> {
  const { amount, currency, status, transactionId, paidBy } = told;
  return {
    ...SUCCEEDED,
    amount,
    amount_received: status === 'charged' ? amount : 0,
    currency: currency.toLowerCase(),
    created: NOW / 1000,
    metadata: { gateway_txn_id: `txn_${transactionId}` },
    payment_method_types: [paidBy === 'upi' ? 'upi' : 'card'],
    status: STATUS[status],
    next_action: status === 'action_required' ? shownAction(told) : null,
    last_payment_error: status === 'declined' ? errorWith(told.declineCode) : null,
  };
}

const STATUS = {
  charged: 'succeeded',
  declined: 'requires_payment_method',
  accepted: 'processing',
  action_required: 'requires_action',
  'a status nobody knows': 'reversed_by_moonlight',
} as const;

function shownAction({ action, paidBy }: Told): object {
  if (action.kind === 'nobody knows') return { type: 'use_stripe_sdk', use_stripe_sdk: {} };
  const url = action.kind === 'redirect' ? action.url : action.link;
  return paidBy === 'upi'
    ? { ...UPI, upi_handle_redirect_or_display_qr_code: { hosted_instructions_url: url } }
    : { ...REDIRECT, redirect_to_url: { url } };
}

const EVENTS: Readonly<Record<Told['status'], string>> = {
  charged: 'payment_intent.succeeded',
  declined: 'payment_intent.payment_failed',
  accepted: 'payment_intent.processing',
  action_required: 'payment_intent.requires_action',
  'a status nobody knows': 'payment_intent.danced',
};

function event(type: string, object: object, over: object = {}): object {
  return {
    id: 'evt_1PXbankInABox0001',
    object: 'event',
    api_version: '2026-07-29.dahlia',
    created: NOW / 1000,
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
    data: { object },
    ...over,
  };
}

function signatureOf(secret: string, seconds: number, body: string | Buffer): string {
  return createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex');
}

function signed(value: object, secret: string, now: number) {
  const body = Buffer.from(JSON.stringify(value));
  const seconds = Math.floor(now / 1000);
  const headers = { 'stripe-signature': `t=${seconds},v1=${signatureOf(secret, seconds, body)}` };
  return { headers, body };
}

/** Stripe, as its own side of the wire. */
const dialect: Dialect = {
  processor: 'STRIPE',
  lacks: ['account', 'funding', 'upi_link', 'asked_by_reference'],
  page: 'redirect',
  open(baseUrl, timeouts) {
    const config = { ...CONFIG, baseUrl, ...timeouts };
    const { charge, close } = createStripeCharge(config, clocks);
    return { ...createStripe(config), charge, close };
  },
  reference: () => `created[gte]=${NOW / 1000 - 10}&created[lte]=${NOW / 1000 + 50}`,
  declines: [...DECLINES].map(([code, means]) => ({ code, means })),
  unlistedDecline: 'final',
  refusals: {
    'a bad parameter': refusal(400, { code: 'parameter_missing', param: 'amount' }),
    'raw card numbers': refusal(400, {}),
    'a wrong key': refusal(401, {}),
    'a key without the right': refusal(403, {}),
    'an address that is none': refusal(404, { code: 'resource_missing' }),
    'too many requests': refusal(429, { code: 'rate_limit' }),
  },
  beside: ({ head }) => {
    const id = CANCEL.exec(head)?.[1];
    return id === undefined ? null : json(200, { ...SUCCEEDED, id, status: 'canceled', amount_received: 0 });
  },
  chargeAnswer: (told) =>
    told.status === 'declined'
      ? json(402, { error: { ...errorWith(told.declineCode), payment_intent: shown(told) } })
      : json(200, shown(told)),
  queryAnswer: (told) => list(shown(told)),
  queryNotFound: () => list(),
  callback: (told, secret, now) => signed(event(EVENTS[told.status], shown(told)), secret, now),
  reportPage({ head }, ids) {
    const { searchParams: query } = new URL(head.split(' ')[1]!, 'http://stripe');
    const limit = Number(query.get('limit'));
    const newestFirst = ids.toReversed();
    const after = query.get('starting_after');
    const at = after === null ? 0 : newestFirst.indexOf(after) + 1;
    if (after !== null && at === 0)
      return refusal(400, { code: 'resource_missing', param: 'starting_after' });
    const data = newestFirst.slice(at, at + limit).map((id) => ({ id, object: 'balance_transaction' }));
    return json(200, { object: 'list', data, has_more: at + limit < ids.length });
  },
  signedHeaders: ['stripe-signature'],
  callbackSeconds: { past: 300, future: 60 },
};

describe('contract of STRIPE', () => connectorContract(dialect));

const TRANSACTION_ID = '018bcfe5680070078000000000000001';
const STARTED_AT = 1_700_000_000_000;
const INTENT_ID = String(SUCCEEDED.id);
const ACCOUNT = { account: 'acct_1', secretKey: 'sk_test_1' };
const intent = (over: object): Record<string, unknown> => ({ ...SUCCEEDED, ...over });
const waiting = (over: object = {}) =>
  intent({ status: 'requires_action', amount_received: 0, next_action: REDIRECT, ...over });
const failed = (code: string, type?: string) =>
  intent({
    status: 'requires_payment_method',
    amount_received: 0,
    last_payment_error: errorWith(code, type),
  });

/** Answers by request line, each with the first that fits; what fits none, or null, has its connection dropped. */
function answerBy(server: ScriptedServer, routes: readonly [RegExp, HttpText | null][]): void {
  server.answer((socket, { head }) => {
    const route = routes.find(([line]) => line.test(head));
    if (route?.[1]) socket.write(httpAnswer(route[1].status, route[1].body));
    else socket.destroy();
  });
}

const lineOf = ({ head }: ScriptedRequest): string => head.slice(0, head.indexOf(' HTTP'));

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(() => server.close());

describe('charge', () => {
  let room: ChargeRoom;
  afterEach(() => room.close());
  const open = (over: Partial<StripeConfig> = {}): ChargeRoom => {
    room = createStripeCharge({ ...CONFIG, baseUrl: server.origin, ...over }, clocks);
    return room;
  };
  const request: ChargeRequest = {
    transactionId: TRANSACTION_ID,
    amount: 5000,
    currency: 'INR',
    orderId: 'order_1',
    leg: 1,
    account: ACCOUNT,
    returnUrl: 'https://pay.example/checkout/return?transaction=txn_1',
    browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
    mayLeave: () => true,
  };
  const card = (name = 'Zoë "Z" O\\Brien & 50%\u0001'): ChargeMethod => ({
    kind: 'card',
    card: {
      pan: Buffer.from('4242424242424242'),
      cvv: Buffer.from('012'),
      expiryMonth: 3,
      expiryYear: 2031,
      cardholderName: Buffer.from(name),
    },
  });
  const sentFields = (): Record<string, string> =>
    Object.fromEntries(new URLSearchParams(server.requests[0]!.body.toString()));
  const POST = /^POST \/v1\/payment_intents /;
  const charged = (routes: readonly [RegExp, HttpText | null][], over: Partial<ChargeRequest> = {}) => {
    answerBy(server, routes);
    return open().charge({ ...request, ...over }, card());
  };

  test('the request is what the reference has', async () => {
    await open({ apiVersion: '2030-01-01.rose' }).charge({ ...request, leg: 2 }, card());
    const { head } = server.requests[0]!;
    expect(head).toMatch(/^POST \/v1\/payment_intents HTTP\/1\.1/);
    expect(head).toMatch(/^authorization: Bearer sk_test_1\r$/im);
    expect(head).toMatch(/^stripe-version: 2030-01-01\.rose\r$/im);
    expect(head).toMatch(/^content-type: application\/x-www-form-urlencoded\r$/im);
    expect(head).toMatch(new RegExp(`^idempotency-key: ${showTransactionId(TRANSACTION_ID)}_2\\r$`, 'im'));
    expect(sentFields()).toEqual({
      amount: '5000',
      currency: 'inr',
      confirm: 'true',
      capture_method: 'automatic',
      'payment_method_types[]': 'card',
      'metadata[gateway_txn_id]': showTransactionId(TRANSACTION_ID),
      return_url: 'https://pay.example/checkout/return?transaction=txn_1',
      'payment_method_data[type]': 'card',
      'payment_method_data[card][number]': '4242424242424242',
      'payment_method_data[card][exp_month]': '3',
      'payment_method_data[card][exp_year]': '2031',
      'payment_method_data[card][cvc]': '012',
      'payment_method_data[billing_details][name]': 'Zoë "Z" O\\Brien & 50%\u0001',
    });
  });

  test('UPI is a type and no card', async () => {
    await open().charge(request, { kind: 'upi' });
    expect(sentFields()).toMatchObject({
      'payment_method_types[]': 'upi',
      'payment_method_data[type]': 'upi',
    });
    expect(server.requests[0]!.body.toString()).not.toContain('[card]');
  });

  test.each([
    [{ code: 'payment_method_customer_decline' }, 'payment_method_customer_decline'],
    [{ code: 'payment_method_provider_timeout' }, 'payment_method_provider_timeout'],
    [{ code: 'payment_method_provider_decline', decline_code: 'insufficient_funds' }, 'insufficient_funds'],
  ])(
    'UPI that came to nothing (%o) is a decline at once, whatever type it is said with',
    async (codes, code) => {
      const error = { type: 'invalid_request_error', message: 'no', ...codes };
      const back = { status: 'requires_payment_method', next_action: null, last_payment_error: error };
      answerBy(server, [[POST, json(200, waiting(back))]]);
      expect(await open().charge(request, { kind: 'upi' })).toMatchObject({
        said: 'declined',
        failureCode: code,
        referenceClosed: true,
      });
    },
  );

  test('UPI goes by the page with its QR code, until that ends', async () => {
    answerBy(server, [[POST, json(200, waiting({ next_action: UPI, payment_method_types: ['upi'] }))]]);
    expect(await open().charge(request, { kind: 'upi' })).toMatchObject({
      said: 'action_required',
      nextAction: {
        kind: 'redirect',
        url: 'https://payments.stripe.com/upi/instructions/1',
        expiresAt: 1_700_000_300_000,
      },
      paymentMethodType: 'UPI',
    });
  });

  test.each(['ISK', 'UGX'])('%s is not charged: no byte of it leaves', async (currency) => {
    expect(await open().charge({ ...request, currency }, card())).toMatchObject({
      said: 'declined',
      failureCode: 'currency_not_supported',
      elsewhere: true,
    });
    expect(server.requests).toEqual([]);
  });

  test.each([4999, 5001, 0, null, undefined, '5000'])(
    'succeeded with %j received is no success',
    async (amount_received) => {
      const word = await charged([[POST, json(200, intent({ amount_received }))]]);
      expect(word).toMatchObject({ said: 'unknown', processorTxnId: INTENT_ID });
    },
  );

  test.each(['processing', 'requires_capture', 'requires_confirmation'])('%s is accepted', async (status) => {
    expect(await charged([[POST, json(200, intent({ status }))]])).toMatchObject({ said: 'accepted' });
  });

  test('an intent that was made and not tried is accepted: it is asked about', async () => {
    const word = await charged([[POST, json(200, intent({ status: 'requires_payment_method' }))]]);
    expect(word).toMatchObject({ said: 'accepted', referenceClosed: false });
  });

  test('a failed attempt in a 200 is the decline it is in a 402', async () => {
    const word = await charged([[POST, json(200, failed('insufficient_funds'))]]);
    expect(word).toMatchObject({
      said: 'declined',
      failureCode: 'insufficient_funds',
      referenceClosed: true,
    });
  });

  describe('a decline by which another processor may be asked', () => {
    const declined: [RegExp, HttpText] = [
      POST,
      json(402, { error: { ...errorWith('processing_error'), payment_intent: failed('processing_error') } }),
    ];
    const read = new RegExp(`^GET /v1/payment_intents/${INTENT_ID} `);
    const unknown = { said: 'unknown', referenceClosed: false, elsewhere: false };

    test('is one when its intent is cancelled', async () => {
      const word = await charged([declined, [CANCEL, json(200, intent({ status: 'canceled' }))]]);
      expect(word).toMatchObject({
        said: 'declined',
        failureCode: 'processing_error',
        referenceClosed: true,
        elsewhere: true,
      });
      expect(server.requests.map(lineOf)).toEqual([
        'POST /v1/payment_intents',
        `POST /v1/payment_intents/${INTENT_ID}/cancel`,
      ]);
      expect(server.requests[1]!.head).toMatch(/^authorization: Bearer sk_test_1\r$/im);
    });

    test.each<[string, HttpText | null]>([
      ['nothing', null],
      ['a page of an error', { status: 502, body: '<html>' }],
      ['a stored 500', json(500, { error: { type: 'api_error' } })],
      ['too many requests', refusal(429, { code: 'rate_limit' })],
      ['an intent that is not cancelled', json(200, failed('processing_error'))],
      ['another intent', json(200, intent({ id: 'pi_other', status: 'canceled' }))],
    ])('is unknown when the cancel is answered with %s', async (_, answer) => {
      const word = await charged([declined, [CANCEL, answer]]);
      // Its id is kept: it is asked for by that, and is never taken for a charge that did not arrive.
      expect(word).toMatchObject({ ...unknown, processorTxnId: INTENT_ID });
    });

    test.each<[string, HttpText | null, object]>([
      ['charged', json(200, SUCCEEDED), { said: 'charged', processorTxnId: INTENT_ID }],
      ['being charged', json(200, intent({ status: 'processing' })), { said: 'accepted' }],
      [
        'cancelled by another',
        json(200, intent({ status: 'canceled' })),
        { said: 'declined', elsewhere: true },
      ],
      ['failed and yet not to be cancelled', json(200, failed('processing_error')), unknown],
      ['not told', null, unknown],
      ['of another amount', json(200, intent({ amount: 1, amount_received: 1 })), unknown],
    ])('is what the intent says when the cancel is refused: %s', async (_, answer, word) => {
      const told = await charged([declined, [CANCEL, UNEXPECTED_STATE], [read, answer]]);
      expect(told).toMatchObject(word);
      expect(server.requests.map(lineOf).at(-1)).toBe(`GET /v1/payment_intents/${INTENT_ID}`);
    });
  });

  test('a card that is wrong before there is an intent is declined; what would need a cancel is unknown', async () => {
    const answer = (code: string): [RegExp, HttpText] => [POST, json(402, { error: errorWith(code) })];
    expect(await charged([answer('incorrect_number')])).toMatchObject({
      said: 'declined',
      failureCode: 'incorrect_number',
      processorTxnId: null,
      referenceClosed: true,
      elsewhere: false,
    });
    await room.close();
    expect(await charged([answer('a_code_nobody_knows')])).toMatchObject({
      said: 'declined',
      referenceClosed: false,
    });
    await room.close();
    expect(await charged([answer('processing_error')])).toMatchObject({ said: 'unknown', elsewhere: false });
  });

  test('an error that brings an intent says what the intent says, whatever the error is', async () => {
    const answer = refusal(400, { code: 'payment_intent_authentication_failure', payment_intent: waiting() });
    expect(await charged([[POST, answer]])).toMatchObject({ said: 'action_required' });
    await room.close();
    const broken = refusal(400, { payment_intent: { id: INTENT_ID } });
    expect(await charged([[POST, broken]])).toMatchObject({ said: 'unknown', elsewhere: false });
  });

  test.each(REQUEST_ERRORS)(
    'an error $status $type $code means $means',
    async ({ status, type, code, means }) => {
      const answer = refusal(status, { type: type ?? 'invalid_request_error', code: code ?? undefined });
      const word =
        means === 'elsewhere'
          ? { said: 'declined', failureCode: 'processor_refused', referenceClosed: true, elsewhere: true }
          : { said: 'unknown', referenceClosed: false, elsewhere: false };
      expect(await charged([[POST, answer]])).toMatchObject(word);
    },
  );

  test('an error that is in no row is ambiguous', () => {
    expect(meaningOfRefusal(418, { type: 'invalid_request_error', code: null })).toBe('ambiguous');
    expect(meaningOfRefusal(400, { type: 'api_error', code: null })).toBe('ambiguous');
    expect(meaningOfRefusal(409, { type: 'invalid_request_error', code: null })).toBe('ambiguous');
  });

  test('the client secret is in no word', async () => {
    const word = await charged([[POST, json(200, waiting())]]);
    expect(JSON.stringify(word)).not.toContain('secret');
  });
});

describe('query', () => {
  const NOW_TOO_EARLY = STARTED_AT + CONFIG.abandonedMs;
  const question: QueryRequest = {
    transactionId: TRANSACTION_ID,
    leg: 1,
    account: ACCOUNT,
    startedAt: STARTED_AT,
    processorTxnId: null,
    returned: {},
    now: STARTED_AT + 5000,
  };
  const asked = (routes: readonly [RegExp, HttpText | null][], over: Partial<QueryRequest> = {}) => {
    answerBy(server, routes);
    const { query }: Connector = createStripe({ ...CONFIG, baseUrl: server.origin });
    return query({ ...question, ...over });
  };
  const GET_ONE = new RegExp(`^GET /v1/payment_intents/${INTENT_ID} `);
  const other = (id: string): object => intent({ id, metadata: {} });
  const pageOf = (hasMore: boolean, ...data: object[]): HttpText =>
    json(200, { object: 'list', data, has_more: hasMore });

  test('an intent that is known is asked for by its id, with the account’s key', async () => {
    expect(await asked([[GET_ONE, json(200, SUCCEEDED)]], { processorTxnId: INTENT_ID })).toMatchObject({
      kind: 'found',
      word: { said: 'charged', processorTxnId: INTENT_ID },
    });
    expect(server.requests.map(lineOf)).toEqual([`GET /v1/payment_intents/${INTENT_ID}`]);
    expect(server.requests[0]!.head).toMatch(/^stripe-version: 2026-07-29\.dahlia\r?$/im);
  });

  test('an intent of that id that is another charge’s, or that Stripe does not know, is no answer', async () => {
    const known = { processorTxnId: INTENT_ID };
    expect(await asked([[GET_ONE, json(200, intent({ metadata: {} }))]], known)).toMatchObject({
      kind: 'no_answer',
    });
    const missing = refusal(404, { code: 'resource_missing' });
    expect(await asked([[GET_ONE, missing]], known)).toMatchObject({ kind: 'no_answer' });
  });

  const NEAR = 'GET /v1/payment_intents?created[gte]=1699999990&created[lte]=1700000050&limit=100';
  const WHOLE = 'GET /v1/payment_intents?created[gte]=1699999700&created[lte]=1700000960&limit=100';

  test('the list is read to its end, newest first, near the time the attempt began', async () => {
    const answer = await asked([
      [/starting_after=pi_b /, pageOf(false, SUCCEEDED)],
      [/./, pageOf(true, other('pi_a'), other('pi_b'))],
    ]);
    expect(answer).toMatchObject({ kind: 'found', word: { said: 'charged' } });
    expect(server.requests.map(lineOf)).toEqual([NEAR, `${NEAR}&starting_after=pi_b`]);
  });

  test('one that is not near is sought as far as clocks may differ', async () => {
    const answer = await asked([
      [/1699999990/, pageOf(false, other('pi_a'))],
      [/./, pageOf(false, SUCCEEDED)],
    ]);
    expect(answer).toMatchObject({ kind: 'found', word: { said: 'charged' } });
    expect(server.requests.map(lineOf)).toEqual([NEAR, WHOLE]);
  });

  test('what is not on the whole list is not found, and no less than the whole of it says so', async () => {
    const answer = await asked([
      [/starting_after=pi_a /, pageOf(false)],
      [/./, pageOf(true, other('pi_a'))],
    ]);
    expect(answer).toEqual({ kind: 'not_found' });
    const pages = [NEAR, WHOLE].flatMap((first) => [first, `${first}&starting_after=pi_a`]);
    expect(server.requests.map(lineOf)).toEqual(pages);
    expect(
      await asked([
        [/1699999990/, pageOf(false)],
        [/./, null],
      ]),
    ).toMatchObject({ kind: 'no_answer' });
  });

  test.each<[string, HttpText | null]>([
    ['goes on without an end', pageOf(true, other('pi_a'))],
    ['goes on with nothing', pageOf(true)],
    ['holds what cannot be read', pageOf(false, { id: 'pi_a', object: 'payment_intent' })],
    ['breaks off', null],
  ])('a list that %s is no answer', async (_, second) => {
    const answer = await asked([
      [/starting_after=/, second],
      [/./, pageOf(true, other('pi_a'))],
    ]);
    expect(answer).toMatchObject({ kind: 'no_answer' });
    expect(server.requests.length).toBeLessThanOrEqual(50);
  });

  test('what is found counts, though the rest of the list cannot be read', async () => {
    const answer = await asked([
      [/starting_after=/, null],
      [/./, pageOf(true, SUCCEEDED)],
    ]);
    expect(answer).toMatchObject({ kind: 'found', word: { said: 'charged' } });
  });

  test('of several intents the charged one wins, then one that may be charged, and all are evidence', async () => {
    const one = { ...failed('insufficient_funds'), id: 'pi_failed' };
    const two = { ...waiting(), id: 'pi_waiting' };
    const three = { ...SUCCEEDED, id: 'pi_charged' };
    expect(await asked([[/./, list(one, two, three)]])).toMatchObject({
      word: {
        said: 'charged',
        processorTxnId: 'pi_charged',
        detail: expect.stringMatching(/pi_waiting requires_action.*pi_failed requires_payment_method/),
      },
    });
    expect(await asked([[/./, list(one, two)]])).toMatchObject({ word: { said: 'action_required' } });
  });

  test('a canceled intent is a decline that closes', async () => {
    expect(
      await asked([[/./, list(intent({ status: 'canceled', cancellation_reason: null }))]]),
    ).toMatchObject({
      word: { said: 'declined', failureCode: 'payment_canceled', referenceClosed: true, elsewhere: false },
    });
    const abandoned = intent({ status: 'canceled', cancellation_reason: 'abandoned' });
    expect(await asked([[/./, list(abandoned)]])).toMatchObject({
      word: { failureCode: 'payment_abandoned' },
    });
    const wasFailed = { ...failed('a_code_nobody_knows'), status: 'canceled' };
    expect(await asked([[/./, list(wasFailed)]])).toMatchObject({
      word: { failureCode: 'a_code_nobody_knows', referenceClosed: true },
    });
  });

  test('a failure that is not the card’s, of a reason nobody knows, is asked about and then counts', async () => {
    const routes: [RegExp, HttpText][] = [[/./, list(failed('a_code_nobody_knows', 'api_error'))]];
    expect(await asked(routes)).toMatchObject({ word: { said: 'unknown' } });
    const late = { now: STARTED_AT + CONFIG.ambiguousFailureMs + 1 };
    expect(await asked(routes, late)).toMatchObject({ word: { said: 'declined', referenceClosed: false } });
  });

  describe('an intent whose shopper never came back', () => {
    const late = { processorTxnId: INTENT_ID, now: NOW_TOO_EARLY + 1 };
    const found: [RegExp, HttpText] = [GET_ONE, json(200, waiting())];

    test('is left alone until its time is over, which begins when it was made', async () => {
      expect(await asked([found], { ...late, now: NOW_TOO_EARLY })).toMatchObject({
        word: { said: 'action_required' },
      });
      const younger = json(200, waiting({ created: STARTED_AT / 1000 + 600 }));
      expect(await asked([[GET_ONE, younger]], late)).toMatchObject({ word: { said: 'action_required' } });
      expect(server.requests.some(({ head }) => CANCEL.test(head))).toBe(false);
    });

    test.each([
      ['requires_action', waiting()],
      ['requires_confirmation', waiting({ status: 'requires_confirmation' })],
      ['requires_payment_method, never tried', waiting({ status: 'requires_payment_method' })],
    ])('is cancelled while %s', async (_, shownIntent) => {
      const cancelled = json(200, waiting({ status: 'canceled' }));
      expect(
        await asked(
          [
            [GET_ONE, json(200, shownIntent)],
            [CANCEL, cancelled],
          ],
          late,
        ),
      ).toMatchObject({
        kind: 'found',
        word: {
          source: 'query',
          said: 'declined',
          failureCode: 'payment_abandoned',
          referenceClosed: true,
          elsewhere: false,
          nextAction: null,
        },
      });
      expect(server.requests.at(-1)!.body.toString()).toBe('cancellation_reason=abandoned');
    });

    test.each(['processing', 'requires_capture'])('is not cancelled while %s', async (status) => {
      const answer = await asked([[GET_ONE, json(200, intent({ status }))]], late);
      expect(answer).toMatchObject({ word: { said: 'accepted' } });
      expect(server.requests).toHaveLength(1);
    });

    test('is what it is by now when the cancel is refused', async () => {
      let cancelled = false;
      server.answer((socket, { head }) => {
        cancelled ||= CANCEL.test(head);
        const text = CANCEL.test(head) ? UNEXPECTED_STATE : json(200, cancelled ? SUCCEEDED : waiting());
        socket.write(httpAnswer(text.status, text.body));
      });
      const { query } = createStripe({ ...CONFIG, baseUrl: server.origin });
      expect(await query({ ...question, ...late })).toMatchObject({
        kind: 'found',
        word: { said: 'charged' },
      });
    });

    test('is no answer when the cancel has none', async () => {
      expect(await asked([found, [CANCEL, null]], late)).toMatchObject({ kind: 'no_answer' });
    });
  });
});

describe('callback', () => {
  const SECRET = 'whsec_test_secret';
  const { readCallback } = createStripe({ ...CONFIG, baseUrl: 'http://127.0.0.1:1' });
  const readRaw = (
    signature: string,
    body: string | Buffer,
    now = NOW,
    secrets: readonly string[] = [SECRET],
  ) => readCallback({ header: () => signature, body: Buffer.from(body) }, secrets, now);
  const read = (value: object) => {
    const { headers, body } = signed(value, SECRET, NOW);
    return readRaw(headers['stripe-signature'], body);
  };
  const wordIn = (value: object): ProcessorWord | null | undefined => {
    const result = read(value);
    return result.ok ? result.callback.word : undefined;
  };

  test.each([
    ['', 'f7f9bd47fb987337b5796fdc1fdb9ba221d0d5396814bfcaf9521f43fd8927fd'],
    ['{"obj1":"hello","obj2":"world"}', 'bebb1a643997f419b315ddba19e6f5411e1ce7f810ba6d3617ce72823092f363'],
    ['\u{1f600}', '837da296d05c4fe31f61d5d7ead035099d9585a5bcde87de952012a78f0b0c43'],
  ])('the published vector of %j', (body, hex) => {
    expect(createHmac('sha256', 'test_secret').update(body).digest('hex')).toBe(hex);
  });

  test('the whole header of the reference is right, byte for byte', () => {
    const body = JSON.stringify({ id: 'evt_test_webhook', object: 'event' }, null, 2);
    const header = 't=1614265330,v1=af4ead0627a34a8cca29808e8de9ada8e41a92e6237c63cef6eacf51d36cca34';
    expect(signatureOf(SECRET, 1_614_265_330, body)).toBe(header.slice(-64));
    // Signed, and then no event of a type.
    expect(readRaw(header, body, 1_614_265_330_000)).toMatchObject({ ok: false, code: 'body_invalid' });
    expect(readRaw(header, `${body}\n`, 1_614_265_330_000)).toMatchObject({ code: 'signature_invalid' });
  });

  const value = event('payment_intent.succeeded', SUCCEEDED);
  const body = JSON.stringify(value);
  const seconds = NOW / 1000;
  const right = signatureOf(SECRET, seconds, body);
  const wrong = signatureOf('whsec_old', seconds, body);

  test.each([
    `t=${seconds},v1=${wrong},v1=${right}`,
    `t=${seconds},v1=${right},v1=${wrong}`,
    `t=${seconds},v1=${right},v0=${wrong}`,
    `t=${seconds},v0=abc,v1=${right},scheme=of=tomorrow`,
    `v1=${right},t=${seconds}`,
  ])('one right v1 is enough: %s', (header) => {
    expect(readRaw(header, body)).toMatchObject({ ok: true });
  });

  test.each([
    `t=${seconds},v0=${right}`,
    `t=${seconds},v1=${wrong}`,
    `t=${seconds}`,
    `v1=${right}`,
    `t=${seconds},t=${seconds},v1=${right}`,
    `t=${seconds},v1=${right.toUpperCase()}`,
    `t=${seconds}.0,v1=${right}`,
    `t=${seconds},v1=${right},${`v1=${wrong},`.repeat(8)}`,
  ])('none is not: %s', (header) => {
    expect(readRaw(header, body)).toMatchObject({ ok: false, code: 'signature_invalid' });
  });

  const TYPES = [
    ...[
      'created',
      'processing',
      'requires_action',
      'succeeded',
      'payment_failed',
      'canceled',
      'amount_capturable_updated',
    ].map((name) => `payment_intent.${name}`),
    ...[
      'succeeded',
      'failed',
      'pending',
      'updated',
      'expired',
      'refunded',
      'dispute.created',
      'dispute.closed',
    ].map((name) => `charge.${name}`),
    ...['created', 'paid', 'failed', 'canceled', 'updated', 'reconciliation_completed'].map(
      (name) => `payout.${name}`,
    ),
    'reporting.report_run.succeeded',
    'reporting.report_run.failed',
    'a.type.of.tomorrow',
  ];

  test.each(TYPES)('%s: one flipped bit anywhere in body or header is refused', (type) => {
    const delivery = signed(event(type, SUCCEEDED), SECRET, NOW);
    const header = delivery.headers['stripe-signature'];
    expect(readRaw(header, delivery.body)).toMatchObject({ ok: true });
    for (let bit = 0; bit < delivery.body.length * 8; bit++) {
      delivery.body[bit >> 3]! ^= 1 << (bit & 7);
      if (readRaw(header, delivery.body).ok) expect.fail(`bit ${bit} of the body was not noticed`);
      delivery.body[bit >> 3]! ^= 1 << (bit & 7);
    }
    const text = Buffer.from(header);
    for (let bit = 0; bit < text.length * 8; bit++) {
      text[bit >> 3]! ^= 1 << (bit & 7);
      if (readRaw(text.toString('latin1'), delivery.body).ok) expect.fail(`not noticed: ${text}`);
      text[bit >> 3]! ^= 1 << (bit & 7);
    }
  });

  test.each<[string, Record<string, unknown>, object]>([
    ['payment_intent.succeeded', SUCCEEDED, { said: 'charged', amount: 5000, currency: 'INR' }],
    ['payment_intent.succeeded', intent({ amount_received: 1 }), { said: 'unknown' }],
    ['payment_intent.processing', intent({ status: 'processing' }), { said: 'accepted' }],
    [
      'payment_intent.requires_action',
      waiting(),
      { said: 'action_required', nextAction: { kind: 'redirect' } },
    ],
    ['payment_intent.payment_failed', failed('lost_card'), { said: 'declined', failureCode: 'lost_card' }],
    ['payment_intent.canceled', intent({ status: 'canceled' }), { said: 'declined', referenceClosed: true }],
    [
      'payment_intent.amount_capturable_updated',
      intent({ status: 'requires_capture' }),
      { said: 'accepted' },
    ],
  ])('%s of an intent', (type, object, word) => {
    expect(wordIn(event(type, object))).toMatchObject({
      source: 'callback',
      leg: null,
      processorAccount: null,
      processorTxnId: INTENT_ID,
      ...word,
    });
  });

  test.each<[string, Record<string, unknown>]>([
    ['payment_intent.created', intent({ status: 'requires_confirmation' })],
    ['payment_intent.created', SUCCEEDED],
    ['payment_intent.processing', SUCCEEDED],
    ['payment_intent.succeeded', intent({ status: 'canceled' })],
    ['payment_intent.canceled', SUCCEEDED],
    ['payment_intent.payment_failed', intent({ status: 'requires_payment_method' })],
    ['payment_intent.succeeded', { ...SUCCEEDED, object: 'charge' }],
  ])('%s with what it does not tell of is kept and says nothing', (type, object) => {
    expect(wordIn(event(type, object))).toBeNull();
  });

  test('an event is known by its id, whatever it is of', () => {
    const charge = { id: 'ch_1', object: 'charge', metadata: SUCCEEDED.metadata, payment_intent: INTENT_ID };
    expect(read(event('charge.succeeded', charge))).toMatchObject({
      callback: { callbackId: 'evt_1PXbankInABox0001', transactionId: TRANSACTION_ID, word: null },
    });
  });

  test.each(TYPES.filter((type) => !type.startsWith('payment_intent.')))(
    '%s is kept and says nothing',
    (type) => {
      expect(wordIn(event(type, SUCCEEDED))).toBeNull();
      expect(wordIn(event(type, { id: 'po_1', object: 'payout' }))).toBeNull();
    },
  );

  test('an event of a Connect account names it, so that it counts for no other', () => {
    expect(wordIn(event('payment_intent.succeeded', SUCCEEDED, { account: 'acct_2' }))).toMatchObject({
      processorAccount: 'acct_2',
    });
  });

  test.each<[string, object]>([
    ['a thin event', event('v1.billing.meter.error', {}, { object: 'v2.core.event' })],
    ['no id', event('payout.paid', {}, { id: undefined })],
    ['an id of nobody’s', event('payout.paid', {}, { id: 'evt_1 or 1=1' })],
    ['no type', event('payout.paid', {}, { type: null })],
    ['an account that is none', event('payout.paid', {}, { account: 7 })],
    ['a list', []],
  ])('%s is refused, though it is signed', (_, value) => {
    expect(read(value)).toMatchObject({ ok: false, code: 'body_invalid' });
  });
});

describe('account', () => {
  const good = { account: 'acct_1A', secretKey: 'sk_test_1', webhookSecret: 'whsec_1' };

  test.each(['sk_test_1', 'sk_live_1', 'rk_test_1', 'rk_live_1'])('with the key %s is read', (secretKey) => {
    expect(readStripeAccount({ ...good, secretKey, dialect: 'stripe' })).toEqual({
      ok: true,
      config: { ...good, secretKey },
    });
  });

  test.each<[string, object]>([
    ['account', { account: 'merchant_1' }],
    ['account', { account: undefined }],
    ['secretKey', { secretKey: 'pk_test_secret' }],
    ['secretKey', { secretKey: 'sk_test_1\r\nx: y' }],
    ['secretKey', { secretKey: 7 }],
    ['webhookSecret', { webhookSecret: '' }],
    ['webhookSecret', { webhookSecret: 'secret' }],
  ])('%s is named when it is wrong, and not repeated', (field, over) => {
    const result = readStripeAccount({ ...good, ...over });
    expect(result).toMatchObject({ ok: false, detail: expect.stringMatching(new RegExp(`^${field} `)) });
    if (!result.ok) expect(result.detail).not.toContain('secret_');
  });
});
