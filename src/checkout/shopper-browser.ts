/**
 * Shopper browser: what a request says of the browser it comes from, for the bank to weigh.
 *
 * @module
 */

import type { ShopperBrowser } from '../connectors/connector.ts';
import type { WebRequest } from './web.ts';

/** The headers that {@link shopperBrowser} looks at. */
export const BROWSER_HEADERS: readonly string[] = ['user-agent'];

const USER_AGENT = /^[\x20-\x7e]{1,500}$/;

/**
 * Reads it.
 * @param isProxy the address is a proxy's, which is nobody's a bank should know
 */
export function shopperBrowser(
  request: Pick<WebRequest, 'header' | 'remoteAddress'>,
  isProxy: (address: string) => boolean,
): ShopperBrowser {
  const userAgent = request.header('user-agent');
  const address = request.remoteAddress();
  return {
    address: isProxy(address) ? null : address,
    userAgent: USER_AGENT.test(userAgent) ? userAgent : null,
  };
}

/** A merchant's server pays: the shopper's browser is not known here. */
export const NO_BROWSER: ShopperBrowser = { address: null, userAgent: null };
