/**
 * The client against a server that misbehaves: what it says about bytes must be true.
 *
 * @module
 */

import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
  type HttpRequest,
} from './http-client.ts';
import {
  closedPort,
  httpAnswer,
  type ScriptedServer,
  startScriptedServer,
} from './testing/scripted-server.ts';

let server: ScriptedServer;
const clients: HttpClient[] = [];

beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.close();
});

function open(over: Partial<HttpClientOptions> = {}): HttpClient {
  const client = createHttpClient({
    origin: server.origin,
    connectionsMax: 4,
    connectTimeoutMs: 500,
    answerBytesMax: 1024,
    ...over,
  });
  clients.push(client);
  return client;
}

function post(over: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'POST',
    path: '/charge',
    headers: { 'x-key': 'k' },
    body: Buffer.from('{"a":1}'),
    timeoutMs: 2000,
    ...over,
  };
}

/** An answer that takes ten seconds, a byte at a time. */
function drip(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
  const dripping = setInterval(() => socket.write('.'), 10);
  socket.on('close', () => clearInterval(dripping));
}

/** An answer as fast as it is taken, until the other side leaves. */
function flood(socket: Socket, header: string): void {
  const chunk = Buffer.alloc(65_536);
  const pour = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.write(`HTTP/1.1 200 OK\r\n${header}\r\n\r\n`);
  socket.on('drain', pour);
  pour();
}

test('a whole answer, on a connection that is used again', async () => {
  const client = open();
  server.answer((socket) => socket.write(httpAnswer(402, '{"no":"money"}')));
  for (let i = 0; i < 3; i++) {
    const answer = await client.exchange(post());
    expect(answer).toMatchObject({ kind: 'answered', status: 402 });
    expect(answer.kind === 'answered' && answer.body.toString()).toBe('{"no":"money"}');
  }
  expect(server.sockets.size).toBe(1);
  expect(server.requests.map(({ body }) => body.toString())).toEqual(['{"a":1}', '{"a":1}', '{"a":1}']);
  expect(server.requests[0]!.head).toMatch(/^POST \/charge HTTP\/1\.1\r\n[\s\S]*x-key: k/);
});

test('charges under way at once have a connection each: none waits behind another', async () => {
  const client = open();
  server.answer(() => undefined);
  const calls = [client.exchange(post()), client.exchange(post()), client.exchange(post())];
  await vi.waitFor(() => expect(server.requests).toHaveLength(3));
  expect(server.sockets.size).toBe(3);
  for (const socket of server.sockets) socket.write(httpAnswer(200, '{}'));
  for (const answer of await Promise.all(calls)) expect(answer.kind).toBe('answered');
});

describe('no byte has left', () => {
  test('connection refused', async () => {
    const client = open({ origin: `http://127.0.0.1:${await closedPort()}` });
    expect(await client.exchange(post())).toMatchObject({
      kind: 'not_sent',
      reason: 'unreachable',
      detail: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('a name that does not exist', async () => {
    const client = open({ origin: 'http://no-such-bank.invalid' });
    expect(await client.exchange(post())).toMatchObject({ kind: 'not_sent', reason: 'unreachable' });
  });

  test('TLS with a server that speaks none', async () => {
    server.answer(() => undefined);
    const client = open({ origin: server.origin.replace('http:', 'https:') });
    expect(await client.exchange(post())).toMatchObject({ kind: 'not_sent', reason: 'unreachable' });
    expect(server.requests).toEqual([]);
  });

  test('TLS with a certificate nobody trusts', async () => {
    const stranger = await startScriptedServer(true);
    expect(await open({ origin: stranger.origin }).exchange(post())).toMatchObject({
      kind: 'not_sent',
      reason: 'unreachable',
    });
    expect(stranger.requests).toEqual([]);
    await stranger.close();
  });

  test('a connection that does not come about is given up when the option says, long before the answer is', async () => {
    // TCP is accepted, the TLS handshake never answered.
    server.answer(() => undefined);
    const client = open({ origin: server.origin.replace('http:', 'https:'), connectTimeoutMs: 100 });
    const began = performance.now();
    expect(await client.exchange(post({ timeoutMs: 60_000 }))).toEqual({
      kind: 'not_sent',
      reason: 'unreachable',
      detail: 'no connection in 100 ms',
    });
    expect(performance.now() - began).toBeLessThan(800);
    await vi.waitFor(() => expect(server.sockets.size).toBe(0));
  });

  test('the time to leave has passed once the socket is connected', async () => {
    const late = await open().exchange(post({ mayLeave: () => false }));
    expect(late).toMatchObject({ kind: 'not_sent', reason: 'deadline_passed' });
    expect(server.requests).toEqual([]);
  });

  test('every connection is in use: refused at once, and there is room again afterwards', async () => {
    const client = open({ connectionsMax: 1 });
    server.answer(() => undefined);
    const first = client.exchange(post());
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    expect(await client.exchange(post())).toMatchObject({ kind: 'not_sent', reason: 'busy' });
    for (const socket of server.sockets) socket.write(httpAnswer(200, '{}'));
    await first;
    server.answer((socket) => socket.write(httpAnswer(200, '{}')));
    expect(await client.exchange(post())).toMatchObject({ kind: 'answered' });
    expect(server.requests).toHaveLength(2);
  });

  test('a header that cannot be sent', async () => {
    const answer = await open().exchange(post({ headers: { 'x-key': 'a\r\nb' } }));
    expect(answer).toMatchObject({ kind: 'not_sent' });
    expect(server.requests).toEqual([]);
  });

  test('a closed client', async () => {
    const client = open();
    await client.close();
    expect(await client.exchange(post())).toMatchObject({ kind: 'not_sent' });
  });
});

describe('a byte may have left, and nothing is sent twice', () => {
  test('the server closes the socket after reading', async () => {
    const client = open();
    server.answer((socket) => socket.destroy());
    for (let i = 1; i <= 20; i++) {
      expect(await client.exchange(post())).toMatchObject({ kind: 'unknown' });
      expect(server.requests).toHaveLength(i);
    }
  });

  test('the server ends a kept-alive connection just when the next request comes', async () => {
    const client = open();
    let calls = 0;
    const answered: string[] = [];
    for (; calls < 100; calls++) {
      server.answer((socket) => {
        socket.write(httpAnswer(200, '{}'));
        // Half at once, half a tick later: before, while and after the next request leaves.
        if (calls % 2 === 0) socket.destroySoon();
        else setImmediate(() => socket.destroy());
      });
      answered.push((await client.exchange(post())).kind);
    }
    // What was answered or is unknown was sent at most once; what is not_sent never was.
    const sent = answered.filter((kind) => kind !== 'not_sent').length;
    expect(server.requests.length).toBeLessThanOrEqual(sent);
    expect(server.requests.length).toBeGreaterThanOrEqual(
      answered.filter((kind) => kind === 'answered').length,
    );
  });

  test('no answer', async () => {
    const client = open();
    server.answer(() => undefined);
    expect(await client.exchange(post({ timeoutMs: 100 }))).toMatchObject({ kind: 'unknown' });
    expect(server.requests).toHaveLength(1);
    await vi.waitFor(() => expect(server.sockets.size).toBe(0));
  });

  test('an answer that takes longer than a connection may is waited for', async () => {
    const client = open({ connectTimeoutMs: 50 });
    server.answer((socket) => setTimeout(() => socket.write(httpAnswer(200, '{}')), 150));
    expect(await client.exchange(post())).toMatchObject({ kind: 'answered' });
    server.answer(() => undefined);
    expect(await client.exchange(post({ timeoutMs: 150 }))).toEqual({
      kind: 'unknown',
      detail: 'sent, then no answer in 150 ms',
    });
  });

  test('an answer that drips for ever', async () => {
    const client = open();
    server.answer(drip);
    expect(await client.exchange(post({ timeoutMs: 150 }))).toMatchObject({ kind: 'unknown' });
  });

  test.each<[string, string]>([
    ['is cut off', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"status":"succ'],
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['is too long', httpAnswer(200, 'x'.repeat(2000))],
  ])('an answer that %s', async (_, text) => {
    server.answer((socket) => socket.end(text));
    expect(await open().exchange(post())).toMatchObject({ kind: 'unknown' });
    expect(server.requests).toHaveLength(1);
  });

  test('the client is closed meanwhile', async () => {
    const client = open();
    server.answer(() => undefined);
    const call = client.exchange(post());
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    await client.close();
    expect(await call).toMatchObject({ kind: 'unknown' });
  });
});

test('headers that are asked for come with the answer, and no others', async () => {
  server.answer((socket) => socket.write(httpAnswer(429, '', { 'Retry-After': '7', 'x-other': 'x' })));
  const answer = await open().exchange(post({ answerHeaders: ['retry-after', 'x-missing'] }));
  expect(answer).toMatchObject({ kind: 'answered', headers: { 'retry-after': '7' } });
  expect(answer.kind === 'answered' && Object.keys(answer.headers)).toEqual(['retry-after']);
});

describe('a body that is discarded: the status is the answer', () => {
  test('a short one keeps the connection', async () => {
    const client = open();
    server.answer((socket) => socket.write(httpAnswer(200, 'x'.repeat(1000))));
    for (let i = 0; i < 3; i++)
      expect(await client.exchange(post({ discardBody: true }))).toMatchObject({
        kind: 'answered',
        status: 200,
      });
    expect(server.sockets.size).toBe(1);
  });

  test.each<[string, (socket: Socket) => void]>([
    ['drips', drip],
    ['never comes', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n')],
    ['is a gigabyte', (socket) => flood(socket, 'content-length: 1073741824')],
    ['has no end', (socket) => flood(socket, 'connection: close')],
    ['is cut off', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx')],
  ])('one that %s costs its connection and no more than a second', async (_, script) => {
    const client = open();
    server.answer(script);
    const began = performance.now();
    expect(await client.exchange(post({ discardBody: true, timeoutMs: 5000 }))).toMatchObject({
      kind: 'answered',
      status: 200,
    });
    expect(performance.now() - began).toBeLessThan(2000);
    await vi.waitFor(() => expect(server.sockets.size).toBe(0));
  });

  test('without a status there is no answer', async () => {
    server.answer((socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'));
    const outcome = await open().exchange(post({ discardBody: true, timeoutMs: 100 }));
    expect(outcome).toMatchObject({ kind: 'unknown' });
  });

  test('headers without an end are no answer', async () => {
    server.answer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      for (let i = 0; i < 200; i++) socket.write(`x-${i}: ${'y'.repeat(1000)}\r\n`);
    });
    expect(await open().exchange(post({ discardBody: true }))).toMatchObject({ kind: 'unknown' });
  });
});

test('a name is looked up by who was handed in, and connected to where that says', async () => {
  const asked: string[] = [];
  const client = open({
    origin: server.origin.replace('127.0.0.1', 'bank.invalid'),
    lookup: (hostname, _options, done) => {
      asked.push(hostname);
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    },
  });
  for (let i = 0; i < 2; i++) expect(await client.exchange(post())).toMatchObject({ kind: 'answered' });
  expect(asked).toEqual(['bank.invalid']);
  expect(server.requests[0]!.head).toContain(`host: bank.invalid:${server.port}`);
});

test('what the look-up refuses is not sent, and its code is told', async () => {
  const client = open({
    origin: 'http://bank.invalid',
    lookup: (_hostname, _options, done) => done(Object.assign(new Error('no'), { code: 'NOT_THERE' }), []),
  });
  expect(await client.exchange(post())).toEqual({
    kind: 'not_sent',
    reason: 'unreachable',
    detail: 'NOT_THERE',
  });
});

test('a redirect is an answer like any other', async () => {
  server.answer((socket) => socket.write(httpAnswer(307, '', { location: `${server.origin}/elsewhere` })));
  expect(await open().exchange(post())).toMatchObject({ kind: 'answered', status: 307 });
  expect(server.requests).toHaveLength(1);
});

test('it tells when the request has been handed over, only then', async () => {
  const onSent = vi.fn();
  await open().exchange(post({ onSent }));
  expect(onSent).toHaveBeenCalledOnce();
  await open({ origin: `http://127.0.0.1:${await closedPort()}` }).exchange(post({ onSent }));
  expect(onSent).toHaveBeenCalledOnce();
});
