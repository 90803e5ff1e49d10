/**
 * The bank's pages for shoppers: 3-D Secure, the stand-in of a UPI app, and what they say afterwards.
 *
 * @module
 */
import type { BankPage } from './bank-layout.ts';
import type { Charge } from './book.ts';
import type { WayBack } from './dialect.ts';
import { type Html, html } from './html.ts';
import { showMoney } from './money.ts';

/**
 * Asks the shopper what a real bank would find out by a code or a fingerprint.
 * @param takesOtp whether there is a field for a one-time password, which may be left empty
 */
export function authenticationPage(charge: Charge, now: number, takesOtp: boolean): BankPage {
  const { id, last4, returnUrl } = charge;
  return {
    status: 200,
    title: 'Confirm your payment',
    leadsTo: returnUrl,
    content: html`<section class="sheet">
<h1>Confirm your payment</h1>
${facts(charge, [['Card', html`<span class="visually-hidden">ending in </span><span aria-hidden="true">••••</span> ${last4}`]])}
<p>A real bank would ask for a code from your phone now. This one asks what it should do.</p>
<form method="post" action="/3ds/${id}">
${takesOtp ? OTP_FIELD : null}<button name="choice" value="approve">Approve</button>
<button class="second" name="choice" value="decline">Decline</button>
<button class="third" name="choice" value="leave">Walk away</button>
</form>
${timeLeft(charge, now)}
</section>`,
  };
}

const OTP_FIELD = html`<p><label for="otp">One-time password (may be left empty)</label>
<input id="otp" name="otp" inputmode="numeric" autocomplete="off" maxlength="10"></p>\n`;

/** Asks what the shopper's UPI app would do. */
export function upiPage(charge: Charge, now: number): BankPage {
  return {
    status: 200,
    title: 'Pay by UPI',
    content: html`<section class="sheet">
<h1>Pay by UPI</h1>
${facts(charge, [['From', html`shopper@sandboxbank`]])}
<p>This page stands for the UPI app on your phone. Choose what happens to the payment.</p>
<form method="post" action="/upi/${charge.id}">
<button name="choice" value="approve">Pay</button>
<button class="second" name="choice" value="decline">Decline</button>
<button class="third" name="choice" value="insufficient_funds">Pay with too little money</button>
</form>
${timeLeft(charge, now)}
</section>`,
  };
}

/** How the charge stands, for who comes after it was decided. */
export function standingPage(charge: Charge): BankPage {
  const { title, words, tone } = standingOf(charge);
  return sayingPage(title, words, tone, charge);
}

/** The decision is made or on its way, and the shopper is not led back. */
export function closePage(charge: Charge): BankPage {
  return sayingPage('Thank you', 'The bank has your decision. You can close this window.', 'calm', charge);
}

/** Leads back by a form that posts itself; by its button where scripts are off. */
export function handOverPage(charge: Charge, { url, fields }: WayBack): BankPage {
  const inputs = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return {
    status: 200,
    title: 'Back to the shop',
    leadsTo: url,
    script: SUBMIT,
    content: html`<section class="sheet calm">
<h1>Back to the shop</h1>
<p>The bank has your decision. You are on your way back.</p>
${facts(charge, [])}
<form method="post" action="${url}">
${inputs}
<button>Continue</button>
</form>
</section>`,
  };
}

const SUBMIT = 'document.forms[0].submit();';

/** The UPI app has done its part; the shop is on another screen. */
export function upiDonePage(charge: Charge): BankPage {
  if (charge.status === 'requires_action') return closePage(charge);
  const { title, words, tone } = standingOf(charge);
  return sayingPage(title, `${words} You can close the app and look at the shop’s page again.`, tone, charge);
}

/** The shopper has left without a word. The bank has decided nothing. */
export function leftPage(charge: Charge): BankPage {
  const { id, returnUrl } = charge;
  return {
    status: 200,
    title: 'You walked away',
    content: html`<section class="sheet calm">
<h1>You walked away</h1>
<p>Nothing is decided. You can come back to the bank’s page while there is time, or close this window and see what the shop makes of it.</p>
<p class="ways"><a class="button" href="/3ds/${id}">Back to the bank’s page</a>
${returnUrl === undefined ? null : html`<a class="button second" href="${returnUrl}">To the shop, undecided</a>`}</p>
</section>`,
  };
}

/** There is no such charge here, or the form said nothing the bank knows. */
export function refusedPage(status: 400 | 404 | 405): BankPage {
  const words = {
    400: 'The bank did not understand that. Go back and choose again.',
    404: 'The bank knows of no payment here. The address may be incomplete.',
    405: 'This page can be looked at and answered, nothing else.',
  };
  const title = status === 404 ? 'No such payment' : 'That did not work';
  return {
    status,
    title,
    content: html`<section class="sheet"><h1>${title}</h1><p>${words[status]}</p></section>`,
  };
}

type Tone = 'good' | 'bad' | 'calm';

function sayingPage(title: string, words: string, tone: Tone, charge: Charge): BankPage {
  const { returnUrl } = charge;
  return {
    status: 200,
    title,
    content: html`<section class="sheet ${tone}">
<h1>${title}</h1>
<p>${words}</p>
${facts(charge, [])}
${tone === 'calm' || returnUrl === undefined ? null : html`<p class="ways"><a class="button second" href="${returnUrl}">Back to the shop</a></p>`}
</section>`,
  };
}

function standingOf({ status, declineCode }: Charge): { title: string; words: string; tone: Tone } {
  switch (status) {
    case 'succeeded':
      return { title: 'Payment approved', words: 'The bank has made the payment.', tone: 'good' };
    case 'processing':
      return { title: 'Payment approved', words: 'The bank is still working on it.', tone: 'good' };
    case 'requires_action':
      return { title: 'Payment open', words: 'Nothing is decided yet.', tone: 'calm' };
    case 'declined':
      return { title: 'Payment not made', words: declineWords(declineCode), tone: 'bad' };
  }
}

function declineWords(declineCode: string | undefined): string {
  switch (declineCode) {
    case 'authentication_expired':
    case 'upi_expired':
      return 'Nobody confirmed it in time. Nothing was charged.';
    case 'insufficient_funds':
      return 'There is not enough money in the account. Nothing was charged.';
    default:
      return 'It was declined. Nothing was charged.';
  }
}

function facts({ account, amount, currency }: Charge, more: readonly (readonly [string, Html])[]): Html {
  return html`<dl><div class="amount"><dt>Amount</dt><dd>${showMoney(amount, currency)}</dd></div>
<div><dt>To</dt><dd>${account}</dd></div>
${more.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** The process does not know where the reader sits, so it says how long, not until when. */
function timeLeft({ expiresAt = 0 }: Charge, now: number): Html {
  const leftMs = Math.max(0, expiresAt - now);
  const words =
    leftMs < 90_000 ? `${Math.ceil(leftMs / 1000)} seconds` : `${Math.round(leftMs / 60_000)} minutes`;
  return html`<p class="left">Open for ${words}; then the bank declines it.</p>`;
}
