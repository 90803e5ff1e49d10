/**
 * The page at `GET /`: what this is, and the test cards.
 * @module
 */
import type { BankPage } from './bank-layout.ts';
import { documentedCards } from './cards.ts';
import { html } from './html.ts';

export const frontPage: BankPage = {
  status: 200,
  title: 'Test cards',
  wide: true,
  content: html`<section class="sheet">
<h1>Test cards</h1>
<p>This imitates a card processor for Sluice. There is a <a href="/shop">demo shop</a> that takes payments through Sluice. Use
any expiry in the future, any CVV, any name.</p>
<table>
<thead><tr><th scope="col">Card</th><th scope="col">What the bank does</th></tr></thead>
<tbody>
${documentedCards.map(({ example, words }) => html`<tr><th scope="row"><code>${example}</code></th><td>${words}</td></tr>\n`)}</tbody>
</table>
<p>The book of charges: <a href="/_bank/charges">/_bank/charges</a></p>
</section>`,
};
