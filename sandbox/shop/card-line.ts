/**
 * Card line: the test card of a scenario, to be copied.
 * @module
 */
import { type Html, html } from '../html.ts';

/** @param card digits only; null: a scenario without a card, which has no such line */
export function showCard(card: string | null): Html | null {
  if (card === null) return null;
  return html`<p class="card"><span class="visually-hidden">Card</span><code>${groupDigits(card)}</code> <button type="button" class="copy" data-copy="${card}" hidden>Copy</button></p>`;
}

/** In groups of four, as it stands on a card. */
function groupDigits(number: string): string {
  return number.replaceAll(/(\d{4})(?=\d)/g, '$1 ');
}
