/**
 * Front page: the shop, and behind its counter the choice of what goes wrong.
 * @module
 */

import { type Html, html } from '../html.ts';
import { showMoney } from '../money.ts';
import { showCard } from './card-line.ts';
import { findProduct, type Product, products } from './catalogue.ts';
import type { Page } from './layout.ts';
import type { Order, OrderWord } from './order.ts';
import type { Scenario } from './scenario.ts';
import { scenariosOf } from './scenarios.ts';
import { type Till, tillOf, tills } from './tills.ts';
import type { Arrival, ReceiverCounts } from './webhook-receiver.ts';

export interface FrontPage {
  /** The id the next order will have: sent twice, the form makes one order. */
  readonly nextOrderId: string;
  readonly till: Till;
  /** One of the till's. */
  readonly chosen: Scenario;
  readonly orders: readonly Order[];
  readonly counts: ReceiverCounts;
  readonly arrivals: readonly Arrival[];
}

/** How an order's state is named to people. */
export const ORDER_WORDS: Readonly<Record<OrderWord, string>> = {
  open: 'open',
  paid: 'paid',
  refused: 'card not charged',
  failed: 'not paid',
  reversed: 'taken back',
};

export function frontPage({ nextOrderId, till, chosen, orders, counts, arrivals }: FrontPage): Page {
  return {
    status: 200,
    title: 'Millrace, a demo shop',
    content: html`
<div class="store">
<section class="front" aria-labelledby="front-title">
<h1 id="front-title">A few good things, <em>made slowly.</em></h1>
<p class="lead">Choose one. You pay at Sluice’s checkout, with a test card or by UPI, and come back to the whole story of your payment.</p>
${showTills(till)}
<p class="with">Next order: <strong data-chosen-title>${chosen.title}</strong> <a href="#counter">change what happens</a></p>
<form id="buy" method="post" action="/shop/orders">
<input type="hidden" name="orderId" value="${nextOrderId}">
<ul class="goods">${products.filter(({ currency }) => till.currencies.includes(currency)).map(showProduct)}</ul>
</form>
</section>
<section class="counter" id="counter" aria-labelledby="counter-title">
<header><h2 id="counter-title">Behind the counter</h2><p>For developers. Shoppers of a real shop never see this.</p></header>
<fieldset class="scenarios" form="buy"><legend>What shall happen to the next order?</legend>
${groupsOf(scenariosOf(till.name)).map(([group, members]) => showGroup(group, members, chosen))}
</fieldset>
${showOrders(orders)}
${showReceiver(counts, arrivals)}
</section>
</div>`,
  };
}

function showTills(open: Till): Html {
  const links = tills.map(({ name, title }) => {
    const current = name === open.name ? html` aria-current="page"` : null;
    return html`<li><a href="/shop${name === 'plain' ? '' : `?till=${name}`}"${current}>${title}</a></li>`;
  });
  return html`<nav class="tills" aria-labelledby="tills-title">
<h2 id="tills-title">Who takes the payment?</h2><ul>${links}</ul>
<p>${open.words}</p></nav>`;
}

function showProduct(product: Product): Html {
  return html`<li class="ware">
<div class="picture">${product.picture}</div>
<div class="about"><h2>${product.name}</h2><p>${product.words}</p></div>
<div class="deal"><span class="price">${showMoney(product.price, product.currency)}</span>
<button type="submit" name="product" value="${product.id}" aria-label="Buy ${product.name}">Buy</button></div>
</li>`;
}

function groupsOf(all: readonly Scenario[]): [string, Scenario[]][] {
  return [...Map.groupBy(all, ({ group }) => group)];
}

function showGroup(group: string, members: readonly Scenario[], chosen: Scenario): Html {
  return html`<h3>${group}</h3><div class="choices">${members.map((scenario) => showScenario(scenario, scenario === chosen))}</div>`;
}

function showScenario(scenario: Scenario, isChosen: boolean): Html {
  const { id, title, words, card } = scenario;
  const checked = isChosen ? html` checked` : null;
  return html`<div class="choice">
<input type="radio" name="scenario" form="buy" id="s-${id}" value="${id}" data-title="${title}" aria-describedby="w-${id}"${checked}>
<label for="s-${id}">${title}</label>
<div class="more"><p id="w-${id}">${words}</p>${showCard(card)}</div>
</div>`;
}

function showOrders(orders: readonly Order[]): Html | null {
  if (orders.length === 0) return null;
  const rows = orders.map(
    (
      order,
    ) => html`<li><a href="/shop/orders/${order.orderId}">${findProduct(order.productId)?.name ?? order.productId}</a>
${order.till === 'plain' ? null : html`<span class="through">${tillOf(order.till).title}</span>`}
<span class="state ${order.state.word}">${ORDER_WORDS[order.state.word]}</span>
<time datetime="${new Date(order.createdAt).toISOString()}">${clockTime(order.createdAt)}</time></li>`,
  );
  return html`<section aria-labelledby="orders-title"><h3 id="orders-title">Latest orders</h3><ul class="rows">${rows}</ul></section>`;
}

function showReceiver(counts: ReceiverCounts, arrivals: readonly Arrival[]): Html {
  const figures: [string, number][] = [
    ['arrived', counts.arrived],
    ['verified', counts.verified],
    ['refused', counts.refused],
    ['answered 503', counts.failed],
    ['of other orders', counts.unknown],
  ];
  const rows = arrivals.map(
    ({
      at,
      status,
      what,
    }) => html`<li><code>${what}</code> <span class="state ${status === 204 ? 'paid' : 'failed'}">${status}</span>
<time datetime="${new Date(at).toISOString()}">${clockTime(at)}</time></li>`,
  );
  return html`<section aria-labelledby="hooks-title"><h3 id="hooks-title">Webhooks since the start</h3>
<dl class="figures">${figures.map(([name, figure]) => html`<div><dt>${name}</dt><dd>${figure.toLocaleString('en')}</dd></div>`)}</dl>
${rows.length === 0 ? null : html`<ul class="rows">${rows}</ul>`}</section>`;
}

/** `10:05:31` UTC: the process does not know where the reader sits. */
function clockTime(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)} UTC`;
}
