/**
 * Own site: whether a post comes from a page of ours.
 *
 * @module
 */

import type { WebRequest } from './web.ts';

/** The headers that {@link isOwnSite} looks at. */
export const SITE_HEADERS: readonly string[] = ['origin', 'sec-fetch-site'];

/** Browsers say where a form was posted from; other clients say nothing, and need only what the form says. */
export function isOwnSite(request: Pick<WebRequest, 'header'>, publicOrigin: string): boolean {
  const origin = request.header('origin');
  const site = request.header('sec-fetch-site');
  const originFits = origin === '' || origin === publicOrigin;
  return originFits && (site === '' || site === 'same-origin' || site === 'none');
}
