/**
 * Webhook receiver: the merchants' ear during a load run.
 *
 * A small HTTP/1.1 server on node:net, since a general one would cost the driver more than the gateway spends on a webhook. Every
 * signature is verified. An answer is 204 at once; a wrong signature gets 400 and is counted.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { fieldOf } from './wire.ts';

export interface WebhookReceiver {
  /** Of the endpoint of a merchant, by its place in the list. */
  urlOf(merchant: number): string;
  /** The `whsec_…` its webhooks are signed with. */
  setSecret(merchant: number, secret: string): void;
  /** Hears the order of every event whose signature is right. One listener. */
  onEvent(listener: (orderId: string) => void): void;
  /** Requests that were no webhook of ours, or wrongly signed. */
  refused(): number;
  close(): Promise<void>;
}

/** Where the endpoints of load runs are known by: those a dead run left are found and removed. */
export const ENDPOINT_PATH = '/sluice-load/';

const REQUEST_BYTES_MAX = 64 * 1024;
const HEAD_END = '\r\n\r\n';
const ACCEPTED = 'HTTP/1.1 204 No Content\r\n\r\n';
const REFUSED = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n';

/** Listens on a free port of loopback. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const keys: Buffer[] = [];
  const sockets = new Set<Socket>();
  let heard = (_orderId: string): void => undefined;
  let refused = 0;

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The gateway closes what it no longer needs.
    socket.on('error', () => socket.destroy());
    readRequests(socket, (head, body) => {
      const orderId = verifiedOrder(head, body, keys);
      if (orderId === null) refused += 1;
      else heard(orderId);
      return orderId === null ? REFUSED : ACCEPTED;
    });
  });
  const port = await listen(server);
  return {
    urlOf: (merchant) => `http://127.0.0.1:${port}${ENDPOINT_PATH}${merchant}`,
    setSecret: (merchant, secret) => {
      keys[merchant] = Buffer.from(secret.slice('whsec_'.length), 'base64');
    },
    onEvent: (listener) => {
      heard = listener;
    },
    refused: () => refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Calls `take` with each whole request and writes what it returns. */
function readRequests(socket: Socket, take: (head: string, body: Buffer) => string): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      const headEnd = pending.indexOf(HEAD_END);
      if (headEnd < 0) break;
      const head = pending.toString('latin1', 0, headEnd);
      const bodyAt = headEnd + HEAD_END.length;
      const bodyEnd = bodyAt + Number(headerOf(head, 'content-length') || 0);
      if (pending.length < bodyEnd) break;
      socket.write(take(head, pending.subarray(bodyAt, bodyEnd)));
      pending = pending.subarray(bodyEnd);
    }
    if (pending.length > REQUEST_BYTES_MAX) socket.destroy();
  });
}

/** The order a rightly signed event is about; null when it is none. */
function verifiedOrder(head: string, body: Buffer, keys: readonly Buffer[]): string | null {
  const key = keys[Number(head.slice(head.indexOf(ENDPOINT_PATH) + ENDPOINT_PATH.length).split(' ', 1)[0])];
  if (key === undefined) return null;
  const signed = `${headerOf(head, 'webhook-id')}.${headerOf(head, 'webhook-timestamp')}.`;
  const right = createHmac('sha256', key).update(signed).update(body).digest();
  const [version, signature = ''] = headerOf(head, 'webhook-signature').split(' ', 1)[0]!.split(',');
  const given = Buffer.from(signature, 'base64');
  if (version !== 'v1' || given.length !== right.length || !timingSafeEqual(given, right)) return null;
  return fieldOf(body.toString('latin1'), '"orderId":"');
}

function headerOf(head: string, name: string): string {
  return new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)?.[1] ?? '';
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve((server.address() as { port: number }).port);
    });
  });
}
