/**
 * One POST against receivers that are slow, hostile, or not where a webhook may go.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createGzip } from 'node:zlib';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type CertificateFiles,
  type Certificates,
  makeCertificates,
} from '../../test/support/certificates.ts';
import {
  closedPort,
  httpAnswer,
  type ScriptedServer,
  startScriptedServer,
} from '../outbound/testing/scripted-server.ts';
import { messageOf } from './message.ts';
import { checkedLookup } from './resolve.ts';
import { createWebhookSender, type WebhookSender, type WebhookSenderOptions } from './send.ts';
import { anEvent } from './testing/events.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const MESSAGE = messageOf(anEvent());

let server: ScriptedServer;
const senders: WebhookSender[] = [];

beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.close()));
  await server.close();
});

function open(over: Partial<WebhookSenderOptions> = {}): WebhookSender {
  const sender = createWebhookSender({
    allowPrivate: true,
    now: Date.now,
    monotonicMs: () => performance.now(),
    ...over,
  });
  senders.push(sender);
  return sender;
}

test('what arrives is verified by the package, and the connection is used again', async () => {
  const sender = open();
  for (let i = 0; i < 3; i++)
    expect(await sender.send(`${server.origin}/hooks?shop=1`, MESSAGE, [SECRET])).toMatchObject({
      status: 200,
      failure: null,
    });
  expect(server.sockets.size).toBe(1);
  for (const { head, body } of server.requests) {
    expect(head).toMatch(/^POST \/hooks\?shop=1 HTTP/);
    const headers = Object.fromEntries(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(': ', 2)),
    );
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'Sluice-Webhooks/1' });
    expect(new Webhook(SECRET).verify(body, headers)).toMatchObject({ type: 'payment.succeeded' });
  }
});

test.each([
  [200, null],
  [204, null],
  [299, null],
  [304, 'http_status'],
  [400, 'http_status'],
  [410, 'http_status'],
  [500, 'http_status'],
])('status %i: %s', async (status, failure) => {
  server.answer((socket) => socket.write(httpAnswer(status, '')));
  expect(await open().send(server.origin, MESSAGE, [SECRET])).toMatchObject({ status, failure });
});

test('a redirect to the metadata of a cloud is a failure, and nobody goes there', async () => {
  const elsewhere = await startScriptedServer();
  for (const location of ['http://169.254.169.254/latest/meta-data/', elsewhere.origin]) {
    server.answer((socket) => socket.write(httpAnswer(302, '', { location })));
    expect(await open().send(server.origin, MESSAGE, [SECRET])).toMatchObject({
      status: 302,
      failure: 'http_status',
    });
  }
  expect(elsewhere.requests).toEqual([]);
  await elsewhere.close();
});

test('Retry-After is read from any answer', async () => {
  server.answer((socket) => socket.write(httpAnswer(429, '', { 'retry-after': '90' })));
  expect(await open().send(server.origin, MESSAGE, [SECRET])).toMatchObject({
    status: 429,
    retryAfterMs: 90_000,
  });
});

test('a gzip bomb is never unpacked: its status decides', async () => {
  server.answer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n');
    const bomb = createGzip();
    bomb.pipe(socket);
    for (let i = 0; i < 64; i++) bomb.write(Buffer.alloc(1024 * 1024));
    bomb.end();
  });
  const before = process.memoryUsage().rss;
  expect(await open().send(server.origin, MESSAGE, [SECRET])).toMatchObject({ status: 200, failure: null });
  expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
});

test('no answer in time', async () => {
  server.answer(() => undefined);
  expect(await open({ timeoutMs: 150 }).send(server.origin, MESSAGE, [SECRET])).toMatchObject({
    status: null,
    failure: 'timeout',
  });
});

test('nobody there; a connection lost', async () => {
  const sender = open();
  expect(await sender.send(`http://127.0.0.1:${await closedPort()}`, MESSAGE, [SECRET])).toMatchObject({
    failure: 'unreachable',
  });
  server.answer((socket) => socket.destroy());
  expect(await sender.send(server.origin, MESSAGE, [SECRET])).toMatchObject({ failure: 'connection_lost' });
});

test.each<[string, (certificates: Certificates) => CertificateFiles]>([
  ['nobody vouches for', ({ stranger }) => stranger],
  ['has expired', ({ expired }) => expired],
  ['is another’s', ({ issue }) => issue('misnamed', 1, 'DNS:other.example')],
])('a certificate that %s is told as such, and the receiver is told nothing', async (_, bad) => {
  const certificates = makeCertificates();
  const trusted = getCACertificates('default');
  setDefaultCACertificates([readFileSync(certificates.ca)]);
  const heard = vi.fn((_request, answer) => answer.end());
  const servers = [bad(certificates), certificates.server].map(({ certificate, key }) =>
    createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, heard),
  );
  try {
    const sender = open();
    const results = [];
    for (const tls of servers) {
      await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
      const { port } = tls.address() as AddressInfo;
      results.push(await sender.send(`https://localhost:${port}/`, MESSAGE, [SECRET]));
    }
    expect(results).toMatchObject([
      { status: null, failure: 'tls' },
      { status: 200, failure: null },
    ]);
    expect(heard).toHaveBeenCalledTimes(1);
  } finally {
    setDefaultCACertificates(trusted);
    for (const tls of servers) tls.close();
    certificates.remove();
  }
});

test('connections are kept for so many origins; the longest unused goes', async () => {
  const others = await Promise.all([startScriptedServer(), startScriptedServer()]);
  const sender = open({ originsMax: 2 });
  for (const { origin } of [server, ...others]) await sender.send(origin, MESSAGE, [SECRET]);
  await vi.waitFor(() => expect([server, ...others].map(({ sockets }) => sockets.size)).toEqual([0, 1, 1]));
  await Promise.all(others.map((other) => other.close()));
});

describe('where a webhook may not go', () => {
  /** Everything that would be connected to is loopback, where our server hears it. */
  const live = { allowPrivate: false };

  test.each([
    'http://127.0.0.1/',
    'https://2130706433/',
    'https://[::ffff:127.0.0.1]/',
    'https://localhost/',
  ])('a URL that should never have been registered: %s', async (url) => {
    const resolve = vi.fn();
    expect(await open({ ...live, resolve }).send(url, MESSAGE, [SECRET])).toMatchObject({
      failure: 'address_not_allowed',
    });
    expect(resolve).not.toHaveBeenCalled();
  });

  test.each([
    [['127.0.0.1']],
    [['8.8.8.8', '127.0.0.1']],
    [['127.0.0.1', '8.8.8.8']],
    [['2606:4700::1111', '::1']],
    [['::ffff:8.8.8.8']],
    [['8.8.8.8', '169.254.169.254']],
    [['8.8.8.8', 'not an address']],
    [[]],
  ])('a name with the addresses %j', async (addresses) => {
    const sender = open({ ...live, resolve: async () => addresses });
    expect(await sender.send('https://shop.example/', MESSAGE, [SECRET])).toMatchObject({
      failure: 'address_not_allowed',
    });
  });

  test('a name that changes its mind: what was checked is what is connected to, and the next connection is checked anew', async () => {
    const answers = [['8.8.8.8', '2606:4700::1111'], ['127.0.0.1']];
    const resolve = vi.fn(async () => answers.shift()!);
    const lookup = checkedLookup(resolve, live);
    const look = () =>
      new Promise((done) => lookup('shop.example', { all: true }, (error, found) => done(error ?? found)));
    expect(await look()).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
    expect(resolve).toHaveBeenCalledTimes(1);
    expect(await look()).toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' });
    expect(resolve).toHaveBeenCalledTimes(2);
  });

  test('when nobody can be asked the try has failed: no other resolver is asked instead', async () => {
    const resolve = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ESERVFAIL' }));
    // The system's own resolver would find this one.
    const sender = open({ resolve });
    const url = server.origin.replace('127.0.0.1', 'localhost');
    expect(await sender.send(url, MESSAGE, [SECRET])).toMatchObject({ failure: 'unreachable' });
    expect(server.requests).toEqual([]);
  });
});

test('in development a name of the hosts file is found', async () => {
  const url = server.origin.replace('127.0.0.1', 'localhost');
  expect(await open().send(url, MESSAGE, [SECRET])).toMatchObject({ failure: null });
});
