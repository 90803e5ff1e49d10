/**
 * A merchant and its shopper who write everything down: each call is in the client log before it is sent, and what came of it
 * after. An answer that never came is null, and the shopper cannot know what it meant.
 *
 * @module
 */

import type { ClientLog, ClientOperation, ClientOutcome } from '../../src/verification/client-log.ts';
import { type Answer, createShop } from '../support/shop.ts';
import type { Gateway, World } from '../support/world.ts';

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

export interface LoggedShop {
  intent(order: Order, headers?: Record<string, string>): Promise<Answer | null>;
  session(paymentIntentId: string, headers?: Record<string, string>): Promise<Answer | null>;
  pay(checkout: Checkout, card: string): Promise<Answer | null>;
  transaction(transactionId: string): Promise<Answer | null>;
  /** The intent as the API shows it; the log has no word for that. */
  showIntent(paymentIntentId: string): Promise<Answer | null>;
}

export interface Shopkeeper {
  log: ClientLog;
  secretKey?: string;
  merchantId?: string;
  /** Milliseconds after which a shopper gives an answer up. Default 10,000. */
  patienceMs?: number;
}

const REDIRECTS = { successUrl: 'https://shop.example/success', cancelUrl: 'https://shop.example/cancel' };
const PATIENCE_MS = 10_000;

/** Plays a merchant at one gateway, and its shoppers. */
export function createLoggedShop(world: World, gateway: Gateway, keeper: Shopkeeper): LoggedShop {
  const merchantId = keeper.merchantId ?? world.merchantId;
  const patienceMs = keeper.patienceMs ?? PATIENCE_MS;
  const shop = createShop(world, gateway, keeper.secretKey, merchantId);

  return {
    intent: (order, headers) =>
      logged(
        keeper.log,
        { do: 'intent', ...order, currency: 'INR' },
        () =>
          answered(
            shop.post('/v1/payment/intent', { merchantId, currency: 'INR', ...order }, headers),
            patienceMs,
          ),
        ({ body }) => ({ outcome: 'ok', paymentIntentId: body.paymentIntentId }),
      ),
    session: (paymentIntentId, headers) =>
      answered(
        shop.post('/v1/payment/session', { paymentIntentId, merchantId, ...REDIRECTS }, headers),
        patienceMs,
      ),
    pay: ({ paymentIntentId, sessionId }, card) =>
      logged(
        keeper.log,
        { do: 'pay', paymentIntentId },
        () => answered(shop.pay(sessionId, card), patienceMs),
        ({ body }) => ({ outcome: 'ok', transactionId: body.transactionId }),
      ),
    transaction: (transactionId) =>
      logged(
        keeper.log,
        { do: 'read', transactionId },
        () => answered(shop.transaction(transactionId), patienceMs),
        ({ body }) => ({ outcome: 'ok', status: body.status }),
      ),
    showIntent: (paymentIntentId) => answered(shop.get(`/v1/payment/intent/${paymentIntentId}`), patienceMs),
  };
}

/**
 * Sends a request between the two lines of its operation.
 * @param told what an answer of success tells
 */
export async function logged(
  log: ClientLog,
  operation: ClientOperation,
  send: () => Promise<Answer | null>,
  told: (answer: Answer) => ClientOutcome,
): Promise<Answer | null> {
  const n = await log.begin(operation);
  const answer = await send();
  log.end(n, outcomeOf(answer, told));
  return answer;
}

function outcomeOf(answer: Answer | null, told: (answer: Answer) => ClientOutcome): ClientOutcome {
  if (answer === null) return { outcome: 'unknown' };
  if (answer.status < 300) return told(answer);
  const isProblem = typeof answer.body === 'object' && answer.body !== null && 'code' in answer.body;
  return { outcome: isProblem ? 'refused' : 'unknown' };
}

/** Null: the connection broke before or after the request was taken, or nothing came in time. */
export async function answered(answer: Promise<Answer>, withinMs = PATIENCE_MS): Promise<Answer | null> {
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
