/**
 * A gateway as scripted: answers the shop's calls of the API, remembers them, and signs webhooks.
 *
 * @module
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** A call the shop made. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly idempotencyKey: string | undefined;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

export interface FakeSluice {
  readonly url: string;
  readonly calls: Call[];
  /** What GET of the one transaction says; null: no card was given yet. */
  transaction: Record<string, unknown> | null;
  /** Answers every call with this status, a problem in its body. */
  refuseWith: number | null;
  stop(): Promise<void>;
}

export const INTENT_ID = `pi_${'0'.repeat(31)}0`;
export const TRANSACTION_ID = `txn_${'0'.repeat(31)}1`;
export const EVENT_ID = `evt_${'e'.repeat(32)}`;

/** Starts it on a free port of loopback. */
export async function startFakeSluice(checkoutUrl: string, shopUrl: () => string): Promise<FakeSluice> {
  const fake: Omit<FakeSluice, 'url' | 'stop'> = { calls: [], transaction: null, refuseWith: null };
  const server = createServer((request, response) => {
    readJson(request).then(
      (body) => {
        const { method = '', url: path = '' } = request;
        const idempotencyKey = request.headers['idempotency-key'] as string | undefined;
        const { authorization } = request.headers;
        fake.calls.push({ method, path, idempotencyKey, authorization, body });
        const status = fake.refuseWith ?? (path.startsWith('/v1/payment/') && method === 'POST' ? 201 : 200);
        const answer =
          fake.refuseWith === null
            ? answerOf(fake, `${method} ${path}`, checkoutUrl, shopUrl())
            : { status, code: 'intent_closed', detail: 'This payment intent can no longer be paid.' };
        response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_1' });
        response.end(JSON.stringify(answer));
      },
      (error: Error) => response.destroy(error),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(fake, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function answerOf(
  { transaction }: Pick<FakeSluice, 'transaction'>,
  call: string,
  checkoutUrl: string,
  shopUrl: string,
): object {
  const createdAt = '2026-11-26T12:00:00.000Z';
  switch (call) {
    case 'POST /v1/payment/intent':
      return { paymentIntentId: INTENT_ID, status: 'PENDING', createdAt };
    case 'POST /v1/payment/session': {
      const redirectUrl = `${checkoutUrl}/checkout?session=sess_1`;
      return { sessionId: 'sess_1', redirectUrl, expiresAt: createdAt };
    }
    case `GET /v1/payment/intent/${INTENT_ID}`:
      return { transactions: transaction === null ? [] : [{ transactionId: TRANSACTION_ID }] };
    case `GET /v1/payment/transaction/${TRANSACTION_ID}`:
      return { transactionId: TRANSACTION_ID, attempt: 1, failureCode: null, ...transaction };
    case `GET /v1/payment/transaction/${TRANSACTION_ID}/events`: {
      const events = [
        { at: createdAt, type: 'attempt_started', source: 'shopper', detail: 'A card was <given>.' },
      ];
      return { transactionId: TRANSACTION_ID, paymentIntentId: INTENT_ID, events };
    }
    case 'GET /v1/webhook-endpoints':
      return {
        endpoints: [
          { endpointId: 'we_1', url: `${shopUrl}/shop/webhooks` },
          { endpointId: 'we_2', url: `${shopUrl}/shop/webhooks/razorpay` },
        ],
      };
    default:
      return { replayed: 1, next: null };
  }
}

/** A webhook as Sluice sends it, signed by the independent package. */
export function signedWebhook(
  secret: string,
  type: string,
  data: Record<string, unknown>,
  eventId: string = EVENT_ID,
): RequestInit {
  const now = new Date();
  const body = JSON.stringify({
    type,
    timestamp: now.toISOString(),
    data: {
      transactionId: TRANSACTION_ID,
      paymentIntentId: INTENT_ID,
      failureCode: null,
      sequence: 1,
      ...data,
    },
  });
  return {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Sluice-Webhooks/1',
      'webhook-id': eventId,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(eventId, now, body),
    },
  };
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}
