/**
 * A gateway and its bank on node:http, in memory: the answers of docs/API.md and of checkout, in chunks or with a length, and
 * faults on demand. What it was sent stays to be looked at.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface FakeGateway {
  url: string;
  /** What happens to the n-th card form (from 0): an answer, no answer, 503, another's transaction, or two charges. */
  onPay: (n: number) => 'pay' | 'reset' | 'refuse' | 'double' | 'uncharged' | 'other';
  /** Intents that were answered and then forgotten. */
  forget: Set<string>;
  /** All that came, in order. */
  requests: FakeRequest[];
  /** Asked at every request; nothing is answered before it is over. */
  stall: () => Promise<unknown>;
  book: { reference: string; amount: number; effect: string }[];
  /** What the bank's operator was told. */
  orders: { path: string; body: unknown }[];
  /** The requests of one endpoint. */
  sent(path: string): FakeRequest[];
  close(): Promise<void>;
}

interface Paid {
  amount: number;
  polls: number;
}

export async function startFakeGateway(): Promise<FakeGateway> {
  const intents = new Map<string, number>();
  const paid = new Map<string, Paid>();
  let pays = 0;
  const server = createServer((request, response) => {
    readBody(request)
      .then(async (body) => {
        const { method = '', url: path = '', headers } = request;
        gateway.requests.push({ method, path, headers, body });
        await gateway.stall();
        answer(request, response, body);
      })
      .catch((error) => response.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway: FakeGateway = {
    url,
    onPay: () => 'pay',
    forget: new Set(),
    requests: [],
    stall: () => Promise.resolve(),
    book: [],
    orders: [],
    sent: (path) => gateway.requests.filter((one) => one.path.split('?')[0] === path),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
    const { method, url: target = '' } = request;
    const path = target.split('?')[0]!;
    if (path === '/_bank/charges') {
      response.end(gateway.book.map((line) => `${JSON.stringify(line)}\n`).join(''));
    } else if (path.startsWith('/_bank/')) {
      if (method === 'POST') gateway.orders.push({ path, body: JSON.parse(body) });
      reply(response, 200, method === 'GET' ? { ms: 7, callbackMs: 50 } : {});
    } else if (path === '/v1/payment/intent') createIntent(response, body);
    else if (path === '/v1/payment/session') {
      const { paymentIntentId } = JSON.parse(body) as { paymentIntentId: string };
      const sessionId = `sess_${paymentIntentId.slice(3)}`;
      reply(response, 201, { sessionId, redirectUrl: `${url}/checkout?session=${sessionId}` });
    } else if (path === '/checkout') reply(response, 200, { page: true });
    else if (path === '/internal/payment/process') pay(request, response, body);
    else if (method === 'GET') get(response, path.split('/').at(-1)!);
    else reply(response, 404, { code: 'not_found' });
  }

  function createIntent(response: ServerResponse, body: string): void {
    const { amount } = JSON.parse(body) as { amount: number };
    const hex = `0199${randomBytes(4).toString('hex')}7abc8${randomBytes(7).toString('hex')}`;
    intents.set(`${hex}0`, amount);
    reply(response, 201, { paymentIntentId: `pi_${hex}0`, status: 'PENDING' });
  }

  function pay(request: IncomingMessage, response: ServerResponse, body: string): void {
    const sessionId = new URLSearchParams(body).get('sessionId')!;
    const hex = sessionId.slice(5);
    const amount = intents.get(hex)!;
    const verdict = gateway.onPay(pays++);
    if (verdict === 'refuse') {
      response.writeHead(503, { 'Content-Type': 'text/html', 'Content-Length': 4 }).end('busy');
      return;
    }
    const charges = verdict === 'double' ? 2 : verdict === 'uncharged' ? 0 : 1;
    for (let attempt = 1; attempt <= charges; attempt++) {
      gateway.book.push({ reference: `txn_${hex.slice(0, 31)}${attempt}`, amount, effect: 'charged' });
    }
    paid.set(`${hex.slice(0, 31)}1`, { amount, polls: 0 });
    if (verdict === 'reset') {
      request.socket.destroy();
      return;
    }
    const transaction = verdict === 'other' ? 'f'.repeat(31) : hex.slice(0, 31);
    const location = `/checkout/result?transaction=txn_${transaction}1&session=${sessionId}`;
    response.writeHead(303, { Location: location, 'Content-Length': 0 }).end();
  }

  function get(response: ServerResponse, shown: string): void {
    const hex = shown.slice(shown.indexOf('_') + 1);
    const payment = paid.get(`${hex.slice(0, 31)}1`);
    const known = shown.startsWith('pi_') ? intents.has(hex) : payment !== undefined;
    if (!known || gateway.forget.has(hex.slice(0, 31))) {
      reply(response, 404, { code: 'payment_not_found' });
      return;
    }
    const status = payment === undefined ? 'PENDING' : payment.polls++ === 0 ? 'PROCESSING' : 'SUCCESS';
    reply(response, 200, { status });
  }

  return gateway;
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

/** Every second answer in chunks, as proxies send them. */
let replies = 0;
function reply(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  if (replies++ % 2 === 0) response.setHeader('Content-Length', Buffer.byteLength(body));
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.write(body.slice(0, 10));
  response.end(body.slice(10));
}
