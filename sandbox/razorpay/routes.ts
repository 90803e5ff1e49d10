/**
 * Routes of the Razorpay dialect: who may call what.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, answer, answerJson } from '../answers.ts';
import type { Account, Routes } from '../dialect.ts';
import { type Call, type Counter, refuse } from './counter.ts';
import { listOrders, listPaymentsOfOrder, openOrder, showOneOrder } from './order-routes.ts';
import { generateOtp, resendOtp, submitOtp } from './otp-routes.ts';
import {
  authorizePayment,
  capturePayment,
  makePayment,
  showOnePayment,
  validateVpa,
} from './payment-routes.ts';
import { NO_ROUTE, wrongKeys } from './problems.ts';
import { listSettlements, reconcile, showOneSettlement } from './settlement-routes.ts';

/** What a caller must know: both halves of the key, or its public half. */
type Needs = 'key' | 'key_id';

interface Route {
  readonly method: 'GET' | 'POST';
  /** One group: the identifier. */
  readonly path: RegExp;
  readonly needs: Needs;
  readonly serve: (counter: Counter, call: Call) => Promise<void>;
}

const OURS = /^\/v1\/(?:orders|payments|settlements)(?:\/|$)/;

const routes: readonly Route[] = [
  { method: 'POST', path: /^\/v1\/orders$/, needs: 'key', serve: openOrder },
  { method: 'GET', path: /^\/v1\/orders$/, needs: 'key', serve: listOrders },
  { method: 'GET', path: /^\/v1\/orders\/(\w+)$/, needs: 'key', serve: showOneOrder },
  { method: 'GET', path: /^\/v1\/orders\/(\w+)\/payments$/, needs: 'key', serve: listPaymentsOfOrder },
  {
    method: 'POST',
    path: /^\/v1\/payments\/create\/json$/,
    needs: 'key',
    serve: (counter, call) => makePayment(counter, call, 'json'),
  },
  {
    method: 'POST',
    path: /^\/v1\/payments\/create\/upi$/,
    needs: 'key',
    serve: (counter, call) => makePayment(counter, call, 'upi'),
  },
  {
    method: 'POST',
    path: /^\/v1\/payments\/validate\/vpa$/,
    needs: 'key',
    serve: (_, call) => validateVpa(call),
  },
  { method: 'GET', path: /^\/v1\/payments\/(\w+)$/, needs: 'key', serve: showOnePayment },
  { method: 'POST', path: /^\/v1\/payments\/(\w+)\/capture$/, needs: 'key', serve: capturePayment },
  { method: 'POST', path: /^\/v1\/payments\/(\w+)\/otp_generate$/, needs: 'key_id', serve: generateOtp },
  { method: 'POST', path: /^\/v1\/payments\/(\w+)\/otp\/submit$/, needs: 'key', serve: submitOtp },
  { method: 'POST', path: /^\/v1\/payments\/(\w+)\/otp\/resend$/, needs: 'key', serve: resendOtp },
  {
    method: 'POST',
    path: /^\/v1\/payments\/(\w+)\/otp_submit\/[0-9a-f]{40}$/,
    needs: 'key_id',
    serve: submitOtp,
  },
  { method: 'POST', path: /^\/v1\/payments\/(\w+)\/otp_resend\/json$/, needs: 'key_id', serve: resendOtp },
  { method: 'GET', path: /^\/v1\/settlements$/, needs: 'key', serve: saying(listSettlements) },
  { method: 'GET', path: /^\/v1\/settlements\/recon\/combined$/, needs: 'key', serve: saying(reconcile) },
  { method: 'GET', path: /^\/v1\/settlements\/(\w+)$/, needs: 'key', serve: saying(showOneSettlement) },
];
const AUTHORIZE = /^\/v1\/payments\/(\w+)\/authorize$/;

export class RazorpayRoutes implements Routes {
  readonly #counter: Counter;

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  owns(path: string): boolean {
    return OURS.test(path);
  }

  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const toAuthorize = request.method === 'GET' ? AUTHORIZE.exec(path)?.[1] : undefined;
    if (toAuthorize !== undefined) return authorizePayment(this.#counter, { response, id: toAuthorize });
    const route = routes.find((one) => one.method === request.method && one.path.test(path));
    if (route === undefined) return answerJson(response, 404, NO_ROUTE);
    const account = this.#accountOf(request, query, route.needs);
    if (account === undefined) return refuse(response, wrongKeys);
    const id = route.path.exec(path)?.[1] ?? '';
    await route.serve(this.#counter, { account, request, response, id, query });
  }

  #accountOf(request: IncomingMessage, query: URLSearchParams, needs: Needs): Account | undefined {
    const { accounts } = this.#counter.desk;
    const basic = /^Basic ([A-Za-z0-9+/=]+)$/.exec(request.headers.authorization ?? '')?.[1];
    const [keyId = '', secret = ''] = splitOnce(Buffer.from(basic ?? '', 'base64').toString('utf8'), ':');
    if (needs === 'key')
      return accounts.find((account) => account.keyId === keyId && account.secretKey === secret);
    const known = basic === undefined ? query.get('key_id') : keyId;
    return accounts.find((account) => account.keyId === known);
  }
}

/** A route that has its answer without a fault. */
function saying(words: (counter: Counter, call: Call) => Promise<Answer>): Route['serve'] {
  return async (counter, call) => answer(call.response, await words(counter, call));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
