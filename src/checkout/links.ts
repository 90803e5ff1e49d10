/**
 * Links: addresses of others that may stand in a checkout page.
 *
 * @module
 */

/**
 * A merchant's address as it may stand in a link, parsed once more whatever was checked when it was stored; null for one that
 * is not plain http or https.
 */
export function webLink(url: string | null): string | null {
  if (url === null || !URL.canParse(url)) return null;
  const parsed = new URL(url);
  const web = parsed.protocol === 'https:' || parsed.protocol === 'http:';
  return web && parsed.username === '' && parsed.password === '' ? parsed.href : null;
}

/**
 * The origin of a bank's page as a source of a Content-Security-Policy; null where its host has a character that a policy would read
 * as more than a host (`*`, `;`, `,`, `'`).
 */
export function policySource(link: string): string | null {
  const { host, origin } = new URL(link);
  return /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?$/.test(host) ? origin : null;
}

/** A bank's page as it may be gone to: https, or http where no money moves; null for anything else. */
export function bankLink(url: string, testMode: boolean): string | null {
  const link = webLink(url);
  return link === null || (!testMode && !link.startsWith('https:')) ? null : link;
}
