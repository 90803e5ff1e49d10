/**
 * Page parts: what more than one page of checkout is made of.
 *
 * @module
 */

import { type Html, html } from '../pages/html.ts';
import { fill, type Messages } from './messages.ts';

/** Longer ones stand smaller, so that they stay on one line of a phone. */
const ID_LENGTH_PLAIN = 24;

/** An id, small where it is long. */
export function identifier(id: string): Html {
  return id.length <= ID_LENGTH_PLAIN ? html`${id}` : html`<span class="long">${id}</span>`;
}

/** The mark of test mode. */
export function testPill(testMode: boolean, texts: Messages): Html | null {
  return testMode ? html` <span class="pill">${texts.testMode}</span>` : null;
}

/** How long there is to pay, and where the page goes then. */
interface TimeLeft {
  now: number;
  remainingMs: number;
  next: string;
}

/** The time as a clock that the script lets run, and as a moment without. */
export function timeLeft({ now, remainingMs, next }: TimeLeft, texts: Messages): Html {
  const end = new Date(now + remainingMs).toISOString();
  return html`<p class="time" id="time-plain">${fill(texts.payWithin, { time: end.slice(11, 16) })}</p>
<p class="time" id="time-left" role="timer" hidden data-remaining-ms="${remainingMs}" data-next="${next}" data-minutes="${texts.minutesLeft}" data-last="${texts.lastMinute}" data-over="${texts.timeOver}">${texts.timeLeft} <span class="clock"></span></p>
<p class="unseen" id="time-said" role="status"></p>
<p class="warning" id="time-warning" hidden></p>`;
}

export interface PageLink {
  text: string;
  url: string;
  /** Not the thing to do first. */
  quiet?: boolean;
  /** Beside this page, which stays. */
  newTab?: boolean;
}

/** What the script listens to. */
export function eventsOf(transactionId: string): Html {
  return html` data-events="/checkout/events?transaction=${transactionId}"`;
}

/** One below the other. */
export function linkButtons(links: readonly PageLink[]): Html[] {
  return links.map(
    ({ text, url, quiet, newTab }) =>
      html`<a class="button${quiet === true ? ' quiet' : ''}" href="${url}"${newTab === true ? html` target="_blank"` : null} rel="noreferrer">${text}</a>`,
  );
}

const sign = (kind: string, drawing: Html): Html =>
  html`<span class="sign ${kind}" aria-hidden="true"><svg viewBox="0 0 56 56">${drawing}</svg></span>`;

export const SIGNS = {
  paid: sign('good', html`<path class="draw" d="M18 29l7 7 14-15"/>`),
  failed: sign('bad', html`<path d="M28 18v13M28 38v.2"/>`),
  note: sign('good', html`<path d="M28 26v12M28 18v.2"/>`),
  waiting: sign(
    'good',
    html`<circle cx="28" cy="28" r="11" opacity=".25"/><path class="turn" d="M28 17a11 11 0 0 1 11 11"/>`,
  ),
} as const;
