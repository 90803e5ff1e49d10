/**
 * A lying bank: it stands between the gateway and the bank in a box and changes what the bank answers to some charges, or keeps it back.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** An answer of the bank, as it is passed on. */
export interface BankAnswer {
  status: number;
  body: string;
}

/** What becomes of the answer to a charge; null: nobody ever hears it. */
export type Lie = (truth: BankAnswer) => BankAnswer | null;

export interface LyingBank {
  url: string;
  /** Answers to charges of this amount are told like this. All others, and answers to questions, are true. */
  lieAbout(amount: number, lie: Lie): void;
  close(): void;
}

/** Opens it before the bank of `bankUrl`. */
export async function startLyingBank(bankUrl: string): Promise<LyingBank> {
  const lies = new Map<number, Lie>();
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await buffer(request);
    const truth = await ask(bankUrl, request, asked);
    const lie = request.method === 'POST' ? lies.get(JSON.parse(asked.toString()).amount) : undefined;
    const answer = lie === undefined ? truth : lie(truth);
    if (answer === null) return;
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  }
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lieAbout: (amount, lie) => {
      lies.set(amount, lie);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function ask(bankUrl: string, request: IncomingMessage, body: Buffer): Promise<BankAnswer> {
  const { authorization = '', 'content-type': contentType = 'application/json' } = request.headers;
  const answer = await fetch(`${bankUrl}${request.url}`, {
    method: request.method!,
    headers: { authorization, 'content-type': contentType },
    ...(body.length > 0 && { body }),
  });
  return { status: answer.status, body: await answer.text() };
}
