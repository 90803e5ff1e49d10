/**
 * TLS of a listener: which protocol, what becomes of those who do not speak it, and a new certificate under load.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Certificates, makeCertificates } from '../../test/support/certificates.ts';
import type { CertificateFiles } from './certificate.ts';
import { json, type Route } from './routes.ts';
import { type HttpServer, type HttpServerOptions, startHttp } from './server.ts';

let certificates: Certificates;
let one: CertificateFiles;
let two: CertificateFiles;
const open: HttpServer[] = [];

beforeAll(() => {
  certificates = makeCertificates();
  [one, two] = ['one', 'two'].map((name) => {
    const { certificate, key } = certificates.issue(name);
    return { certFile: certificate, keyFile: key };
  }) as [CertificateFiles, CertificateFiles];
});
afterAll(() => certificates.remove());
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

const ECHO: Route = {
  method: 'GET',
  path: '/echo',
  name: 'echo',
  bodyLimitBytes: 0,
  contentTypes: [],
  headers: [],
  handler: (request) => json(200, { from: request.remoteAddress() }),
};

async function start(
  more: Partial<HttpServerOptions> = {},
  routes = [ECHO],
  plain = false,
): Promise<HttpServer> {
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    ...(!plain && { tls: one }),
    routes,
    limits: { requestsInFlightMax: 100, bodyTimeoutMs: 5000, streamsMax: 10 },
    onRequestDone: () => undefined,
    onHandlerError: () => undefined,
    ...more,
  });
  open.push(server);
  return server;
}

const trusting = () => ({ host: '127.0.0.1', ca: readFileSync(certificates.ca), servername: 'localhost' });

async function handshake(server: HttpServer, more: object = {}): Promise<TLSSocket> {
  const socket = connectTls({ port: server.port, ...trusting(), ...more });
  await once(socket, 'secureConnect');
  return socket;
}

/** The certificate's name as a new connection sees it, verified. */
async function nameSeen(server: HttpServer): Promise<string> {
  const socket = await handshake(server);
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

/** One request; the connection is the agent's to keep. */
function ask(server: HttpServer, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: server.port, path: '/echo', agent, ...trusting() }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode!));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Sends bytes without a handshake; resolves with the milliseconds until the other side closed. */
async function sendRaw(server: HttpServer, bytes: Buffer, everyMs?: number): Promise<number> {
  const startedMs = performance.now();
  const socket: Socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  socket.write(bytes);
  const trickle = everyMs && setInterval(() => socket.write('\0'), everyMs);
  await once(socket, 'close');
  if (trickle) clearInterval(trickle);
  return performance.now() - startedMs;
}

test('TLS is 1.3 and nothing older, to Node and to openssl, with any cipher they may offer', async () => {
  const server = await start();
  const socket = await handshake(server);
  expect([socket.getProtocol(), socket.authorized]).toEqual(['TLSv1.3', true]);
  socket.destroy();
  for (const maxVersion of ['TLSv1', 'TLSv1.1', 'TLSv1.2'] as const) {
    const old = { minVersion: 'TLSv1', maxVersion, ciphers: 'ALL:@SECLEVEL=0' };
    await expect(handshake(server, old), maxVersion).rejects.toThrow(/alert|handshake|ECONNRESET/i);
  }
  const talk = (...words: string[]): Promise<string> => {
    const args = ['s_client', '-connect', `127.0.0.1:${server.port}`, '-CAfile', certificates.ca, ...words];
    return new Promise((resolve) => {
      execFile('openssl', args, (_, out, said) => resolve(out + said)).stdin!.end();
    });
  };
  expect(await talk('-tls1_3', '-verify_return_error')).toContain('Verify return code: 0 (ok)');
  expect(await talk('-tls1_2', '-cipher', 'ALL:@SECLEVEL=0')).toMatch(/alert|Cipher is \(NONE\)/);
});

test('a session is resumed by its ticket, as 1.3 too', async () => {
  const server = await start();
  const first = await handshake(server);
  const ticket = once(first, 'session');
  first.write('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n');
  const [session] = (await ticket) as [Buffer];
  first.destroy();
  const second = await handshake(server, { session });
  expect([second.isSessionReused(), second.getProtocol()]).toEqual([true, 'TLSv1.3']);
  second.destroy();
});

test('who does not speak TLS is shut out, who does not finish a handshake after some seconds, and others are served', async () => {
  const server = await start();
  const hello = Buffer.from('160301020001000100', 'hex');
  const atOnce = await Promise.all([
    sendRaw(server, Buffer.from('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n')),
    sendRaw(server, Buffer.alloc(4096, 1)),
    ...Array.from({ length: 100 }, () => sendRaw(server, Buffer.from('POST / HTTP/1.0\r\n\r\n'))),
  ]);
  expect(Math.max(...atOnce)).toBeLessThan(5000);
  const hanging = [
    sendRaw(server, Buffer.alloc(0)),
    sendRaw(server, hello, 500),
    ...Array.from({ length: 200 }, () => sendRaw(server, hello)),
  ];
  expect(await ask(server, new Agent())).toBe(200);
  expect(Math.max(...(await Promise.all(hanging)))).toBeLessThan(15_000);
  expect(await nameSeen(server)).toBe('one');
}, 20_000);

test('a new certificate is seen by new connections, and no request of any connection fails', async () => {
  const server = await start({ exclusive: true });
  const kept = new Agent({ keepAlive: true, maxSockets: 8 });
  const before = await handshake(server);
  const statuses: number[] = [];
  let over = false;
  const load = Array.from({ length: 8 }, async (_, i) => {
    // Half of the clients keep their connection, half open one for each request.
    while (!over) statuses.push(await ask(server, i % 2 === 0 ? kept : new Agent()));
  });
  for (const files of [two, one, two]) {
    const sofar = statuses.length;
    await vi.waitFor(() => expect(statuses.length).toBeGreaterThan(sofar + 50), { timeout: 10_000 });
    server.useCertificate(files);
    expect(await nameSeen(server)).toBe(files === one ? 'one' : 'two');
  }
  over = true;
  await Promise.all(load);
  expect(new Set(statuses)).toEqual(new Set([200]));
  // Opened before the first change, and idle through all of them.
  before.write('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n');
  const [answer] = (await once(before, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200[\s\S]*"from":"127\.0\.0\.1"/);
  before.destroy();
  kept.destroy();
});

test('connections of a certificate that was replaced live for as long as they are used', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const server = await start();
    server.useCertificate(two);
    const [used, left] = [await handshake(server), await handshake(server)];
    server.useCertificate(one);
    left.destroy();
    for (let looks = 0; looks < 3; looks++) {
      vi.advanceTimersByTime(1000);
      used.write('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n');
      expect(String(await once(used, 'data'))).toContain('200 OK');
    }
    used.destroy();
    expect(await nameSeen(server)).toBe('one');
    vi.advanceTimersByTime(1000);
    expect(await nameSeen(server)).toBe('one');
  } finally {
    vi.useRealTimers();
  }
});

test('files that cannot be used change nothing', async () => {
  const server = await start();
  const mixed = { certFile: one.certFile, keyFile: two.keyFile };
  expect(() => server.useCertificate(mixed)).toThrow();
  expect(() => server.useCertificate({ ...two, certFile: '/none' })).toThrow();
  expect(await nameSeen(server)).toBe('one');
  server.useCertificate(two);
  expect(() => server.useCertificate(mixed)).toThrow();
  expect(await nameSeen(server)).toBe('two');
});

test('requests and streams of every certificate count, are drained and are closed', async () => {
  const held: Array<(answer: ReturnType<typeof json>) => void> = [];
  const hold: Route = { ...ECHO, path: '/hold', handler: () => new Promise((resolve) => held.push(resolve)) };
  const events: Route = {
    ...ECHO,
    path: '/events',
    handler: () => ({ status: 200, body: 'retry: 1\n\n', events: () => () => undefined }),
  };
  const server = await start({}, [hold, events]);
  const sockets: TLSSocket[] = [];
  for (const files of [null, two, one]) {
    if (files !== null) server.useCertificate(files);
    for (const path of ['/hold', '/events']) {
      const socket = await handshake(server);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      sockets.push(socket);
    }
  }
  await vi.waitFor(() => expect([server.inFlight(), server.streams()]).toEqual([3, 3]), { timeout: 10_000 });
  const closing = Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
  server.stopListening();
  let drained = false;
  const draining = server.drained().then(() => {
    drained = true;
  });
  expect([server.streams(), drained]).toEqual([0, false]);
  for (const answer of held) answer(json(200, {}));
  await draining;
  server.close();
  await closing;
  await expect(handshake(server)).rejects.toThrow('ECONNREFUSED');
});

test('a listener without TLS takes no certificate', async () => {
  const server = await start({}, [ECHO], true);
  expect(() => server.useCertificate(one)).toThrow('without TLS');
});
