/**
 * Page: what shoppers see, as HTML: the card form, the results, and pages that say one thing.
 *
 * Everything that comes from a merchant, a shopper or the database is escaped; nothing that was typed of a card is shown again.
 *
 * @module
 */

import type { CardError } from '../domain/card.ts';
import { showTransactionId } from '../domain/ids.ts';
import type { Payment } from '../domain/payment-intent.ts';
import type { Attempt } from '../domain/transaction.ts';
import { isUpiLinkFor } from '../domain/upi-link.ts';
import { pageAnswer } from './document.ts';
import { bankLink, type Html, html, webLink } from './html.ts';
import { type Language, showAmount } from './language.ts';
import { fill, MESSAGES, type Messages, type Notice } from './messages.ts';
import { qrCode } from './qr-code.ts';
import { mayTryAgain, type ResultState, reloadSeconds, runningAttempt } from './result.ts';
import { TEST_CARDS } from './test-cards.ts';
import type { WebAnswer } from './web.ts';

export interface CardPage {
  language: Language;
  sessionId: string;
  merchantName: string;
  orderId: string;
  amount: number;
  currency: string;
  cancelUrl: string;
  /** UPI is offered beside the card. */
  upi: boolean;
  testMode: boolean;
  /** Until the session is over. */
  remainingMs: number;
  /** Milliseconds since 1970. */
  now: number;
  /** What was wrong with the card just typed. */
  errors: readonly CardError[];
}

const PAY_PATH = '/internal/payment/process';
/** Where the page goes when its time is over (requirements 7.3). */
export const EXPIRED_PATH = '/session-expired';

/** The card form. */
export function cardPage(page: CardPage): WebAnswer {
  const texts = MESSAGES[page.language];
  const sum = showAmount(page.amount, page.currency, page.language);
  return pageAnswer({
    status: page.errors.length === 0 ? 200 : 400,
    language: page.language,
    title: fill(texts.payTitle, { merchant: page.merchantName }),
    script: true,
    content: html`<a class="unseen skip" href="#cardNumber">${texts.skip}</a>
<main class="pay">
<section class="order">
<h1 class="mark">${page.merchantName}${testPill(page.testMode, texts)}</h1>
<p class="sum">${sum}</p>
<p class="soft">${texts.order} ${identifier(page.orderId)}</p>
${timeLeft({ ...page, next: `${EXPIRED_PATH}?session=${page.sessionId}` }, texts)}
</section>
<section class="sheet card" aria-labelledby="card-title">
${page.upi ? upiForm(page, sum, texts) : null}
<h2 id="card-title">${texts.cardDetails}</h2>
${page.errors.length === 0 ? null : wrongFields(page.errors, texts)}
${cardForm(page, sum, texts)}
${leaveLink(page, texts)}
</section>
${page.testMode ? testCards(page, texts) : null}
</main>`,
  });
}

/** Longer ones stand smaller, so that they stay on one line of a phone. */
const ID_LENGTH_PLAIN = 24;

function identifier(id: string): Html {
  return id.length <= ID_LENGTH_PLAIN ? html`${id}` : html`<span class="long">${id}</span>`;
}

function testPill(testMode: boolean, texts: Messages): Html | null {
  return testMode ? html` <span class="pill">${texts.testMode}</span>` : null;
}

/** How long there is to pay, and where the page goes then. */
interface TimeLeft {
  now: number;
  remainingMs: number;
  next: string;
}

function timeLeft({ now, remainingMs, next }: TimeLeft, texts: Messages): Html {
  const end = new Date(now + remainingMs).toISOString();
  return html`<p class="time" id="time-plain">${fill(texts.payWithin, { time: end.slice(11, 16) })}</p>
<p class="time" id="time-left" role="timer" hidden data-remaining-ms="${remainingMs}" data-next="${next}" data-minutes="${texts.minutesLeft}" data-last="${texts.lastMinute}" data-over="${texts.timeOver}">${texts.timeLeft} <span class="clock"></span></p>
<p class="unseen" id="time-said" role="status"></p>
<p class="warning" id="time-warning" hidden></p>`;
}

/** A form of its own, so that it asks for nothing of a card, with script and without. */
function upiForm(page: CardPage, sum: string, texts: Messages): Html {
  return html`<form action="${PAY_PATH}" method="post" aria-label="${texts.upi}">
<input type="hidden" name="sessionId" value="${page.sessionId}">
<button class="quiet" name="method" value="upi" aria-describedby="upi-hint">${fill(texts.payByUpi, { amount: sum })}</button>
<p class="hint" id="upi-hint">${texts.upiHint}</p>
</form>
<p class="or" aria-hidden="true"><span>${texts.or}</span></p>`;
}

function cardForm(page: CardPage, sum: string, texts: Messages): Html {
  const month = new Date(page.now).toISOString().slice(0, 7);
  const { name: nameField, ...fields } = cardFields(page, texts);
  return html`<form action="${PAY_PATH}" method="post" data-texts="${JSON.stringify(texts.fields)}" data-month="${month}">
<input type="hidden" name="sessionId" value="${page.sessionId}">
${fields.number}
${fields.expiry}
${fields.cvv}
${nameField}
<button type="submit" data-sending="${texts.paying}">${fill(texts.pay, { amount: sum })}</button>
<p class="under">${texts.secure}</p>
</form>`;
}

function cardFields(page: CardPage, texts: Messages): Record<'number' | 'expiry' | 'cvv' | 'name', Html> {
  const state = (field: string, hint?: string): Html => fieldState(page.errors, field, hint);
  const error = (field: string): Html => fieldError(page.errors, field, texts);
  return {
    number: html`<div class="field"><label for="cardNumber">${texts.cardNumber}</label>
<div class="number"><input id="cardNumber" name="cardNumber" type="text" inputmode="numeric" autocomplete="cc-number" maxlength="23" required spellcheck="false"${state('cardNumber')}><span class="brand" aria-live="polite"></span></div>
${error('cardNumber')}</div>`,
    expiry: html`<fieldset><legend>${texts.expiry}</legend><div class="pair">
<div><label for="expiryMonth">${texts.month}</label><input id="expiryMonth" name="expiryMonth" type="text" inputmode="numeric" autocomplete="cc-exp-month" placeholder="MM" maxlength="2" required${state('expiryMonth')}></div>
<div><label for="expiryYear">${texts.year}</label><input id="expiryYear" name="expiryYear" type="text" inputmode="numeric" autocomplete="cc-exp-year" placeholder="YYYY" maxlength="4" required${state('expiryYear')}></div>
</div>${error('expiryMonth')}${error('expiryYear')}</fieldset>`,
    cvv: html`<div class="field"><label for="cvv">${texts.cvv}</label><input id="cvv" name="cvv" type="text" inputmode="numeric" autocomplete="cc-csc" maxlength="4" required spellcheck="false"${state('cvv', 'cvv-hint')}>
<p class="hint" id="cvv-hint" data-usual="${texts.cvvHint}" data-amex="${texts.cvvHintAmex}">${texts.cvvHint}</p>${error('cvv')}</div>`,
    name: html`<div class="field"><label for="cardholderName">${texts.name}</label><input id="cardholderName" name="cardholderName" type="text" autocomplete="cc-name" maxlength="100" required spellcheck="false"${state('cardholderName')}>
${error('cardholderName')}</div>`,
  };
}

function fieldState(errors: readonly CardError[], field: string, hint?: string): Html {
  const described = [...(hint === undefined ? [] : [hint]), `${field}-error`].join(' ');
  const wrong = errors.some((error) => error.field === field);
  return html` aria-describedby="${described}"${wrong ? html` aria-invalid="true"` : null}`;
}

function fieldError(errors: readonly CardError[], field: string, texts: Messages): Html {
  const found = errors.find((error) => error.field === field);
  return html`<p class="error" id="${field}-error" aria-live="polite">${found === undefined ? null : texts.fields[found.code]}</p>`;
}

function wrongFields(errors: readonly CardError[], texts: Messages): Html {
  const items = errors.map(
    (error) => html`<li><a href="#${error.field}">${texts.fields[error.code]}</a></li>`,
  );
  return html`<div class="wrong" role="alert" id="wrong"><strong>${texts.nothingCharged}</strong> ${texts.checkFields}<ul>${items}</ul></div>`;
}

function leaveLink(page: CardPage, texts: Messages): Html | null {
  const url = webLink(page.cancelUrl);
  const text = fill(texts.cancel, { merchant: page.merchantName });
  return url === null
    ? null
    : html`<p class="leave"><a id="cancel" href="${url}" rel="noreferrer">${text}</a></p>`;
}

function testCards({ now, upi }: CardPage, texts: Messages): Html {
  const year = String(new Date(now).getUTCFullYear() + 3);
  const items = TEST_CARDS.map(({ shown, outcome }) => {
    const words = texts.testOutcomes[outcome];
    return html`<li><code>${shown}</code><span class="soft">${words}</span><button type="button" hidden data-card="${shown}" data-year="${year}" aria-label="${fill(texts.testFill, { card: shown, outcome: words })}"></button></li>`;
  });
  return html`<section class="tests" aria-labelledby="tests-title"><h2 id="tests-title">${texts.testMode}</h2>
<p class="soft">${texts.testLead}</p><ul>${items}</ul><p class="soft">${texts.testAny}${upi ? ` ${texts.testUpi}` : ''}</p></section>`;
}

export interface PageLink {
  text: string;
  url: string;
  /** Not the thing to do first. */
  quiet?: boolean;
}

/** A page that says one thing and where to go from here. */
export function noticePage(page: {
  status: number;
  language: Language;
  notice: Notice;
  links?: readonly PageLink[];
}): WebAnswer {
  return pageAnswer({
    status: page.status,
    language: page.language,
    title: page.notice.title,
    script: false,
    content: html`<main class="outcome"><div class="sheet">${SIGNS.note}
<h1>${page.notice.title}</h1><p>${page.notice.detail}</p>${linkButtons(page.links ?? [])}</div></main>`,
  });
}

/**
 * A page of which nothing could be read: it says nothing of the payment, and that of a result looks again by itself.
 * @param again path of the page that was asked for
 * @param transactionId of a result page, as the browser sent it and ours by its form
 */
export function cannotLookPage(page: {
  status: number;
  language: Language;
  again: string;
  transactionId?: string;
}): WebAnswer {
  const { status, language, again, transactionId } = page;
  const texts = MESSAGES[language];
  const { title, detail } = texts.cannotLook;
  const isResult = transactionId !== undefined;
  const waits = isResult ? html` data-result="unknown"${eventsOf(transactionId)}` : null;
  return pageAnswer({
    status,
    language,
    title,
    script: isResult,
    events: isResult,
    content: html`<main class="outcome"${waits}><div class="sheet">${SIGNS.note}
<h1>${title}</h1><p>${detail}</p>${linkButtons([{ text: texts.tryAgain, url: again }])}</div></main>`,
    ...(isResult && { refresh: { seconds: LOOK_AGAIN_SECONDS } }),
  });
}

const LOOK_AGAIN_SECONDS = 5;

/** What the script listens to. */
function eventsOf(transactionId: string): Html {
  return html` data-events="/checkout/events?transaction=${transactionId}"`;
}

function linkButtons(links: readonly PageLink[]): Html[] {
  return links.map(
    ({ text, url, quiet }) =>
      html`<a class="button${quiet === true ? ' quiet' : ''}" href="${url}" rel="noreferrer">${text}</a>`,
  );
}

export interface ResultPage {
  language: Language;
  payment: Payment;
  attempt: Attempt;
  state: ResultState;
  /** This browser was sent on to the bank's page before. */
  sentOn: boolean;
  merchantName: string;
  /** As the browser sent it. */
  sessionId: string;
  testMode: boolean;
  /** Milliseconds since 1970. */
  now: number;
  /** Path of the result of another attempt of the payment. */
  resultPath(transactionId: string): string;
}

const WAITING_STATES: ReadonlySet<ResultState> = new Set(['waiting', 'action', 'asking', 'other-runs']);

/** What became of a payment. */
export function resultPage(page: ResultPage): WebAnswer {
  const { attempt, state, language } = page;
  const texts = MESSAGES[language];
  const amount = showAmount(attempt.amount, attempt.currency, language);
  const values = { amount, merchant: page.merchantName };
  const telling = TELLINGS[state](page, texts);
  const waits = WAITING_STATES.has(state);
  const transactionId = showTransactionId(attempt.transactionId);
  const onward = onwardOf(page, texts);
  const events = waits ? eventsOf(transactionId) : null;
  const links = onward === null ? linkButtons(telling.links ?? []) : onwardLink(onward);
  return pageAnswer({
    status: 200,
    language,
    title: telling.title,
    script: true,
    events: waits,
    content: html`<main class="outcome" data-result="${state}"${events}>
<p class="mark">${page.merchantName}${testPill(page.testMode, texts)}</p>
<div class="sheet"><div role="status">${telling.sign}<h1>${telling.title}</h1>
<p>${fill(telling.detail, values)}</p></div>${telling.more ?? null}
${factList(page, transactionId, texts)}${links}</div></main>`,
    ...(onward !== null
      ? { refresh: { seconds: onward.seconds, url: onward.url } }
      : waits && { refresh: { seconds: reloadSeconds(attempt, page.now) } }),
  });
}

/** Where a page goes by itself after a moment. */
interface Onward {
  url: string;
  seconds: number;
  text: string;
  note: string;
}

const TO_SHOP_SECONDS = 5;
const TO_BANK_SECONDS = 3;

/** To the shop once it is paid; to the bank's page once, for who comes back from it may have meant to. */
function onwardOf(page: ResultPage, texts: Messages): Onward | null {
  const { state, attempt, sentOn } = page;
  if (state === 'paid' || state === 'paid-by-other') {
    const url = webLink(attempt.successUrl);
    return url === null
      ? null
      : { url, seconds: TO_SHOP_SECONDS, text: texts.continueNow, note: texts.goingOn };
  }
  const url = sentOn || state !== 'action' ? null : bankPageOf(page);
  return url === null ? null : { url, seconds: TO_BANK_SECONDS, text: texts.toBank, note: texts.goingToBank };
}

function onwardLink({ url, seconds, text, note }: Onward): Html {
  return html`<a class="button" href="${url}" rel="noreferrer" data-go-on-ms="${seconds * 1000}">${text}</a><p class="under">${note}</p>`;
}

/** The bank's page where the shopper is to confirm; null when there is none that a browser may be sent to. */
function bankPageOf({ attempt, testMode }: ResultPage): string | null {
  const { nextAction } = attempt;
  return nextAction?.kind === 'redirect' ? bankLink(nextAction.url, testMode) : null;
}

function factList(page: ResultPage, transactionId: string, texts: Messages): Html {
  const facts: [string, string | Html][] = [
    ...actionFacts(page, texts),
    [texts.order, identifier(page.payment.intent.orderId)],
    methodFact(page.attempt, texts),
    [texts.reference, identifier(transactionId)],
  ];
  const rows = facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return html`<dl class="facts">${rows}</dl>`;
}

/** What a shopper compares with what the bank's page or app says. */
function actionFacts(page: ResultPage, texts: Messages): [string, string][] {
  const { attempt, state, language } = page;
  if (state !== 'action') return [];
  const amount: [string, string] = [texts.amount, showAmount(attempt.amount, attempt.currency, language)];
  const bankPage = bankPageOf(page);
  if (bankPage !== null) return [amount, [texts.bankPage, new URL(bankPage).host]];
  const link = upiLinkOf(attempt);
  return link === null ? [] : [amount, [texts.payee, payeeOf(link)]];
}

function methodFact({ card }: Attempt, texts: Messages): [string, string] {
  if (card === null) return [texts.method, texts.upi];
  const last4 = card.masked.slice(-4);
  return [texts.card, `${BRANDS[card.brand] ?? texts.card} ${fill(texts.endingIn, { last4 })}`];
}

/** Names of the brands as people write them. */
const BRANDS: Readonly<Record<string, string>> = {
  VISA: 'Visa',
  MASTERCARD: 'Mastercard',
  AMEX: 'American Express',
  RUPAY: 'RuPay',
  DISCOVER: 'Discover',
  DINERS: 'Diners Club',
  JCB: 'JCB',
  MAESTRO: 'Maestro',
  UNIONPAY: 'UnionPay',
};

interface Telling extends Notice {
  sign: Html;
  more?: Html;
  links?: readonly PageLink[];
}

const TELLINGS: Readonly<Record<ResultState, (page: ResultPage, texts: Messages) => Telling>> = {
  waiting: (_, texts) => ({ ...texts.waiting, sign: SIGNS.waiting }),
  action: tellAction,
  asking: tellAsking,
  paid: (_, texts) => ({ ...texts.paid, sign: SIGNS.paid }),
  'paid-by-other': (_, texts) => ({ ...texts.paidByOther, sign: SIGNS.paid }),
  'other-runs': (page, texts) => {
    const running = runningAttempt(page.payment);
    const url = running && page.resultPath(showTransactionId(running.transactionId));
    return {
      ...texts.otherRuns,
      sign: SIGNS.waiting,
      links: url === undefined ? [] : [{ text: texts.seeOther, url }],
    };
  },
  failed: (page, texts) => ({
    title: texts.failed,
    detail: texts.failedWhy[whyFailed(page.attempt)],
    sign: SIGNS.failed,
    ...afterFailure(page, texts),
  }),
};

function tellAsking(_: ResultPage, texts: Messages): Telling {
  return {
    ...texts.asking,
    sign: SIGNS.waiting,
    more: html`<ul class="calm">${texts.askingSteps.map((step) => html`<li>${step}</li>`)}</ul>`,
  };
}

/** The bank's page, before and after the shopper was there, or the UPI app. What no browser may be sent to is not shown. */
function tellAction(page: ResultPage, texts: Messages): Telling {
  const bankPage = bankPageOf(page);
  const link = upiLinkOf(page.attempt);
  if (link !== null) {
    return { ...texts.upiAction, sign: SIGNS.waiting, more: upiAction(page, link, texts) };
  }
  if (bankPage === null) return tellAsking(page, texts);
  if (!page.sentOn) return { ...texts.confirm, sign: SIGNS.note };
  return { ...texts.confirmWaits, sign: SIGNS.waiting, links: [{ text: texts.toBank, url: bankPage }] };
}

/** What opens a UPI app to pay this and nothing else; null when there is no such link. */
function upiLinkOf({ nextAction, amount, currency }: Attempt): string | null {
  if (nextAction?.kind !== 'upi') return null;
  return isUpiLinkFor(nextAction.link, amount, currency) ? nextAction.link : null;
}

/** The link first, for phones; where there is room for two devices the style shows the code first. */
function upiAction(page: ResultPage, link: string, texts: Messages): Html {
  const amount = showAmount(page.attempt.amount, page.attempt.currency, page.language);
  const alternative = fill(texts.qrCode, { amount, payee: payeeOf(link) });
  return html`<div class="upi"><a class="button" href="${link}">${texts.openUpi}</a>
<figure>${qrCode(link, alternative)}<figcaption class="soft">${texts.scan}</figcaption></figure></div>
${actionTimeLeft(page, texts)}${simulatorLink(page, texts)}`;
}

/** Less would load the page again and again where its clock is ahead of the bank's. */
const ACTION_MS_MIN = 2000;

function actionTimeLeft(page: ResultPage, texts: Messages): Html | null {
  const { attempt, now } = page;
  const expiresAt = attempt.nextAction?.expiresAt ?? null;
  if (expiresAt === null) return null;
  const next = page.resultPath(showTransactionId(attempt.transactionId));
  return timeLeft({ now, remainingMs: Math.max(ACTION_MS_MIN, expiresAt - now), next }, texts);
}

function simulatorLink({ attempt, testMode }: ResultPage, texts: Messages): Html | null {
  const { nextAction } = attempt;
  if (!testMode || nextAction?.kind !== 'upi' || nextAction.simulatorUrl === null) return null;
  const url = bankLink(nextAction.simulatorUrl, testMode);
  if (url === null) return null;
  return html`<p class="leave"><a id="simulator" href="${url}" target="_blank" rel="noreferrer">${texts.simulator}</a></p>`;
}

/** Whom a UPI link pays, as its app will name it. */
function payeeOf(link: string): string {
  const words = new URLSearchParams(link.slice(link.indexOf('?')));
  const [name, address] = [words.get('pn') ?? '', words.get('pa') ?? ''];
  return name === '' ? address : `${name} (${address})`;
}

function afterFailure(page: ResultPage, texts: Messages): Pick<Telling, 'more' | 'links'> {
  const again = mayTryAgain(page.payment, page.attempt, page.sessionId, page.now);
  const cancelUrl = webLink(page.attempt.cancelUrl);
  const links: PageLink[] = [];
  const anotherWay = page.attempt.card === null ? texts.anotherWay : texts.anotherCard;
  if (again) links.push({ text: anotherWay, url: `/checkout?session=${page.sessionId}` });
  if (cancelUrl !== null) links.push({ text: texts.backToShop, url: cancelUrl, quiet: again });
  return again ? { links } : { links, more: html`<p class="under">${texts.noMoreTries}</p>` };
}

function whyFailed({ failureCode, card }: Attempt): keyof Messages['failedWhy'] {
  switch (failureCode) {
    case 'insufficient_funds':
      return card === null ? 'insufficientUpi' : 'insufficient_funds';
    case 'authentication_failed':
      return 'notConfirmed';
    case 'authentication_expired':
      return 'confirmedTooLate';
    case 'upi_expired':
      return 'upiTooLate';
    case 'processor_unreachable':
    case 'processor_busy':
    case 'processor_breaker_open':
    case 'send_before_passed':
    case 'processor_refused':
    case 'acquirer_unavailable':
      return 'unreachable';
    // A charge that was on its way for long may still arrive: nothing is promised of it.
    case 'processor_never_received':
      return 'neverReceived';
    case 'resolved_as_failed':
      return 'closedByHand';
    default:
      return card === null ? 'declinedUpi' : 'declined';
  }
}

const sign = (kind: string, drawing: Html): Html =>
  html`<span class="sign ${kind}" aria-hidden="true"><svg viewBox="0 0 56 56">${drawing}</svg></span>`;

const SIGNS = {
  paid: sign('good', html`<path class="draw" d="M18 29l7 7 14-15"/>`),
  failed: sign('bad', html`<path d="M28 18v13M28 38v.2"/>`),
  note: sign('good', html`<path d="M28 26v12M28 18v.2"/>`),
  waiting: sign(
    'good',
    html`<circle cx="28" cy="28" r="11" opacity=".25"/><path class="turn" d="M28 17a11 11 0 0 1 11 11"/>`,
  ),
} as const;
