/**
 * Endpoint: where a merchant of a test hears the bank's callbacks.
 * @module
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Takes a callback, and says with which status it is answered. */
export type Hear = (body: string, headers: IncomingHttpHeaders) => number;

export interface Endpoint {
  /** Without a trailing slash; every path is heard. */
  readonly url: string;
  close(): void;
}

/** Opens one on a free port of loopback. */
export async function openEndpoint(hear: Hear): Promise<Endpoint> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => response.writeHead(hear(body, request.headers)).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
