/**
 * GET and POST /checkout/return: the shopper comes back from the bank's page.
 *
 * What the address says beside the transaction is a hint of whoever sent the shopper here, and nothing is done with it; a body is
 * dropped. The bank itself is asked, and the result page says what the database then says.
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
import type { AskShard } from '../../messages/ask.ts';
import type { AskBank } from '../ask-bank.ts';
import { languageOf } from '../language.ts';
import { keptSession, RETURN_PATH, sentOnCookie } from '../return-cookies.ts';
import { loadSession, type SessionDeps } from '../session.ts';
import type { WebAnswer, WebRequest, WebRoute } from '../web.ts';
import { PAGE_HEADERS, refusalPage, resultPath, seeOther } from './show-checkout.ts';
import { findAttempt, NO_PAYMENT } from './show-result.ts';

export interface ReturnFromBankDeps extends SessionDeps {
  ask: AskShard;
  askDeadlineMs: number;
  askBank: Pick<AskBank, 'onReturn'>;
  /** Browsers come over https. */
  secureCookies: boolean;
}

/** Banks send a form with a handful of fields. */
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
      headers: PAGE_HEADERS,
      handler: comeBackByGet,
    },
  ];
}

/** A form posted from another site carries no cookie of ours; the GET that follows it does. */
function comeBackByGet(request: WebRequest): WebAnswer {
  const transactionId = transactionOf(request);
  if (transactionId === null) return noPaymentPage(request);
  return seeOther(`${RETURN_PATH}?transaction=${showTransactionId(transactionId)}`);
}

async function comeBack(deps: ReturnFromBankDeps, request: WebRequest): Promise<WebAnswer> {
  const transactionId = transactionOf(request);
  if (transactionId === null) return noPaymentPage(request);
  const [sessionId] = await Promise.all([
    sessionOf(deps, request.header('cookie'), transactionId),
    askBank(deps, transactionId),
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
async function askBank(deps: ReturnFromBankDeps, transactionId: TransactionId): Promise<void> {
  const found = await findAttempt(deps, transactionId);
  if (!('code' in found)) await deps.askBank.onReturn(found.attempt);
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
