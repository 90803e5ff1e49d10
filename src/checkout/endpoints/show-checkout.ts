/**
 * GET /checkout and GET /session-expired: the card form, and what stands there when its time is over.
 *
 * @module
 */

import type { CardError } from '../../domain/card.ts';
import { parseIntentId, shardOfId, showTransactionId } from '../../domain/ids.ts';
import { OUTCOMES, type Refusal, refusal } from '../../domain/outcomes.ts';
import { nextAttempt } from '../../domain/payment-intent.ts';
import type { ProcessorName } from '../../domain/processor-word.ts';
import { takesUpiIn } from '../../domain/upi-link.ts';
import type { AskShard } from '../../messages/ask.ts';
import type { LiveSession } from '../../storage/sessions.ts';
import { type Language, languageOf } from '../language.ts';
import { webLink } from '../links.ts';
import { MESSAGES } from '../messages.ts';
import { cannotLookPage, cardPage, EXPIRED_PATH, noticePage } from '../page.ts';
import type { PageLink } from '../page-parts.ts';
import { paidAttempt, runningAttempt } from '../result.ts';
import { RESULT_PATH } from '../return-cookies.ts';
import { loadSession, type SessionDeps } from '../session.ts';
import type { WebAnswer, WebRequest, WebRoute } from '../web.ts';

export interface ShowCheckoutDeps extends SessionDeps {
  ask: AskShard;
  testMode: boolean;
  /** The merchant's name for shoppers. Null or a rejection: its id is shown, for a name is no reason not to be paid. */
  merchantName(merchantId: string): Promise<string | null>;
  /** The merchant's preferred processor. Null or a rejection: UPI is not offered, and no test cards are shown. */
  processorOf(merchantId: string): Promise<ProcessorName | null>;
  takesUpi(processor: ProcessorName): boolean;
}

/** What every page reads of a request. */
export const PAGE_HEADERS: readonly string[] = ['accept-language'];

/** Makes the two routes. */
export function showCheckoutRoutes(deps: ShowCheckoutDeps): WebRoute[] {
  const common = { method: 'GET', bodyLimitBytes: 0, contentTypes: [], headers: PAGE_HEADERS } as const;
  return [
    { ...common, path: '/checkout', name: 'show_checkout', handler: (request) => showForm(deps, request) },
    {
      ...common,
      path: EXPIRED_PATH,
      name: 'session_expired',
      handler: (request) => showExpired(deps, request),
    },
  ];
}

async function showForm(deps: ShowCheckoutDeps, request: WebRequest): Promise<WebAnswer> {
  const language = languageOf(request.header('accept-language'));
  const sessionId = new URLSearchParams(request.query).get('session') ?? '';
  const load = await loadSession(deps, sessionId);
  if (!load.ok) return noSessionPage(load.refusal, language, `/checkout?session=${sessionId}`);
  const instead = await insteadOfForm(deps, request.now, load.live, { language, sessionId });
  if (instead !== null) return instead;
  // The grace is for a card that was typed in time; nobody begins to type in it.
  if (load.live.state === 'grace') return expiredPage(language, load.live);
  return formPage(deps, { sessionId, live: load.live, language, now: request.now, errors: [] });
}

async function showExpired(deps: ShowCheckoutDeps, request: WebRequest): Promise<WebAnswer> {
  const language = languageOf(request.header('accept-language'));
  const sessionId = new URLSearchParams(request.query).get('session') ?? '';
  const load = await loadSession(deps, sessionId);
  if (!load.ok) return noSessionPage(load.refusal, language, `${EXPIRED_PATH}?session=${sessionId}`);
  const instead = await insteadOfForm(deps, request.now, load.live, { language, sessionId });
  if (instead !== null) return instead;
  // A browser's clock may be wrong; ours says that there is time.
  if (load.live.state === 'open') return seeOther(`/checkout?session=${sessionId}`);
  return expiredPage(language, load.live);
}

/** How long the question may wait: a form that comes late is worse than one that is filled in for nothing. */
const BEGUN_MS = 1000;

/**
 * The result of a payment that is made or under way, or why no card can be taken for it; null while the form is the right page,
 * and when that cannot be known now: a card posted nevertheless is refused then by who knows.
 */
async function insteadOfForm(
  deps: ShowCheckoutDeps,
  now: number,
  live: LiveSession,
  { language, sessionId }: { language: Language; sessionId: string },
): Promise<WebAnswer | null> {
  const intentId = parseIntentId(live.session.paymentIntentId);
  if (intentId === null) throw new Error('a stored session names no intent');
  const question = { type: 'find-payment', intentId, merchantId: live.session.merchantId } as const;
  const reply = await deps.ask(shardOfId(intentId), question, BEGUN_MS);
  if (reply.type !== 'payment-found') return null;
  const { payment } = reply;
  const next = nextAttempt(payment, now);
  if ('attempt' in next) return null;
  const attempt = paidAttempt(payment) ?? runningAttempt(payment) ?? payment.attempts.at(-1);
  if (attempt !== undefined) return seeOther(resultPath(showTransactionId(attempt.transactionId), sessionId));
  return refusalPage(refusal(next.refusal, 'No card can be taken for it.'), language, { live });
}

export interface FormOf {
  sessionId: string;
  live: LiveSession;
  language: Language;
  /** Milliseconds since 1970. */
  now: number;
  errors: readonly CardError[];
}

/** What a card form is drawn with. */
export type FormDeps = Pick<ShowCheckoutDeps, 'merchantName' | 'processorOf' | 'takesUpi' | 'testMode'>;

/** The card form of a session, with what was wrong before: then it counts as a refusal. */
export async function formPage(
  deps: FormDeps,
  { sessionId, live, language, now, errors }: FormOf,
): Promise<WebAnswer> {
  const { merchantId, orderId, amount, currency, cancelUrl } = live.session;
  const processor = await deps.processorOf(merchantId).catch(() => null);
  const page = cardPage({
    language,
    sessionId,
    merchantName: await nameOf(deps, merchantId),
    orderId,
    amount,
    currency,
    cancelUrl,
    upi: takesUpiIn(currency) && processor !== null && deps.takesUpi(processor),
    testMode: deps.testMode,
    processor,
    remainingMs: live.remainingMs,
    now,
    errors,
  });
  return errors.length === 0 ? page : { ...page, code: 'card_invalid' };
}

/** The merchant's name, or its id. */
export async function nameOf(
  deps: Pick<ShowCheckoutDeps, 'merchantName'>,
  merchantId: string,
): Promise<string> {
  return (await deps.merchantName(merchantId).catch(() => null)) ?? merchantId;
}

/** What is known of where a refused request belongs. */
export interface RefusalPlace {
  sessionId?: string;
  live?: LiveSession | null;
}

/** The refusal of a card just sent as a page, with the way on. */
export function refusalPage(cause: Refusal, language: Language, place: RefusalPlace = {}): WebAnswer {
  const [status] = OUTCOMES[cause.code];
  const texts = MESSAGES[language];
  const later = status === 503 || status === 429;
  const links: PageLink[] = [];
  if (later && place.sessionId !== undefined && place.sessionId !== '') {
    links.push({ text: texts.tryAgain, url: `/checkout?session=${encodeURIComponent(place.sessionId)}` });
  }
  links.push(...backToShop(language, place.live ?? null, links.length > 0));
  const page = noticePage({ status, language, notice: texts.refusals[cause.code], links });
  const headers = later ? { ...page.headers, 'Retry-After': '1' } : page.headers!;
  return { ...page, headers, code: cause.code };
}

function noSessionPage(cause: Refusal, language: Language, again: string): WebAnswer {
  return cause.code === 'session_expired'
    ? expiredPage(language, null)
    : lookFailedPage(cause, { language, again });
}

/** What was asked for cannot be read now, so nothing is said of the payment: the words of {@link refusalPage} are of a card just sent. */
export function lookFailedPage(
  cause: Refusal,
  page: { language: Language; again: string; transactionId?: string },
): WebAnswer {
  const [status] = OUTCOMES[cause.code];
  const answer = cannotLookPage({ status, ...page });
  return { ...answer, headers: { ...answer.headers, 'Retry-After': '1' }, code: cause.code };
}

function expiredPage(language: Language, live: LiveSession | null): WebAnswer {
  const notice = MESSAGES[language].expired;
  const page = noticePage({ status: 410, language, notice, links: backToShop(language, live, false) });
  return { ...page, code: 'session_expired' };
}

function backToShop(language: Language, live: LiveSession | null, quiet: boolean): PageLink[] {
  const url = webLink(live?.session.cancelUrl ?? null);
  return url === null ? [] : [{ text: MESSAGES[language].backToShop, url, quiet }];
}

/** Path of the result page. The session comes along so that a declined card can be followed by another. */
export function resultPath(transactionId: string, sessionId: string): string {
  const session = sessionId === '' ? '' : `&session=${sessionId}`;
  return `${RESULT_PATH}?transaction=${transactionId}${session}`;
}

/** Sends the browser to another page of ours. */
export function seeOther(location: string): WebAnswer {
  return { status: 303, contentType: 'text/plain', headers: { Location: location }, body: '' };
}
