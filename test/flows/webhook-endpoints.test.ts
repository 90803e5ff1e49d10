/**
 * The merchants' API of webhook endpoints, on a gateway of real parts: endpoints, secrets, a test send, deliveries, and whose they are.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as schemas from '../../src/http/schemas.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const PATH = '/v1/webhook-endpoints';

let world: World;
let gateway: Gateway;
let shop: Shop;
let other: Shop;
let receiver: Server;
let url: string;
const received: { headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(request.url === '/refuses' ? 500 : 204).end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => receiver.once('listening', resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`;
  world = await startWorld();
  gateway = await world.startGateway({ SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on' });
  shop = createShop(world, gateway);
  other = createShop(world, gateway, await world.addMerchant('merchant_other'), 'merchant_other');
});

afterAll(async () => {
  receiver?.close();
  await world?.stop();
});

async function remove(id: string): Promise<number> {
  const headers = { authorization: `Bearer ${world.secretKey}` };
  return (await fetch(`${gateway.apiUrl}${PATH}/${id}`, { method: 'DELETE', headers })).status;
}

async function made(body: object = { url }): Promise<Answer['body']> {
  const answer = await shop.post(PATH, body);
  expect(answer.status).toBe(201);
  return answer.body;
}

test('an endpoint is made, read, changed, disabled, enabled and deleted; its secret is shown once', async () => {
  const { secret, ...shown } = await made({ url, eventTypes: ['payment.succeeded'] });
  expect(schemas.WebhookEndpoint.strict().parse(shown)).toMatchObject({ url, status: 'enabled' });
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const path = `${PATH}/${shown.endpointId}`;
  expect((await shop.get(path)).body).toEqual(shown);
  expect((await shop.get(PATH)).body.endpoints).toContainEqual(shown);
  const changed = await shop.post(path, { eventTypes: null, status: 'disabled' });
  expect(changed.body).toEqual({
    ...shown,
    eventTypes: null,
    status: 'disabled',
    disabledReason: 'merchant',
  });
  expect((await shop.post(path, { status: 'enabled' })).body).toEqual({ ...shown, eventTypes: null });
  expect(await remove(shown.endpointId)).toBe(204);
  expect(await remove(shown.endpointId)).toBe(404);
  expect(await shop.get(path)).toMatchObject({ status: 404, body: { code: 'webhook_endpoint_not_found' } });
});

test('a repeated request with its key has the answer of the first, secret and all; another body is refused', async () => {
  const key = { 'idempotency-key': randomUUID() };
  const first = await shop.post(PATH, { url }, key);
  const again = await shop.post(PATH, { url }, key);
  expect([again.status, again.body]).toEqual([201, first.body]);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(await shop.post(PATH, { url: `${url}2` }, key)).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused' },
  });
  const path = `${PATH}/${first.body.endpointId}/rotate-secret`;
  const rotated = await shop.post(path, {}, key);
  expect((await shop.post(path, {}, key)).body).toEqual(rotated.body);
  expect(rotated.body.secret).not.toBe(first.body.secret);
  await remove(first.body.endpointId);
});

test('a test send is signed with the new secret and, for a while, the old one', async () => {
  const { endpointId, secret } = await made();
  const rotated = await shop.post(`${PATH}/${endpointId}/rotate-secret`, { previousValidSeconds: 60 });
  received.length = 0;
  const sent = await shop.post(`${PATH}/${endpointId}/test`, {});
  expect(schemas.WebhookTested.strict().parse(sent.body)).toMatchObject({
    delivered: true,
    status: 204,
    failure: null,
  });
  const { headers, body } = received[0]!;
  for (const one of [secret, rotated.body.secret]) {
    expect(new Webhook(one).verify(body, headers as Record<string, string>)).toMatchObject({
      type: 'webhook.test',
      data: { merchantId: world.merchantId, endpointId },
    });
  }
  await shop.post(`${PATH}/${endpointId}`, { url: url.replace('/hooks', '/refuses') });
  expect((await shop.post(`${PATH}/${endpointId}/test`, {})).body).toMatchObject({
    delivered: false,
    status: 500,
    failure: 'http_status',
  });
  await remove(endpointId);
});

test.each([
  [{}, '/url'],
  [{ url: 'ftp://a.example/' }, '/url'],
  [{ url: 'https://user@shop.example/' }, '/url'],
  [{ url: 'https://shop.example/', eventTypes: [] }, '/eventTypes'],
  [{ url: 'https://shop.example/', eventTypes: ['payment.eaten'] }, '/eventTypes/0'],
  [{ url: 'https://shop.example/', secret: 'whsec_mine' }, '/secret'],
])('%j is refused by its field', async (body, pointer) => {
  expect(await shop.post(PATH, body)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
});

test('another merchant’s endpoint is not there, word for word like one that never was', async () => {
  const { endpointId } = await made();
  const never = `we_${'0'.repeat(32)}`;
  const requests: ((id: string) => Promise<Answer>)[] = [
    (id) => other.get(`${PATH}/${id}`),
    (id) => other.get(`${PATH}/${id}/deliveries`),
    (id) => other.get(`${PATH}/${id}/deliveries/evt_${'0'.repeat(32)}`),
    (id) => other.post(`${PATH}/${id}`, { status: 'disabled' }),
    (id) => other.post(`${PATH}/${id}/rotate-secret`, {}),
    (id) => other.post(`${PATH}/${id}/test`, {}),
    (id) => other.post(`${PATH}/${id}/replay`, { eventId: `evt_${'0'.repeat(32)}` }),
  ];
  for (const request of requests) {
    const [foreign, missing] = [await request(endpointId), await request(never)];
    expect(foreign).toMatchObject({ status: 404, body: { code: 'webhook_endpoint_not_found' } });
    expect(foreign.body).toEqual(missing.body);
  }
  expect((await other.get(PATH)).body).toEqual({ endpoints: [] });
  expect((await shop.get(`${PATH}/${endpointId}`)).body.status).toBe('enabled');
  await remove(endpointId);
});

test('an event is replayed to an endpoint by its id, and the delivery shows it', async () => {
  const { endpointId } = await made();
  const theirs = await other.post(PATH, { url });
  const { transactionId } = await shop.buy(CARDS.success);
  await shop.becomes(transactionId, 'SUCCESS');
  const eventId = await eventOf(transactionId);
  const path = `${PATH}/${endpointId}`;
  expect(await shop.post(`${path}/replay`, { eventId })).toMatchObject({
    status: 200,
    body: { replayed: 1, next: null },
  });
  const page = await shop.get(`${path}/deliveries?limit=100`);
  schemas.Deliveries.strict().parse(page.body);
  expect(page.body.deliveries).toMatchObject([{ eventId, transactionId, type: 'payment.succeeded' }]);
  expect((await shop.get(`${path}/deliveries/${eventId}`)).body).toMatchObject({ eventId, transactionId });
  // Their endpoint, our event: nothing to see and nothing to replay.
  const foreign = `${PATH}/${theirs.body.endpointId}`;
  const missing = await other.get(`${foreign}/deliveries/evt_${'0'.repeat(32)}`);
  const hidden = [
    await other.get(`${foreign}/deliveries/${eventId}`),
    await other.post(`${foreign}/replay`, { eventId }),
    await shop.get(`${path}/deliveries/evt_1`),
  ];
  for (const answer of hidden) {
    expect(answer).toMatchObject({ status: 404, body: { code: 'delivery_not_found' } });
    expect(answer.body).toEqual(missing.body);
  }
  const hour = 3_600_000;
  const range = {
    from: new Date(Date.now() - hour).toISOString(),
    to: new Date(Date.now() + hour).toISOString(),
  };
  const states = ['waiting', 'dead', 'delivered'];
  expect((await shop.post(`${path}/replay`, { ...range, states })).body).toEqual({ replayed: 1, next: null });
  expect((await other.post(`${foreign}/replay`, { ...range, states })).body).toEqual({
    replayed: 0,
    next: null,
  });
  for (const [query, pointer] of [
    ['state=gone', '/state'],
    ['before=evt_1', '/before'],
    ['limit=0', '/limit'],
    ['limit=101', '/limit'],
  ]) {
    expect((await shop.get(`${path}/deliveries?${query}`)).body.errors).toMatchObject([{ pointer }]);
  }
  await remove(endpointId);
});

/** The id of the event a payment ended with, from the outbox. */
async function eventOf(transactionId: string): Promise<string> {
  const { Client } = (await import('pg')).default;
  let found: string | undefined;
  await eventually(async () => {
    for (const connectionString of world.cluster.services.shards) {
      const client = new Client({ connectionString });
      await client.connect();
      const { rows } = await client.query(
        "select replace(event_id::text, '-', '') as id from outbox where transaction_id = $1::uuid",
        [transactionId.slice(4)],
      );
      await client.end();
      found ??= rows[0]?.id;
    }
    expect(found).toBeDefined();
  });
  return `evt_${found}`;
}

test('what happened to a payment is told from first to last, without the card', async () => {
  const { transactionId, paymentIntentId } = await shop.buy(CARDS.insufficientFunds);
  await shop.becomes(transactionId, 'FAILED');
  const answer = await shop.get(`/v1/payment/transaction/${transactionId}/events`);
  expect(schemas.TransactionEvents.strict().parse(answer.body)).toMatchObject({
    transactionId,
    paymentIntentId,
    events: [
      { type: 'intent_created', source: 'sluice', transactionId: null },
      { type: 'attempt_started', source: 'sluice', detail: expect.stringContaining('400000****0119') },
      { type: 'routed', source: 'sluice', transactionId },
      { type: 'declined', detail: 'The bank declined the card: insufficient funds.', transactionId },
      { type: 'attempt_failed', detail: expect.stringMatching(/^The attempt failed: insufficient funds\./) },
    ],
  });
  expect(JSON.stringify(answer.body)).not.toContain(CARDS.insufficientFunds);
  const [foreign, missing] = [
    await other.get(`/v1/payment/transaction/${transactionId}/events`),
    await other.get('/v1/payment/transaction/txn_999/events'),
  ];
  expect(foreign.status).toBe(404);
  expect(foreign.body).toEqual(missing.body);
});

test('a session goes to registered origins only', async () => {
  const paymentIntentId = await shop.intent();
  const refused = await shop.post('/v1/payment/session', {
    paymentIntentId,
    merchantId: world.merchantId,
    successUrl: 'https://shop.example/ok',
    cancelUrl: 'https://shop.example.evil.example/',
  });
  expect(refused).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: '/cancelUrl', detail: expect.stringContaining('sluice merchant origins') }] },
  });
});

test('a stop does not wait for a test send to a server that hangs', async () => {
  let asked = 0;
  const hanging = createServer(() => asked++).listen(0, '127.0.0.1');
  await new Promise((resolve) => hanging.once('listening', resolve));
  const port = (hanging.address() as AddressInfo).port;
  // Events of the tests before may still be on their way, and none is of this type.
  const { endpointId } = await made({
    url: `http://127.0.0.1:${port}/hooks`,
    eventTypes: ['payment.recovered'],
  });
  const answer = shop.post(`${PATH}/${endpointId}/test`, {});
  await eventually(() => expect(asked).toBe(1));
  const began = performance.now();
  expect(await gateway.stop()).toBe(0);
  expect(performance.now() - began).toBeLessThan(8000);
  expect((await answer).body).toMatchObject({ delivered: false, failure: 'connection_lost' });
  hanging.closeAllConnections();
  hanging.close();
});
