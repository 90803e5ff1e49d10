/**
 * Result page: what became of a payment, as HTML, and where the shopper goes from here.
 *
 * Everything that comes from a merchant, a shopper or the database is escaped; nothing that was typed is shown again.
 *
 * @module
 */

import { showTransactionId } from '../domain/ids.ts';
import type { Payment } from '../domain/payment-intent.ts';
import type { Attempt } from '../domain/transaction.ts';
import { type Html, html } from '../pages/html.ts';
import {
  ACTION_MS_MIN,
  actionTimeLeft,
  bankPageOf,
  formOf,
  handOverForm,
  type OtpNote,
  otpForm,
  otpOf,
  payeeOf,
  postsTo,
  resendForm,
  type StepPage,
  TO_BANK_SECONDS,
  upiAction,
  upiLinkOf,
  wordsOfBankPage,
} from './bank-step.ts';
import { pageAnswer } from './document.ts';
import { showAmount } from './language.ts';
import { webLink } from './links.ts';
import { fill, MESSAGES, type Messages, type Notice } from './messages.ts';
import { eventsOf, identifier, linkButtons, type PageLink, SIGNS, testPill } from './page-parts.ts';
import { mayTryAgain, type ResultState, reloadSeconds, runningAttempt } from './result.ts';
import type { WebAnswer } from './web.ts';
import { whyFailed } from './why-failed.ts';

export interface ResultPage extends StepPage {
  payment: Payment;
  /** What came of the password sent last; null: nothing to say of it. */
  otpNote: OtpNote | null;
  merchantName: string;
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
  const form = formOf(page);
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
${factList(page, transactionId, texts)}${form === null ? links : handOverForm(page, form, texts)}</div></main>`,
    ...(onward !== null
      ? { refresh: { seconds: onward.seconds, url: onward.url } }
      : waits && { refresh: { seconds: lookAgainSeconds(page) } }),
    ...(form !== null && { postsTo: postsTo(page, form) }),
  });
}

/** A page on which something is typed or pressed is not taken away while that is done. */
function lookAgainSeconds(page: ResultPage): number {
  const { attempt, state, now } = page;
  if (state === 'action' && otpOf(page) !== null && page.otpNote !== 'unheard') {
    const expiresAt = attempt.nextAction?.expiresAt ?? null;
    return expiresAt === null
      ? OTP_RELOAD_SECONDS
      : Math.ceil(Math.max(ACTION_MS_MIN, expiresAt - now) / 1000);
  }
  return formOf(page) !== null && !page.sentOn ? FORM_RELOAD_SECONDS : reloadSeconds(attempt, now);
}

const OTP_RELOAD_SECONDS = 300;

const FORM_RELOAD_SECONDS = 20;

/** Where a page goes by itself after a moment. */
interface Onward {
  url: string;
  seconds: number;
  text: string;
  note: string;
}

const TO_SHOP_SECONDS = 5;

/**
 * To the shop once it is paid; to the bank's page once, for who comes back from it may have meant to. A form goes by its button, and
 * the page of a UPI payment opens beside this one: the shopper goes on in an app, and no processor promises a way back from there.
 */
function onwardOf(page: ResultPage, texts: Messages): Onward | null {
  const { state, attempt, sentOn } = page;
  if (state === 'paid' || state === 'paid-by-other') {
    const url = webLink(attempt.successUrl);
    return url === null
      ? null
      : { url, seconds: TO_SHOP_SECONDS, text: texts.continueNow, note: texts.goingOn };
  }
  if (sentOn || state !== 'action' || attempt.nextAction?.kind !== 'redirect' || attempt.card === null)
    return null;
  const url = bankPageOf(page);
  return url === null ? null : { url, seconds: TO_BANK_SECONDS, ...wordsOfBankPage(attempt, texts) };
}

function onwardLink({ url, seconds, text, note }: Onward): Html {
  return html`<a class="button" href="${url}" rel="noreferrer" data-go-on-ms="${seconds * 1000}">${text}</a><p class="under">${note}</p>`;
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
  if (bankPage !== null) {
    return [amount, [attempt.card === null ? texts.upiPage : texts.bankPage, new URL(bankPage).host]];
  }
  if (otpOf(page) !== null && page.otpNote !== 'unheard') return [amount];
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

/**
 * The bank's page, before and after the shopper was there, its password, or the UPI app. What no browser may be sent to is not shown.
 */
function tellAction(page: ResultPage, texts: Messages): Telling {
  const bankPage = bankPageOf(page);
  const otp = otpOf(page);
  if (otp !== null) return tellOtp(page, otp, texts);
  const link = upiLinkOf(page.attempt);
  if (link !== null) {
    return { ...texts.upiAction, sign: SIGNS.waiting, more: upiAction(page, link, texts) };
  }
  if (bankPage === null) return tellAsking(page, texts);
  const isUpi = page.attempt.card === null;
  const links = [{ text: wordsOfBankPage(page.attempt, texts).text, url: bankPage, newTab: isUpi }];
  if (!page.sentOn) return { ...(isUpi ? texts.upiOnPage : texts.confirm), sign: SIGNS.note, links };
  return { ...(isUpi ? texts.upiOnPageWaits : texts.confirmWaits), sign: SIGNS.waiting, links };
}

/** The form of a password; or, while nobody knows what came of the one sent, that the bank is asked. */
function tellOtp(page: ResultPage, { mayResend }: { mayResend: boolean }, texts: Messages): Telling {
  if (page.otpNote === 'unheard') {
    const url = page.resultPath(showTransactionId(page.attempt.transactionId));
    return { ...tellAsking(page, texts), links: [{ text: texts.otpAgain, url, quiet: true }] };
  }
  return {
    ...texts.otp,
    sign: SIGNS.note,
    more: html`${otpForm(page, page.otpNote, texts)}${mayResend ? resendForm(page, texts) : null}${actionTimeLeft(page, texts)}`,
  };
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
