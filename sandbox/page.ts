/**
 * The page at `GET /`: what this is, and what can be tried, per dialect.
 * @module
 */
import type { BankPage } from './bank-layout.ts';
import type { Dialect, TestCard } from './dialect.ts';
import { type Html, html } from './html.ts';
import { tillOf } from './shop/tills.ts';

/** @param dialects those that merchants have accounts for */
export function frontPage(dialects: readonly Dialect[]): BankPage {
  return {
    status: 200,
    title: 'Test cards',
    wide: true,
    content: html`<section class="sheet">
<h1>Test cards</h1>
<p>This imitates a card processor for Sluice. There is a <a href="/shop">demo shop</a> that takes payments through Sluice. Use
any expiry in the future, any CVV, any name.</p>
${dialects.length === 1 ? null : html`<ul class="dialects">${dialects.map(({ name }) => html`<li><a href="#${name}">${tillOf(name).title}</a></li>`)}</ul>`}
${dialects.map(showCards)}<p>The book of charges: <a href="/_bank/charges">/_bank/charges</a></p>
</section>`,
  };
}

function showCards({ name, testCards }: Dialect): Html {
  return html`<table id="${name}">
<caption>${tillOf(name).title}</caption>
<thead><tr><th scope="col">Card</th><th scope="col">What the bank does</th></tr></thead>
<tbody>
${[...Map.groupBy(testCards, ({ words }) => words)].map(showRow)}</tbody>
</table>
`;
}

/** Cards of which the same is said share a row. */
function showRow([words, cards]: [string, readonly TestCard[]]): Html {
  return html`<tr><th scope="row">${cards.map(({ example }) => html`<code>${example}</code>`)}</th><td>${words}</td></tr>\n`;
}
