/**
 * A merchant and its shoppers at one gateway who write everything down: each call is in the client log before it is sent, and what
 * came of it after.
 *
 * Whatever breaks on the way is a campaign's business: a refusal is an answer like any other, and no answer is null.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import type { ClientLog, ClientOperation, ClientOutcome } from '../../src/verification/client-log.ts';
import { type Answer, cardFields, createShop } from '../support/shop.ts';
import type { Gateway, World } from '../support/world.ts';

/** Null: the connection broke before or after the request was taken, or nothing came in time. Nobody can know which. */
export type Told = Answer | null;

/** What a merchant asks money for; amounts in minor units of INR. */
export interface Order {
  orderId: string;
  amount: number;
}

/** A checkout a shopper stands in. */
export interface Checkout {
  paymentIntentId: string;
  sessionId: string;
}

export interface Payment extends Checkout {
  transactionId: string;
}

/** A card number, or by UPI. */
export type Means = string | 'upi';

export interface LoggedShop {
  intent(order: Order, headers?: Record<string, string>): Promise<Told>;
  session(paymentIntentId: string, headers?: Record<string, string>): Promise<Told>;
  /** Posts a card as the checkout page does, or begins a payment by UPI. */
  pay(checkout: Checkout, means: Means): Promise<Told>;
  /** Posts a card as a browser's form does. */
  payByForm(checkout: Checkout, card: string): Promise<Told>;
  /** Posts a card as a certified merchant does. */
  payAsMerchant(paymentIntentId: string, card: string, headers: Record<string, string>): Promise<Told>;
  transaction(transactionId: string): Promise<Told>;
  /** The intent as the API shows it; the log has no word for that. */
  showIntent(paymentIntentId: string): Promise<Told>;
  /** A new order and its session. Rejects when one of them was not answered with success. */
  openCheckout(amount: number): Promise<Checkout>;
  /** A new order, its session and a card or UPI. Null when one of them was not answered with success. */
  buy(means: Means, amount: number): Promise<Payment | null>;
}

export interface Shopkeeper {
  log: ClientLog;
  /** Default: the world's own merchant. */
  merchant?: { merchantId: string; secretKey: string };
  /** Milliseconds after which an answer is given up. Default 10,000. */
  patienceMs?: number;
  /** Hears every answer. */
  hear?(told: Told): void;
}

const REDIRECTS = { successUrl: 'https://shop.example/success', cancelUrl: 'https://shop.example/cancel' };

export function newOrder(amount: number): Order {
  return { orderId: `order_${randomUUID()}`, amount };
}

/** The header with an idempotency key nobody has used. */
export function newKey(): Record<string, string> {
  return { 'idempotency-key': randomUUID() };
}

/** Plays a merchant at one gateway, and its shoppers. */
export function createLoggedShop(world: World, gateway: Gateway, keeper: Shopkeeper): LoggedShop {
  const { log, merchant = world, patienceMs = 10_000, hear = () => undefined } = keeper;
  const { merchantId, secretKey } = merchant;
  const shop = createShop(world, gateway, secretKey, merchantId);
  const atCheckout = createShop(world, { ...gateway, apiUrl: gateway.checkoutUrl }, secretKey, merchantId);

  async function answered(answer: Promise<Answer>): Promise<Told> {
    const told = await answerOf(answer, patienceMs);
    hear(told);
    return told;
  }

  /**
   * Sends a request between the two lines of its operation.
   * @param ok what an answer of success tells
   */
  async function logged(
    operation: ClientOperation,
    send: () => Promise<Answer>,
    ok: (body: Answer['body']) => ClientOutcome,
  ): Promise<Told> {
    const n = await log.begin(operation);
    const told = await answered(send());
    log.end(n, outcomeOf(told, ok));
    return told;
  }

  /** A new order and its session, or the answer that was no success. */
  async function tryCheckout(amount: number): Promise<{ checkout: Checkout } | { refused: Told }> {
    const intent = await loggedShop.intent(newOrder(amount));
    if (intent?.status !== 201) return { refused: intent };
    const { paymentIntentId } = intent.body;
    const session = await loggedShop.session(paymentIntentId);
    if (session?.status !== 201) return { refused: session };
    return { checkout: { paymentIntentId, sessionId: session.body.sessionId } };
  }

  const loggedShop: LoggedShop = {
    intent(order, headers) {
      const wanted = { ...order, currency: 'INR' };
      return logged(
        { do: 'intent', ...wanted },
        () => shop.post('/v1/payment/intent', { merchantId, ...wanted }, headers),
        ({ paymentIntentId }) => ({ outcome: 'ok', paymentIntentId }),
      );
    },
    session: (paymentIntentId, headers) =>
      answered(shop.post('/v1/payment/session', { paymentIntentId, merchantId, ...REDIRECTS }, headers)),
    pay: ({ paymentIntentId, sessionId }, means) =>
      logged(
        { do: 'pay', paymentIntentId },
        () => (means === 'upi' ? shop.payByUpi(sessionId) : shop.pay(sessionId, means)),
        tellsTransaction,
      ),
    payByForm: ({ paymentIntentId, sessionId }, card) =>
      logged(
        { do: 'pay', paymentIntentId },
        () => shop.payByForm(sessionId, card),
        () => ({ outcome: 'unknown' }),
      ),
    payAsMerchant(paymentIntentId, card, headers) {
      const request = { paymentIntentId, merchantId, ...cardFields(card) };
      return logged(
        { do: 'pay', paymentIntentId },
        () => atCheckout.post('/v1/payment/process', request, headers),
        tellsTransaction,
      );
    },
    transaction: (transactionId) =>
      logged(
        { do: 'read', transactionId },
        () => shop.transaction(transactionId),
        ({ status }) => ({ outcome: 'ok', status }),
      ),
    showIntent: (paymentIntentId) => answered(shop.get(`/v1/payment/intent/${paymentIntentId}`)),
    async openCheckout(amount) {
      const tried = await tryCheckout(amount);
      if ('checkout' in tried) return tried.checkout;
      throw new Error(`no checkout was opened: ${tried.refused?.status ?? 'no answer'}`);
    },
    async buy(means, amount) {
      const tried = await tryCheckout(amount);
      if (!('checkout' in tried)) return null;
      const paid = await loggedShop.pay(tried.checkout, means);
      return paid?.status === 202 ? { ...tried.checkout, transactionId: paid.body.transactionId } : null;
    },
  };
  return loggedShop;
}

function tellsTransaction({ transactionId }: Answer['body']): ClientOutcome {
  return { outcome: 'ok', transactionId };
}

/** "Refused" as the client log means it: the gateway has said no, so that nothing may have happened. */
function outcomeOf(told: Told, ok: (body: Answer['body']) => ClientOutcome): ClientOutcome {
  if (told === null) return { outcome: 'unknown' };
  if (told.status < 300) return ok(told.body);
  const saidNo = (told.status >= 400 && told.status < 500) || told.status === 503;
  return { outcome: saidNo && typeof told.body.code === 'string' ? 'refused' : 'unknown' };
}

async function answerOf(answer: Promise<Answer>, withinMs: number): Promise<Told> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, withinMs, null);
  });
  try {
    return await Promise.race([answer.catch(brokenConnection), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `fetch` says when a connection is refused, reset, or ends in the middle of an answer. */
function brokenConnection(error: unknown): null {
  if (error instanceof TypeError) return null;
  throw error;
}
