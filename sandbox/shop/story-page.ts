/**
 * Story page: where the shopper comes back to, and where everything that happened to the order can be read as it happens.
 * @module
 */

import { type Html, html } from '../html.ts';
import { showMoney } from '../money.ts';
import { showCard } from './card-line.ts';
import { findProduct, pictureOf } from './catalogue.ts';
import type { Page } from './layout.ts';
import { findScenario } from './scenarios.ts';
import { type Entry, type Sources, showDuration, standingOf, tellStory } from './story.ts';
import { tillOf } from './tills.ts';

/** A story that has not ended is loaded again this often without JavaScript. */
const REFRESH_SECONDS = 3;

/** @param problem what a button could not do, in a sentence */
export function storyPage(sources: Sources, problem: string | null): Page {
  const { order } = sources;
  const standing = standingOf(sources);
  const name = findProduct(order.productId)?.name ?? order.productId;
  const scenario = findScenario(order.scenarioId);
  return {
    status: problem === null ? 200 : 409,
    title: `${standing.title}: ${name}, Millrace`,
    ...(standing.settled || problem !== null ? {} : { refreshSeconds: REFRESH_SECONDS }),
    content: html`
<div class="tale" data-story="/shop/orders/${order.orderId}/story">
${problem === null ? null : html`<p class="problem" role="alert">${problem}</p>`}
<section class="receipt" aria-labelledby="receipt-title">
<div class="thumb">${pictureOf(order.productId)}</div>
<div><h1 id="receipt-title">${name}</h1>
<p class="price">${showMoney(order.amount, order.currency)}</p>
<p class="fine">Order <code>${order.orderId}</code>${order.till === 'plain' ? null : html`, through ${tillOf(order.till).title}`}</p></div>
</section>
<div id="story">${storyPart(sources)}</div>
<aside class="counter tools" aria-labelledby="tools-title">
<header><h2 id="tools-title">Behind the counter</h2></header>
${
  scenario === undefined
    ? null
    : html`<p class="scenario"><strong>${scenario.title}.</strong> ${scenario.words}</p>
${showCard(scenario.card)}`
}
<div class="levers">
${lever(order.orderId, 'callback', 'Send the bank’s callback again', 'The bank posts it to Sluice once more.')}
${lever(order.orderId, 'replay', 'Ask Sluice for the webhook again', 'Replay by event id, through the public API.')}
${lever(order.orderId, 'fail', 'Let the shop fail for 10 s', 'Its webhooks are answered 503; Sluice tries again.')}
</div>
<p class="fine"><a href="/_bank/charges">The bank’s whole book</a></p>
</aside>
<p class="visually-hidden" role="status" aria-live="polite" id="news"></p>
</div>`,
  };
}

/** The part that grows: how it stands, and the timeline. */
export function storyPart(sources: Sources): Html {
  const { order, view } = sources;
  const standing = standingOf(sources);
  const entries = tellStory(sources);
  const missing = view.ok ? view.timelineProblem : view.problem;
  return html`<section class="standing ${standing.tone}" data-settled="${standing.settled ? 'yes' : 'no'}" aria-labelledby="standing-title">
<h2 id="standing-title">${standing.title}</h2><p>${standing.words}</p>
<div class="next">${
    standing.mayPay
      ? html`<form method="post" action="/shop/orders/${order.orderId}/checkout"><button type="submit">${standing.title === 'Waiting for the shopper' ? 'Open the checkout again' : 'Pay this order'}</button></form>`
      : null
  }<a href="/shop?scenario=${order.scenarioId}">Back to the shop</a></div>
</section>
<section class="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">What happened</h2>
${missing === null ? null : html`<p class="problem">Sluice’s own timeline is missing: ${missing}</p>`}
<ol class="entries">${entries.map((one) => showEntry(one, order.createdAt))}</ol>
</section>`;
}

function showEntry(entry: Entry, startedAt: number): Html {
  const { key, at, voice, tone, title, words, marks, link, folds } = entry;
  return html`<li class="entry ${tone} v-${voice.toLowerCase()}" data-key="${key}">
<p class="when"><time datetime="${new Date(at).toISOString()}" title="${new Date(at).toISOString()}">${sinceStart(at - startedAt)}</time></p>
<div class="what"><p class="voice">${voice}</p><h3>${title}</h3>
${marks.length === 0 ? null : html`<p class="marks">${marks.map((mark) => html`<span class="mark ${mark.tone}">${mark.text}</span> `)}</p>`}
<p>${words}</p>
${link === undefined ? null : html`<p><a href="${link.url}" target="_blank">${link.text}</a></p>`}
${folds.length === 0 ? null : html`<div class="folds">${folds.map((fold) => html`<details><summary>${fold.title}</summary><pre tabindex="0">${fold.text}</pre></details>`)}</div>`}
</div></li>`;
}

/** `start`, `+54 ms`, `+1.2 s`. The gateway's clock may differ by a little. */
function sinceStart(ms: number): string {
  return ms <= 0 ? 'start' : `+${showDuration(ms)}`;
}

function lever(orderId: string, action: string, text: string, words: string): Html {
  return html`<form method="post" action="/shop/orders/${orderId}/${action}"><button type="submit" aria-describedby="l-${action}">${text}</button><p id="l-${action}">${words}</p></form>`;
}
