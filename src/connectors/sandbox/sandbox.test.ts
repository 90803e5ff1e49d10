/**
 * The sandbox room: the contract of all connectors, and what only this one does.
 *
 * @module
 */

import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import type { ProcessorWord } from '../../domain/processor-word.ts';
import {
  httpAnswer,
  type ScriptedServer,
  startScriptedServer,
} from '../../outbound/testing/scripted-server.ts';
import type { ChargeCard, ChargeMethod, ChargeRequest, ChargeRoom } from '../connector.ts';
import { connectorContract, type Dialect, type HttpText, type Told } from '../contract-suite.ts';
import { SANDBOXES } from '../registry.ts';
import { createSandboxCharge } from './charge.ts';
import type { SandboxConfig } from './config.ts';
import { createSandbox } from './index.ts';

const clocks = { monotonicMs: () => Number(process.hrtime.bigint()) / 1e6, now: Date.now };
const CONFIG = {
  name: 'SANDBOX',
  connectTimeoutMs: 2000,
  connectionsMax: 64,
  notFoundProofMs: 120_000,
  ambiguousFailureMs: 900_000,
} as const;
/** The bank's words for what the suite tells; README.md of the sandbox has them. */
const STATUS = {
  charged: 'succeeded',
  declined: 'declined',
  accepted: 'processing',
  action_required: 'requires_action',
  'a status nobody knows': 'reversed_by_moonlight',
} as const;
const EXPIRES_AT = 1_700_000_300_000;

function shown(told: Told): object {
  const { transactionId, account, amount, currency, status } = told;
  return {
    id: 'ch_0123456789abcdef',
    reference: `txn_${transactionId}`,
    account,
    amount,
    currency,
    status: STATUS[status],
    ...(status === 'declined' && { decline_code: told.declineCode, reference_closed: true }),
    ...(status === 'action_required' && { next_action: shownAction(told.action) }),
    payment_method: shownMethod(told.paidBy),
    created: 1_700_000_000_000,
  };
}

function shownAction(action: Told['action']): object {
  switch (action.kind) {
    case 'redirect':
      return { type: 'redirect', url: action.url, expires_at: EXPIRES_AT };
    case 'upi':
      return { type: 'upi_intent', link: action.link, expires_at: EXPIRES_AT };
    case 'nobody knows':
      return { type: 'dance', url: 'https://bank.example/dance', link: 'upi://pay?pa=dance' };
  }
}

function shownMethod(paidBy: Told['paidBy']): object | undefined {
  if (paidBy === 'nobody knows') return { type: 'card', funding: 'prepaid' };
  return paidBy === 'upi' ? { type: 'upi' } : { type: 'card', funding: paidBy };
}

const json = (status: number, body: object): HttpText => ({ status, body: JSON.stringify(body) });
const error = (status: number, code: string): HttpText => json(status, { error: { code, message: 'no' } });

/** The bank in a box, as its own side of the wire. */
const dialect = (name: SandboxConfig['name']): Dialect => ({
  processor: name,
  lacks: [],
  page: 'redirect',
  open(baseUrl, timeouts) {
    const config = { ...CONFIG, name, baseUrl, ...timeouts, refusedCards: true };
    const { charge, close } = createSandboxCharge(config, clocks);
    return { ...createSandbox(config), charge, close };
  },
  declines: [
    { code: 'card_declined', means: 'closed' },
    { code: 'insufficient_funds', means: 'closed' },
    { code: 'expired_card', means: 'closed' },
    { code: 'payment_declined', means: 'closed' },
    { code: 'authentication_failed', means: 'closed' },
    { code: 'authentication_expired', means: 'closed' },
    { code: 'authentication_unavailable', means: 'closed' },
    { code: 'upi_expired', means: 'closed' },
    { code: 'acquirer_unavailable', means: 'elsewhere' },
  ],
  unlistedDecline: 'final',
  refusals: Object.fromEntries(
    [
      error(401, 'unauthorized'),
      error(400, 'invalid_json'),
      error(400, 'field_type'),
      error(400, 'field_value'),
      error(400, 'card_number_invalid'),
      error(413, 'body_too_large'),
    ].map((text) => [`${text.status} ${JSON.parse(text.body).error.code}`, text]),
  ),
  chargeAnswer: (told) => json(200, shown(told)),
  queryAnswer: (told) => json(200, shown(told)),
  queryNotFound: () => error(404, 'charge_not_found'),
  callback(told, secret, now) {
    const type = told.status in CALLBACKS ? CALLBACKS[told.status]! : 'charge.odd';
    const event = { event_id: 'sbevt_1', type, created: 1_700_000_000_000, data: shown(told) };
    const body = Buffer.from(JSON.stringify(event));
    const timestamp = String(Math.floor(now / 1000));
    const signature = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
    return { headers: { 'x-sandbox-timestamp': timestamp, 'x-sandbox-signature': signature }, body };
  },
  reportPage({ head }, ids) {
    const { searchParams: query } = new URL(head.split(' ')[1]!, 'http://bank');
    const limit = Number(query.get('limit'));
    const after = query.get('starting_after');
    const at = after === null ? 0 : ids.indexOf(after) + 1;
    if (after !== null && at === 0) return json(400, { error: { code: 'field_value' } });
    const rows = ids.slice(at, at + limit).map((id) => ({ movement_id: id }));
    return json(200, { rows, total: ids.length, has_more: at + limit < ids.length });
  },
  signedHeaders: ['x-sandbox-timestamp', 'x-sandbox-signature'],
  callbackSeconds: { past: 300, future: 60 },
});

const CALLBACKS: Readonly<Partial<Record<Told['status'], string>>> = {
  charged: 'charge.succeeded',
  declined: 'charge.declined',
  accepted: 'charge.processing',
};

describe.each(SANDBOXES)('contract of %s', (name) => connectorContract(dialect(name)));

const UPI_ACTION = { kind: 'upi', link: 'upi://pay?pa=shop@bank&am=50.00&cu=INR' } as const;

describe('charge', () => {
  let server: ScriptedServer;
  let sandbox: ChargeRoom;
  beforeEach(async () => {
    server = await startScriptedServer();
  });
  afterEach(async () => {
    await sandbox.close();
    await server.close();
  });

  function open(refusedCards: boolean, more: { left?: () => void } = {}): ChargeRoom {
    sandbox = createSandboxCharge(
      { ...CONFIG, name: 'SANDBOX', baseUrl: server.origin, timeoutMs: 500, refusedCards },
      { ...clocks, ...more },
    );
    return sandbox;
  }
  const request: ChargeRequest = {
    transactionId: transactionIdOf(makeId(1_700_000_000_000, 7, new Uint8Array(8)), 1),
    amount: 5000,
    currency: 'INR',
    orderId: 'order_1',
    leg: 1,
    account: { account: 'acct_demo', secretKey: 'bank_sk_demo' },
    returnUrl: 'https://pay.example/checkout/return',
    browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
    mayLeave: () => true,
  };
  const card = (pan: string): ChargeMethod => ({ kind: 'card', card: cardDetails(pan) });
  const cardDetails = (pan: string): ChargeCard => ({
    pan: Buffer.from(pan),
    cvv: Buffer.from('012'),
    expiryMonth: 3,
    expiryYear: 2031,
    cardholderName: Buffer.from('Zoë "Z" O\\Brien\u0001'),
  });

  test('the body is what the bank documents', async () => {
    await open(true).charge(request, card('5555555555554444'));
    const { head, body } = server.requests[0]!;
    expect(head).toMatch(/^POST \/v1\/charges HTTP\/1\.1/);
    expect(head).toMatch(/authorization: Bearer bank_sk_demo/i);
    expect(JSON.parse(body.toString())).toEqual({
      reference: `txn_${request.transactionId}`,
      amount: 5000,
      currency: 'INR',
      return_url: 'https://pay.example/checkout/return',
      card: {
        number: '5555555555554444',
        cvv: '012',
        expiry_month: '03',
        expiry_year: '2031',
        name: 'Zoë "Z" O\\Brien\u0001',
      },
    });
  });

  test('UPI is a flow and no card', async () => {
    await open(true).charge(request, { kind: 'upi' });
    expect(JSON.parse(server.requests[0]!.body.toString())).toEqual({
      reference: `txn_${request.transactionId}`,
      amount: 5000,
      currency: 'INR',
      return_url: 'https://pay.example/checkout/return',
      upi: { flow: 'intent' },
    });
  });

  const answered = (over: object): Promise<ProcessorWord> => {
    const told = {
      transactionId: request.transactionId,
      account: 'acct_demo',
      amount: 5000,
      currency: 'INR',
    };
    const charge = shown({ ...told, status: 'charged', declineCode: '', action: UPI_ACTION, paidBy: 'upi' });
    server.answer((socket) => socket.write(httpAnswer(200, JSON.stringify({ ...charge, ...over }))));
    return open(true).charge(request, { kind: 'upi' });
  };

  test('a decline closes its reference by the list and by the bank’s promise, not by one of them', async () => {
    const declined = { status: 'declined', decline_code: 'acquirer_unavailable' };
    for (const promise of [{}, { reference_closed: false }, { reference_closed: 'true' }]) {
      expect(await answered({ ...declined, ...promise })).toMatchObject({
        said: 'declined',
        failureCode: 'acquirer_unavailable',
        referenceClosed: false,
        elsewhere: false,
      });
      await sandbox.close();
    }
    for (const code of [undefined, null, 7, 'Card Declined', 'constructor']) {
      const promised = { ...declined, decline_code: code, reference_closed: true };
      expect(await answered(promised)).toMatchObject({ referenceClosed: false, elsewhere: false });
      await sandbox.close();
    }
  });

  test.each<[unknown, string | null]>([
    ['http://127.0.0.1:9400/upi/ch_1', 'http://127.0.0.1:9400/upi/ch_1'],
    ['javascript:alert(1)', null],
    [undefined, null],
  ])('the stand-in for a UPI app at %j', async (simulator, simulatorUrl) => {
    const next_action = { ...shownAction(UPI_ACTION), simulator_url: simulator };
    expect(await answered({ status: 'requires_action', next_action })).toMatchObject({
      said: 'action_required',
      nextAction: { ...UPI_ACTION, expiresAt: EXPIRES_AT, simulatorUrl },
    });
  });

  test.each(['soon', 8.7e15, Date.UTC(10_000, 0), -1, 0])(
    'the end %j is no time, so there is none',
    async (end) => {
      const next_action = { ...shownAction(UPI_ACTION), expires_at: end };
      expect(await answered({ status: 'requires_action', next_action })).toMatchObject({
        nextAction: { kind: 'upi', expiresAt: null },
      });
    },
  );

  test('the documented cards of a refused connection never reach the bank in test mode, and do in live mode', async () => {
    const refused = card('4000009900000004');
    expect(await open(true).charge(request, refused)).toMatchObject({
      said: 'not_sent',
      failureCode: 'processor_unreachable',
    });
    expect(server.requests).toEqual([]);
    await sandbox.close();
    await open(false).charge(request, refused);
    expect(server.requests).toHaveLength(1);
  });

  test('the instant after sending is passed once per charge that left', async () => {
    let left = 0;
    open(true, { left: () => left++ });
    await sandbox.charge(request, card('4111111111111111'));
    await sandbox.charge(request, card('4000009900000004'));
    expect(left).toBe(1);
  });
});
