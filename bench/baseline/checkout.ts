/**
 * The shopper's side of the baseline: the page, and the card that is paid with.
 *
 * The shopper is answered when the attempt is committed, as in Sluice; the charge goes on behind.
 *
 * @module
 */

import type { FastifyInstance } from 'fastify';
import { parseIntentId } from '../rival/ids.ts';
import type { Seal } from '../rival/vault-key.ts';
import type { Merchants } from './merchants.ts';
import type { Intent, Payments } from './payments.ts';
import type { Processor } from './processor.ts';
import type { Sessions } from './sessions.ts';
import { type CardForm, tokenize } from './tokenizer.ts';

export interface CheckoutParts {
  readonly merchants: Merchants;
  readonly payments: Payments;
  readonly sessions: Sessions;
  readonly processor: Processor;
  readonly seal: Seal;
}

const CARD = {
  type: 'object',
  required: ['sessionId', 'cardNumber', 'expiryMonth', 'expiryYear', 'cvv', 'cardholderName'],
  properties: {
    sessionId: { type: 'string', maxLength: 100 },
    cardNumber: { type: 'string', pattern: '^[0-9]{12,19}$' },
    expiryMonth: { type: 'string', pattern: '^(0?[1-9]|1[0-2])$' },
    expiryYear: { type: 'string', pattern: '^20[0-9]{2}$' },
    cvv: { type: 'string', pattern: '^[0-9]{3,4}$' },
    cardholderName: { type: 'string', minLength: 1, maxLength: 100 },
  },
} as const;

const GONE = { code: 'session_expired' };
const NOT_PAYABLE = { code: 'not_payable' };

/** Mounts them. */
export function mountCheckout(app: FastifyInstance, parts: CheckoutParts): void {
  const { merchants, payments, sessions, processor, seal } = parts;

  /** The intent of a live session; undefined when there is none. */
  async function intentOf(sessionId: string): Promise<Intent | undefined> {
    const session = await sessions.load(sessionId);
    const intentId = session === null ? null : parseIntentId(session.paymentIntentId);
    return intentId === null ? undefined : await payments.findIntent(intentId);
  }

  async function charge(transactionId: string, intent: Intent, card: CardForm): Promise<void> {
    const amount = Number(intent.amount);
    const said = await processor.charge(`txn_${transactionId}`, amount, intent.currency, card);
    await payments.hearAnswer(transactionId, said);
  }

  app.get<{ Querystring: { session?: string } }>('/checkout', async (request, reply) => {
    const sessionId = request.query.session ?? '';
    const intent = await intentOf(sessionId);
    if (intent === undefined) return reply.code(410).send(GONE);
    return reply.type('text/html; charset=utf-8').send(page(sessionId, intent));
  });

  app.post<{ Body: CardForm }>(
    '/internal/payment/process',
    { schema: { body: CARD } },
    async (request, reply) => {
      const card = request.body;
      const intent = await intentOf(card.sessionId);
      if (intent === undefined) return reply.code(410).send(GONE);
      if (intent.status !== 'PENDING') return reply.code(409).send(NOT_PAYABLE);
      const sealed = tokenize(seal, card, new Date());
      if (sealed === null) return reply.code(400).send({ code: 'card_refused' });
      const processorName = await merchants.processorOf(intent.merchant_id);
      const id = processorName === null ? null : await payments.begin(intent, processorName, sealed);
      if (id === null) return reply.code(409).send(NOT_PAYABLE);
      // The outcome is unknown then, and stays open: asking the bank is not in the requirements.
      charge(id, intent, card).catch((error: Error) => process.stderr.write(`baseline: ${error.message}\n`));
      const shown = `txn_${id}`;
      if (request.headers['content-type'] !== 'application/json')
        return reply.redirect(`/checkout/result?transaction=${shown}&session=${card.sessionId}`, 303);
      return reply.code(202).send({ transactionId: shown, status: 'PROCESSING' });
    },
  );
}

function page(sessionId: string, { amount, currency }: Intent): string {
  return `<!doctype html><title>Pay</title><p>${currency} ${amount}</p><form action="/internal/payment/process" method="post">
<input type="hidden" name="sessionId" value="${sessionId}"><input name="cardNumber"><input name="expiryMonth"><input name="expiryYear">
<input name="cvv"><input name="cardholderName"><button>Pay now</button></form>`;
}
