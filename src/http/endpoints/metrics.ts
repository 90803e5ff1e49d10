/**
 * GET /metrics: all threads' metrics as Prometheus text.
 *
 * @module
 */

import type { Route } from '../routes.ts';

/** Makes the route. @param gather Prometheus text of the whole process */
export function metricsRoute(gather: () => Promise<string>): Route {
  return {
    method: 'GET',
    path: '/metrics',
    name: 'metrics',
    bodyLimitBytes: 0,
    contentTypes: [],
    headers: [],
    handler: async () => ({
      status: 200,
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      body: await gather(),
    }),
  };
}
