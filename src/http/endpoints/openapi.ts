/**
 * GET /openapi.json
 *
 * @module
 */

import { openApiDocument } from '../openapi.ts';
import { jsonText, type Route } from '../routes.ts';

/** Makes the route; the document is built once. */
export function openApiRoute(): Route {
  const document = JSON.stringify(openApiDocument());
  return {
    method: 'GET',
    path: '/openapi.json',
    name: 'openapi',
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: [],
    handler: () => jsonText(200, document),
  };
}
