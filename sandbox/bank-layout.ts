/**
 * Layout: the frame of the bank's own pages, and what they may load: their style, and nothing else.
 *
 * They work without script. The style stands in the page and is named by its hash in the Content-Security-Policy; so does the
 * script of the page that leads back by a form.
 * @module
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { type Html, html } from './html.ts';

export interface BankPage {
  readonly status: number;
  readonly title: string;
  readonly content: Html;
  /** For a table rather than one thing to decide. */
  readonly wide?: true;
  /** Where the shopper may be sent after the page's form, as a URL. */
  readonly leadsTo?: string | undefined;
  /** The one script of the page, at its end; the page must work without it. */
  readonly script?: string;
}

const STYLE = readFileSync(new URL('./bank.css', import.meta.url), 'utf8');
const STYLE_DIGEST = `sha256-${hash('sha256', STYLE, 'base64')}`;
const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 32 32%22%3E%3Crect width=%2232%22 height=%2232%22 rx=%228%22 fill=%22%23283c74%22/%3E%3Cpath d=%22M6 13 16 7l10 6zM9 15v7m4.7-7v7m4.6-7v7m4.7-7v7M6.5 25h19%22 fill=%22none%22 stroke=%22%23fff%22 stroke-width=%222%22 stroke-linejoin=%22round%22/%3E%3C/svg%3E';

/** Answers with the page. */
export function answerPage(response: ServerResponse, page: BankPage): void {
  const body = layOut(page).html;
  response.writeHead(page.status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Content-Security-Policy': policyOf(page),
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cache-Control': 'no-store',
  });
  response.end(body);
}

function layOut({ title, content, wide, script }: BankPage): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${title}, Sandbox Bank</title>
<link rel="icon" href="${{ html: ICON }}">
<style>${{ html: STYLE }}</style>
</head>
<body${wide === undefined ? null : html` class="wide"`}>
<header>
<p class="sandbox"><strong>Sandbox.</strong> Not a real bank. No money moves.</p>
<p class="bank"><svg viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path d="M4 12 16 5l12 7zM8 15v8m5.3-8v8m5.4-8v8M24 15v8M5 27h22"/></svg>Sandbox Bank</p>
</header>
<main>${content}</main>
${script === undefined ? null : html`<script>${{ html: script }}</script>\n`}</body>
</html>
`;
}

/** Browsers hold the redirect that answers a form against `form-action`, too: so where it leads is named. */
function policyOf({ leadsTo, script }: BankPage): string {
  const formAction = leadsTo === undefined ? "'self'" : `'self' ${new URL(leadsTo).origin}`;
  return [
    "default-src 'none'",
    `style-src '${STYLE_DIGEST}'`,
    ...(script === undefined ? [] : [`script-src 'sha256-${hash('sha256', script, 'base64')}'`]),
    'img-src data:',
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}
