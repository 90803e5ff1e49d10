/**
 * Bank step: what the result page shows while the bank waits for the shopper: the way to its page by link or form, the form of its
 * one-time password, the UPI app.
 *
 * Everything that comes from a processor is escaped, and an address of it is shown only where a browser may be sent to it.
 *
 * @module
 */

import { showTransactionId } from '../domain/ids.ts';
import type { Attempt } from '../domain/transaction.ts';
import { isUpiLinkFor } from '../domain/upi-link.ts';
import { type Html, html } from '../pages/html.ts';
import { type Language, showAmount } from './language.ts';
import { bankLink, policySource } from './links.ts';
import { fill, type Messages } from './messages.ts';
import { timeLeft } from './page-parts.ts';
import { qrCode } from './qr-code.ts';
import type { ResultState } from './result.ts';

/** What a step is drawn from. */
export interface StepPage {
  language: Language;
  attempt: Attempt;
  state: ResultState;
  /** This browser was sent on to the bank's page before. */
  sentOn: boolean;
  /** As the browser sent it. */
  sessionId: string;
  testMode: boolean;
  /** Milliseconds since 1970. */
  now: number;
  /** Path of the result of another attempt of the payment. */
  resultPath(transactionId: string): string;
}

/** The bank's page where the shopper is to confirm; null when there is none that a browser may be sent to. */
export function bankPageOf({ attempt, testMode }: StepPage): string | null {
  const { nextAction } = attempt;
  if (nextAction?.kind === 'redirect') return bankLink(nextAction.url, testMode);
  if (nextAction?.kind !== 'form') return null;
  const link = bankLink(nextAction.url, testMode);
  return link === null || policySource(link) === null ? null : link;
}

/** What the way to the bank's page is called: UPI confirms on a page too, which is no 3-D Secure. */
export function wordsOfBankPage({ card }: Attempt, texts: Messages): { text: string; note: string } {
  return card === null
    ? { text: texts.toUpiPage, note: texts.goingToUpiPage }
    : { text: texts.toBank, note: texts.goingToBank };
}

/** A form that is to be posted to the bank's page. */
interface BankForm {
  url: string;
  fields: Readonly<Record<string, string>>;
}

/** The form to post, when the bank waits for one and a browser may be sent there. */
export function formOf(page: StepPage): BankForm | null {
  const { nextAction } = page.attempt;
  const url = bankPageOf(page);
  if (page.state !== 'action' || nextAction?.kind !== 'form' || url === null) return null;
  return { url, fields: nextAction.fields };
}

/** Until the page goes on to the bank's by itself. */
export const TO_BANK_SECONDS = 3;

/**
 * The form goes by its button, and the first time by itself where scripts run. The mark is on the button, because a field of the bank
 * may have the name of anything a script would look for on the form.
 */
export function handOverForm(page: StepPage, { url, fields }: BankForm, texts: Messages): Html {
  const { text, note } = wordsOfBankPage(page.attempt, texts);
  const hidden = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  const goOn = page.sentOn ? null : html` data-go-on-ms="${TO_BANK_SECONDS * 1000}"`;
  return html`<form class="onward" action="${url}" method="post">${hidden}<button type="submit"${goOn}>${text}</button></form>
${page.sentOn ? null : html`<p class="under" id="going-on" hidden>${note}</p>`}`;
}

/**
 * Exactly the bank's origin for the hand-over. Browsers hold the policy against redirects of the post too: a bank that answers with
 * one to another host is then not reached. The page that waits, to which a shopper gets who was stopped that way, posts to wherever
 * the bank leads, over https: its only form is this one.
 */
export function postsTo({ sentOn, testMode }: StepPage, { url }: BankForm): string[] {
  if (!sentOn) return [policySource(url)!];
  return testMode ? ['https:', 'http:'] : ['https:'];
}

/** The bank waits for a one-time password; its addresses are the connector's business. */
export function otpOf({ attempt }: StepPage): { mayResend: boolean } | null {
  const { nextAction } = attempt;
  return nextAction?.kind === 'otp' ? { mayResend: nextAction.resendUrl !== null } : null;
}

/**
 * What came of a one-time password, as the address of the page has it: it had no password's shape, it was wrong, nothing is known of
 * it, another one comes or does not.
 */
export const OTP_NOTES = ['shape', 'wrong', 'unheard', 'resent', 'not-resent'] as const;
export type OtpNote = (typeof OTP_NOTES)[number];

/** Where the one-time password is posted, and where another is asked for. */
export const OTP_PATH = '/checkout/otp';
export const OTP_RESEND_PATH = `${OTP_PATH}/resend`;

/** Nothing typed is shown again. A browser without script checks the pattern itself. */
export function otpForm(page: StepPage, note: Exclude<OtpNote, 'unheard'> | null, texts: Messages): Html {
  const amount = showAmount(page.attempt.amount, page.attempt.currency, page.language);
  const wrong = note === 'shape' || note === 'wrong';
  const invalid = wrong ? html` aria-invalid="true" autofocus` : null;
  const told = note === null || wrong ? null : texts.otpNotes[note];
  return html`<form class="otp" action="${OTP_PATH}" method="post">${ofPayment(page)}
${told === null ? null : html`<p class="told" role="status">${told}</p>`}
<div class="field"><label for="otp">${texts.otpLabel}</label><input id="otp" name="otp" type="text" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 \\-]{4,14}" maxlength="14" title="${texts.otpNotes.shape}" required spellcheck="false" aria-describedby="otp-hint otp-error"${invalid}>
<p class="hint" id="otp-hint">${texts.otpHint}</p><p class="error" id="otp-error" role="alert">${wrong ? texts.otpNotes[note] : null}</p></div>
<button type="submit" data-sending="${texts.otpSending}">${fill(texts.otpSend, { amount })}</button></form>`;
}

/** Asks for another password. */
export function resendForm(page: StepPage, texts: Messages): Html {
  return html`<form class="otp" action="${OTP_RESEND_PATH}" method="post">${ofPayment(page)}
<button class="quiet" type="submit" data-sending="${texts.otpSending}">${texts.otpResend}</button></form>`;
}

/** Of which payment a form is, and the session to go on with. */
function ofPayment({ attempt, sessionId }: StepPage): Html {
  return html`<input type="hidden" name="transaction" value="${showTransactionId(attempt.transactionId)}"><input type="hidden" name="session" value="${sessionId}">`;
}

/** What opens a UPI app to pay this and nothing else; null when there is no such link. */
export function upiLinkOf({ nextAction, amount, currency }: Attempt): string | null {
  if (nextAction?.kind !== 'upi') return null;
  return isUpiLinkFor(nextAction.link, amount, currency) ? nextAction.link : null;
}

/** The link first, for phones; where there is room for two devices the style shows the code first. */
export function upiAction(page: StepPage, link: string, texts: Messages): Html {
  const amount = showAmount(page.attempt.amount, page.attempt.currency, page.language);
  const alternative = fill(texts.qrCode, { amount, payee: payeeOf(link) });
  return html`<div class="upi"><a class="button" href="${link}">${texts.openUpi}</a>
<figure>${qrCode(link, alternative)}<figcaption class="soft">${texts.scan}</figcaption></figure></div>
${actionTimeLeft(page, texts)}${simulatorLink(page, texts)}`;
}

/** Less would load the page again and again where its clock is ahead of the bank's. */
export const ACTION_MS_MIN = 2000;

/** How long the bank waits, where it says so. */
export function actionTimeLeft(page: StepPage, texts: Messages): Html | null {
  const { attempt, now } = page;
  const expiresAt = attempt.nextAction?.expiresAt ?? null;
  if (expiresAt === null) return null;
  const next = page.resultPath(showTransactionId(attempt.transactionId));
  return timeLeft({ now, remainingMs: Math.max(ACTION_MS_MIN, expiresAt - now), next }, texts);
}

function simulatorLink({ attempt, testMode }: StepPage, texts: Messages): Html | null {
  const { nextAction } = attempt;
  if (!testMode || nextAction?.kind !== 'upi' || nextAction.simulatorUrl === null) return null;
  const url = bankLink(nextAction.simulatorUrl, testMode);
  if (url === null) return null;
  return html`<p class="leave"><a id="simulator" href="${url}" target="_blank" rel="noreferrer">${texts.simulator}</a></p>`;
}

/** Whom a UPI link pays, as its app will name it. */
export function payeeOf(link: string): string {
  const words = new URLSearchParams(link.slice(link.indexOf('?')));
  const [name, address] = [words.get('pn') ?? '', words.get('pa') ?? ''];
  return name === '' ? address : `${name} (${address})`;
}
