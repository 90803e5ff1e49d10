/**
 * What every listener of the gateway has in common.
 *
 * @module
 */

import { LIMITS } from '../config/limits.ts';
import { type ClientAddresses, createClientAddresses } from '../http/client-address.ts';
import type { HttpServerOptions } from '../http/server.ts';
import type { GatewayThread } from './gateway.ts';

type ListenerOptions = Omit<HttpServerOptions, 'port' | 'routes'> & { clients: ClientAddresses };

/** Address, TLS, proxies, limits and what is told of each request. */
export function listenerOptions(guest: GatewayThread): ListenerOptions {
  const { options } = guest.options;
  const { httpRequests, httpRequestSeconds, refused } = guest.metrics;
  return {
    host: options.host,
    ...(options.tls.kind === 'files' && {
      tls: { certFile: options.tls.certFile, keyFile: options.tls.keyFile },
    }),
    strictTransport: options.tls.kind !== 'none',
    clients: createClientAddresses(options.trustedProxies),
    limits: {
      requestsInFlightMax: LIMITS.requestsInFlightMax,
      bodyTimeoutMs: LIMITS.bodyTimeoutMs,
      streamsMax: LIMITS.streamsMax,
    },
    onRequestDone: ({ endpoint, status, code, durationMs }) => {
      httpRequests.of(endpoint, String(status)).add();
      httpRequestSeconds.of(endpoint).observe(durationMs / 1000);
      if (code !== null) refused.of(code).add();
    },
    onHandlerError: (error, endpoint, requestId) =>
      guest.log('error', 'handler_failed', { endpoint, requestId, errorMessage: String(error) }),
  };
}
