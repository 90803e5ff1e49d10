/**
 * Redirect URLs: where a shopper may be sent after checkout.
 *
 * A browser and this program must never read a URL differently, so two things hold: what the two are known to read differently is
 * refused, and what is kept and shown is the URL as the parser wrote it anew, never the text that came.
 *
 * @module
 */

/** The longest URL kept. */
export const URL_CHARS_MAX = 2048;

/** A URL that was read, or what is wrong with the text, in words for its field. */
export type UrlReading = { ok: true; href: string; origin: string } | { ok: false; fault: string };

/** Spaces, controls, invisible and direction marks, halves of surrogate pairs. */
const UNSEEN = /[\p{Z}\p{C}]/u;
/** Exactly two slashes: `https:/a`, `https:a` and `https:///a` are the same to a browser and not to a reader. */
const HTTPS = /^https:\/\/[^/?#]/i;
const HTTP_OR_HTTPS = /^https?:\/\/[^/?#]/i;

/**
 * Reads a redirect URL. Which origins a merchant has registered is for the caller to ask.
 * @param plainHttp whether it may be http (test mode)
 */
export function readRedirectUrl(text: string, plainHttp: boolean): UrlReading {
  if (UNSEEN.test(text) || text.includes('\\')) {
    return fault('must not contain spaces, control characters, invisible characters or backslashes');
  }
  if (!(plainHttp ? HTTP_OR_HTTPS : HTTPS).test(text) || !URL.canParse(text)) {
    return fault(plainHttp ? 'must be an absolute https or http URL' : 'must be an absolute https URL');
  }
  const url = new URL(text);
  const authority = text.split('/')[2]!.split(/[?#]/, 1)[0]!;
  if (authority.includes('@')) return fault('must not carry a user name or password');
  if (url.hostname.endsWith('.')) return fault('must not have a dot after its host');
  if (url.href.length > URL_CHARS_MAX) return fault(`must have at most ${URL_CHARS_MAX} characters`);
  return { ok: true, href: url.href, origin: url.origin };
}

/** What is wrong with an origin that is to be registered; null when nothing is. It must be written as browsers write it. */
export function originFault(text: string, plainHttp: boolean): string | null {
  if (text.includes('*')) return 'must be one origin: there are no wildcards';
  const reading = readRedirectUrl(text, plainHttp);
  if (!reading.ok) return reading.fault;
  if (text === reading.origin) return null;
  return reading.href === `${reading.origin}/`
    ? `must be written ${reading.origin}`
    : `must be an origin without a path: ${reading.origin}`;
}

function fault(text: string): UrlReading {
  return { ok: false, fault: text };
}
