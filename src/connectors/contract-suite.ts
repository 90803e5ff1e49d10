/**
 * The tests every connector must pass, whatever its processor's dialect: only an explicit word is final, nothing is sent
 * twice, `not_sent` is proof, the shopper is sent nowhere a page should not send anybody, and no forged callback is read.
 *
 * A connector brings its {@link Dialect}: how its processor answers and signs. The suite drives it against a scripted
 * server. What a processor does not have is named in `lacks`, and the suite then tests what holds without it.
 *
 * @module
 */

import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeId, transactionIdOf } from '../domain/ids.ts';
import type { PaymentMethodType, ProcessorName, ProcessorWord } from '../domain/processor-word.ts';
import {
  closedPort,
  httpAnswer,
  type Script,
  type ScriptedRequest,
  type ScriptedServer,
  startScriptedServer,
} from '../outbound/testing/scripted-server.ts';
import {
  type ChargeCard,
  type ChargeMethod,
  type ChargeRequest,
  type ChargeRoom,
  type Connector,
  type QueryRequest,
  type RoomConfig,
  type SettlementItem,
  SettlementsUnavailable,
} from './connector.ts';

/** What a processor may not have. */
export type Lack =
  /** It takes no UPI. */
  | 'upi'
  /** It does not say whether a card is a credit or a debit card. */
  | 'funding'
  /** Its answers do not name the account that was charged. */
  | 'account'
  /** What it answers when the shopper must act names neither our reference nor what is charged: its id of the charge alone. */
  | 'action_bound'
  /** It knows one currency, and its answers name none. */
  | 'currency'
  /** What it answers when the shopper must act names neither the amount nor its own id of the charge. */
  | 'action_facts'
  /** UPI goes by a page of the processor's, not by a link to an app. */
  | 'upi_link'
  /** Its callbacks are hints: whatever they say, the processor is asked. */
  | 'final_callbacks'
  /** Its answer to a query does not say where the shopper must go, nor perhaps whether the turn is still the shopper's. */
  | 'query_action'
  /** A query reads a list in which others' charges stand as well: one that holds only those is its "not found". */
  | 'asked_by_reference'
  /** It has no answer of its own by which it says that nothing was begun. */
  | 'refusals'
  /** What signs a callback covers no time: the table of callback ids alone keeps old ones out. */
  | 'callback_time'
  /** What signs a callback covers some fields of the body, and is itself in it. */
  | 'body_signed';

/** What a code of a decline means here. */
export type DeclineMeaning =
  /** The reference can never be charged: the shopper may try another card. */
  | 'closed'
  /** The processor's own trouble, and the reference can never be charged: another processor may be asked. */
  | 'elsewhere'
  /** A decline and no more. */
  | 'final'
  /** A failure that may still become a charge: it is asked about. */
  | 'ambiguous';

/** One row of a connector's table of decline codes. */
export interface DeclineRow {
  /** As the processor writes it. */
  code: string;
  /** @default the same */
  failureCode?: string;
  means: DeclineMeaning;
  /** What it means where the processor says so when it is asked. @default the same */
  asked?: DeclineMeaning;
}

/** What a processor knows of a charge. */
export interface Told {
  transactionId: string;
  account: string;
  amount: number;
  currency: string;
  status: 'charged' | 'declined' | 'accepted' | 'action_required' | 'a status nobody knows';
  /** With `declined`: the processor's own. */
  declineCode: string;
  /** With `action_required`. Without an address the field is missing. */
  action: { kind: 'redirect'; url?: string } | { kind: 'upi'; link?: string } | { kind: 'nobody knows' };
  paidBy: 'credit' | 'debit' | 'upi' | 'nobody knows';
}

export interface HttpText {
  status: number;
  body: string;
}

/** What a connector is opened with. */
export type Timings = Pick<RoomConfig, 'connectTimeoutMs' | 'timeoutMs' | 'ambiguousFailureMs'>;

/** The whole of a connector. */
export type Opened = Connector & Pick<ChargeRoom, 'charge' | 'close'>;

/** One processor's dialect, as its own side of the wire. */
export interface Dialect {
  processor: ProcessorName;
  lacks: readonly Lack[];
  open(baseUrl: string, timings: Timings): Opened;
  /** What a query asks for. @default the transaction's id */
  reference?(transactionId: string): string;
  /** Every code the connector lists. */
  declines: readonly DeclineRow[];
  /** How the shopper is handed on to a page of the bank. */
  page: 'redirect' | 'form';
  /** What the processor's documents make of a code the connector does not list. */
  unlistedDecline: 'final' | 'ambiguous';
  /** Its answers, by name, that nothing was begun; also its own 429, where it has one. */
  refusals: Readonly<Record<string, HttpText>>;
  /**
   * Answer to a request beside the one that charges or asks: an order before, a look at the payment after. Null: this is the one, and
   * the suite answers it. `before` are the requests that came before this one, of this test. @default none
   */
  beside?(request: ScriptedRequest, before: readonly ScriptedRequest[]): HttpText | null;
  /** Whether this is the request without whose success no charge may be sent: an order. @default there is none */
  isStepBefore?(request: ScriptedRequest): boolean;
  chargeAnswer(told: Told): HttpText;
  queryAnswer(told: Told): HttpText;
  queryNotFound(transactionId: string): HttpText;
  /** A callback as it is delivered, signed at `now` (ms). */
  callback(told: Told, secret: string, now: number): Delivery;
  /** Names of the headers that carry the signature and what it covers besides the body. */
  signedHeaders: readonly string[];
  /** The page of a day's report that a request asks for, of items that have these ids and no more; in the order the processor has. */
  reportPage(request: ScriptedRequest, ids: readonly string[]): HttpText;
  /** How old a signature may be, and how far a clock may be ahead; null with `callback_time` in `lacks`. */
  callbackSeconds: { past: number; future: number } | null;
}

export interface Delivery {
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

const NOW = Date.UTC(2026, 10, 24);
const SECRET = 'whsec_contract';
const TIMINGS: Timings = { connectTimeoutMs: 2000, timeoutMs: 1000, ambiguousFailureMs: 900_000 };
const PATIENT: Timings = { ...TIMINGS, connectTimeoutMs: 5000, timeoutMs: 60_000 };
const PAN = '4111111111111111';
const CVV = '987';
const RETURN_URL = 'https://pay.example/checkout/return?transaction=txn_1';
const PAGE_URL = 'https://bank.example/3ds/ch_1?step=1&lang=en';
const UPI_LINK = 'upi://pay?pa=shop@bank&pn=A%20shop&tr=ch_1&am=1499.00&cu=INR';

const TRANSACTION_ID = transactionIdOf(makeId(NOW, 7, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])), 1);
const OTHER_ID = transactionIdOf(makeId(NOW, 7, new Uint8Array([8, 7, 6, 5, 4, 3, 2, 1])), 1);
const ACCOUNT = { account: 'acct_contract', secretKey: 'sk_contract' };
const TOLD: Told = {
  transactionId: TRANSACTION_ID,
  account: ACCOUNT.account,
  amount: 149_900,
  currency: 'INR',
  status: 'charged',
  declineCode: 'unset',
  action: { kind: 'redirect', url: PAGE_URL },
  paidBy: 'credit',
};

const REDIRECT: Told = { ...TOLD, status: 'action_required' };
const UPI: Told = { ...REDIRECT, action: { kind: 'upi', link: UPI_LINK }, paidBy: 'upi' };

/** Addresses of a page that a shopper must never be sent to. */
const BAD_PAGES: readonly (string | undefined)[] = [
  undefined,
  '',
  'not an address',
  '/3ds/ch_1',
  '//bank.example/3ds',
  'javascript:alert(1)',
  'java\nscript:alert(1)',
  ' javascript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:x',
  'file:///etc/passwd',
  'blob:https://bank.example/1',
  'https://user:password@pay.example/3ds',
  'https://bank.example@evil.example/3ds',
  'https://bank.example/\r\nset-cookie: a=b',
  ' https://bank.example/3ds',
  `https://bank.example/${'x'.repeat(4000)}`,
];

/** Links that open something else than a UPI app, or nothing, or ask for another amount than the charge. */
const BAD_LINKS: readonly (string | undefined)[] = [
  undefined,
  '',
  'https://bank.example/upi',
  'javascript:alert(1)//upi://pay?pa=a',
  'upi:pay?pa=a',
  'upi://mandate?pa=a',
  'xupi://pay?pa=a',
  ' upi://pay?pa=a',
  'upi://pay?pa=a\r\nset-cookie: a=b',
  `upi://pay?pa=${'x'.repeat(4000)}`,
  UPI_LINK.replace('1499.00', '1.00'),
  UPI_LINK.replace('INR', 'USD'),
  `${UPI_LINK}&am=1.00`,
];

/** Answers that are not the processor's own word, whoever wrote them: a proxy, a firewall, half a machine. */
const NOBODYS_WORDS: ReadonlyArray<[string, HttpText]> = [
  ...[400, 401, 403, 404, 405, 407, 408, 409, 413, 422, 429, 500, 502, 503, 504].flatMap(
    (status): Array<[string, HttpText]> => [
      [`${status} without a body`, { status, body: '' }],
      [`${status} with an HTML page`, { status, body: '<html><h1>No</h1></html>' }],
      [`${status} with a proxy’s JSON`, { status, body: '{"message":"Forbidden","code":"unknown"}' }],
    ],
  ),
  ['a redirect', { status: 302, body: '' }],
  ['nothing in a 204', { status: 204, body: '' }],
  ['nothing in a 200', { status: 200, body: '' }],
  ['an HTML page with 200', { status: 200, body: '<html></html>' }],
  ['JSON null', { status: 200, body: 'null' }],
  ['an empty object', { status: 200, body: '{}' }],
  ['a list', { status: 200, body: '[]' }],
  ['a number', { status: 200, body: '1' }],
];

function request(over: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    transactionId: TRANSACTION_ID,
    amount: TOLD.amount,
    currency: TOLD.currency,
    orderId: 'order_1',
    leg: 1,
    account: ACCOUNT,
    returnUrl: RETURN_URL,
    browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
    mayLeave: () => true,
    ...over,
  };
}

function question(over: Partial<QueryRequest> = {}): QueryRequest {
  return {
    transactionId: TRANSACTION_ID,
    leg: 1,
    account: ACCOUNT,
    startedAt: NOW,
    processorTxnId: null,
    returned: {},
    now: NOW,
    ...over,
  };
}

function cardDetails(): ChargeCard {
  return {
    pan: Buffer.from(PAN),
    cvv: Buffer.from(CVV),
    expiryMonth: 3,
    expiryYear: 2031,
    cardholderName: Buffer.from('Zoë "Z" O\\Brien'),
  };
}

const card = (): ChargeMethod => ({ kind: 'card', card: cardDetails() });

/** Requests as they were sent. */
function written(requests: readonly ScriptedRequest[]): string {
  return requests.map(({ head, body }) => `${head}\r\n${body.toString()}`).join('\n');
}

/** A connector that is open to a scripted server. */
interface World {
  server: ScriptedServer;
  connector: Opened;
  /** What is done from now on with each request that charges or asks. */
  script(script: Script): void;
  answer(text: HttpText): void;
  /** What is done from now on with the step before a charge, instead of what the dialect answers. */
  scriptBefore(script: Script): void;
  /** The requests that charge or ask. */
  sent(): ScriptedRequest[];
}

async function openWorld(dialect: Dialect): Promise<World> {
  const server = await startScriptedServer();
  const beside = (request: ScriptedRequest): HttpText | null =>
    dialect.beside?.(request, server.requests.slice(0, server.requests.indexOf(request))) ?? null;
  const write = (socket: Socket, { status, body }: HttpText): unknown =>
    socket.write(httpAnswer(status, body));
  let stepBefore: Script | null = null;
  const script = (then: Script): void =>
    server.answer((socket, request) => {
      const text = beside(request);
      if (stepBefore !== null && dialect.isStepBefore?.(request)) stepBefore(socket, request);
      else if (text === null) then(socket, request);
      else write(socket, text);
    });
  return {
    server,
    connector: dialect.open(server.origin, TIMINGS),
    script,
    answer: (text) => script((socket) => write(socket, text)),
    scriptBefore(then) {
      stepBefore = then;
    },
    sent: () => server.requests.filter((each) => beside(each) === null),
  };
}

/** Runs the whole suite over one connector. */
export function connectorContract(dialect: Dialect): void {
  let opened: World;
  beforeEach(async () => {
    opened = await openWorld(dialect);
  });
  afterEach(async () => {
    await opened.connector.close();
    await opened.server.close();
  });
  const world = (): World => opened;

  describe('the dialect', () => dialectContract(dialect, world));
  describe('a charge answered', () => chargeContract(dialect, world));
  if (dialect.isStepBefore !== undefined)
    describe('the step before a charge', () => stepBeforeContract(dialect, world));
  describe('what the shopper must do', () => actionContract(dialect, world));
  describe('a charge nobody answered for', () => silenceContract(dialect, world));
  describe('a charge on the wire', () => wireContract(dialect, world));
  describe('the card', () => cardContract(dialect, world));
  describe('query', () => queryContract(dialect, world));
  describe('settlements', () => settlementsContract(dialect, world));
  describe('callback', () => callbackContract(dialect, () => opened.connector.readCallback));
}

function dialectContract(dialect: Dialect, world: () => World): void {
  const lacks = (lack: Lack): boolean => dialect.lacks.includes(lack);

  test('it tells what its processor has, or says that it lacks it', () => {
    expect(world().connector.name).toBe(dialect.processor);
    expect(world().connector.upi).toBe(!lacks('upi'));
    expect(Object.keys(dialect.refusals).length > 0).toBe(!lacks('refusals'));
    expect(dialect.callbackSeconds !== null).toBe(!lacks('callback_time'));
    expect(dialect.declines.some(({ means }) => means === 'closed')).toBe(true);
    expect(new Set(dialect.declines.map(({ code }) => code)).size).toBe(dialect.declines.length);
  });

  test('its “not found” is proof after several answers apart, or never', () => {
    const { notFound } = world().connector;
    if (notFound === 'never') return;
    expect(notFound.queries).toBeGreaterThanOrEqual(2);
    expect(notFound.proofMs).toBeGreaterThan(0);
    expect(notFound.gapMs).toBeGreaterThan(0);
  });
}

function chargeContract(dialect: Dialect, world: () => World): void {
  const charge = (over: Partial<ChargeRequest> = {}) => world().connector.charge(request(over), card());
  const answered = (told: Partial<Told>): Promise<ProcessorWord> => {
    world().answer(dialect.chargeAnswer({ ...TOLD, ...told }));
    return charge();
  };

  test('an explicit success is "charged" and names everything it is bound to', async () => {
    expect(await answered({})).toMatchObject({
      source: 'answer',
      said: 'charged',
      leg: 1,
      processor: dialect.processor,
      processorAccount: ACCOUNT.account,
      processorTxnId: expect.stringMatching(/./),
      amount: TOLD.amount,
      currency: TOLD.currency,
      failureCode: null,
      referenceClosed: false,
      elsewhere: false,
      nextAction: null,
    });
    expect(world().sent()).toHaveLength(1);
  });

  test('the leg is the one that was asked for', async () => {
    world().answer(dialect.chargeAnswer(TOLD));
    expect(await charge({ leg: 2 })).toMatchObject({ said: 'charged', leg: 2 });
  });

  test('reference, account’s key and return address are sent', async () => {
    await answered({});
    const sent = written(world().sent());
    expect(sent).toContain(TRANSACTION_ID);
    expect([RETURN_URL, encodeURIComponent(RETURN_URL)].some((url) => sent.includes(url))).toBe(true);
  });

  test.each(dialect.declines)('declined with $code: $means', async ({ code, failureCode = code, means }) => {
    expect(await answered({ status: 'declined', declineCode: code })).toMatchObject(
      meaning(means, failureCode),
    );
    expect(world().sent()).toHaveLength(1);
  });

  test(`a decline of a code it does not list is ${dialect.unlistedDecline}: it never reopens and never goes elsewhere`, async () => {
    const declined = await answered({ status: 'declined', declineCode: 'a_code_nobody_knows' });
    expect(declined.said).toBe(dialect.unlistedDecline === 'final' ? 'declined' : declined.said);
    if (dialect.unlistedDecline === 'ambiguous') expect(['unknown', 'accepted']).toContain(declined.said);
    expect(declined).toMatchObject({ referenceClosed: false, elsewhere: false });
  });

  test('one that is being worked on is "accepted", one of an unknown status "unknown"', async () => {
    expect(await answered({ status: 'accepted' })).toMatchObject({
      said: 'accepted',
      referenceClosed: false,
    });
    expect(await answered({ status: 'a status nobody knows' })).toMatchObject({ said: 'unknown' });
  });

  test.each<[Told['paidBy'], PaymentMethodType | null]>([
    ['credit', 'CREDIT_CARD'],
    ['debit', 'DEBIT_CARD'],
    ['nobody knows', null],
  ])('paid by %s', async (paidBy, type) => {
    const known = dialect.lacks.includes('funding') ? null : type;
    expect(await answered({ paidBy })).toMatchObject({ said: 'charged', paymentMethodType: known });
  });

  test.each<[string, Partial<Told>]>([
    ['reference', { transactionId: OTHER_ID }],
    ...named<[string, Partial<Told>]>(dialect, 'account', ['account', { account: 'acct_other' }]),
    ['amount', { amount: TOLD.amount + 1 }],
    ...named<[string, Partial<Told>]>(dialect, 'currency', ['currency', { currency: 'USD' }]),
  ])('a word about another %s is "unknown", with that as evidence', async (what, over) => {
    for (const status of ['charged', 'declined', 'accepted', 'action_required'] as const) {
      const isTold = what === 'reference' || !dialect.lacks.includes('action_facts');
      const isBound = !dialect.lacks.includes('action_bound');
      if (status === 'action_required' && !(isTold && isBound)) continue;
      const { code } = dialect.declines.find(({ means }) => means === 'closed')!;
      const word = await answered({ ...over, status, declineCode: code });
      expect(word).toMatchObject({
        said: 'unknown',
        processorTxnId: null,
        referenceClosed: false,
        elsewhere: false,
        nextAction: null,
      });
      expect(word.detail).toContain(what);
    }
  });

  test.each(Object.entries(dialect.refusals))('refused before anything was begun: %s', async (_, text) => {
    world().answer(text);
    expect(await charge()).toMatchObject({
      source: 'answer',
      said: 'declined',
      failureCode: 'processor_refused',
      referenceClosed: true,
      elsewhere: true,
      processorTxnId: null,
    });
    expect(world().sent()).toHaveLength(1);
  });

  test('a refusal in the processor’s words from a server that broke is "unknown"', async () => {
    for (const { body } of Object.values(dialect.refusals)) {
      for (const status of [500, 502, 503]) {
        world().answer({ status, body });
        expect(await charge()).toMatchObject({ said: 'unknown', elsewhere: false });
      }
    }
  });

  test.each<[string, HttpText]>([
    ...NOBODYS_WORDS,
    ['500 with a success', { status: 500, body: dialect.chargeAnswer(TOLD).body }],
    ['half of a success', { status: 200, body: dialect.chargeAnswer(TOLD).body.slice(0, -10) }],
  ])('%s is "unknown": it closes nothing and goes nowhere else', async (_, text) => {
    world().answer(text);
    expect(await charge()).toMatchObject({
      said: 'unknown',
      failureCode: null,
      referenceClosed: false,
      elsewhere: false,
    });
    expect(world().sent()).toHaveLength(1);
  });
}

/** A row that holds only where the processor has what it is about. */
function named<Row>({ lacks }: Dialect, about: Lack, row: Row): Row[] {
  return lacks.includes(about) ? [] : [row];
}

/** What a word says that carries a code of that meaning. */
function meaning(means: DeclineMeaning, failureCode: string): object {
  if (means === 'ambiguous') {
    return { said: expect.stringMatching(/^(unknown|accepted)$/), referenceClosed: false, elsewhere: false };
  }
  const closed = means === 'closed' || means === 'elsewhere';
  return { said: 'declined', failureCode, referenceClosed: closed, elsewhere: means === 'elsewhere' };
}

function stepBeforeContract(dialect: Dialect, world: () => World): void {
  const charge = (): Promise<ProcessorWord> => world().connector.charge(request(), card());
  const write =
    ({ status, body }: HttpText): Script =>
    (socket) =>
      socket.write(httpAnswer(status, body));

  test.each<[string, Script]>([
    ['silence', () => undefined],
    ['a connection that is reset', (socket) => socket.resetAndDestroy()],
    ['a connection that ends', (socket) => socket.end()],
    ['half of an answer', (socket) => socket.write(httpAnswer(200, '{"id":"or').slice(0, -5))],
    ['what is not HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ...NOBODYS_WORDS.map(([name, text]): [string, Script] => [name, write(text)]),
  ])('%s: no charge is sent, and that is known', async (_, script) => {
    world().answer(dialect.chargeAnswer(TOLD));
    world().scriptBefore(script);
    expect(await charge()).toMatchObject({
      source: 'answer',
      said: 'not_sent',
      failureCode: 'processor_unreachable',
      processorTxnId: null,
    });
    expect(world().sent()).toEqual([]);
  });

  test.each(Object.entries(dialect.refusals))('refused there: %s', async (_, text) => {
    world().answer(dialect.chargeAnswer(TOLD));
    world().scriptBefore(write(text));
    expect(await charge()).toMatchObject({
      said: 'declined',
      failureCode: 'processor_refused',
      referenceClosed: true,
      elsewhere: true,
    });
    expect(world().sent()).toEqual([]);
  });

  test('no card is in it', async () => {
    world().answer(dialect.chargeAnswer(TOLD));
    await charge();
    const before = world().server.requests.filter((each) => dialect.isStepBefore!(each));
    expect(before).toHaveLength(1);
    expect(written(before)).not.toContain(PAN);
  });
}

function actionContract(dialect: Dialect, world: () => World): void {
  const upi: ChargeMethod = { kind: 'upi' };
  const answered = (told: Told, method: ChargeMethod = card()): Promise<ProcessorWord> => {
    world().answer(dialect.chargeAnswer(told));
    return world().connector.charge(request(), method);
  };

  test('a page of the bank is handed on as it is', async () => {
    expect(await answered(REDIRECT)).toMatchObject({
      said: 'action_required',
      processorTxnId: dialect.lacks.includes('action_facts') ? null : expect.stringMatching(/./),
      failureCode: null,
      nextAction: { kind: dialect.page, url: PAGE_URL },
    });
    expect(world().sent()).toHaveLength(1);
  });

  test.each(BAD_PAGES.map((url) => [url?.slice(0, 60), url]))(
    'a page at %j is never handed on',
    async (_, url) => {
      const action = url === undefined ? { kind: 'redirect' as const } : { kind: 'redirect' as const, url };
      expect(await answered({ ...REDIRECT, action })).toMatchObject({ said: 'accepted', nextAction: null });
    },
  );

  test('an action of a kind nobody knows is never handed on', async () => {
    expect(await answered({ ...REDIRECT, action: { kind: 'nobody knows' } })).toMatchObject({
      said: 'accepted',
      nextAction: null,
    });
  });

  if (dialect.lacks.includes('upi')) {
    test('UPI is not taken: no byte of such a charge leaves', async () => {
      expect(await answered({ ...TOLD, paidBy: 'upi' }, upi)).toMatchObject({ said: 'not_sent' });
      expect(world().sent()).toEqual([]);
    });
    return;
  }

  if (dialect.lacks.includes('upi_link')) {
    test('UPI goes by a page of the processor’s, as one of the bank’s', async () => {
      expect(await answered({ ...UPI, action: { kind: 'redirect', url: PAGE_URL } }, upi)).toMatchObject({
        said: 'action_required',
        nextAction: { kind: 'redirect', url: PAGE_URL },
        paymentMethodType: 'UPI',
      });
    });
    test.each(BAD_PAGES.map((url) => [url?.slice(0, 60), url]))(
      'a UPI page at %j is never handed on',
      async (_, url) => {
        const action = url === undefined ? { kind: 'redirect' as const } : { kind: 'redirect' as const, url };
        const word = await answered({ ...UPI, action }, upi);
        expect(word).toMatchObject({ said: 'accepted', nextAction: null });
      },
    );
    return;
  }

  test('a UPI link is handed on as it is', async () => {
    expect(await answered(UPI, upi)).toMatchObject({
      said: 'action_required',
      nextAction: { kind: 'upi', link: UPI_LINK },
      paymentMethodType: 'UPI',
    });
    expect(world().sent()).toHaveLength(1);
  });

  test.each(BAD_LINKS.map((link) => [link?.slice(0, 80), link]))(
    'a UPI link %j is never handed on',
    async (_, link) => {
      const action = link === undefined ? { kind: 'upi' as const } : { kind: 'upi' as const, link };
      expect(await answered({ ...UPI, action }, upi)).toMatchObject({ said: 'accepted', nextAction: null });
    },
  );

  test('paid by UPI at once', async () => {
    expect(await answered({ ...TOLD, paidBy: 'upi' }, upi)).toMatchObject({
      said: 'charged',
      paymentMethodType: 'UPI',
      amount: TOLD.amount,
    });
  });
}

function silenceContract(dialect: Dialect, world: () => World): void {
  const charge = (over: Partial<ChargeRequest> = {}) => world().connector.charge(request(over), card());
  const success = httpAnswer(200, dialect.chargeAnswer(TOLD).body);

  test.each<[string, Script]>([
    ['silence', () => undefined],
    ['a connection that is reset', (socket) => socket.resetAndDestroy()],
    ['a connection that is closed', (socket) => socket.destroy()],
    ['a connection that ends', (socket) => socket.end()],
    ['half of an answer’s head', (socket) => socket.end(success.slice(0, 20))],
    ['an answer without its last bytes', (socket) => socket.end(success.slice(0, -5))],
    ['half of an answer, then silence', (socket) => socket.write(success.slice(0, -5))],
    ['what is not HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['an answer without an end', (socket) => socket.write(httpAnswer(200, 'x'.repeat(1 << 20)))],
  ])('%s after sending is "unknown", and nothing is sent again', async (_, script) => {
    world().script(script);
    expect(await charge()).toMatchObject({
      source: 'answer',
      said: 'unknown',
      leg: 1,
      processor: dialect.processor,
      processorTxnId: null,
      referenceClosed: false,
      elsewhere: false,
    });
    expect(world().sent()).toHaveLength(1);
  });

  /** Charges at an address of another kind, and tells how long the word took. */
  async function chargeAt(origin: string, timings: Timings = TIMINGS) {
    const other = dialect.open(origin, timings);
    const began = performance.now();
    const word = await other.charge(request(), card());
    const tookMs = performance.now() - began;
    await other.close();
    return { word, tookMs };
  }
  const unreachable = { source: 'answer', said: 'not_sent', failureCode: 'processor_unreachable' };

  test('a refused connection is "not_sent"', async () => {
    const { word } = await chargeAt(`http://127.0.0.1:${await closedPort()}`);
    expect(word).toMatchObject({ ...unreachable, processorAccount: ACCOUNT.account, leg: 1 });
  });

  test('a name that does not exist is "not_sent"', async () => {
    const { word } = await chargeAt('http://no-such-processor.invalid', {
      ...TIMINGS,
      connectTimeoutMs: 5000,
    });
    expect(word).toMatchObject(unreachable);
  });

  test('TLS with a certificate nobody trusts is "not_sent"', async () => {
    const stranger = await startScriptedServer(true);
    const { word } = await chargeAt(stranger.origin, { ...TIMINGS, connectTimeoutMs: 5000, timeoutMs: 5000 });
    expect(word).toMatchObject(unreachable);
    expect(stranger.requests).toEqual([]);
    await stranger.close();
  });

  test('a connection that does not come about is "not_sent" when its own time is over, not the answer’s', async () => {
    world().script(() => undefined);
    // TCP is accepted, the TLS handshake never answered.
    const origin = world().server.origin.replace('http:', 'https:');
    const { word, tookMs } = await chargeAt(origin, { ...TIMINGS, connectTimeoutMs: 100, timeoutMs: 60_000 });
    expect(word).toMatchObject(unreachable);
    expect(tookMs).toBeLessThan(700);
  });

  test('an answer may take longer than a connection', async () => {
    world().script((socket) => setTimeout(() => socket.write(success), 150));
    const patient = await chargeAt(world().server.origin, {
      ...TIMINGS,
      connectTimeoutMs: 50,
      timeoutMs: 5000,
    });
    expect(patient.word).toMatchObject({ said: 'charged' });
  });
}

function wireContract(dialect: Dialect, world: () => World): void {
  const charge = (over: Partial<ChargeRequest> = {}) => world().connector.charge(request(over), card());
  const success = dialect.chargeAnswer(TOLD);
  const answer = (socket: Socket): unknown => socket.write(httpAnswer(success.status, success.body));

  test('past its time to leave it is "not_sent" and nothing is sent', async () => {
    world().answer(success);
    expect(await charge({ mayLeave: () => false })).toMatchObject({
      said: 'not_sent',
      failureCode: 'send_before_passed',
    });
    expect(world().sent()).toEqual([]);
  });

  test('whether it may leave is asked once, before anything has left', async () => {
    world().answer(success);
    const mayLeave = vi.fn(() => world().sent().length === 0);
    await charge({ mayLeave });
    expect(mayLeave.mock.results).toEqual([{ type: 'return', value: true }]);
    expect(world().sent()).toHaveLength(1);
  });

  test('one that hangs holds up no other charge and no query: each has a connection to itself', async () => {
    const hanging: Socket[] = [];
    const patient = dialect.open(world().server.origin, PATIENT);
    // Two are kept open, so that the next two have some to take.
    world().script(answer);
    await Promise.all([patient.charge(request(), card()), patient.charge(request(), card())]);
    world().script((socket) => hanging.push(socket));
    // About another one: a dialect may ask about a charge it has just sent.
    const other = question({ transactionId: OTHER_ID });
    const stuck = [patient.charge(request(), card()), patient.query(other)];
    await vi.waitFor(() => expect(hanging).toHaveLength(2));

    world().script(answer);
    for (let i = 0; i < 3; i++) {
      expect(await patient.charge(request(), card())).toMatchObject({ said: 'charged' });
    }
    world().answer(dialect.queryNotFound(OTHER_ID));
    expect(await patient.query(other)).toEqual({ kind: 'not_found' });
    for (const socket of hanging) socket.destroy();
    expect(await Promise.all(stuck)).toMatchObject([{ said: 'unknown' }, { kind: 'no_answer' }]);
    await patient.close();
  });

  test('no charge is written behind another that is not answered yet', async () => {
    const waiting = new Set<Socket>();
    world().script((socket) => {
      expect(waiting.has(socket)).toBe(false);
      waiting.add(socket);
      setImmediate(() => {
        waiting.delete(socket);
        answer(socket);
      });
    });
    for (let round = 0; round < 3; round++) {
      const words = await Promise.all(Array.from({ length: 8 }, () => charge()));
      for (const word of words) expect(word).toMatchObject({ said: 'charged' });
    }
    expect(world().sent()).toHaveLength(24);
  });

  test('a connection that the processor closed in between repeats nothing', async () => {
    const words: ProcessorWord[] = [];
    for (let calls = 0; calls < 30; calls++) {
      world().script((socket) => {
        answer(socket);
        setImmediate(() => socket.destroy());
      });
      words.push(await charge());
    }
    const left = words.filter(({ said }) => said !== 'not_sent').length;
    expect(world().sent().length).toBeLessThanOrEqual(left);
  });

  test('closed while one is under way, that one is "unknown", and nothing leaves any more', async () => {
    world().script(() => undefined);
    const patient = dialect.open(world().server.origin, PATIENT);
    const underWay = patient.charge(request(), card());
    await vi.waitFor(() => expect(world().sent()).toHaveLength(1));
    await patient.close();
    expect(await underWay).toMatchObject({ said: 'unknown' });
    expect(await patient.charge(request(), card())).toMatchObject({ said: 'not_sent' });
    await vi.waitFor(() => expect(world().server.sockets.size).toBe(0));
    expect(world().sent()).toHaveLength(1);
  });
}

function cardContract(dialect: Dialect, world: () => World): void {
  const success = dialect.chargeAnswer(TOLD);

  /** The word without its time, in which any three digits may stand. */
  const shown = (word: ProcessorWord): string => JSON.stringify({ ...word, at: 0 });

  test('the request holds it once, in the body', async () => {
    world().answer(success);
    await world().connector.charge(request(), card());
    const [sent] = world().sent();
    expect(sent!.body.toString().split(PAN)).toHaveLength(2);
    expect(sent!.head).not.toContain(PAN);
  });

  test.each<[string, HttpText]>([
    ['a success', success],
    ['a decline whose code it is', dialect.chargeAnswer({ ...TOLD, status: 'declined', declineCode: PAN })],
    ['a page of an error', { status: 500, body: `<html>${PAN} ${CVV}</html>` }],
    ['a broken 200', { status: 200, body: `{"card":{"number":"${PAN}","cvv":"${CVV}"}` }],
    ['a refusal of another', { status: 400, body: `{"error":{"code":"${PAN}","message":"${CVV}"}}` }],
  ])('no word holds any of it, whatever is echoed: %s', async (_, text) => {
    world().answer(text);
    const word = await world().connector.charge(request(), card());
    expect(shown(word)).not.toContain(PAN);
    expect(shown(word)).not.toContain(CVV);
  });

  test('it is left as it is: its owner wipes it, after a second leg perhaps', async () => {
    world().answer(success);
    const method = { kind: 'card' as const, card: cardDetails() };
    await world().connector.charge(request(), method);
    expect(method.card).toEqual(cardDetails());
  });

  test.each<[string, Script]>([
    ['an answer', (socket) => socket.write(httpAnswer(success.status, success.body))],
    ['silence', () => undefined],
    ['a reset', (socket) => socket.resetAndDestroy()],
  ])('after %s the bytes that went to the socket are zeros: no copy is left', async (_, script) => {
    world().script(script);
    const written: Uint8Array[] = [];
    let texts = '';
    const write = vi.spyOn(Socket.prototype, 'write').mockImplementation(function (
      this: Socket,
      chunk,
      ...rest
    ) {
      if (typeof chunk === 'string') texts += chunk;
      else if (Buffer.from(chunk).includes(PAN)) written.push(chunk);
      return Reflect.apply(plainWrite, this, [chunk, ...rest]) as boolean;
    } as typeof plainWrite);
    try {
      await world().connector.charge(request(), card());
    } finally {
      write.mockRestore();
    }
    expect(texts).not.toContain(PAN);
    expect(written).toHaveLength(1);
    expect(written[0]!.every((byte) => byte === 0)).toBe(true);
  });
}

const plainWrite = Socket.prototype.write;

function queryContract(dialect: Dialect, world: () => World): void {
  const query = (over: Partial<QueryRequest> = {}) => world().connector.query(question(over));
  const answered = (told: Partial<Told>, over: Partial<QueryRequest> = {}) => {
    world().answer(dialect.queryAnswer({ ...TOLD, ...told }));
    return query(over);
  };

  /** Whose turn it is, where that is not told: a page the shopper is to see is not taken away for it. */
  const working = dialect.lacks.includes('query_action')
    ? expect.stringMatching(/^(accepted|unknown)$/)
    : 'accepted';

  test.each(['charged', 'accepted'] as const)('found: %s', async (status) => {
    expect(await answered({ status })).toMatchObject({
      kind: 'found',
      word: {
        source: 'query',
        said: status === 'accepted' ? working : status,
        leg: 1,
        processor: dialect.processor,
        processorAccount: ACCOUNT.account,
        processorTxnId: expect.stringMatching(/./),
        amount: TOLD.amount,
        currency: TOLD.currency,
        at: NOW,
      },
    });
    expect(written(world().server.requests)).toContain(dialect.reference?.(TRANSACTION_ID) ?? TRANSACTION_ID);
  });

  test.each(dialect.declines)(
    'found: declined with $code, $means',
    async ({ code, failureCode = code, means, asked = means }) => {
      const word = meaning(asked, failureCode);
      expect(await answered({ status: 'declined', declineCode: code })).toMatchObject({
        kind: 'found',
        word,
      });
    },
  );

  test.each(dialect.declines.filter(({ means, asked = means }) => asked === 'ambiguous'))(
    'found: declined with $code long after it began is a decline that does not reopen',
    async ({ code, failureCode = code }) => {
      const now = NOW + TIMINGS.ambiguousFailureMs + 1;
      expect(await answered({ status: 'declined', declineCode: code }, { now })).toMatchObject({
        kind: 'found',
        word: { said: 'declined', failureCode, referenceClosed: false, elsewhere: false },
      });
    },
  );

  test('found: the shopper must act, and where, if that is told', async () => {
    const word = dialect.lacks.includes('query_action')
      ? { said: working, nextAction: null }
      : { said: 'action_required', nextAction: { kind: dialect.page, url: PAGE_URL } };
    expect(await answered(REDIRECT)).toMatchObject({ kind: 'found', word });
    const bad = { kind: 'redirect', url: 'javascript:alert(1)' } as const;
    expect(await answered({ ...REDIRECT, action: bad })).toMatchObject({
      kind: 'found',
      word: { said: working, nextAction: null },
    });
  });

  test('a status nobody knows says nothing final', async () => {
    const answer = await answered({ status: 'a status nobody knows' });
    expect(answer.kind === 'found' ? answer.word.said : 'unknown').toBe('unknown');
    expect(answer.kind).not.toBe('not_found');
  });

  test('what it was paid with is told, where it is known', async () => {
    const type = dialect.lacks.includes('funding') ? null : 'DEBIT_CARD';
    expect(await answered({ paidBy: 'debit' })).toMatchObject({ word: { paymentMethodType: type } });
  });

  test('the word is the leg’s that was asked about', async () => {
    world().answer(dialect.queryAnswer(TOLD));
    expect(await query({ leg: 2 })).toMatchObject({ kind: 'found', word: { leg: 2 } });
  });

  test.each<[string, Partial<Told>, Partial<ProcessorWord>]>([
    ['amount', { amount: 1 }, { amount: 1 }],
    ...named<[string, Partial<Told>, Partial<ProcessorWord>]>(dialect, 'currency', [
      'currency',
      { currency: 'USD' },
      { currency: 'USD' },
    ]),
    ...named<[string, Partial<Told>, Partial<ProcessorWord>]>(dialect, 'account', [
      'account',
      { account: 'acct_other' },
      { processorAccount: 'acct_other' },
    ]),
  ])('one of another %s is found with that: the attempt itself judges it', async (_, told, word) => {
    expect(await answered(told)).toMatchObject({ kind: 'found', word });
  });

  test('not found is the processor’s own explicit word', async () => {
    world().answer(dialect.queryNotFound(TRANSACTION_ID));
    expect(await query()).toEqual({ kind: 'not_found' });
  });

  test.each<[string, HttpText]>([
    ...NOBODYS_WORDS,
    ...Object.entries(dialect.refusals),
    ...named<[string, HttpText]>(dialect, 'asked_by_reference', [
      'another charge',
      dialect.queryAnswer({ ...TOLD, transactionId: OTHER_ID }),
    ]),
    ['half of a charge', { status: 200, body: dialect.queryAnswer(TOLD).body.slice(0, -10) }],
    [
      'its own “not found” from a server that broke',
      { ...dialect.queryNotFound(TRANSACTION_ID), status: 500 },
    ],
    ['a success from a server that broke', { ...dialect.queryAnswer(TOLD), status: 500 }],
  ])('%s is no answer', async (_, text) => {
    world().answer(text);
    expect(await query()).toMatchObject({ kind: 'no_answer' });
  });

  if (dialect.lacks.includes('asked_by_reference')) {
    test('a list of others’ charges is its “not found”', async () => {
      expect(await answered({ transactionId: OTHER_ID })).toEqual({ kind: 'not_found' });
    });
  }

  test('silence, a dropped connection and a refused one are no answer', async () => {
    world().script(() => undefined);
    expect(await query()).toMatchObject({ kind: 'no_answer' });
    world().script((socket) => socket.destroy());
    expect(await query()).toMatchObject({ kind: 'no_answer' });
    await world().server.close();
    expect(await query()).toMatchObject({ kind: 'no_answer' });
  });
}

/** Rows that are missing would be taken for unpaid: a fetch gives a day whole, or rejects. */
function settlementsContract(dialect: Dialect, world: () => World): void {
  const DAY = '2026-11-23';
  /** More than a page of any processor has. */
  const IDS = Array.from({ length: 2500 }, (_, index) => `${100_000 + index}`);
  const namesIn = (item: SettlementItem): string[] => IDS.filter((id) => Object.values(item).includes(id));

  async function fetched(signal?: AbortSignal): Promise<SettlementItem[]> {
    const items: SettlementItem[] = [];
    const { settlements } = world().connector;
    const request = { account: ACCOUNT, day: DAY, ...(signal !== undefined && { signal }) };
    for await (const page of settlements!(request)) items.push(...page);
    return items;
  }
  /** Answers each page with what there is then. */
  function serve(idsAt: (page: number) => readonly string[]): void {
    let page = 0;
    world().server.answer((socket, request) => {
      const { status, body } = dialect.reportPage(request, idsAt(page++));
      socket.write(httpAnswer(status, body));
    });
  }
  const refusal = (): Promise<unknown> =>
    fetched().then(
      () => null,
      (error: unknown) => error,
    );

  test('every item of a day comes once, over however many pages', async () => {
    serve(() => IDS);
    const items = await fetched();
    expect(items.flatMap((item) => namesIn(item).slice(0, 1)).toSorted()).toEqual(IDS);
    expect(items).toHaveLength(IDS.length);
    expect(world().server.requests.length).toBeGreaterThan(2);
  });

  test.each([0, 1, 100, 1000])('a day of %d items is whole as well', async (count) => {
    serve(() => IDS.slice(0, count));
    expect(await fetched()).toHaveLength(count);
  });

  test('a page that comes again is no report', async () => {
    let first: string | null = null;
    world().server.answer((socket, request) => {
      first ??= dialect.reportPage(request, IDS).body;
      socket.write(httpAnswer(200, first));
    });
    expect(await refusal()).toBeInstanceOf(SettlementsUnavailable);
  });

  test.each<[string, (ids: readonly string[]) => readonly string[]]>([
    ['loses an item that was told', (ids) => ids.toSpliced(3, 1)],
    ['loses its newest', (ids) => ids.slice(0, -1)],
    ['gains one at its beginning', (ids) => ['999999', ...ids]],
    ['gains one at its end', (ids) => [...ids, '999999']],
  ])('a report that %s while it is read has no gap: it is whole, or none', async (_, changed) => {
    serve((page) => (page === 0 ? IDS : changed(IDS)));
    const items = await fetched().catch((error: unknown) => error);
    if (items instanceof SettlementsUnavailable) expect(items).toMatchObject({ retryable: true });
    else {
      const names = (items as SettlementItem[]).flatMap((item) => namesIn(item).slice(0, 1));
      // Each of those that were there all the time, and none twice.
      expect(new Set(names).size).toBe(names.length);
      expect(IDS.filter((id) => changed(IDS).includes(id) && !names.includes(id))).toEqual([]);
    }
  });

  test.each(NOBODYS_WORDS)('%s is no report, and its end is none', async (_, { status, body }) => {
    world().server.answer((socket) => socket.write(httpAnswer(status, body)));
    const error = await refusal();
    expect(error).toBeInstanceOf(SettlementsUnavailable);
    expect(error).toMatchObject({
      processor: dialect.processor,
      status: `${Math.floor(status / 100)}xx`,
      retryable: [408, 429].includes(status) || status >= 500 || status < 300,
      message: expect.not.stringContaining(ACCOUNT.secretKey),
    });
    expect(world().server.requests).toHaveLength(1);
  });

  test('a connection that breaks off is worth another try', async () => {
    world().server.answer((socket) => socket.destroy());
    expect(await refusal()).toMatchObject({ processor: dialect.processor, status: null, retryable: true });
  });

  test('who gives up waits no longer', async () => {
    const giveUp = new AbortController();
    world().server.answer(() => giveUp.abort());
    await expect(fetched(giveUp.signal)).rejects.toMatchObject({ name: 'SettlementsUnavailable' });
    await expect(fetched(AbortSignal.abort())).rejects.toMatchObject({ name: 'SettlementsUnavailable' });
    expect(world().server.requests).toHaveLength(1);
  });
}

function callbackContract(dialect: Dialect, readCallback: () => Connector['readCallback']): void {
  const lacks = (lack: Lack): boolean => dialect.lacks.includes(lack);
  const deliver = (over: Partial<Told> = {}, secret = SECRET, now = NOW) =>
    dialect.callback({ ...TOLD, ...over }, secret, now);
  const read = ({ headers, body }: Delivery, secrets: readonly string[] = [SECRET], now = NOW) =>
    readCallback()({ header: (name) => headers[name.toLowerCase()] ?? '', body }, secrets, now);
  const refused = (delivery: Delivery, secrets?: readonly string[]): void =>
    expect(read(delivery, secrets)).toMatchObject({ ok: false, code: 'signature_invalid' });

  const hint = lacks('final_callbacks');
  // A hint that the bank still works on it need not say anything: the bank is asked.
  const told = hint ? (['charged'] as const) : (['charged', 'accepted'] as const);
  test.each(told)('a true one is read: %s', (status) => {
    expect(read(deliver({ status }))).toMatchObject({
      ok: true,
      callback: {
        hint,
        processor: dialect.processor,
        transactionId: TRANSACTION_ID,
        receivedAt: NOW,
        word: {
          source: 'callback',
          said: hint ? 'accepted' : status,
          leg: null,
          processor: dialect.processor,
          amount: TOLD.amount,
          currency: TOLD.currency,
          failureCode: null,
        },
      },
    });
  });

  test.each(dialect.declines)(
    'a true one is read: declined with $code, $means',
    ({ code, failureCode = code, means }) => {
      expect(read(deliver({ status: 'declined', declineCode: code }))).toMatchObject({
        ok: true,
        callback: {
          transactionId: TRANSACTION_ID,
          hint,
          word: hint ? { said: 'accepted', referenceClosed: false } : meaning(means, failureCode),
        },
      });
    },
  );

  test('a true one of a kind nobody knows is taken, and says nothing', () => {
    const result = read(deliver({ status: 'a status nobody knows' }));
    expect(result.ok).toBe(true);
    const word = result.ok ? result.callback.word : null;
    expect(word === null || word.said === 'unknown').toBe(true);
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
      refused({ headers: {}, body: Buffer.alloc(0) }, secrets);
    }
  });

  /** Of a hint the id may be another: the processor is asked once more then, and that is all. */
  const effectOf = (result: ReturnType<typeof read>): object =>
    result.ok && hint ? { ...result.callback, callbackId: '' } : result;

  const signed = lacks('body_signed') ? 'is refused or changes nothing that is read' : 'is refused';
  test.each(['charged', 'declined', 'accepted'] as const)(
    `%s: one flipped bit anywhere in the body ${signed}`,
    (status) => {
      const { headers, body } = deliver({ status, declineCode: dialect.declines[0]!.code });
      const plain = read({ headers, body });
      expect(plain.ok).toBe(true);
      for (const flipped of flippedBits(body)) {
        const result = read({ headers, body: flipped });
        if (lacks('body_signed') && result.ok) expect(effectOf(result)).toEqual(effectOf(plain));
        else if (result.ok) expect.fail(`not noticed: ${flipped.toString('latin1')}`);
      }
    },
  );

  test.each(dialect.signedHeaders)('%s: one flipped bit anywhere is refused', (name) => {
    const { headers, body } = deliver();
    for (const flipped of flippedBits(Buffer.from(headers[name]!, 'latin1'))) {
      const value = flipped.toString('latin1');
      if (read({ headers: { ...headers, [name]: value }, body }).ok) expect.fail(`not noticed: ${value}`);
    }
  });

  test.each(dialect.signedHeaders)('%s: cut, doubled, missing', (name) => {
    const { headers, body } = deliver();
    const value = headers[name]!;
    for (const other of [value.slice(1), value.slice(0, -1), `${value},${value}`, `${value} `, '']) {
      refused({ headers: { ...headers, [name]: other }, body });
    }
  });

  test.each(dialect.signedHeaders)('%s of another delivery is refused', (name) => {
    const { headers, body } = deliver();
    const other = deliver({ amount: TOLD.amount + 1 }, SECRET, NOW + 1000).headers[name]!;
    refused({ headers: { ...headers, [name]: other }, body });
  });

  if (lacks('callback_time')) {
    test('its age is not looked at', () => {
      expect(read(deliver(), [SECRET], NOW + 86_400_000)).toMatchObject({ ok: true });
    });
  } else {
    test('an old one and one from the future are refused', () => {
      const { past, future } = dialect.callbackSeconds!;
      for (const [ageSeconds, ok] of [
        [0, true],
        [past - 1, true],
        [past + 2, false],
        [1 - future, true],
        [-2 - future, false],
      ] as const) {
        const result = read(deliver(), [SECRET], NOW + ageSeconds * 1000);
        expect(result.ok).toBe(ok);
        if (!result.ok) expect(result.code).toBe('timestamp_invalid');
      }
    });
  }

  if (!lacks('body_signed')) {
    test('the same body written otherwise is refused', () => {
      const { headers, body } = deliver();
      for (const other of [`${body.toString()}\n`, ` ${body.toString()}`, body.toString().slice(0, -1)]) {
        refused({ headers, body: Buffer.from(other) });
      }
    });

    test('nothing is parsed before the signature is right', () => {
      const parse = vi.spyOn(JSON, 'parse');
      refused(deliver({}, 'whsec_other'));
      expect(parse).not.toHaveBeenCalled();
      parse.mockRestore();
    });
  }

  test('a reference that is not ours is kept without a transaction', () => {
    expect(read(deliver({ transactionId: 'somebody-elses' }))).toMatchObject({
      ok: true,
      callback: { transactionId: null },
    });
  });
}

function* flippedBits(bytes: Buffer): Generator<Buffer> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}
