/**
 * A merchant's server and its shopper, as tests play them: plain HTTP against a gateway and its bank.
 *
 * @module
 */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { eventually } from './eventually.ts';
import type { Gateway, World } from './world.ts';

/** The bank's cards (sandbox/README.md). */
export const CARDS = {
  success: '4111111111111111',
  declined: '4000000000000002',
  insufficientFunds: '4000000000000119',
  debit: '4000008000000005',
  threeDSecure: '4000008100000004',
  threeDSecureDeclined: '4000008200000003',
  threeDSecureSlow: '4000008300000002',
  bankTrouble: '4000009000000003',
  processingForEver: '4000009100000002',
  successByCallback: '4000009200000001',
  successWithoutCallback: '4000009300000000',
  answerLost: '4000009400000009',
  answerLostCallbackComes: '4000009500000008',
  answerLate: '4000009600000007',
  error500: '4000009700000006',
  notChargedHtml502: '4000009800000005',
  connectionRefused: '4000009900000004',
} as const;

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of every shape
  body: any;
}

export interface BookLine {
  id: string;
  reference: string;
  amount: number;
  currency: string;
  status: string;
  effect: 'charged' | 'none';
  decline_code?: string;
}

export interface Shop {
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** Makes an intent of `amount` INR and resolves with its id. */
  intent(amount?: number): Promise<string>;
  session(paymentIntentId: string): Promise<{ sessionId: string; redirectUrl: string; expiresAt: string }>;
  /** Begins a payment by UPI as JSON at the checkout. */
  payByUpi(sessionId: string): Promise<Answer>;
  /** Posts a card as JSON to the checkout. */
  pay(sessionId: string, card: string, more?: Record<string, unknown>): Promise<Answer>;
  /** The same as a browser's form. Redirects are not followed. */
  payByForm(sessionId: string, card: string): Promise<Answer>;
  /** Intent, session, card; resolves with the ids once the card was taken. */
  buy(
    card: string,
    amount?: number,
  ): Promise<{ paymentIntentId: string; sessionId: string; transactionId: string }>;
  transaction(id: string): Promise<Answer>;
  /** Waits until the transaction has this status. */
  becomes(transactionId: string, status: string, withinMs?: number): Promise<Answer>;
}

/** Plays a merchant at one gateway. */
export function createShop(
  world: Pick<World, 'secretKey' | 'merchantId'>,
  gateway: Pick<Gateway, 'apiUrl' | 'checkoutUrl'>,
  secretKey = world.secretKey,
  merchantId = world.merchantId,
): Shop {
  const authorization = `Bearer ${secretKey}`;

  async function call(url: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(url, { redirect: 'manual', ...init });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    };
  }

  const shop: Shop = {
    post: (path, body, headers = {}) =>
      call(`${gateway.apiUrl}${path}`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path) => call(`${gateway.apiUrl}${path}`, { headers: { authorization } }),
    async intent(amount = 5000) {
      const order = {
        merchantId,
        amount,
        currency: 'INR',
        orderId: `order_${randomUUID()}`,
        customerId: 'user_456',
      };
      const answer = await shop.post('/v1/payment/intent', order);
      assert.deepEqual([answer.status, answer.body.status], [201, 'PENDING']);
      return answer.body.paymentIntentId;
    },
    async session(paymentIntentId) {
      const urls = { successUrl: 'https://shop.example/success', cancelUrl: 'https://shop.example/cancel' };
      const answer = await shop.post('/v1/payment/session', { paymentIntentId, merchantId, ...urls });
      assert.equal(answer.status, 201);
      return answer.body;
    },
    pay: (sessionId, card, more = {}) =>
      call(`${gateway.checkoutUrl}/internal/payment/process`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sessionId, ...cardFields(card), ...more }),
      }),
    payByUpi: (sessionId) =>
      call(`${gateway.checkoutUrl}/internal/payment/process`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sessionId, method: 'upi' }),
      }),
    payByForm: (sessionId, card) =>
      call(`${gateway.checkoutUrl}/internal/payment/process`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ sessionId, ...cardFields(card) }).toString(),
      }),
    async buy(card, amount) {
      const paymentIntentId = await shop.intent(amount);
      const { sessionId } = await shop.session(paymentIntentId);
      const answer = await shop.pay(sessionId, card);
      assert.deepEqual([answer.status, answer.body.status], [202, 'PROCESSING']);
      return { paymentIntentId, sessionId, transactionId: answer.body.transactionId };
    },
    transaction: (id) => shop.get(`/v1/payment/transaction/${id}`),
    becomes: (transactionId, status, withinMs = 20_000) =>
      eventually(
        async () => {
          const answer = await shop.transaction(transactionId);
          assert.equal(answer.body.status, status);
          return answer;
        },
        { withinMs },
      ),
  };
  return shop;
}

/** The fields of the card form (requirements 5.3). */
export function cardFields(cardNumber: string): Record<string, string> {
  return { cardNumber, expiryMonth: '12', expiryYear: '2030', cvv: '123', cardholderName: 'John Doe' };
}

/** The bank's book: of one reference, or all of it. */
export async function bookOf(world: Pick<World, 'bankUrl'>, reference?: string): Promise<BookLine[]> {
  const query = reference === undefined ? '' : `?reference=${reference}`;
  const text = await (await fetch(`${world.bankUrl}/_bank/charges${query}`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as BookLine);
}

/** Lines of the book that took money, of all attempts of an intent. */
export async function chargesOf(world: Pick<World, 'bankUrl'>, paymentIntentId: string): Promise<BookLine[]> {
  const stem = paymentIntentId.slice('pi_'.length, -1);
  return (await bookOf(world)).filter(
    (line) => line.effect === 'charged' && line.reference.slice('txn_'.length, -1) === stem,
  );
}
