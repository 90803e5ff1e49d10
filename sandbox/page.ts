/**
 * The page at `GET /`: what this is, and the test cards.
 * @module
 */
import { documentedCards } from './cards.ts';

const rows = documentedCards
  .map(({ example, words }) => `<tr><td><code>${example}</code></td><td>${words}</td></tr>`)
  .join('\n');

export const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox bank</title>
<style>body{font:16px/1.5 system-ui;max-width:46rem;margin:3rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}</style>
</head><body><h1>Sandbox bank</h1>
<p>This imitates a card processor for Sluice. No money moves. There is a
<a href="/shop">demo shop</a> that takes payments through Sluice. Use any expiry in the future, any CVV, any name.</p>
<table>
${rows}
</table>
<p>The book of charges: <a href="/_bank/charges">/_bank/charges</a></p>
</body></html>
`;
