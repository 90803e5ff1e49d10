/**
 * GET /checkout and GET /checkout/result: the card form, and what became of the payment.
 *
 * @module
 */

import { isSessionId } from '../../domain/checkout-session.ts';
import { intentIdOf, parseTransactionId, shardOfId } from '../../domain/ids.ts';
import { OUTCOMES, type Refusal } from '../../domain/outcomes.ts';
import type { Payment } from '../../domain/payment-intent.ts';
import type { Attempt } from '../../domain/transaction.ts';
import { closesIntent, publicStatus } from '../../domain/transaction.ts';
import type { AskShard } from '../../messages/ask.ts';
import type { LiveSession } from '../../storage/sessions.ts';
import { cardPage, messagePage, showAmount } from '../page.ts';
import { loadSession, type SessionDeps, sessionExpired } from '../session.ts';
import type { WebAnswer, WebRequest, WebRoute } from '../web.ts';

export interface ShowCheckoutDeps extends SessionDeps {
  ask: AskShard;
  askDeadlineMs: number;
  testMode: boolean;
  /** The merchant's name for shoppers. Null or a rejection: its id is shown, for a name is no reason not to be paid. */
  merchantName(merchantId: string): Promise<string | null>;
}

const RELOAD_SECONDS = 2;
const GO_ON_SECONDS = 5;

/** Makes the two routes. */
export function showCheckoutRoutes(deps: ShowCheckoutDeps): WebRoute[] {
  const common = { method: 'GET', bodyLimitBytes: 0, contentTypes: [], headers: [] } as const;
  return [
    { ...common, path: '/checkout', name: 'show_checkout', handler: (request) => showForm(deps, request) },
    {
      ...common,
      path: '/checkout/result',
      name: 'show_result',
      handler: (request) => showResult(deps, request),
    },
  ];
}

async function showForm(deps: ShowCheckoutDeps, request: WebRequest): Promise<WebAnswer> {
  const sessionId = new URLSearchParams(request.query).get('session') ?? '';
  const load = await loadSession(deps, sessionId);
  if (!load.ok) return refusalPage(load.refusal);
  // The grace is for a card that was typed in time; nobody begins to type in it.
  if (load.live.state === 'grace') return refusalPage(sessionExpired());
  return formPage(deps, sessionId, load.live, []);
}

/** The card form of a session, with what was wrong before: then it counts as a refusal. */
export async function formPage(
  deps: Pick<ShowCheckoutDeps, 'merchantName' | 'testMode'>,
  sessionId: string,
  live: LiveSession,
  errors: NonNullable<Refusal['errors']>,
): Promise<WebAnswer> {
  const { merchantId, orderId, amount, currency, cancelUrl } = live.session;
  const merchantName = (await deps.merchantName(merchantId).catch(() => null)) ?? merchantId;
  const page = cardPage({
    sessionId,
    merchantName,
    orderId,
    amount,
    currency,
    cancelUrl,
    testMode: deps.testMode,
    errors,
  });
  return errors.length === 0 ? page : { ...page, code: 'card_invalid' };
}

/** A refusal as a page. */
export function refusalPage(cause: Refusal): WebAnswer {
  const [status, title] = OUTCOMES[cause.code];
  const answer = { ...messagePage({ status, title, detail: cause.detail }), code: cause.code };
  return status === 503 || status === 429
    ? { ...answer, headers: { ...answer.headers, 'Retry-After': '1' } }
    : answer;
}

/** Path of the result page. The session comes along so that a declined card can be followed by another. */
export function resultPath(transactionId: string, sessionId: string): string {
  return `/checkout/result?transaction=${transactionId}&session=${sessionId}`;
}

async function showResult(deps: ShowCheckoutDeps, request: WebRequest): Promise<WebAnswer> {
  const query = new URLSearchParams(request.query);
  const transactionId = parseTransactionId(query.get('transaction') ?? '');
  if (transactionId === null) return noSuchPayment();
  const intentId = intentIdOf(transactionId);
  const reply = await deps.ask(
    shardOfId(intentId),
    { type: 'find-payment', intentId, merchantId: null },
    deps.askDeadlineMs,
  );
  if (reply.type === 'refused') {
    return reply.refusal.code === 'payment_not_found' ? noSuchPayment() : refusalPage(reply.refusal);
  }
  if (reply.type !== 'payment-found') throw new Error(`find-payment was answered ${reply.type}`);
  const attempt = reply.payment.attempts.find((one) => one.transactionId === transactionId);
  if (attempt === undefined) return noSuchPayment();
  return resultPage(reply.payment, attempt, query.get('session') ?? '', request.now);
}

function noSuchPayment(): WebAnswer {
  return messagePage({ status: 404, title: 'No such payment', detail: 'This address names no payment.' });
}

function resultPage(payment: Payment, attempt: Attempt, sessionId: string, now: number): WebAnswer {
  const sum = showAmount(attempt.amount, attempt.currency);
  const order = `${sum} for order ${payment.intent.orderId}`;
  const { successUrl, cancelUrl } = attempt;
  switch (publicStatus(attempt.status)) {
    case 'SUCCESS':
      return messagePage({
        status: 200,
        title: 'Payment complete',
        detail: `${order} was paid.`,
        ...(successUrl === null
          ? {}
          : {
              links: [{ text: 'Go back to the shop', url: successUrl }],
              refresh: { seconds: GO_ON_SECONDS, url: successUrl },
            }),
      });
    case 'FAILED':
      return messagePage({
        status: 200,
        title: 'Payment failed',
        detail: `${order} was not paid. ${failureText(attempt.failureCode)}`,
        links: [
          ...(mayTryAgain(payment, attempt, sessionId, now)
            ? [{ text: 'Try another card', url: `/checkout?session=${sessionId}` }]
            : []),
          ...(cancelUrl === null ? [] : [{ text: 'Go back to the shop', url: cancelUrl }]),
        ],
      });
    default:
      return messagePage({
        status: 200,
        title: 'Payment in progress',
        detail: `${order} is with the bank. This page looks again by itself; do not pay twice.`,
        refresh: { seconds: RELOAD_SECONDS },
      });
  }
}

function mayTryAgain(payment: Payment, attempt: Attempt, sessionId: string, now: number): boolean {
  const isLatest = payment.attempts.at(-1)?.transactionId === attempt.transactionId;
  const sessionOpen = attempt.sessionExpiresAt !== null && attempt.sessionExpiresAt > now;
  return (
    isSessionId(sessionId) &&
    sessionOpen &&
    isLatest &&
    payment.intent.status === 'PENDING' &&
    !closesIntent(attempt)
  );
}

function failureText(failureCode: string | null): string {
  switch (failureCode) {
    case 'insufficient_funds':
      return 'The card has not enough funds.';
    case 'processor_unreachable':
    case 'processor_never_received':
      return 'The bank could not be reached.';
    default:
      return 'The bank declined it.';
  }
}
