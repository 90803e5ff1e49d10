/**
 * Webhook endpoints on a real PostgreSQL: what is committed together, who is too late, and who is told.
 *
 * @module
 */

import { hash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { ControlUnavailable } from '../control.ts';
import {
  ENDPOINTS_MAX,
  type KeyedAnswer,
  type WebhookEndpoint,
  type WebhookEndpointStore,
} from '../webhook-endpoints.ts';
import { createControlAdmin } from './control-admin.ts';
import { createControlReader } from './control-reader.ts';
import { createWebhookEndpointStore } from './webhook-endpoints.ts';

let cluster: Cluster;
let owner: pg.Client;
let store: WebhookEndpointStore;
let other: WebhookEndpointStore;
let merchantId: string;
let merchants = 0;

beforeAll(async () => {
  cluster = await startCluster(1);
  owner = new pg.Client(cluster.owner.control);
  await owner.connect();
  // Two gateways, with the rights of the service.
  store = createWebhookEndpointStore(cluster.services.control);
  other = createWebhookEndpointStore(cluster.services.control);
});

afterAll(async () => {
  await Promise.all([store?.close(), other?.close()]);
  await owner?.end();
  await cluster?.stop();
});

beforeEach(async () => {
  merchantId = `merchant_${++merchants}`;
  await owner.query(
    "insert into merchants (merchant_id, name, mode, created_at) values ($1, 'Shop', 'test', now())",
    [merchantId],
  );
});

function anEndpoint(over: Partial<WebhookEndpoint> = {}): WebhookEndpoint {
  return {
    endpointId: randomBytes(16).toString('hex'),
    merchantId,
    url: 'https://shop.example/webhooks',
    eventTypes: null,
    sealedSecret: Uint8Array.of(1, 2, 3),
    sealedPreviousSecret: null,
    previousSecretUntil: null,
    disabledAt: null,
    disabledReason: null,
    createdAt: Date.now(),
    ...over,
  };
}

function anAnswer(key: string, body = 'body', answer = 'answer'): KeyedAnswer {
  return {
    merchantId,
    endpoint: 'POST /v1/webhook-endpoints',
    key,
    bodyHash: hash('sha256', body, 'hex'),
    sealedAnswer: new TextEncoder().encode(answer),
    createdAt: Date.now(),
  };
}

test('an endpoint is as it was made, for its merchant alone', async () => {
  const endpoint = anEndpoint({ eventTypes: ['payment.succeeded'] });
  expect(await store.create(endpoint, null)).toEqual({ outcome: 'done' });
  expect(await store.find(merchantId, endpoint.endpointId)).toEqual({ ...endpoint, revision: 1 });
  expect(await store.list(merchantId)).toEqual([{ ...endpoint, revision: 1 }]);
  expect(await store.find('merchant_none', endpoint.endpointId)).toBeUndefined();
  expect(await store.remove('merchant_none', endpoint.endpointId)).toBe(false);
  expect(await store.remove(merchantId, endpoint.endpointId)).toBe(true);
  expect(await store.list(merchantId)).toEqual([]);
});

test('of forty made at once at two gateways there are as many as there may be', async () => {
  const writes = await Promise.all(
    Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? store : other).create(anEndpoint(), null)),
  );
  expect(writes.filter(({ outcome }) => outcome === 'done')).toHaveLength(ENDPOINTS_MAX);
  expect(writes.filter(({ outcome }) => outcome === 'full')).toHaveLength(40 - ENDPOINTS_MAX);
  expect(await store.list(merchantId)).toHaveLength(ENDPOINTS_MAX);
});

test('twenty requests with one key at once make one endpoint, and the others meet its answer', async () => {
  const writes = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      (n % 2 === 0 ? store : other).create(anEndpoint(), anAnswer('key', 'body', `answer ${n}`)),
    ),
  );
  const first = writes.findIndex(({ outcome }) => outcome === 'done');
  const { bodyHash } = anAnswer('key');
  const stored = { bodyHash, sealedAnswer: new TextEncoder().encode(`answer ${first}`) };
  expect(writes.toSpliced(first, 1)).toEqual(Array(19).fill({ outcome: 'answered', stored }));
  expect(await store.list(merchantId)).toHaveLength(1);
  expect(await store.answered(anAnswer('key'))).toEqual(stored);
  expect(await store.answered(anAnswer('other key'))).toBeUndefined();
});

test('what was refused leaves its key free', async () => {
  for (let n = 0; n < ENDPOINTS_MAX; n++) await store.create(anEndpoint(), null);
  expect(await store.create(anEndpoint(), anAnswer('k'))).toEqual({ outcome: 'full' });
  expect(await store.answered(anAnswer('k'))).toBeUndefined();
});

test('of two changes of what both read the second is refused', async () => {
  const endpoint = anEndpoint();
  await store.create(endpoint, null);
  const read = (await store.find(merchantId, endpoint.endpointId))!;
  const changed = { ...read, url: 'https://shop.example/new', eventTypes: ['payment.failed'] as const };
  expect(await store.update(changed, null)).toEqual({ outcome: 'done' });
  expect(await other.update({ ...read, url: 'https://shop.example/lost' }, anAnswer('k'))).toEqual({
    outcome: 'changed',
  });
  expect(await store.answered(anAnswer('k'))).toBeUndefined();
  expect(await store.find(merchantId, endpoint.endpointId)).toEqual({ ...changed, revision: 2 });
});

test('after a rotation the old secret stays until its end, or not at all', async () => {
  const endpoint = anEndpoint();
  await store.create(endpoint, null);
  const [first, until] = [(await store.find(merchantId, endpoint.endpointId))!, Date.now() + 1000];
  await store.rotate(first, { sealedSecret: Uint8Array.of(9), previousSecretUntil: until }, null);
  const second = (await store.find(merchantId, endpoint.endpointId))!;
  expect(second).toMatchObject({
    sealedSecret: Uint8Array.of(9),
    sealedPreviousSecret: endpoint.sealedSecret,
    previousSecretUntil: until,
  });
  await store.rotate(second, { sealedSecret: Uint8Array.of(7), previousSecretUntil: null }, null);
  expect(await store.find(merchantId, endpoint.endpointId)).toMatchObject({
    sealedSecret: Uint8Array.of(7),
    sealedPreviousSecret: null,
    previousSecretUntil: null,
  });
});

test('an endpoint is disabled once, and why stays', async () => {
  const endpoint = anEndpoint();
  await store.create(endpoint, null);
  const now = Date.now();
  const both = await Promise.all([
    store.disable(endpoint, 'gone', now),
    other.disable(endpoint, 'gone', now),
  ]);
  expect(both.toSorted()).toEqual([false, true]);
  expect(await store.disable(endpoint, 'merchant', now + 1)).toBe(false);
  expect(await store.find(merchantId, endpoint.endpointId)).toMatchObject({
    disabledAt: now,
    disabledReason: 'gone',
  });
  expect(await store.disable({ ...endpoint, endpointId: 'ab'.repeat(16) }, 'gone', now)).toBe(false);
});

test('a 410 of the URL an endpoint had before does not disable it', async () => {
  const endpoint = anEndpoint();
  await store.create(endpoint, null);
  await store.update({ ...endpoint, url: 'https://new.example/hooks', revision: 1 }, null);
  expect(await store.disable(endpoint, 'gone', Date.now())).toBe(false);
  expect(await store.find(merchantId, endpoint.endpointId)).toMatchObject({ disabledAt: null });
});

test('the cached reads hear of each change; disabled ones are in the list, deleted ones are not', async () => {
  const reader = createControlReader({ connectionString: cluster.services.control, beatMs: 50 });
  expect(await reader.webhookEndpoints(merchantId)).toEqual([]);
  const [first, second] = [anEndpoint({ createdAt: 1000 }), anEndpoint({ createdAt: 2000 })];
  await store.create(first, null);
  await store.create(second, null);
  const ids = async () =>
    (await reader.webhookEndpoints(merchantId)).map(({ endpointId, disabledAt }) => [endpointId, disabledAt]);
  await vi.waitFor(
    async () =>
      expect(await ids()).toEqual([
        [first.endpointId, null],
        [second.endpointId, null],
      ]),
    800,
  );
  await store.disable(first, 'gone', 5000);
  await store.remove(merchantId, second.endpointId);
  await vi.waitFor(async () => expect(await ids()).toEqual([[first.endpointId, 5000]]), 800);
  await reader.close();
});

test('a key is free again after a day, and swept', async () => {
  await store.keepAnswer(anAnswer('old'));
  await store.keepAnswer(anAnswer('young'));
  await owner.query(
    "update api_idempotency_keys set created_at = now() - interval '25 hours' where merchant_id = $1 and key = 'old'",
    [merchantId],
  );
  expect(await store.answered(anAnswer('old'))).toBeUndefined();
  expect(await store.keepAnswer(anAnswer('old'))).toEqual({ outcome: 'done' });
  await owner.query(
    "update api_idempotency_keys set created_at = now() - interval '25 hours' where merchant_id = $1 and key = 'old'",
    [merchantId],
  );
  expect(await store.sweep()).toBe(1);
  expect(await store.answered(anAnswer('young'))).toBeDefined();
});

test('an operator’s endpoint is written twice once, and moved with its secret', async () => {
  const admin = createControlAdmin(cluster.services.control);
  const { endpointId, url, sealedSecret } = anEndpoint();
  const write = () =>
    admin.putWebhookEndpoint({ endpointId, merchantId, url, sealedSecret, createdAt: new Date() });
  await write();
  await write();
  expect(await store.list(merchantId)).toHaveLength(1);
  expect(await admin.moveWebhookEndpoint(endpointId, 'http://127.0.0.1:9500/shop/webhooks')).toBe(true);
  expect(await admin.moveWebhookEndpoint(endpointId, 'http://127.0.0.1:9500/shop/webhooks')).toBe(true);
  expect(await admin.moveWebhookEndpoint('ab'.repeat(16), url)).toBe(false);
  expect(await store.find(merchantId, endpointId)).toMatchObject({
    url: 'http://127.0.0.1:9500/shop/webhooks',
    sealedSecret,
    revision: 3,
  });
  await admin.close();
});

test('a database that is away is refused by name', async () => {
  const away = createWebhookEndpointStore('postgres://nobody@127.0.0.1:1/none');
  await expect(away.list(merchantId)).rejects.toThrow(ControlUnavailable);
  await expect(away.create(anEndpoint(), null)).rejects.toThrow(ControlUnavailable);
  await away.close();
});
