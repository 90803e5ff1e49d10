/**
 * GET /checkout/result and GET /checkout/events: what became of a payment, and the word that something changed.
 *
 * @module
 */

import { isSessionId } from '../../domain/checkout-session.ts';
import {
  intentIdOf,
  parseTransactionId,
  shardOfId,
  showTransactionId,
  type TransactionId,
} from '../../domain/ids.ts';
import { type Refusal, refusal } from '../../domain/outcomes.ts';
import type { Payment } from '../../domain/payment-intent.ts';
import type { Attempt } from '../../domain/transaction.ts';
import type { AskBank } from '../ask-bank.ts';
import { OTP_NOTES } from '../bank-step.ts';
import { languageOf } from '../language.ts';
import { resultState } from '../result.ts';
import { resultPage } from '../result-page.ts';
import { handOverCookies, RESULT_PATH, wasSentOn } from '../return-cookies.ts';
import type { Watch } from '../watch.ts';
import type { ShowProblem, WebAnswer, WebRequest, WebRoute } from '../web.ts';
import {
  lookFailedPage,
  nameOf,
  PAGE_HEADERS,
  refusalPage,
  resultPath,
  type ShowCheckoutDeps,
} from './show-checkout.ts';

export interface ShowResultDeps extends Pick<ShowCheckoutDeps, 'ask' | 'testMode' | 'merchantName'> {
  askDeadlineMs: number;
  watch: Watch;
  askBank: Pick<AskBank, 'whileWaiting'>;
  /** Browsers come over https. */
  secureCookies: boolean;
  problem: ShowProblem;
}

/** Makes the two routes. */
export function showResultRoutes(deps: ShowResultDeps): WebRoute[] {
  const common = { method: 'GET', bodyLimitBytes: 0, contentTypes: [] } as const;
  return [
    {
      ...common,
      path: RESULT_PATH,
      name: 'show_result',
      headers: ['cookie', ...PAGE_HEADERS],
      handler: (request) => showResult(deps, request),
    },
    {
      ...common,
      path: '/checkout/events',
      name: 'result_events',
      headers: [],
      handler: (request) => sendEvents(deps, request),
    },
  ];
}

async function showResult(deps: ShowResultDeps, request: WebRequest): Promise<WebAnswer> {
  const language = languageOf(request.header('accept-language'));
  const query = new URLSearchParams(request.query);
  const given = query.get('session') ?? '';
  const sessionId = isSessionId(given) ? given : '';
  const transactionId = parseTransactionId(query.get('transaction') ?? '');
  const found = transactionId === null ? NO_PAYMENT : await findAttempt(deps, transactionId);
  if ('code' in found) {
    if (transactionId === null || found.code === 'payment_not_found') return refusalPage(found, language);
    const shown = showTransactionId(transactionId);
    return lookFailedPage(found, { language, again: resultPath(shown, sessionId), transactionId: shown });
  }
  const { payment, attempt } = found;
  deps.askBank.whileWaiting(attempt);
  const page = resultPage({
    language,
    payment,
    attempt,
    state: resultState(payment, attempt, request.now),
    sentOn: wasSentOn(request.header('cookie'), attempt.transactionId),
    otpNote: OTP_NOTES.find((one) => one === query.get('otp')) ?? null,
    merchantName: await nameOf(deps, payment.intent.merchantId),
    sessionId,
    testMode: deps.testMode,
    now: request.now,
    resultPath: (other) => resultPath(other, sessionId),
  });
  const { nextAction } = attempt;
  return nextAction?.kind === 'redirect' || nextAction?.kind === 'form'
    ? { ...page, cookies: handOverCookies(attempt, sessionId, deps.secureCookies) }
    : page;
}

/** What an address is answered that names none. */
export const NO_PAYMENT = refusal('payment_not_found', 'This address names no payment.');
const RETRY_MS = 2000;

/** Only a payment that is known has a stream: an id is quickly made up, and streams are few. */
async function sendEvents(deps: ShowResultDeps, request: WebRequest): Promise<WebAnswer> {
  const transactionId = parseTransactionId(new URLSearchParams(request.query).get('transaction') ?? '');
  const found = transactionId === null ? NO_PAYMENT : await findAttempt(deps, transactionId);
  if ('code' in found) return deps.problem(found);
  const { payment, attempt } = found;
  return {
    status: 200,
    contentType: 'text/event-stream',
    // nginx would keep events back until it has a page of them.
    headers: { 'X-Accel-Buffering': 'no' },
    body: `retry: ${RETRY_MS}\n\n`,
    events: (stream) => {
      const state = resultState(payment, attempt, request.now);
      stream.send('state', state);
      return deps.watch.begin(attempt.transactionId, state, {
        tell: (other) => stream.send('state', other),
        end: () => stream.end(),
      });
    },
  };
}

/** The state of an attempt for the watch; null when it cannot be known now. Looking is a reason to ask the bank. */
export async function stateOf(
  deps: Pick<ShowResultDeps, 'ask' | 'askDeadlineMs' | 'askBank'>,
  transactionId: TransactionId,
  now: () => number,
): Promise<string | null> {
  const found = await findAttempt(deps, transactionId);
  if ('code' in found) return null;
  deps.askBank.whileWaiting(found.attempt);
  return resultState(found.payment, found.attempt, now());
}

/** The attempt with its payment, or why it cannot be shown. */
export async function findAttempt(
  deps: Pick<ShowResultDeps, 'ask' | 'askDeadlineMs'>,
  transactionId: TransactionId,
): Promise<{ payment: Payment; attempt: Attempt } | Refusal> {
  const intentId = intentIdOf(transactionId);
  const question = { type: 'find-payment', intentId, merchantId: null } as const;
  const reply = await deps.ask(shardOfId(intentId), question, deps.askDeadlineMs);
  if (reply.type === 'refused') return reply.refusal;
  if (reply.type !== 'payment-found') throw new Error(`find-payment was answered ${reply.type}`);
  const { payment } = reply;
  const attempt = payment.attempts.find((one) => one.transactionId === transactionId);
  return attempt === undefined ? NO_PAYMENT : { payment, attempt };
}
