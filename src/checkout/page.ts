/**
 * Page: the card form, and pages that say one thing, as HTML. That of a result is `result-page.ts`.
 *
 * Everything that comes from a merchant, a shopper or the database is escaped; nothing that was typed of a card is shown again.
 *
 * @module
 */

import type { CardError } from '../domain/card.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type Html, html } from '../pages/html.ts';
import { pageAnswer } from './document.ts';
import { type Language, showAmount } from './language.ts';
import { webLink } from './links.ts';
import { fill, MESSAGES, type Messages, type Notice } from './messages.ts';
import { eventsOf, identifier, linkButtons, type PageLink, SIGNS, testPill, timeLeft } from './page-parts.ts';
import { TEST_BANNERS, type TestBanner } from './test-cards.ts';
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
  /** Whose test cards are shown in test mode; null: nobody's. */
  processor: ProcessorName | null;
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
${page.testMode && page.processor !== null ? testCards(page, TEST_BANNERS[page.processor], texts) : null}
</main>`,
  });
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

function testCards({ now, upi }: CardPage, banner: TestBanner, texts: Messages): Html {
  const anyDate = { month: '12', year: String(new Date(now).getUTCFullYear() + 3) };
  const items = banner.cards.map(({ shown, outcome, expiry = anyDate, code = '123' }) => {
    const words = texts.testOutcomes[outcome];
    return html`<li><code>${shown}</code><span class="soft">${words}</span><button type="button" hidden data-card="${shown}" data-month="${expiry.month}" data-year="${expiry.year}" data-code="${code}" aria-label="${fill(texts.testFill, { card: shown, outcome: words })}"></button></li>`;
  });
  const hints = upi && banner.upiHint !== null ? [...banner.hints, banner.upiHint] : banner.hints;
  return html`<section class="tests" aria-labelledby="tests-title"><h2 id="tests-title">${texts.testMode}</h2>
<p class="soft">${texts.testLead}</p><ul>${items}</ul><p class="soft">${hints.map((hint) => texts[hint]).join(' ')}</p></section>`;
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
