/**
 * POST /internal/payment/process (the checkout form, or JSON with a session) and POST /v1/payment/process
 * (a PCI-certified merchant, with its key): a card is typed, or UPI chosen, and paid with.
 *
 * @module
 */

import type { ShopperBrowser } from '../../connectors/connector.ts';
import { type IntentId, parseIntentId, showTransactionId } from '../../domain/ids.ts';
import { type Refusal, refusal } from '../../domain/outcomes.ts';
import { takesUpiIn } from '../../domain/upi-link.ts';
import type { LiveSession } from '../../storage/sessions.ts';
import { type CardForm, readCardForm, wipeMethod } from '../card-form.ts';
import { languageOf } from '../language.ts';
import { isOwnSite, SITE_HEADERS } from '../own-site.ts';
import type { Pay, PayAnswer, PayRefused } from '../pay.ts';
import { loadSession, type SessionDeps } from '../session.ts';
import { BROWSER_HEADERS, NO_BROWSER, shopperBrowser } from '../shopper-browser.ts';
import type { RateLimit, ShowProblem, WebAnswer, WebRequest, WebRoute } from '../web.ts';
import { type FormDeps, formPage, PAGE_HEADERS, refusalPage, resultPath, seeOther } from './show-checkout.ts';

export const CARD_BODY_BYTES_MAX = 8 * 1024;

export interface ProcessPaymentDeps extends SessionDeps, FormDeps {
  pay: Pay['pay'];
  problem: ShowProblem;
  /** Scheme, host and port of checkout as browsers see it. */
  publicOrigin: string;
  /** The address is that of a proxy in front, and not of who stands behind it. */
  isProxy(address: string): boolean;
  /** One more card post of this session? */
  sessionRateLimit: RateLimit;
  /** One more card post from this address (behind a proxy that is not trusted, the proxy's)? Default: always. */
  addressRateLimit?: RateLimit;
  /** Whose API key it is (http/authenticate.ts), and its allowance. */
  authenticate(
    authorization: string,
  ): Promise<{ ok: true; merchant: { merchantId: string } } | { ok: false; refusal: Refusal }>;
  merchantRateLimit: RateLimit;
  /** http/idempotency-key.ts */
  readIdempotencyKey(header: string): { ok: true; key: string | null } | { ok: false; refusal: Refusal };
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Makes the two routes. */
export function processPaymentRoutes(deps: ProcessPaymentDeps): WebRoute[] {
  const common = { method: 'POST', bodyLimitBytes: CARD_BODY_BYTES_MAX, wipesBody: true } as const;
  return [
    {
      ...common,
      path: '/internal/payment/process',
      name: 'process_payment',
      contentTypes: [JSON_TYPE, FORM_TYPE],
      headers: ['content-type', ...SITE_HEADERS, ...BROWSER_HEADERS, ...PAGE_HEADERS],
      handler: (request) => processForShopper(deps, request),
    },
    {
      ...common,
      path: MERCHANT_PATH,
      name: 'process_payment_by_key',
      contentTypes: [JSON_TYPE],
      headers: ['authorization', 'idempotency-key'],
      handler: (request) => processForMerchant(deps, request),
    },
  ];
}

const MERCHANT_PATH = '/v1/payment/process';

/** How answers look to whoever asked. */
interface Voice {
  started(transactionId: string, sessionId: string): WebAnswer;
  refused(answer: PayRefused, sessionId: string, live: LiveSession | null): WebAnswer | Promise<WebAnswer>;
}

const TOO_OFTEN = refusal('rate_limited', 'Nothing was charged. Please wait a moment.');

async function processForShopper(deps: ProcessPaymentDeps, request: WebRequest): Promise<WebAnswer> {
  const isForm = request.header('content-type').toLowerCase().startsWith(FORM_TYPE);
  const voice = isForm ? pageVoice(deps, request) : jsonVoice(deps);
  const refuse = (cause: Refusal, sessionId: string) =>
    voice.refused({ ok: false, refusal: cause }, sessionId, null);
  if (!isOwnSite(request, deps.publicOrigin)) {
    const cause = refusal('origin_refused', 'Pay on the checkout page itself.');
    return refuse(cause, '');
  }
  const reading = readCardForm(request.body, {
    syntax: isForm ? 'form' : 'json',
    required: ['sessionId'],
    optional: ['method', 'amount', 'currency'],
  });
  if (!reading.ok) return refuse(reading.refusal, '');
  const { form } = reading;
  const sessionId = form.words.sessionId!;
  // Now: of a shopper who presses the button twice the first request has no address any more when it is paid.
  const browser = shopperBrowser(request, deps.isProxy);
  if ((await deps.addressRateLimit?.(request.remoteAddress(), request.now)) === false) {
    wipeMethod(form.method);
    return refuse(TOO_OFTEN, sessionId);
  }
  const load = await loadSession(deps, sessionId);
  const intentId = load.ok ? parseIntentId(load.live.session.paymentIntentId) : null;
  if (!load.ok || intentId === null) {
    wipeMethod(form.method);
    if (!load.ok) return refuse(load.refusal, sessionId);
    throw new Error('a stored session names no intent');
  }
  // Of a session that is there: else whoever invents names would have each of them remembered.
  if (!(await deps.sessionRateLimit(sessionId, request.now))) {
    wipeMethod(form.method);
    return refuse(TOO_OFTEN, sessionId);
  }
  if (form.method.kind === 'upi' && !takesUpiIn(load.live.session.currency)) {
    const errors = [{ pointer: '/method', detail: 'upi pays in INR only' }];
    return refuse(refusal('invalid_request', 'This order cannot be paid by UPI.', { errors }), sessionId);
  }
  const answer = await payBySession(deps, form, { live: load.live, intentId, browser });
  if (answer.ok) return voice.started(showTransactionId(answer.transactionId), sessionId);
  return voice.refused(answer, sessionId, load.live);
}

function payBySession(
  deps: ProcessPaymentDeps,
  form: CardForm,
  { live, intentId, browser }: { live: LiveSession; intentId: IntentId; browser: ShopperBrowser },
): Promise<PayAnswer> {
  const { session } = live;
  return deps.pay({
    intentId,
    merchantId: session.merchantId,
    method: form.method,
    claimedAmount: form.amount,
    claimedCurrency: form.words.currency ?? null,
    browser,
    successUrl: session.successUrl,
    cancelUrl: session.cancelUrl,
    sessionExpiresAt: Date.parse(session.expiresAt),
    idempotency: null,
  });
}

function pageVoice(deps: ProcessPaymentDeps, request: WebRequest): Voice {
  const language = languageOf(request.header('accept-language'));
  return {
    started: (transactionId, sessionId) => seeOther(resultPath(transactionId, sessionId)),
    refused: ({ refusal: cause, cardErrors = [] }, sessionId, live) => {
      const { code, transactionId } = cause;
      const standsInTheWay =
        code === 'payment_in_progress' || code === 'intent_already_paid' || code === 'intent_closed';
      if (standsInTheWay && transactionId !== undefined) {
        return seeOther(resultPath(shownId(transactionId), sessionId));
      }
      if (code === 'card_invalid' && live?.state === 'open') {
        return formPage(deps, { sessionId, live, language, now: request.now, errors: cardErrors });
      }
      return refusalPage(cause, language, { sessionId, live });
    },
  };
}

function jsonVoice(deps: ProcessPaymentDeps): Voice {
  return { started: accepted, refused: ({ refusal: cause }) => deps.problem(cause) };
}

function accepted(transactionId: string): WebAnswer {
  return { status: 202, body: JSON.stringify({ transactionId, status: 'PROCESSING' }) };
}

function shownId(transactionId: string): string {
  return transactionId.startsWith('txn_') ? transactionId : showTransactionId(transactionId);
}

async function processForMerchant(deps: ProcessPaymentDeps, request: WebRequest): Promise<WebAnswer> {
  const caller = await deps.authenticate(request.header('authorization'));
  if (!caller.ok) return deps.problem(caller.refusal);
  const reading = readCardForm(request.body, {
    syntax: 'json',
    required: ['paymentIntentId', 'merchantId'],
    optional: ['amount', 'currency'],
  });
  if (!reading.ok) return deps.problem(reading.refusal);
  const { form } = reading;
  const admitted = await admit(deps, request, caller.merchant.merchantId, form);
  if (!admitted.ok) {
    wipeMethod(form.method);
    return deps.problem(admitted.refusal);
  }
  const { key, intentId } = admitted;
  const answer = await deps.pay({
    intentId,
    merchantId: caller.merchant.merchantId,
    method: form.method,
    claimedAmount: form.amount,
    claimedCurrency: form.words.currency ?? null,
    browser: NO_BROWSER,
    successUrl: null,
    cancelUrl: null,
    sessionExpiresAt: null,
    idempotency: key === null ? null : { endpoint: `POST ${MERCHANT_PATH}`, key },
  });
  if (!answer.ok) return deps.problem(answer.refusal);
  if (answer.replayed === null) return accepted(showTransactionId(answer.transactionId));
  return { status: 202, headers: { 'Idempotency-Replayed': 'true' }, body: answer.replayed };
}

async function admit(
  deps: ProcessPaymentDeps,
  request: WebRequest,
  merchantId: string,
  form: CardForm,
): Promise<{ ok: true; key: string | null; intentId: IntentId } | { ok: false; refusal: Refusal }> {
  const reading = deps.readIdempotencyKey(request.header('idempotency-key'));
  if (!reading.ok) return reading;
  const no = (code: Refusal['code'], detail: string) =>
    ({ ok: false, refusal: refusal(code, detail) }) as const;
  if (form.words.merchantId !== merchantId) {
    return no('merchant_mismatch', 'Use the merchantId this key was made for.');
  }
  if (!(await deps.merchantRateLimit(merchantId, request.now))) {
    return no('rate_limited', 'This merchant sends more requests than it may.');
  }
  const intentId = parseIntentId(form.words.paymentIntentId ?? '');
  if (intentId === null) return no('payment_not_found', 'No such payment intent.');
  return { ok: true, key: reading.key, intentId };
}
