/**
 * Document: what every checkout page has around its content, and the headers that say what may run and load on it.
 *
 * @module
 */

import { type Html, html } from '../pages/html.ts';
import type { Language } from './language.ts';
import { SCRIPT_INTEGRITY, SCRIPT_PATH } from './script.ts';
import { STYLE, STYLE_SOURCE } from './style.ts';
import type { WebAnswer } from './web.ts';

export interface Page {
  status: number;
  language: Language;
  title: string;
  /** The elements of the body. */
  content: Html;
  /** The page has the script. */
  script: boolean;
  /** The page asks for events. */
  events?: boolean;
  /** Without a script that runs: load again, or go elsewhere, after a while. */
  refresh?: { seconds: number; url?: string };
  /** Where a form of the page may post to beside our own origin, as sources of a policy. Default: nowhere. */
  postsTo?: readonly string[];
}

/** Makes the answer that carries a page. */
export function pageAnswer(page: Page): WebAnswer {
  const document = html`<!doctype html>
<html lang="${page.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${page.title}</title>
<style>${{ html: STYLE }}</style>
${page.refresh === undefined ? null : refreshTag(page.refresh)}
${page.script ? SCRIPT_TAG : null}
</head>
<body>${page.content}</body>
</html>
`;
  return {
    status: page.status,
    contentType: 'text/html; charset=utf-8',
    headers: pageHeaders(page.script, page.events === true, page.postsTo),
    body: document.html,
  };
}

const SCRIPT_TAG = html`<script src="${SCRIPT_PATH}" integrity="${SCRIPT_INTEGRITY}" defer></script>`;

/** Longer than a script that arrives at all takes to take over. */
const NET_SECONDS = 20;

/**
 * The second tag is a net under a script that never runs though scripts are on: a file that was blocked, a browser that does not
 * take a hash for it. A script that runs takes it away (browser/result.js).
 */
function refreshTag({ seconds, url }: { seconds: number; url?: string }): Html {
  const target = url === undefined ? '' : `; url=${url}`;
  return html`<noscript><meta http-equiv="refresh" content="${seconds}${target}"></noscript>
<meta http-equiv="refresh" content="${Math.max(seconds, NET_SECONDS)}${target}">`;
}

/**
 * The headers of a page. A page without script allows none.
 * @param postsTo as in {@link Page}: such a page names its origin, and no more, to whom it posts to
 */
export function pageHeaders(
  script: boolean,
  events: boolean,
  postsTo: readonly string[] = [],
): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      ...(script ? [`script-src '${SCRIPT_INTEGRITY}'`] : []),
      `style-src ${STYLE_SOURCE}`,
      ...(events ? ["connect-src 'self'"] : []),
      ["form-action 'self'", ...postsTo].join(' '),
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    // Not no-referrer, and for another site not same-origin: with it browsers send "Origin: null" on the form post.
    'Referrer-Policy': postsTo.length === 0 ? 'same-origin' : 'strict-origin-when-cross-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy':
      'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), publickey-credentials-get=(), usb=()',
    'X-Frame-Options': 'DENY',
    Vary: 'Accept-Language',
  };
}
