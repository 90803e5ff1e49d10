/**
 * The routes of the bank over HTTP: charges for merchants' gateways, `/_bank/` for the operator, one page for people.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answer, answerError, answerHtml, answerJson, breakOff, pause } from './answers.ts';
import { decide, isRecord, readOrder, type ShownCharge, showCharge } from './bank.ts';
import { answerPage } from './bank-layout.ts';
import { readBody } from './body.ts';
import { type Book, type Charge, eventIdOf } from './book.ts';
import type { Account, Callbacks } from './callbacks.ts';
import { type AnswerManner, behaviourOf, LATE_ANSWER_MS } from './cards.ts';
import { answerChallenge } from './challenge-routes.ts';
import type { Challenges } from './challenges.ts';
import { type Delays, readDelay } from './delays.ts';
import { DELAY_MAX_MS, type FaultOrder, type Faults, isIntegerWithin, readFault } from './faults.ts';
import type { LateBookings } from './late-bookings.ts';
import { frontPage } from './page.ts';
import type { Shop } from './shop/shop.ts';

/** What the routes work with. */
export interface Counter {
  readonly accounts: readonly Account[];
  readonly book: Book;
  readonly callbacks: Callbacks;
  readonly challenges: Challenges;
  readonly lateBookings: LateBookings;
  readonly faults: Faults;
  readonly delays: Delays;
  readonly clock: () => number;
  readonly shop: Pick<Shop, 'answer'>;
  /** Where shoppers reach the bank, without a trailing slash. Known once it listens. */
  readonly bankUrl: () => string;
  /** The bank goes away for so many ms. */
  readonly goAway: (ms: number) => void;
}

/** How an answer to a charge leaves: as a card may have it, or as only an ordered fault does. */
type Leaving = AnswerManner | 'html504' | 'reset' | 'otherReference';

const BODY_BYTES_MAX = 64 * 1024;
const CONNECTIONS_MAX = 10_000;
const KEEP_ALIVE_MS = 75_000;
const REPLAYS_MAX = 100;

/** Builds the server; the caller makes it listen. */
export function openCounter(counter: Counter): Server {
  const byAuthorization = new Map(
    counter.accounts.map((account) => [`Bearer ${account.secretKey}`, account.account]),
  );
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) => {
    response.sendDate = false;
    if (!server.listening) response.shouldKeepAlive = false;
    route(counter, byAuthorization, request, response).catch((error: Error) => {
      // Only a client that left ends here without a word; anything else is our fault and is said.
      if (!request.destroyed) process.stderr.write(`sandbox: ${request.method} failed: ${error.stack}\n`);
      response.destroy();
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}

async function route(
  counter: Counter,
  byAuthorization: ReadonlyMap<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? '/';
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  if (path === '/v1/charges') {
    const account = byAuthorization.get(request.headers.authorization ?? '');
    if (account === undefined)
      return answerError(response, 401, 'unauthorized', 'a known secret key is needed');
    if (request.method === 'POST') return await postCharge(counter, account, request, response);
    if (request.method === 'GET') return await getCharge(counter, account, queryOf(url, queryAt), response);
    return answerError(response, 405, 'method_not_allowed', 'GET or POST');
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
      return answerPage(response, frontPage);
    default:
      return answerError(response, 404, 'route_not_found', 'see sandbox/README.md');
  }
}

async function postCharge(
  counter: Counter,
  account: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request, response);
  if (body === null) return;
  const read = readOrder(body.value);
  if (!read.ok) return answerError(response, 400, read.code, read.detail, read.field);
  const { order } = read;
  const cardNumber = order.method.type === 'card' ? order.method.number : '';
  const ofCard = order.method.type === 'card' ? behaviourOf(cardNumber).answer : 'plain';
  // Before any fault: most of them charge, and this card is promised not to be.
  if (ofCard === 'html502') return answerHtml(response, 502);
  const now = counter.clock();
  const facts = { card: cardNumber, reference: order.reference, amount: order.amount };
  const fault = counter.faults.take('charge', facts, decide(order, now).callback ? [] : ['callbackFirst']);
  if (fault !== undefined && answerUnbooked(response, fault)) return;
  if (fault?.fault === 'bookLate') {
    counter.lateBookings.add(account, order, fault.ms);
    response.destroy();
    return;
  }

  const { kind, charge } = counter.book.place(account, order, now, counter.delays.order.challengeMs);
  if (kind === 'booked') counter.challenges.watch(charge);
  await charge.written;
  if (kind === 'reused') {
    return answerError(
      response,
      409,
      'reference_reused',
      'this reference has a charge with other facts',
      'reference',
    );
  }
  const first = kind === 'booked';
  const { answerMs, callbackMs } = counter.delays.next();
  if (first && charge.callback === 'due') counter.callbacks.send(charge, now + callbackMs);
  // Its outcome is not looked at: the callback is owed anyway and comes again.
  if (fault?.fault === 'callbackFirst') await counter.callbacks.replay(charge);
  const late = first && ofCard === 'late' ? LATE_ANSWER_MS : 0;
  const delayMs = Math.max(answerMs, late, fault?.fault === 'delay' ? fault.ms : 0);
  if (delayMs > 0) {
    if (!(await pause(delayMs, response))) return;
    await charge.written; // It may have been settled meanwhile.
  }
  answerCharge(response, show(counter, charge), mannerOf(first, ofCard, fault), !first);
}

/** Answers, or breaks off, what the fault keeps from being booked at all; false when the charge is to be booked. */
function answerUnbooked(response: ServerResponse, { fault }: FaultOrder): boolean {
  if (fault === 'html502') answerHtml(response, 502);
  else if (fault === 'error503') answerError(response, 503, 'unavailable', 'try again later');
  else if (fault === 'dropBefore') response.destroy();
  else return false;
  return true;
}

/** How this answer leaves: as the fault says, else, at the first answer, as the card says. */
function mannerOf(first: boolean, ofCard: AnswerManner, fault: FaultOrder | undefined): Leaving {
  switch (fault?.fault) {
    case 'drop':
      return 'lost';
    case 'error500':
    case 'html504':
    case 'reset':
    case 'otherReference':
      return fault.fault;
    default:
      return first ? ofCard : 'plain';
  }
}

function answerCharge(
  response: ServerResponse,
  charge: ShownCharge,
  manner: Leaving,
  replayed: boolean,
): void {
  const body = JSON.stringify(charge);
  if (manner === 'lost') response.destroy();
  else if (manner === 'error500') answerError(response, 500, 'internal_error', 'something went wrong');
  else if (manner === 'html504') answerHtml(response, 504);
  else if (manner === 'reset') breakOff(response, body);
  else if (manner === 'otherReference') answerJson(response, 200, ofOtherReference(charge));
  else answer(response, 200, 'application/json', body, replayed);
}

/** The same charge under a reference of the same shape that is another's: its last character differs. */
function ofOtherReference(charge: ShownCharge): ShownCharge {
  const { reference } = charge;
  return { ...charge, reference: reference.slice(0, -1) + (reference.endsWith('2') ? '3' : '2') };
}

/** The charge as the bank shows it now. */
function show({ bankUrl }: Counter, charge: Charge): ShownCharge {
  return showCharge(charge, bankUrl());
}

async function getCharge(
  counter: Counter,
  account: string,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const reference = query.get('reference');
  if (reference === null)
    return answerError(response, 400, 'field_missing', 'reference is needed', 'reference');
  const charge = counter.book.find(account, reference);
  await charge?.written;
  const facts = { card: charge?.bin ?? '', reference, amount: charge?.amount ?? 0 };
  const fault = counter.faults.take('query', facts, charge ? [] : ['otherReference', 'notFound']);
  if (fault !== undefined && answerQueryFault(response, fault, charge && show(counter, charge))) return;
  if (fault !== undefined) {
    if (!(await pause(fault.ms, response))) return;
    await charge?.written; // It may have been settled meanwhile.
  }
  if (charge === undefined) answerNotFound(response);
  else answerJson(response, 200, show(counter, charge));
}

/** Answers as the fault says; false when the answer is the true one, `delay` included. */
function answerQueryFault(
  response: ServerResponse,
  { fault }: FaultOrder,
  charge: ShownCharge | undefined,
): boolean {
  if (fault === 'drop') response.destroy();
  else if (fault === 'error500') answerError(response, 500, 'internal_error', 'something went wrong');
  else if (fault === 'html502') answerHtml(response, 502);
  else if (fault === 'notFound') answerNotFound(response);
  else if (fault === 'reset') breakOff(response, JSON.stringify(charge ?? {}));
  else if (fault === 'otherReference' && charge !== undefined) {
    answerJson(response, 200, ofOtherReference(charge));
  } else return false;
  return true;
}

function answerNotFound(response: ServerResponse): void {
  answerError(response, 404, 'charge_not_found', 'no charge has this reference');
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
  const sent: { event_id: string; status: number }[] = [];
  for (const charge of charges) {
    if (charge.status === 'requires_action') continue; // There is no callback about that.
    for (let time = 0; time < times; time++) {
      sent.push({ event_id: eventIdOf(charge), status: await counter.callbacks.replay(charge) });
    }
  }
  answerJson(response, 200, { sent });
}

/** Reads a JSON body. When there is none worth reading, answers and returns null. */
async function readJson(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<{ readonly value: unknown } | null> {
  const bytes = await readBody(request, BODY_BYTES_MAX);
  if (bytes === null) {
    response.shouldKeepAlive = false;
    answerError(response, 413, 'body_too_large', `at most ${BODY_BYTES_MAX} bytes`);
    return null;
  }
  try {
    return { value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    answerError(response, 400, 'invalid_json', 'the body is not JSON', 'body');
    return null;
  }
}

function queryOf(url: string, queryAt: number): URLSearchParams {
  return new URLSearchParams(queryAt < 0 ? '' : url.slice(queryAt + 1));
}
