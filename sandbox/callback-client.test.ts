/**
 * The lean client against node:http, and the answers it must be able to read.
 * @module
 */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { CallbackClient, readAnswer } from './callback-client.ts';
import { DueQueue } from './due-queue.ts';

async function clientOf(listener: RequestListener, timeoutMs = 5000): Promise<CallbackClient> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new CallbackClient(
    new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?a=1`),
    timeoutMs,
  );
  onTestFinished(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

it('posts the body and its headers, over one kept connection', async () => {
  const seen: string[] = [];
  const ports = new Set<number | undefined>();
  const client = await clientOf((request, response) => {
    ports.add(request.socket.remotePort);
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${request.headers['x-mark']} ${body}`);
      response.writeHead(seen.length === 1 ? 200 : 503).end('heard');
    });
  });
  expect(await client.post('X-Mark: 1\r\n', '{"name":"é"}')).toEqual({ ok: true, status: 200 });
  expect(await client.post('X-Mark: 2\r\n', '{}')).toEqual({ ok: true, status: 503 });
  expect(seen[0]).toContain('{"name":"é"}');
  expect(seen[1]).toBe('POST /hook?a=1 2 {}');
  expect(ports.size).toBe(1);
});

it('posts again when the server has closed the kept connection', async () => {
  let count = 0;
  const client = await clientOf((request, response) => {
    count += 1;
    if (count === 2) request.socket.destroy();
    else response.end();
  });
  await client.post('', '{}');
  expect(await client.post('', '{}')).toEqual({ ok: true, status: 200 });
  expect(count).toBe(3);
});

it('names a refused connection, a closed one and a silent server', async () => {
  const refused = new CallbackClient(new URL('http://127.0.0.1:1/'), 1000);
  expect(await refused.post('', '{}')).toEqual({ ok: false, code: 'connection_refused' });
  const closing = await clientOf((request) => request.socket.destroy());
  expect(await closing.post('', '{}')).toEqual({ ok: false, code: 'connection_closed' });
  const silent = await clientOf((request) => request.resume(), 50);
  expect(await silent.post('', '{}')).toEqual({ ok: false, code: 'timed_out' });
});

it.each([
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', { status: 200, keepAlive: true }],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no', null],
  ['HTTP/1.1 204 No Content\r\n\r\n', { status: 204, keepAlive: true }],
  ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', { status: 200, keepAlive: false }],
  [
    'HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    { status: 500, keepAlive: true },
  ],
  ['HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', null],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', { status: 200, keepAlive: true }],
  [
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Yes\r\nContent-Length: 0\r\n\r\n',
    { status: 202, keepAlive: true },
  ],
  ['HTTP/1.1 200 OK\r\n', null],
])('reads %j', (answer, read) => {
  expect(readAnswer(answer)).toEqual(read);
});

it('takes items from the due queue in order of time', () => {
  const queue = new DueQueue<{ readonly dueAt: number }>();
  const times = Array.from({ length: 500 }, (_, index) => (index * 7919) % 503);
  for (const dueAt of times) queue.push({ dueAt });
  const taken = times.map(() => queue.pop()?.dueAt);
  expect(taken).toEqual(times.toSorted((a, b) => a - b));
  expect(queue.pop()).toBeUndefined();
});
