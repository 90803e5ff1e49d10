/**
 * Example: the parts of a merchant's server that README.md shows. A test pays with them at a real gateway.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type Sluice, SluiceError } from './sluice.ts';
import { verifyWebhook, type WebhookEvent } from './webhook.ts';

export interface Order {
  id: string;
  /** Minor units. */
  amount: number;
}

/** Answer the shopper with a redirect to what this resolves with. */
export async function checkoutUrl(sluice: Sluice, order: Order): Promise<string> {
  const { paymentIntentId } = await sluice.createIntent(
    { amount: order.amount, currency: 'INR', orderId: order.id },
    { idempotencyKey: `intent ${order.id}` },
  );
  const session = await sluice.createSession({
    paymentIntentId,
    successUrl: `https://shop.example/orders/${order.id}`,
    cancelUrl: 'https://shop.example/cart',
  });
  return session.redirectUrl;
}

/** `keep` makes the event durable, once per `event.id`, before it resolves: a 2xx says that you have it. */
export function webhookServer(secret: string, keep: (event: WebhookEvent) => Promise<void>): Server {
  async function receive(request: IncomingMessage): Promise<number> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const verdict = verifyWebhook({ secret, headers: request.headers, body: Buffer.concat(chunks) });
    if (!verdict.ok) return 400;
    await keep(verdict.event);
    return 204;
  }
  return createServer((request, response) => {
    receive(request).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(500).end(),
    );
  });
}

/** What the shop can do about a call that failed. */
export function adviceOn(error: unknown): 'mend' | 'later' {
  if (!(error instanceof SluiceError)) throw error;
  console.error(error.code, error.detail, error.errors, error.requestId);
  return error.retryable ? 'later' : 'mend';
}
