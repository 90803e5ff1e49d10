/**
 * Message page: one thing to say, and a way on.
 * @module
 */
import { html } from '../html.ts';
import type { Page } from './layout.ts';

/** @param next where to go from here; the shop's front by default */
export function messagePage(
  status: number,
  title: string,
  words: string,
  next: { readonly text: string; readonly url: string } = { text: 'To the shop', url: '/shop' },
): Page {
  return {
    status,
    title: `${title}, Millrace`,
    content: html`<div class="message"><h1>${title}</h1><p>${words}</p><p><a class="button" href="${next.url}">${next.text}</a></p></div>`,
  };
}
