/**
 * Plain's routes: `/v1/charges`, to charge and to ask, and what was settled.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, answerError, errorOf, jsonOf } from '../answers.ts';
import { readJson } from '../body.ts';
import type { Charge } from '../book.ts';
import type { Account, ChargeVoice, Desk, QueryVoice, Routes } from '../dialect.ts';
import { readOrder } from './orders.ts';
import { answerSettled, downloadSettled } from './settlement-routes.ts';
import { showCharge } from './shown.ts';

const CHARGES = '/v1/charges';
const SETTLED = '/v1/charges/settled';
/** The operator's, who needs no key. */
const OPERATORS_SETTLED = '/_bank/settlements';
const REPLAYED = ['Idempotent-Replayed', 'true'] as const;

export class PlainRoutes implements Routes {
  readonly #desk: Desk;
  readonly #byAuthorization: ReadonlyMap<string, Account>;
  readonly #chargeVoice: ChargeVoice;
  readonly #queryVoice: QueryVoice;

  constructor(desk: Desk) {
    this.#desk = desk;
    this.#byAuthorization = new Map(desk.accounts.map((account) => [`Bearer ${account.secretKey}`, account]));
    const show = (charge: Charge) => showCharge(charge, desk.bankUrl());
    this.#chargeVoice = {
      charge: (charge, replayed) => jsonOf(200, show(charge), replayed ? REPLAYED : undefined),
      reused: () =>
        errorOf(409, 'reference_reused', 'this reference has a charge with other facts', 'reference'),
      unavailable: () => errorOf(503, 'unavailable', 'try again later'),
      internalError,
    };
    this.#queryVoice = {
      found: ([charge]) => jsonOf(200, show(charge!)),
      notFound: () => errorOf(404, 'charge_not_found', 'no charge has this reference'),
      internalError,
    };
  }

  owns(path: string): boolean {
    return path === CHARGES || path === SETTLED || path === OPERATORS_SETTLED;
  }

  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    if (path !== CHARGES && request.method !== 'GET')
      return answerError(response, 405, 'method_not_allowed', 'GET');
    if (path === OPERATORS_SETTLED) return await downloadSettled(this.#desk, query, response);
    const account = this.#byAuthorization.get(request.headers.authorization ?? '');
    if (account === undefined)
      return answerError(response, 401, 'unauthorized', 'a known secret key is needed');
    if (path === SETTLED) return await answerSettled(this.#desk, account, query, response);
    if (request.method === 'POST') return await this.#charge(account, request, response);
    if (request.method === 'GET') return await this.#ask(account, query.get('reference'), response);
    answerError(response, 405, 'method_not_allowed', 'GET or POST');
  }

  async #charge(account: Account, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJson(request, response);
    if (body === null) return;
    const read = readOrder(body.value);
    if (read.ok) await this.#desk.charge(response, account, read.order, this.#chargeVoice);
    else answerError(response, 400, read.code, read.detail, read.field);
  }

  async #ask({ account }: Account, reference: string | null, response: ServerResponse): Promise<void> {
    if (reference === null)
      return answerError(response, 400, 'field_missing', 'reference is needed', 'reference');
    const charge = this.#desk.book.find(account, reference);
    const charges = charge === undefined ? [] : [charge];
    await this.#desk.query(response, { reference, charges }, this.#queryVoice);
  }
}

function internalError(): Answer {
  return errorOf(500, 'internal_error', 'something went wrong');
}
