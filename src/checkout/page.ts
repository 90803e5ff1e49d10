/**
 * Page: the shopper's pages as HTML. No script, no image, nothing from elsewhere.
 *
 * Everything that comes from a merchant, a shopper or the database is escaped; the style sheet is named by its
 * hash in the Content-Security-Policy, so that nothing else on the page can run or load.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { exponentOf } from '../domain/money.ts';
import type { FieldError } from '../domain/outcomes.ts';
import type { WebAnswer } from './web.ts';

/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

/** Builds HTML; every value is escaped unless it is {@link Html}. Arrays are joined. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = parts[0]!;
  values.forEach((value, index) => {
    text += render(value) + parts[index + 1]!;
  });
  return { html: text };
}

type HtmlValue = string | number | Html | null | readonly Html[];

function render(value: HtmlValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  if ('html' in value) return value.html;
  return value.map((one) => one.html).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for element content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}

const STYLE = `
:root { color-scheme: light dark; --ink: #16202a; --soft: #56646f; --line: #cbd3da; --paper: #fff; --back: #f3f5f7; --key: #0b5cad; --bad: #a3201d; --note: #fff6d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #eef2f5; --soft: #a9b5bf; --line: #44515c; --paper: #1b232b; --back: #11171c; --key: #6cb2ff; --bad: #ff9a94; --note: #3a3310; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 27rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
.sheet { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem; }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; }
.sum { font-size: 1.75rem; font-weight: 600; margin: 0; }
.soft { color: var(--soft); margin: 0 0 1rem; overflow-wrap: anywhere; }
label { display: block; font-weight: 600; margin: .9rem 0 .25rem; }
input { width: 100%; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: .5rem; padding: .6rem .7rem; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--key); outline-offset: 2px; }
.row { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: .75rem; align-items: end; }
abbr { text-decoration: none; }
button, .button { display: block; width: 100%; margin-top: 1.25rem; padding: .75rem; border: 0; border-radius: .5rem; background: var(--key); color: var(--paper); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
a { color: var(--key); }
.test { background: var(--note); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin-bottom: 1rem; font-size: .9rem; }
.test ul { margin: .25rem 0 0; padding-left: 1.1rem; }
.wrong { border-left: 4px solid var(--bad); padding-left: .75rem; color: var(--bad); margin: 1rem 0; }
.wrong ul { margin: 0; padding-left: 1.1rem; }
.end { margin-top: 1rem; text-align: center; }
`;

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${hash('sha256', STYLE, 'base64')}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': POLICY,
  // Not no-referrer: with it browsers send "Origin: null" on the form post.
  'Referrer-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
} as const;

export interface Page {
  status: number;
  title: string;
  content: Html;
  /** Load again, or go elsewhere, after a while. */
  refresh?: { seconds: number; url?: string };
}

/** Makes the answer that carries a page. */
export function pageAnswer(page: Page): WebAnswer {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${page.refresh === undefined ? null : refreshTag(page.refresh)}
<title>${page.title}</title>
<style>${{ html: STYLE }}</style>
</head>
<body><main>${page.content}</main></body>
</html>
`;
  return {
    status: page.status,
    contentType: 'text/html; charset=utf-8',
    headers: HEADERS,
    body: document.html,
  };
}

function refreshTag(refresh: { seconds: number; url?: string }): Html {
  const target = refresh.url === undefined ? '' : `; url=${refresh.url}`;
  return html`<meta http-equiv="refresh" content="${String(refresh.seconds)}${target}">`;
}

/** `INR 1,234.50`: minor units by the currency's exponent. */
export function showAmount(amount: number, currency: string): string {
  const exponent = exponentOf(currency) ?? 0;
  const digits = String(amount).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  const fraction = exponent === 0 ? '' : `.${digits.slice(-exponent)}`;
  return `${currency} ${whole}${fraction}`;
}

export interface CardPage {
  sessionId: string;
  merchantName: string;
  orderId: string;
  amount: number;
  currency: string;
  cancelUrl: string;
  testMode: boolean;
  /** What was wrong with the card just typed; nothing of it is filled in again. */
  errors: readonly FieldError[];
}

/** The card form. */
export function cardPage(page: CardPage): WebAnswer {
  const sum = showAmount(page.amount, page.currency);
  return pageAnswer({
    status: page.errors.length === 0 ? 200 : 400,
    title: `Pay ${page.merchantName}`,
    content: html`
<div class="sheet">
<h1>${page.merchantName}</h1>
<p class="sum">${sum}</p>
<p class="soft">Order ${page.orderId}</p>
${page.testMode ? TEST_CARDS : null}
${page.errors.length === 0 ? null : wrongFields(page.errors)}
<form action="/internal/payment/process" method="post">
<input type="hidden" name="sessionId" value="${page.sessionId}">
<label for="cardNumber">Card number</label>
<input id="cardNumber" name="cardNumber" inputmode="numeric" autocomplete="cc-number" maxlength="23" required${invalid(page, 'cardNumber')}>
<div class="row">
<div><label for="expiryMonth">Month</label>
<input id="expiryMonth" name="expiryMonth" inputmode="numeric" autocomplete="cc-exp-month" placeholder="MM" maxlength="2" required${invalid(page, 'expiryMonth')}></div>
<div><label for="expiryYear">Year</label>
<input id="expiryYear" name="expiryYear" inputmode="numeric" autocomplete="cc-exp-year" placeholder="YYYY" maxlength="4" required${invalid(page, 'expiryYear')}></div>
<div><label for="cvv"><abbr title="security code">CVV</abbr></label>
<input id="cvv" name="cvv" type="password" inputmode="numeric" autocomplete="cc-csc" maxlength="4" required${invalid(page, 'cvv')}></div>
</div>
<label for="cardholderName">Name on the card</label>
<input id="cardholderName" name="cardholderName" autocomplete="cc-name" maxlength="100" required${invalid(page, 'cardholderName')}>
<button type="submit">Pay ${sum}</button>
</form>
</div>
<p class="end"><a href="${page.cancelUrl}" rel="noreferrer">Cancel and go back to ${page.merchantName}</a></p>`,
  });
}

const TEST_CARDS = html`<div class="test" role="note"><strong>Test mode. No money moves.</strong>
<ul><li>4111 1111 1111 1111 is paid</li><li>4000 0000 0000 0002 is declined</li>
<li>4000 0000 0000 0119 has insufficient funds</li></ul>Any future date, any code.</div>`;

function wrongFields(errors: readonly FieldError[]): Html {
  const items = errors.map((error) => html`<li>${error.detail}</li>`);
  return html`<div class="wrong" role="alert" id="wrong"><strong>Nothing was charged.</strong><ul>${items}</ul></div>`;
}

function invalid(page: CardPage, field: string): Html | null {
  const isWrong = page.errors.some((error) => error.pointer === `/${field}`);
  return isWrong ? html` aria-invalid="true" aria-describedby="wrong"` : null;
}

/** A page that says one thing and where to go from here. */
export function messagePage(page: {
  status: number;
  title: string;
  detail: string;
  links?: readonly { text: string; url: string }[];
  refresh?: { seconds: number; url?: string };
}): WebAnswer {
  const links = (page.links ?? []).map(
    ({ text, url }) => html`<a class="button" href="${url}" rel="noreferrer">${text}</a>`,
  );
  return pageAnswer({
    status: page.status,
    title: page.title,
    content: html`<div class="sheet"><h1>${page.title}</h1>
<p class="soft" role="status">${page.detail}</p>${links}</div>`,
    ...(page.refresh === undefined ? {} : { refresh: page.refresh }),
  });
}
