/**
 * Names asked of a name server that lies, is slow, or knows nothing, and what a sender with real sockets makes of it.
 *
 * @module
 */

import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pause } from '../../test/support/eventually.ts';
import { startScriptedServer } from '../outbound/testing/scripted-server.ts';
import { messageOf } from './message.ts';
import { createResolve } from './resolve.ts';
import { createWebhookSender, type WebhookSender } from './send.ts';
import { anEvent } from './testing/events.ts';
import { type NameServer, startNameServer } from './testing/name-server.ts';

const LIVE = { allowPrivate: false };
const PUBLIC_V4 = '8.8.8.8';
const PUBLIC_V6 = '2606:4700:0:0:0:0:0:1111';
const MESSAGE = messageOf(anEvent());
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

let names: NameServer;
const senders: WebhookSender[] = [];

beforeEach(async () => {
  names = await startNameServer();
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.close()));
  await names.close();
});

function open(rule: { allowPrivate: boolean }): WebhookSender {
  const sender = createWebhookSender({
    ...rule,
    now: Date.now,
    monotonicMs: () => performance.now(),
    resolve: createResolve(rule, [names.address]),
    timeoutMs: 500,
  });
  senders.push(sender);
  return sender;
}

test('a name has the addresses of both families, or of the one it has', async () => {
  const resolve = createResolve(LIVE, [names.address]);
  names.answer((kind) => (kind === 'A' ? [PUBLIC_V4, '9.9.9.9'] : [PUBLIC_V6]));
  expect(await resolve('shop.example')).toEqual([PUBLIC_V4, '9.9.9.9', '2606:4700::1111']);
  expect(names.questions.sort()).toEqual(['A shop.example', 'AAAA shop.example']);
  names.answer((kind) => (kind === 'A' ? [PUBLIC_V4] : []));
  expect(await resolve('shop.example')).toEqual([PUBLIC_V4]);
  names.answer((kind) => (kind === 'A' ? 'no such name' : [PUBLIC_V6]));
  expect(await resolve('shop.example')).toEqual(['2606:4700::1111']);
});

test('a name that does not exist, or has no address, is nobody', async () => {
  const resolve = createResolve(LIVE, [names.address]);
  await expect(resolve('shop.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  names.answer(() => []);
  await expect(resolve('shop.example')).rejects.toMatchObject({ code: 'ENODATA' });
  names.answer(() => 'no such name');
  expect(await open(LIVE).send('https://shop.example/', MESSAGE, [SECRET])).toMatchObject({
    failure: 'unreachable',
  });
});

test('a slow answer is waited for, a lost one asked for again, and silence ends before a connection may take', async () => {
  const resolve = createResolve(LIVE, [names.address]);
  names.answer(async (kind) => {
    await pause(600);
    return kind === 'A' ? [PUBLIC_V4] : [];
  });
  expect(await resolve('slow.example')).toEqual([PUBLIC_V4]);
  names.questions.splice(0);
  names.answer((kind) => (names.questions.length <= 2 ? 'silence' : kind === 'A' ? [PUBLIC_V4] : []));
  expect(await resolve('lost.example')).toEqual([PUBLIC_V4]);
  names.answer(() => 'silence');
  const began = performance.now();
  await expect(resolve('silent.example')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  expect(performance.now() - began).toBeLessThan(3000);
});

test('a name server that is silent for some names delays no others', async () => {
  const resolve = createResolve(LIVE, [names.address]);
  names.answer((_, name) => (name.startsWith('silent') ? 'silence' : [PUBLIC_V4]));
  const silent = Array.from({ length: 32 }, (_, i) => resolve(`silent${i}.example`).catch(() => []));
  const began = performance.now();
  await resolve('well.example');
  expect(performance.now() - began).toBeLessThan(800);
  await Promise.all(silent);
});

test('a name that is public when asked first and loopback afterwards: nobody connects to loopback', async () => {
  let connections = 0;
  const inside = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  // A port that a live URL may have. Where another run has it, its owner would hear what must not come.
  const listening = new Promise<void>((resolve) => inside.once('listening', resolve).once('error', resolve));
  inside.listen(8443, '127.0.0.1');
  await listening;
  names.answer((kind) =>
    kind === 'AAAA'
      ? []
      : names.questions.filter((asked) => asked.startsWith('A ')).length === 1
        ? [PUBLIC_V4]
        : ['127.0.0.1'],
  );
  const sender = open(LIVE);
  const url = 'https://shop.example:8443/hooks';
  // Asked once, and that answer is gone to: whoever is there has no certificate of this name, if there is any way out of this machine.
  const { failure } = await sender.send(url, MESSAGE, [SECRET]);
  expect(connections).toBe(0);
  expect(failure).toMatch(/^(timeout|unreachable|connection_lost|tls)$/);
  expect(names.questions.toSorted()).toEqual(['A shop.example', 'AAAA shop.example']);
  expect(await sender.send(url, MESSAGE, [SECRET])).toMatchObject({ failure: 'address_not_allowed' });
  expect(names.questions).toHaveLength(4);
  expect(connections).toBe(0);
  await new Promise((resolve) => inside.close(resolve));
});

test('of a public and a private address in one answer neither is connected to', async () => {
  names.answer((kind) => (kind === 'A' ? [PUBLIC_V4] : ['0:0:0:0:0:0:0:1']));
  expect(await open(LIVE).send('https://shop.example/', MESSAGE, [SECRET])).toMatchObject({
    failure: 'address_not_allowed',
  });
});

test('what the name server says is what is connected to', async () => {
  const server = await startScriptedServer();
  names.answer((kind) => (kind === 'A' ? ['127.0.0.1'] : []));
  const url = `http://shop.example:${server.port}/hooks`;
  expect(await open({ allowPrivate: true }).send(url, MESSAGE, [SECRET])).toMatchObject({ status: 200 });
  expect(server.requests).toHaveLength(1);
  await server.close();
});
