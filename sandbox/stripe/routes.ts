/**
 * Stripe's routes: who calls, with what parameters and under which key; then the route answers.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer } from '../answers.ts';
import { BODY_BYTES_MAX, readBody } from '../body.ts';
import type { Account, Desk, Routes } from '../dialect.ts';
import {
  invalidRequest,
  keyInUse,
  keyReused,
  type StripeError,
  unauthorized,
  unknownRoute,
} from './errors.ts';
import { canonicalForm, type FormMap, readForm } from './form.ts';
import { type IdempotencyKeys, KEY_LENGTH_MAX, printOf, type UsedKey } from './idempotency.ts';
import type { IntentRoutes } from './intent-routes.ts';
import { newSuffix } from './intents.ts';
import type { MoneyRoutes } from './money-routes.ts';
import { answerQrCode } from './qr-code.ts';
import { type Call, refusal } from './replies.ts';

type Handler = (call: Call, id: string) => Promise<void>;

interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  readonly handler: Handler;
}

const OWNED =
  /^\/v1\/(?:payment_intents|events|balance_transactions|payouts|reporting\/report_runs)(?:\/|$)|^\/v1\/(?:charges|files|qr_codes)\//;
const QR_CODE = /^\/v1\/qr_codes\/(ch_[0-9a-f]{24})\.(png|svg)$/;
const FORM = 'application/x-www-form-urlencoded';

export class StripeRoutes implements Routes {
  readonly #desk: Desk;
  readonly #keys: IdempotencyKeys;
  readonly #bySecret: ReadonlyMap<string, Account>;
  readonly #money: MoneyRoutes;
  readonly #routes: readonly Route[];

  constructor(parts: {
    readonly desk: Desk;
    readonly keys: IdempotencyKeys;
    readonly intents: IntentRoutes;
    readonly money: MoneyRoutes;
  }) {
    this.#desk = parts.desk;
    this.#keys = parts.keys;
    this.#bySecret = new Map(parts.desk.accounts.map((account) => [account.secretKey, account]));
    this.#money = parts.money;
    this.#routes = routesOf(parts.intents, parts.money);
  }

  owns(path: string): boolean {
    return OWNED.test(path);
  }

  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const [, qrCharge, image] = QR_CODE.exec(path) ?? [];
    if (qrCharge !== undefined) return answerQrCode(this.#desk, response, qrCharge, image as 'png' | 'svg');
    const requestId = `req_${newSuffix().slice(0, 14)}`;
    const refuse = (error: StripeError) => answer(response, refusal({ requestId, key: undefined }, error));
    const account = this.#accountOf(request);
    if (account === undefined) return refuse(unauthorized(request.headers.authorization !== undefined));
    const foreign = checkAccount(request, account);
    if (foreign !== undefined) return refuse(foreign);
    const found = this.#find(request.method ?? '', path);
    if (found === undefined) return refuse(unknownRoute(request.method ?? '', path));
    const read = await readParams(request, query);
    if (!read.ok) {
      if (read.error.status === 413) response.shouldKeepAlive = false;
      return refuse(read.error);
    }
    const { params } = read;
    const key = request.method === 'POST' ? keyOf(request, account, path, params) : undefined;
    const problem = key === undefined ? undefined : this.#checkKey(key);
    if (problem !== undefined) return refuse(problem);
    const find = (id: string) => this.#money.find(account, id);
    await found.handler({ account, response, params, requestId, key, find }, found.id);
  }

  #accountOf({ headers: { authorization = '' } }: IncomingMessage): Account | undefined {
    if (authorization.startsWith('Bearer ')) return this.#bySecret.get(authorization.slice('Bearer '.length));
    if (!authorization.startsWith('Basic ')) return undefined;
    const [user, password] = Buffer.from(authorization.slice('Basic '.length), 'base64')
      .toString()
      .split(':');
    return password === '' ? this.#bySecret.get(user!) : undefined;
  }

  #find(method: string, path: string): { readonly handler: Handler; readonly id: string } | undefined {
    for (const route of this.#routes) {
      const match = route.method === method ? route.path.exec(path) : null;
      if (match !== null) return { handler: route.handler, id: match[1] ?? '' };
    }
    return undefined;
  }

  #checkKey(used: UsedKey): StripeError | undefined {
    if (used.key.length > KEY_LENGTH_MAX) {
      return invalidRequest(`Idempotency keys may have ${KEY_LENGTH_MAX} characters at most.`);
    }
    const { kind } = this.#keys.lookUp(used);
    if (kind === 'busy') return keyInUse(used.key);
    return kind === 'reused' ? keyReused(used.key) : undefined;
  }
}

function routesOf(intents: IntentRoutes, money: MoneyRoutes): Route[] {
  const get = (path: RegExp, handler: Handler): Route => ({ method: 'GET', path, handler });
  const post = (path: RegExp, handler: Handler): Route => ({ method: 'POST', path, handler });
  return [
    post(/^\/v1\/payment_intents$/, (call) => intents.create(call)),
    get(/^\/v1\/payment_intents$/, (call) => intents.list(call)),
    get(/^\/v1\/payment_intents\/(\w+)$/, (call, id) => intents.retrieve(call, id)),
    post(/^\/v1\/payment_intents\/(\w+)\/confirm$/, (call, id) => intents.confirm(call, id)),
    post(/^\/v1\/payment_intents\/(\w+)\/capture$/, (call, id) => intents.capture(call, id)),
    post(/^\/v1\/payment_intents\/(\w+)\/cancel$/, (call, id) => intents.cancel(call, id)),
    get(/^\/v1\/charges\/(\w+)$/, (call, id) => money.charge(call, id)),
    get(/^\/v1\/events$/, (call) => money.events(call, undefined)),
    get(/^\/v1\/events\/(\w+)$/, (call, id) => money.events(call, id)),
    get(/^\/v1\/balance_transactions$/, (call) => money.movements(call, undefined)),
    get(/^\/v1\/balance_transactions\/(\w+)$/, (call, id) => money.movements(call, id)),
    get(/^\/v1\/payouts$/, (call) => money.payouts(call, undefined)),
    get(/^\/v1\/payouts\/(\w+)$/, (call, id) => money.payouts(call, id)),
    post(/^\/v1\/reporting\/report_runs$/, (call) => money.orderReport(call)),
    get(/^\/v1\/reporting\/report_runs\/(\w+)$/, (call, id) => money.report(call, id)),
    get(/^\/v1\/files\/(\w+)\/contents$/, (call, id) => money.file(call, id)),
  ];
}

/** Another account may not be worked on with this key. */
function checkAccount({ headers }: IncomingMessage, { account }: Account): StripeError | undefined {
  const named = headers['stripe-account'];
  if (named === undefined || named === account) return undefined;
  return invalidRequest(
    `The provided key does not have access to account '${named}' (or that account does not exist). Application access may have been revoked.`,
    { status: 403, code: 'account_invalid' },
  );
}

type ReadParams =
  | { readonly ok: true; readonly params: FormMap }
  | { readonly ok: false; readonly error: StripeError };

/** The parameters of the query or the form body. */
async function readParams(request: IncomingMessage, query: URLSearchParams): Promise<ReadParams> {
  if (request.method === 'GET') return parsed(query.toString());
  const bytes = await readBody(request, BODY_BYTES_MAX);
  if (bytes === null) {
    return { ok: false, error: invalidRequest('The request is too large.', { status: 413 }) };
  }
  const type = request.headers['content-type'];
  if (bytes.length > 0 && type !== undefined && !type.startsWith(FORM)) {
    return { ok: false, error: invalidRequest(`Invalid request: the body must be ${FORM}.`) };
  }
  return parsed(bytes.toString('utf8'));
}

function parsed(text: string): ReadParams {
  const params = readForm(text);
  if (params !== null) return { ok: true, params };
  return { ok: false, error: invalidRequest('Invalid request: the parameters cannot be parsed.') };
}

function keyOf(
  request: IncomingMessage,
  account: Account,
  path: string,
  params: FormMap,
): UsedKey | undefined {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key === '') return undefined;
  const print = printOf(account.secretKey, 'POST', path, canonicalForm(params));
  return { account: account.account, key, print };
}
