/**
 * The sandbox room: the contract of all connectors, and what only this one does.
 *
 * @module
 */

import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import {
  httpAnswer,
  type ScriptedServer,
  startScriptedServer,
} from '../../outbound/testing/scripted-server.ts';
import type { ChargeCard, ChargeMethod, ChargeRequest } from '../connector.ts';
import { connectorContract, type Told } from '../contract-suite.ts';
import { createSandboxCharge, type SandboxCharge } from './charge.ts';
import { createSandbox } from './index.ts';

const clocks = { monotonicMs: () => Number(process.hrtime.bigint()) / 1e6, now: Date.now };
const CONFIG = {
  name: 'SANDBOX',
  connectTimeoutMs: 2000,
  connectionsMax: 64,
  notFoundProofMs: 120_000,
} as const;
const STATUS = { charged: 'succeeded', declined: 'declined', accepted: 'processing' } as const;

function shown(told: Told): object {
  const { transactionId, account, amount, currency, status } = told;
  return {
    id: 'ch_0123456789abcdef',
    reference: `txn_${transactionId}`,
    account,
    amount,
    currency,
    status: status in STATUS ? STATUS[status as keyof typeof STATUS] : 'reversed_by_moonlight',
    ...(status === 'declined' && { decline_code: 'insufficient_funds', reference_closed: true }),
    created: 1_700_000_000_000,
  };
}

describe('contract', () =>
  connectorContract({
    processor: 'SANDBOX',
    declineCode: 'insufficient_funds',
    declineCloses: true,
    signedHeaders: ['x-sandbox-timestamp', 'x-sandbox-signature'],
    open(baseUrl, timeoutMs) {
      const config = { ...CONFIG, baseUrl, timeoutMs, refusedCards: true };
      const { charge, close } = createSandboxCharge(config, clocks);
      return { ...createSandbox(config), charge, close };
    },
    chargeAnswer: (told) => ({ status: 200, body: JSON.stringify(shown(told)) }),
    queryAnswer: (told) => ({ status: 200, body: JSON.stringify(shown(told)) }),
    queryNotFound: () => ({ status: 404, body: '{"error":{"code":"charge_not_found","message":""}}' }),
    callback(told, secret, now) {
      const type =
        told.status in STATUS ? `charge.${STATUS[told.status as keyof typeof STATUS]}` : 'charge.odd';
      const body = Buffer.from(
        JSON.stringify({ event_id: 'sbevt_1', type, created: 1_700_000_000_000, data: shown(told) }),
      );
      const timestamp = String(Math.floor(now / 1000));
      const signature = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
      return { headers: { 'x-sandbox-timestamp': timestamp, 'x-sandbox-signature': signature }, body };
    },
  }));

describe('charge', () => {
  let server: ScriptedServer;
  let sandbox: SandboxCharge;
  beforeEach(async () => {
    server = await startScriptedServer();
  });
  afterEach(async () => {
    await sandbox.close();
    await server.close();
  });

  function open(refusedCards: boolean, more: { left?: () => void } = {}): SandboxCharge {
    sandbox = createSandboxCharge(
      { ...CONFIG, baseUrl: server.origin, timeoutMs: 500, refusedCards },
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

  test.each([
    [401, 'unauthorized'],
    [400, 'card_number_invalid'],
    [400, 'field_value'],
  ])('refused with %d %s: nothing was booked, and that is final', async (status, code) => {
    server.answer((socket) =>
      socket.write(httpAnswer(status, JSON.stringify({ error: { code, message: 'no' } }))),
    );
    expect(await open(true).charge(request, card('4111111111111111'))).toMatchObject({
      said: 'declined',
      failureCode: 'processor_refused',
      referenceClosed: false,
      detail: expect.stringContaining(code),
    });
  });

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
