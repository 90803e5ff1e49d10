/**
 * The tests every connector must pass, whatever its processor's dialect: only an explicit word is final, nothing is sent
 * twice, `not_sent` is proof, and no forged callback is read.
 *
 * A connector brings its dialect: how its processor answers and signs. The suite drives it against a scripted server.
 *
 * @module
 */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeId, transactionIdOf } from '../domain/ids.ts';
import type { ProcessorName } from '../domain/transaction.ts';
import {
  closedPort,
  httpAnswer,
  type ScriptedServer,
  startScriptedServer,
} from '../outbound/testing/scripted-server.ts';
import type { Charge, ChargeCard, ChargeMethod, ChargeRequest, Query, ReadCallback } from './connector.ts';

/** What a processor knows of a charge. */
export interface Told {
  transactionId: string;
  account: string;
  amount: number;
  currency: string;
  status: 'charged' | 'declined' | 'accepted' | 'a status nobody knows';
}

export interface HttpText {
  status: number;
  body: string;
}

/** One processor's dialect, as its own side of the wire. */
export interface Dialect {
  processor: ProcessorName;
  /** The failure code its `declined` answers carry. */
  declineCode: string;
  /** The decline closes the reference for good. */
  declineCloses: boolean;
  open(
    baseUrl: string,
    timeoutMs: number,
  ): { charge: Charge; query: Query; readCallback: ReadCallback; close(): Promise<void> };
  chargeAnswer(told: Told): HttpText;
  queryAnswer(told: Told): HttpText;
  queryNotFound(): HttpText;
  /** A callback as it is delivered, signed at `now` (ms). */
  callback(told: Told, secret: string, now: number): { headers: Record<string, string>; body: Buffer };
  /** Names of the headers that carry the signature and what it covers besides the body. */
  signedHeaders: readonly string[];
}

const NOW = Date.UTC(2026, 10, 24);
const SECRET = 'whsec_contract';
const TIMEOUT_MS = 250;
const PAN = '4111111111111111';
const CVV = '987';

const TRANSACTION_ID = transactionIdOf(makeId(NOW, 7, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])), 1);
const OTHER_ID = transactionIdOf(makeId(NOW, 7, new Uint8Array([8, 7, 6, 5, 4, 3, 2, 1])), 1);
const ACCOUNT = { account: 'acct_contract', secretKey: 'sk_contract' };
const TOLD: Told = {
  transactionId: TRANSACTION_ID,
  account: ACCOUNT.account,
  amount: 149_900,
  currency: 'INR',
  status: 'charged',
};

function request(over: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    transactionId: TRANSACTION_ID,
    amount: TOLD.amount,
    currency: TOLD.currency,
    orderId: 'order_1',
    leg: 1,
    account: ACCOUNT,
    returnUrl: 'https://pay.example/checkout/return?transaction=txn_1',
    mayLeave: () => true,
    ...over,
  };
}

function card(): ChargeMethod {
  const card: ChargeCard = {
    pan: Buffer.from(PAN),
    cvv: Buffer.from(CVV),
    expiryMonth: 3,
    expiryYear: 2031,
    cardholderName: Buffer.from('Zoë "Z" O\\Brien'),
  };
  return { kind: 'card', card };
}

/** Runs the whole suite over one connector. */
export function connectorContract(dialect: Dialect): void {
  let server: ScriptedServer;
  let connector: ReturnType<Dialect['open']>;
  beforeEach(async () => {
    server = await startScriptedServer();
    connector = dialect.open(server.origin, TIMEOUT_MS);
  });
  afterEach(async () => {
    await connector.close();
    await server.close();
  });
  const answer = ({ status, body }: HttpText): void =>
    server.answer((socket) => socket.write(httpAnswer(status, body)));

  describe('charge', () => chargeContract(dialect, answer, () => ({ server, connector })));
  describe('query', () => queryContract(dialect, answer, () => ({ server, connector })));
  describe('callback', () => callbackContract(dialect, () => connector.readCallback));
}

interface World {
  server: ScriptedServer;
  connector: ReturnType<Dialect['open']>;
}

function chargeContract(dialect: Dialect, answer: (text: HttpText) => void, world: () => World): void {
  const charge = (over: Partial<ChargeRequest> = {}) => world().connector.charge(request(over), card());

  test('an explicit success is "charged" and names everything it is bound to', async () => {
    answer(dialect.chargeAnswer(TOLD));
    expect(await charge()).toMatchObject({
      source: 'answer',
      said: 'charged',
      leg: 1,
      processor: dialect.processor,
      processorAccount: ACCOUNT.account,
      processorTxnId: expect.stringMatching(/./),
      amount: TOLD.amount,
      currency: TOLD.currency,
      failureCode: null,
    });
    expect(world().server.requests).toHaveLength(1);
  });

  test('an explicit decline is "declined" with its code', async () => {
    answer(dialect.chargeAnswer({ ...TOLD, status: 'declined' }));
    expect(await charge()).toMatchObject({
      said: 'declined',
      failureCode: dialect.declineCode,
      referenceClosed: dialect.declineCloses,
    });
  });

  test('one that is being worked on is "accepted", one of an unknown status "unknown"', async () => {
    answer(dialect.chargeAnswer({ ...TOLD, status: 'accepted' }));
    expect(await charge()).toMatchObject({ said: 'accepted', referenceClosed: false });
    answer(dialect.chargeAnswer({ ...TOLD, status: 'a status nobody knows' }));
    expect(await charge()).toMatchObject({ said: 'unknown' });
  });

  test.each<[string, Partial<Told>]>([
    ['reference', { transactionId: OTHER_ID }],
    ['account', { account: 'acct_other' }],
    ['amount', { amount: TOLD.amount + 1 }],
    ['currency', { currency: 'USD' }],
  ])('a success about another %s is "unknown", with that as evidence', async (what, over) => {
    answer(dialect.chargeAnswer({ ...TOLD, ...over }));
    const word = await charge();
    expect(word).toMatchObject({ said: 'unknown', processorTxnId: null });
    expect(word.detail).toContain(what);
  });

  test.each<[string, HttpText]>([
    ['an HTML page with 502', { status: 502, body: '<html><h1>Bad Gateway</h1></html>' }],
    ['an HTML page with 200', { status: 200, body: '<html></html>' }],
    ['an HTML page with 403', { status: 403, body: '<html><h1>Forbidden</h1></html>' }],
    ['500 with JSON', { status: 500, body: '{"error":{"code":"internal_error"}}' }],
    ['500 with a success', { status: 500, body: dialect.chargeAnswer(TOLD).body }],
    ['409', { status: 409, body: '{"error":{"code":"reference_reused"}}' }],
    ['429 without a word', { status: 429, body: '' }],
    ['a redirect', { status: 302, body: '' }],
    ['nothing in a 200', { status: 200, body: '' }],
    ['JSON null', { status: 200, body: 'null' }],
    ['half of the JSON', { status: 200, body: dialect.chargeAnswer(TOLD).body.slice(0, -10) }],
  ])('%s is "unknown"', async (_, text) => {
    answer(text);
    expect(await charge()).toMatchObject({ said: 'unknown', failureCode: null });
    expect(world().server.requests).toHaveLength(1);
  });

  test('an answer cut off on the wire, or dropped with the connection, is "unknown"', async () => {
    const { status, body } = dialect.chargeAnswer(TOLD);
    world().server.answer((socket) => socket.end(httpAnswer(status, body).slice(0, -5)));
    expect(await charge()).toMatchObject({ said: 'unknown' });
    world().server.answer((socket) => socket.destroy());
    expect(await charge()).toMatchObject({ said: 'unknown' });
    expect(world().server.requests).toHaveLength(2);
  });

  test('silence after sending is "unknown"', async () => {
    world().server.answer(() => undefined);
    expect(await charge()).toMatchObject({ said: 'unknown' });
    expect(world().server.requests).toHaveLength(1);
  });

  test('a refused connection is "not_sent"', async () => {
    const nobody = dialect.open(`http://127.0.0.1:${await closedPort()}`, TIMEOUT_MS);
    expect(await nobody.charge(request(), card())).toMatchObject({
      source: 'answer',
      said: 'not_sent',
      failureCode: 'processor_unreachable',
    });
    await nobody.close();
  });

  test('past its time to leave it is "not_sent" and nothing is sent', async () => {
    expect(await charge({ mayLeave: () => false })).toMatchObject({
      said: 'not_sent',
      failureCode: 'send_before_passed',
    });
    expect(world().server.requests).toEqual([]);
  });

  test('the request holds the card once, and no word ever holds any of it', async () => {
    answer(dialect.chargeAnswer(TOLD));
    const word = await charge();
    const [sent] = world().server.requests;
    expect(sent!.body.toString().split(PAN)).toHaveLength(2);
    expect(sent!.body.toString()).toContain(TRANSACTION_ID);
    expect(sent!.head).not.toContain(PAN);
    expect(JSON.stringify(word)).not.toContain(PAN);
    expect(JSON.stringify(word)).not.toContain(CVV);
  });
}

function queryContract(dialect: Dialect, answer: (text: HttpText) => void, world: () => World): void {
  const query = () =>
    world().connector.query({ transactionId: TRANSACTION_ID, leg: 1, account: ACCOUNT, now: NOW });

  test.each(['charged', 'declined', 'accepted'] as const)('found: %s', async (status) => {
    answer(dialect.queryAnswer({ ...TOLD, status }));
    const found = await query();
    expect(found).toMatchObject({
      kind: 'found',
      word: { source: 'query', said: status, leg: 1, amount: TOLD.amount, currency: TOLD.currency, at: NOW },
    });
    expect(world().server.requests[0]!.head).toContain(TRANSACTION_ID);
  });

  test('one of another amount is found with that amount: the attempt itself judges it', async () => {
    answer(dialect.queryAnswer({ ...TOLD, amount: 1 }));
    expect(await query()).toMatchObject({ kind: 'found', word: { amount: 1 } });
  });

  test('not found is the processor’s own explicit word', async () => {
    answer(dialect.queryNotFound());
    expect(await query()).toEqual({ kind: 'not_found' });
  });

  test.each<[string, HttpText]>([
    ['a 404 of a proxy', { status: 404, body: '<html>404</html>' }],
    ['a 404 without a body', { status: 404, body: '' }],
    ['401', { status: 401, body: '{"error":{"code":"unauthorized"}}' }],
    ['500', { status: 500, body: '{}' }],
    ['502 with HTML', { status: 502, body: '<html></html>' }],
    ['nothing', { status: 200, body: '' }],
    ['another charge', dialect.queryAnswer({ ...TOLD, transactionId: OTHER_ID })],
  ])('%s is no answer', async (_, text) => {
    answer(text);
    expect(await query()).toMatchObject({ kind: 'no_answer' });
  });

  test('silence, a dropped connection and a refused one are no answer', async () => {
    world().server.answer(() => undefined);
    expect(await query()).toMatchObject({ kind: 'no_answer' });
    world().server.answer((socket) => socket.destroy());
    expect(await query()).toMatchObject({ kind: 'no_answer' });
    await world().server.close();
    expect(await query()).toMatchObject({ kind: 'no_answer' });
  });
}

function callbackContract(dialect: Dialect, readCallback: () => ReadCallback): void {
  type Delivery = ReturnType<Dialect['callback']>;
  const deliver = (over: Partial<Told> = {}, secret = SECRET, now = NOW) =>
    dialect.callback({ ...TOLD, ...over }, secret, now);
  const read = ({ headers, body }: Delivery, secrets: readonly string[] = [SECRET], now = NOW) =>
    readCallback()({ header: (name) => headers[name.toLowerCase()] ?? '', body }, secrets, now);
  const refused = (delivery: Delivery, secrets?: readonly string[]): void =>
    expect(read(delivery, secrets)).toMatchObject({ ok: false, code: 'signature_invalid' });

  test('a true one is read', () => {
    expect(read(deliver())).toMatchObject({
      ok: true,
      callback: {
        processor: dialect.processor,
        transactionId: TRANSACTION_ID,
        receivedAt: NOW,
        word: {
          source: 'callback',
          said: 'charged',
          leg: null,
          amount: TOLD.amount,
          currency: TOLD.currency,
        },
      },
    });
    expect(read(deliver({ status: 'declined' }))).toMatchObject({ callback: { word: { said: 'declined' } } });
  });

  test('sent again later and signed anew it is the same event', () => {
    const first = read(deliver());
    const again = read(deliver({}, SECRET, NOW + 3_600_000), [SECRET], NOW + 3_600_000);
    expect(first.ok && again.ok && again.callback.callbackId === first.callback.callbackId).toBe(true);
  });

  test('during rotation either secret is right', () => {
    expect(read(deliver(), ['whsec_new', SECRET])).toMatchObject({ ok: true });
    expect(read(deliver({}, 'whsec_new'), ['whsec_new', SECRET])).toMatchObject({ ok: true });
  });

  test('no secret, another secret, and an empty secret are refused, even one that was signed with nothing', () => {
    refused(deliver(), []);
    refused(deliver(), ['whsec_other']);
    refused(deliver(), ['']);
    refused(deliver({}, ''), ['']);
    refused(deliver({}, ''), ['', SECRET]);
  });

  test('no signature does not match no secret', () => {
    const { headers, body } = deliver();
    for (const secrets of [[], [''], ['', '']]) {
      for (const name of dialect.signedHeaders)
        refused({ headers: { ...headers, [name]: '' }, body }, secrets);
      refused({ headers: {}, body }, secrets);
    }
  });

  test('one flipped bit anywhere in the body is refused', () => {
    const { headers, body } = deliver();
    for (let bit = 0; bit < body.length * 8; bit++) {
      const flipped = Buffer.from(body);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const result = read({ headers, body: flipped });
      if (result.ok) expect.fail(`bit ${bit} was not noticed`);
    }
  });

  test.each(dialect.signedHeaders.map((name) => [name]))('%s: changed, cut, doubled, missing', (name) => {
    const { headers, body } = deliver();
    const value = headers[name]!;
    const changed = value.startsWith('1') ? `2${value.slice(1)}` : `1${value.slice(1)}`;
    for (const other of [changed, value.slice(1), value.slice(0, -1), `${value},${value}`, `${value} `, '']) {
      refused({ headers: { ...headers, [name]: other }, body });
    }
  });

  test('the same JSON written otherwise is refused', () => {
    const { headers, body } = deliver();
    refused({ headers, body: Buffer.from(`${body.toString()}\n`) });
    refused({ headers, body: Buffer.from(JSON.stringify(JSON.parse(body.toString()), null, 1)) });
  });

  test('an old one and one from the future are refused', () => {
    for (const [ageMs, ok] of [
      [0, true],
      [299_000, true],
      [302_000, false],
      [-59_000, true],
      [-62_000, false],
    ] as const) {
      const result = read(deliver(), [SECRET], NOW + ageMs);
      expect(result.ok).toBe(ok);
      if (!result.ok) expect(result.code).toBe('timestamp_invalid');
    }
  });

  test('nothing is parsed before the signature is right', () => {
    const parse = vi.spyOn(JSON, 'parse');
    refused(deliver({}, 'whsec_other'));
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  test('a reference that is not ours is kept without a transaction', () => {
    expect(read(deliver({ transactionId: 'somebody-elses' }))).toMatchObject({
      ok: true,
      callback: { transactionId: null },
    });
  });
}
