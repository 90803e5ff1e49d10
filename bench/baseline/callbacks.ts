/**
 * The processor's side of the baseline: signed callbacks (requirements 7.8), written before they are answered.
 *
 * They go to the database itself, not through Kafka, which would only cost more.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { parseTransactionId } from '../rival/ids.ts';
import type { Place } from '../rival/parts.ts';
import type { Payments } from './payments.ts';
import type { BankCharge } from './processor.ts';

export interface CallbackParts {
  readonly place: Place;
  readonly payments: Payments;
}

interface Callback {
  readonly event_id: string;
  readonly data: BankCharge & { readonly reference: string };
}

/** Mounts it, in a scope of its own: the signature is over the raw body. */
export async function mountCallbacks(
  app: FastifyInstance,
  { place, payments }: CallbackParts,
): Promise<void> {
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  app.post<{ Body: Buffer }>('/webhooks/sandbox', async (request, reply) => {
    const { 'x-sandbox-timestamp': timestamp, 'x-sandbox-signature': signature } = request.headers;
    const hmac = createHmac('sha256', place.account.webhookSecret).update(`${timestamp}.`);
    const expected = hmac.update(request.body).digest();
    const given = Buffer.from(String(signature), 'hex');
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return reply.code(401).send({ code: 'unauthorized' });
    const { event_id: eventId, data } = JSON.parse(request.body.toString()) as Callback;
    const transactionId = parseTransactionId(data.reference);
    if (transactionId === null) return reply.code(400).send({ code: 'invalid_request' });
    await payments.hearCallback(eventId, transactionId, data);
    return { received: true };
  });
}
