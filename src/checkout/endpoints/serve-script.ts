/**
 * GET /checkout/assets/checkout.<hash>.js: the script of the checkout pages, for ever the same under its name.
 *
 * @module
 */

import { SCRIPT, SCRIPT_PATH } from '../script.ts';
import type { WebRoute } from '../web.ts';

/** Makes the route. */
export function serveScriptRoute(): WebRoute {
  return {
    method: 'GET',
    path: SCRIPT_PATH,
    name: 'checkout_script',
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: [],
    handler: () => ({
      status: 200,
      contentType: 'text/javascript; charset=utf-8',
      headers: { 'Cross-Origin-Resource-Policy': 'same-origin' },
      cacheControl: 'public, max-age=31536000, immutable',
      body: SCRIPT,
    }),
  };
}
