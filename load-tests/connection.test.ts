import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { readAnswer } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import { startFakeGateway } from './testing/fake-gateway.ts';

describe('an answer on the wire', () => {
  const whole = 'HTTP/1.1 201 Created\r\nContent-Length: 4\r\nX: y\r\n\r\nbody';
  const chunks =
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\na;x=1\r\n0123456789\r\n0\r\n\r\n';
  const elsewhere = 'HTTP/1.1 303 See Other\r\nlocation: /a?b=c\r\nContent-Length: 0\r\n\r\n';

  const later = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy';

  test('is read in every piece it may come in', () => {
    for (const [text, status, body, location, retryAfter] of [
      [whole, 201, 'body', '', ''],
      [chunks, 200, 'abc0123456789', '', ''],
      [elsewhere, 303, '', '/a?b=c', ''],
      [later, 503, 'busy', '', '1'],
    ] as const) {
      for (let cut = 0; cut < text.length; cut++)
        expect(readAnswer(text.slice(0, cut))).toEqual({ kind: 'partial' });
      expect(readAnswer(text)).toEqual({
        kind: 'whole',
        status,
        body,
        location,
        retryAfter,
        keepAlive: true,
      });
    }
  });

  test.each([
    ['more than one answer', `${whole}H`],
    ['more than one answer in chunks', `${chunks}H`],
    ['no HTTP', 'SSH-2.0-x\r\n\r\n\r\n'],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a wrong chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('%s is a fault', (_what, text) => {
    expect(readAnswer(text)).toEqual({ kind: 'bad' });
  });

  test('may close the connection, or have no body', () => {
    const closing = 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n';
    expect(readAnswer(closing)).toMatchObject({ kind: 'whole', status: 204, body: '', keepAlive: false });
  });
});

describe('connection pool', () => {
  const get = 'GET /v1/payment/intent/pi_0 HTTP/1.1\r\nHost: h\r\n\r\n';

  test('a listener that is not there, one that hangs up, one that is silent', async () => {
    let silent = false;
    const server = createServer((socket) =>
      socket.on('data', () => silent || socket.destroy()).on('error', () => 0),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const open = (requestTimeoutMs: number) =>
      new ConnectionPool(`http://127.0.0.1:${port}`, { connectionsMax: 2, requestTimeoutMs });
    const patient = open(20_000);
    const three = await Promise.all([patient.request(get), patient.request(get), patient.request(get)]);
    expect(three.map(({ fault }) => fault)).toEqual(Array(3).fill('connection_reset'));
    patient.close();
    silent = true;
    const pool = open(50);
    expect((await pool.request(get)).fault).toBe('timeout');
    const pending = pool.request(get);
    pool.close();
    expect((await pending).fault).toBe('closed');
    server.close();
    await once(server, 'close');
    const late = open(20_000);
    expect((await late.request(get)).fault).toBe('connect_failed');
    expect((await late.request(get)).fault).toBe('connect_failed');
    late.close();
  });

  test('more requests than connections wait in order and are all answered', async () => {
    const gateway = await startFakeGateway();
    const pool = new ConnectionPool(gateway.url, { connectionsMax: 3, requestTimeoutMs: 5000 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => pool.request(get)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    pool.close();
    await gateway.close();
  });
});
