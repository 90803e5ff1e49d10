/**
 * Handshakes: CPU time of our listener per TLS 1.3 connection, with `openssl s_time` as the client: a full handshake (P-256
 * certificate), and one that comes back with a ticket. Each is followed by one small GET.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { json, type Route } from '../../src/http/routes.ts';
import { startHttp } from '../../src/http/server.ts';
import { makeCertificates } from '../../test/support/certificates.ts';

const SECONDS = 3;

const HELLO: Route = {
  method: 'GET',
  path: '/hello',
  name: 'hello',
  bodyLimitBytes: 0,
  contentTypes: [],
  headers: [],
  handler: () => json(200, {}),
};

export interface HandshakeCosts {
  /** µs of the listener. */
  readonly full: number;
  readonly resumed: number;
}

export async function measureHandshakes(): Promise<HandshakeCosts> {
  const certificates = makeCertificates();
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    tls: { certFile: certificates.server.certificate, keyFile: certificates.server.key },
    routes: [HELLO],
    limits: { requestsInFlightMax: 100, bodyTimeoutMs: 5000, streamsMax: 10 },
    onRequestDone: () => undefined,
    onHandlerError: () => undefined,
  });
  try {
    await connectAll(server.port, '-new');
    return { full: await connectAll(server.port, '-new'), resumed: await connectAll(server.port, '-reuse') };
  } finally {
    server.close();
    certificates.remove();
  }
}

/** µs of this process per connection. */
async function connectAll(port: number, kind: '-new' | '-reuse'): Promise<number> {
  const before = process.cpuUsage();
  const words = ['s_time', '-connect', `127.0.0.1:${port}`, kind, '-time', String(SECONDS), '-www', '/hello'];
  const child = spawn('openssl', words, { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  await once(child, 'close');
  const { user, system } = process.cpuUsage(before);
  const connections = Number(/(\d+) connections in \d+ real seconds/.exec(said)?.[1]);
  if (!(connections > 0)) throw new Error(`openssl s_time said ${said}`);
  return Math.round((user + system) / connections);
}
