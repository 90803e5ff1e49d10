/**
 * The routes of the bank over HTTP: those of the dialects for merchants' gateways, `/_bank/` for the operator, pages for people.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answerError, answerJson } from './answers.ts';
import { answerPage } from './bank-layout.ts';
import { readJson } from './body.ts';
import type { Book } from './book.ts';
import type { Sent } from './callbacks.ts';
import { answerChallenge } from './challenge-routes.ts';
import { type Delays, readDelay } from './delays.ts';
import type { BackOffice } from './desk.ts';
import type { Dialect, Routes } from './dialect.ts';
import type { Dialects } from './dialects.ts';
import { DELAY_MAX_MS, type Faults, isIntegerWithin, readFault } from './faults.ts';
import { isRecord } from './json.ts';
import { frontPage } from './page.ts';
import type { Shop } from './shop/shop.ts';

/** What the routes work with. */
export interface Counter extends BackOffice {
  readonly dialects: Dialects;
  /** The routes of the dialects, in the order in which they are asked who owns a path. */
  readonly routes: readonly Routes[];
  readonly shop: Pick<Shop, 'answer'>;
  /** The bank goes away for so many ms. */
  readonly goAway: (ms: number) => void;
}

const CONNECTIONS_MAX = 10_000;
const KEEP_ALIVE_MS = 75_000;
const REPLAYS_MAX = 100;

/** Builds the server; the caller makes it listen. */
export function openCounter(counter: Counter): Server {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) => {
    response.sendDate = false;
    if (!server.listening) response.shouldKeepAlive = false;
    route(counter, request, response).catch((error: Error) => {
      // Only a client that left ends here without a word; anything else is our fault and is said.
      if (!request.destroyed) process.stderr.write(`sandbox: ${request.method} failed: ${error.stack}\n`);
      response.destroy();
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}

async function route(counter: Counter, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? '/';
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  for (const routes of counter.routes) {
    if (routes.owns(path)) return await routes.answer(request, response, path, queryOf(url, queryAt));
  }
  if (path === '/shop' || path.startsWith('/shop/')) {
    return await counter.shop.answer(request, response, path, queryOf(url, queryAt));
  }
  if (path.startsWith('/3ds/') || path.startsWith('/upi/')) {
    return await answerChallenge(counter, request, response, path);
  }
  switch (`${request.method} ${path}`) {
    case 'GET /_bank/charges':
      return await streamBook(counter.book, queryOf(url, queryAt), response);
    case 'GET /_bank/health':
      return answerJson(response, 200, { ok: true, callbacks_pending: counter.callbacks.pending });
    case 'GET /_bank/delay':
      return answerJson(response, 200, counter.delays.order);
    case 'POST /_bank/delay':
      return await postDelay(counter.delays, request, response);
    case 'POST /_bank/outage':
      return await postOutage(counter.goAway, request, response);
    case 'POST /_bank/faults':
      return await postFault(counter.faults, request, response);
    case 'GET /_bank/faults':
      return answerJson(response, 200, counter.faults.tally());
    case 'DELETE /_bank/faults':
      return deleteFaults(counter.faults, queryOf(url, queryAt), response);
    case 'POST /_bank/callbacks/replay':
      return await postReplay(counter, request, response);
    case 'GET /':
      return answerPage(response, frontPage(spoken(counter)));
    default:
      return answerError(response, 404, 'route_not_found', 'see sandbox/README.md');
  }
}

/** The dialects that merchants have accounts for. */
function spoken({ dialects, accounts }: Counter): readonly Dialect[] {
  return dialects.all.filter(({ name }) => accounts.some(({ dialect }) => dialect === name));
}

async function streamBook(book: Book, query: URLSearchParams, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  await pipeline(Readable.from(book.stream(query.get('reference') ?? undefined)), response);
}

async function postDelay(delays: Delays, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readJson(request, response);
  if (body === null) return;
  const read = readDelay(body.value, delays.order);
  if (!read.ok) return answerError(response, 400, read.code, read.detail, read.field);
  delays.set(read.order);
  answerJson(response, 200, read.order);
}

/** The answer leaves first; it is the last one for a while. */
async function postOutage(
  goAway: (ms: number) => void,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request, response);
  if (body === null) return;
  const { ms } = isRecord(body.value) ? body.value : {};
  if (!isIntegerWithin(ms, 1, DELAY_MAX_MS))
    return answerError(response, 400, 'field_value', `ms must be from 1 to ${DELAY_MAX_MS}`, 'ms');
  response.on('finish', () => goAway(ms));
  answerJson(response, 200, { ms });
}

async function postFault(faults: Faults, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readJson(request, response);
  if (body === null) return;
  const read = readFault(body.value);
  if (!read.ok) return answerError(response, 400, read.code, read.detail, read.field);
  const id = faults.add(read.order);
  if (id === null) return answerError(response, 429, 'too_many_faults', 'clear the waiting faults first');
  answerJson(response, 201, { id, ...read.order });
}

function deleteFaults(faults: Faults, query: URLSearchParams, response: ServerResponse): void {
  const amount = query.get('amount');
  if (amount !== null && !/^[0-9]{1,15}$/.test(amount)) {
    answerError(response, 400, 'field_value', 'amount must be an integer', 'amount');
    return;
  }
  answerJson(response, 200, { cleared: faults.clear(amount === null ? undefined : Number(amount)) });
}

async function postReplay(
  counter: Counter,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request, response);
  if (body === null) return;
  const { reference, times = 1 } = isRecord(body.value) ? body.value : {};
  if (typeof reference !== 'string') {
    return answerError(response, 400, 'field_type', 'reference must be a string', 'reference');
  }
  if (!isIntegerWithin(times, 1, REPLAYS_MAX)) {
    return answerError(response, 400, 'field_value', `times must be from 1 to ${REPLAYS_MAX}`, 'times');
  }
  const charges = counter.book.findEverywhere(reference);
  if (charges.length === 0)
    return answerError(response, 404, 'charge_not_found', 'no charge has this reference');
  const sent: Sent[] = [];
  for (const charge of charges) {
    if (charge.status === 'requires_action') continue; // There is no callback about that.
    for (let time = 0; time < times; time++) sent.push(...(await counter.callbacks.replay(charge)));
  }
  answerJson(response, 200, { sent });
}

function queryOf(url: string, queryAt: number): URLSearchParams {
  return new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt + 1));
}
