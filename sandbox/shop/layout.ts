/**
 * Layout: the frame of the shop's pages, and what they may load.
 *
 * Style and script stand in the page and are named by their hash in the Content-Security-Policy; nothing else runs or loads.
 * @module
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Html, html } from '../html.ts';

export interface Page {
  readonly status: number;
  readonly title: string;
  readonly content: Html;
  /** Without JavaScript the page is loaded again after so many seconds. */
  readonly refreshSeconds?: number;
}

/** A page as it leaves. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const STYLE = readFileSync(new URL('./shop.css', import.meta.url), 'utf8');
const SCRIPT = readFileSync(new URL('./shop.js', import.meta.url), 'utf8');
const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 32 32%22%3E%3Crect width=%2232%22 height=%2232%22 rx=%228%22 fill=%22%232f5d50%22/%3E%3Cpath d=%22M7 13q4.5-5 9 0t9 0M7 20q4.5-5 9 0t9 0%22 fill=%22none%22 stroke=%22%23fff%22 stroke-width=%222.5%22 stroke-linecap=%22round%22/%3E%3C/svg%3E';

/**
 * Makes the page.
 * @param checkoutOrigin where a form may lead by redirect besides the shop; null where the shop knows of none
 */
export function layOut(page: Page, checkoutOrigin: string | null): PageAnswer {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
${page.refreshSeconds === undefined ? null : html`<noscript><meta http-equiv="refresh" content="${page.refreshSeconds}"></noscript>`}
<title>${page.title}</title>
<link rel="icon" href="${{ html: ICON }}">
<style>${{ html: STYLE }}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="brand" href="/shop"><svg class="logo" viewBox="0 0 32 20" aria-hidden="true" focusable="false"><path d="M2 7 q7 -8 14 0 t14 0 M2 15 q7 -8 14 0 t14 0"/></svg><span>Millrace</span></a>
<p class="tag">A demo shop. No money moves, nothing is sent.</p>
</header>
<main id="main">${page.content}</main>
<footer class="foot">
<p>Millrace takes payments through Sluice’s public API, with the TypeScript client of <code>clients/typescript</code>, as any merchant’s server would.</p>
<p><a href="/">The sandbox bank</a> <a href="/_bank/charges">Its book</a></p>
</footer>
<script>${{ html: SCRIPT }}</script>
</body>
</html>
`;
  return { status: page.status, headers: headersOf(checkoutOrigin), body: document.html };
}

/** A part of a page that the script fetches. */
export function fragment(content: Html): PageAnswer {
  return { status: 200, headers: headersOf(null), body: content.html };
}

function headersOf(checkoutOrigin: string | null): PageAnswer['headers'] {
  const policy = [
    "default-src 'none'",
    `style-src '${digestOf(STYLE)}'`,
    `script-src '${digestOf(SCRIPT)}'`,
    'img-src data:',
    "connect-src 'self'",
    // Browsers hold the redirect that answers a form against it too.
    `form-action 'self'${checkoutOrigin === null ? '' : ` ${checkoutOrigin}`}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ];
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': policy.join('; '),
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}

function digestOf(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`;
}
