/**
 * Client: a merchant and its shoppers at one gateway, who write down what they do before they do it and what they were
 * told after.
 *
 * Whatever breaks on the way is a campaign's business: no answer is null, a refusal is an answer like any other.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import type { ClientLog, ClientOperation, ClientOutcome } from '../../src/verification/client-log.ts';
import { type Answer, createShop } from '../support/shop.ts';
import type { Gateway, World } from '../support/world.ts';

/** Null: the connection broke before or after the request was taken, and nobody can know which. */
export type Told = Answer | null;

export interface Payment {
  paymentIntentId: string;
  sessionId: string;
  transactionId: string;
}

export interface Order {
  amount: number;
  orderId?: string;
  /** Idempotency-Key. */
  key?: string;
}

export interface Client {
  /** Makes an intent of an order; without an id it is a new one. */
  order(order: Order): Promise<Told>;
  session(paymentIntentId: string): Promise<Told>;
  pay(paymentIntentId: string, sessionId: string, card: string): Promise<Told>;
  read(transactionId: string): Promise<Told>;
  /** Order, session, card. Null when one of them was not answered with success. */
  buy(card: string, amount: number): Promise<Payment | null>;
}

/**
 * Plays the merchant of a world.
 * @param hear hears every answer
 */
export function createClient(
  world: World,
  gateway: Gateway,
  log: ClientLog,
  hear: (told: Told) => void = () => undefined,
): Client {
  const shop = createShop(world, gateway);

  async function answered(answer: Promise<Answer>): Promise<Told> {
    const told = await answerOf(answer);
    hear(told);
    return told;
  }

  async function logged(
    operation: ClientOperation,
    call: () => Promise<Answer>,
    ok: (body: Answer['body']) => ClientOutcome,
  ): Promise<Told> {
    const n = await log.begin(operation);
    const told = await answered(call());
    log.end(n, outcomeOf(told, ok));
    return told;
  }

  const client: Client = {
    order({ amount, orderId = `order_${randomUUID()}`, key }) {
      const order = { orderId, amount, currency: 'INR' };
      const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
      return logged(
        { do: 'intent', ...order },
        () => shop.post('/v1/payment/intent', { merchantId: world.merchantId, ...order }, headers),
        ({ paymentIntentId }) => ({ outcome: 'ok', paymentIntentId }),
      );
    },
    session(paymentIntentId) {
      const urls = { successUrl: 'https://shop.example/paid', cancelUrl: 'https://shop.example/left' };
      const request = { paymentIntentId, merchantId: world.merchantId, ...urls };
      return answered(shop.post('/v1/payment/session', request));
    },
    pay: (paymentIntentId, sessionId, card) =>
      logged(
        { do: 'pay', paymentIntentId },
        () => shop.pay(sessionId, card),
        ({ transactionId }) => ({ outcome: 'ok', transactionId }),
      ),
    read: (transactionId) =>
      logged(
        { do: 'read', transactionId },
        () => shop.transaction(transactionId),
        ({ status }) => ({ outcome: 'ok', status }),
      ),
    async buy(card, amount) {
      const order = await client.order({ amount });
      if (order?.status !== 201) return null;
      const { paymentIntentId } = order.body;
      const session = await client.session(paymentIntentId);
      if (session?.status !== 201) return null;
      const { sessionId } = session.body;
      const paid = await client.pay(paymentIntentId, sessionId, card);
      if (paid?.status !== 202) return null;
      return { paymentIntentId, sessionId, transactionId: paid.body.transactionId };
    },
  };
  return client;
}

async function answerOf(answer: Promise<Answer>): Promise<Told> {
  try {
    return await answer;
  } catch (error) {
    // What fetch throws when there was no whole answer.
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

function outcomeOf(told: Told, ok: (body: Answer['body']) => ClientOutcome): ClientOutcome {
  if (told === null) return { outcome: 'unknown' };
  if (told.status >= 200 && told.status < 300) return ok(told.body);
  const refused = (told.status < 500 || told.status === 503) && typeof told.body.code === 'string';
  return { outcome: refused ? 'refused' : 'unknown' };
}

/** A log for what is not to be judged by it. */
export const SILENT: ClientLog = {
  begin: () => Promise.resolve(0),
  end: () => undefined,
  close: () => Promise.resolve(),
};
