/**
 * GET and POST /checkout/return: the shopper comes back from the bank's page.
 *
 * What comes beside the transaction, in the address or a posted form, is a hint of whoever sent the shopper here. Of it the fields that
 * the attempt's connector names go with the question to the bank, and no further; the result page says what the database then says.
 *
 * @module
 */

import {
  intentIdOf,
  parseTransactionId,
  showIntentId,
  showTransactionId,
  type TransactionId,
} from '../../domain/ids.ts';
import type { ProcessorName } from '../../domain/processor-word.ts';
import type { AskShard } from '../../messages/ask.ts';
import type { AskBank } from '../ask-bank.ts';
import { languageOf } from '../language.ts';
import { keptSession, RETURN_PATH, sentOnCookie } from '../return-cookies.ts';
import { encodeReturned, pickReturned } from '../returned.ts';
import { loadSession, type SessionDeps } from '../session.ts';
import type { WebAnswer, WebRequest, WebRoute } from '../web.ts';
import { PAGE_HEADERS, refusalPage, resultPath, seeOther } from './show-checkout.ts';
import { findAttempt, NO_PAYMENT } from './show-result.ts';

export interface ReturnFromBankDeps extends SessionDeps {
  ask: AskShard;
  askDeadlineMs: number;
  askBank: Pick<AskBank, 'onReturn'>;
  /** Names of what a browser brings back that a query of this processor wants to see. */
  returnFieldsOf(processor: ProcessorName): readonly string[];
  /** Browsers come over https. */
  secureCookies: boolean;
}

/** Banks send a form with some dozens of fields. */
const RETURN_BODY_BYTES_MAX = 64 * 1024;

/** Makes the two routes. */
export function returnFromBankRoutes(deps: ReturnFromBankDeps): WebRoute[] {
  const common = { path: RETURN_PATH, contentTypes: [] } as const;
  return [
    {
      ...common,
      method: 'GET',
      name: 'return_from_bank',
      bodyLimitBytes: 0,
      headers: ['cookie', ...PAGE_HEADERS],
      handler: (request) => comeBack(deps, request),
    },
    {
      ...common,
      method: 'POST',
      name: 'return_from_bank_by_post',
      bodyLimitBytes: RETURN_BODY_BYTES_MAX,
      headers: ['content-type', ...PAGE_HEADERS],
      handler: (request) => comeBackByGet(deps, request),
    },
  ];
}

/** A form posted from another site carries no cookie of ours; the GET that follows it does. */
async function comeBackByGet(deps: ReturnFromBankDeps, request: WebRequest): Promise<WebAnswer> {
  const transactionId = transactionOf(request);
  if (transactionId === null) return noPaymentPage(request);
  const posted = postedFields(request);
  const found = posted.size === 0 ? NO_PAYMENT : await findAttempt(deps, transactionId);
  const hints = 'code' in found ? {} : pickReturned(posted, deps.returnFieldsOf(found.attempt.processor));
  const path = `${RETURN_PATH}?transaction=${showTransactionId(transactionId)}${encodeReturned(hints)}`;
  return seeOther(path);
}

const FORM_TYPE = 'application/x-www-form-urlencoded';

/** What a body of any other kind says is dropped. */
function postedFields(request: WebRequest): URLSearchParams {
  const [type = ''] = request.header('content-type').split(';', 1);
  const isForm = type.trim().toLowerCase() === FORM_TYPE;
  return new URLSearchParams(isForm ? request.body.toString('utf8') : '');
}

async function comeBack(deps: ReturnFromBankDeps, request: WebRequest): Promise<WebAnswer> {
  const transactionId = transactionOf(request);
  if (transactionId === null) return noPaymentPage(request);
  const [sessionId] = await Promise.all([
    sessionOf(deps, request.header('cookie'), transactionId),
    askBank(deps, transactionId, new URLSearchParams(request.query)),
  ]);
  const path = resultPath(showTransactionId(transactionId), sessionId);
  return { ...seeOther(path), cookies: [sentOnCookie(transactionId, deps.secureCookies)] };
}

/** The first that is named: banks put what they have to say behind it. */
function transactionOf(request: WebRequest): TransactionId | null {
  return parseTransactionId(new URLSearchParams(request.query).get('transaction') ?? '');
}

function noPaymentPage(request: WebRequest): WebAnswer {
  return refusalPage(NO_PAYMENT, languageOf(request.header('accept-language')));
}

/** What cannot be read now is not asked about; the result page says so. */
async function askBank(
  deps: ReturnFromBankDeps,
  transactionId: TransactionId,
  words: URLSearchParams,
): Promise<void> {
  const found = await findAttempt(deps, transactionId);
  if ('code' in found) return;
  const { attempt } = found;
  await deps.askBank.onReturn(attempt, pickReturned(words, deps.returnFieldsOf(attempt.processor)));
}

/** The session this browser kept, while it lives and is of this intent; else empty. */
async function sessionOf(
  deps: ReturnFromBankDeps,
  cookies: string,
  transactionId: TransactionId,
): Promise<string> {
  const intentId = intentIdOf(transactionId);
  const sessionId = keptSession(cookies, intentId);
  if (sessionId === null) return '';
  const load = await loadSession(deps, sessionId);
  return load.ok && load.live.session.paymentIntentId === showIntentId(intentId) ? sessionId : '';
}
