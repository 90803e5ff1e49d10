import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import {
  attemptFor,
  claimed,
  created,
  declined,
  freshIntent,
  moved,
  started,
} from '../../../test/support/facts.ts';
import { keyName } from '../../domain/idempotency.ts';
import { parseIntentId, showIntentId } from '../../domain/ids.ts';
import type { ShardStore } from '../storage.ts';
import { ensurePartitions } from './partitions.ts';
import { createShardStore } from './shard-store.ts';

let cluster: Cluster;
let store: ShardStore;
beforeAll(async () => {
  cluster = await startCluster(1);
  const owner = new pg.Client(cluster.owner.shards[0]);
  await owner.connect();
  await ensurePartitions(owner, { now: new Date(Date.now() - 3 * 86_400_000) });
  await owner.end();
  store = createShardStore({
    connectionString: cluster.services.shards[0]!,
    applicationName: 'prefetch',
    ownShard: 7,
  });
});
afterAll(async () => {
  await store?.close();
  await cluster?.stop();
});

test('everything asked for is in the answer, each payment with its attempts in order', async () => {
  const [none, untouched, tried] = [freshIntent(), freshIntent(), freshIntent()];
  const first = attemptFor(tried);
  const refused = declined(first);
  const second = attemptFor(tried, 2);
  await store.commit([created(untouched), created(tried)]);
  await store.commit([started(first)]);
  await store.commit([refused]);
  await store.commit([started(second)]);
  const accepted = moved(second, { said: 'accepted' });
  await store.commit([accepted]);
  const loaded = await store.prefetch({
    payments: new Set([tried, none, untouched].map(({ paymentIntentId }) => paymentIntentId)),
    keys: new Map(),
  });
  expect(loaded.payments).toEqual(
    new Map([
      [tried.paymentIntentId, { intent: tried, attempts: [refused.attempt, accepted.attempt] }],
      [none.paymentIntentId, null],
      [untouched.paymentIntentId, { intent: untouched, attempts: [] }],
    ]),
  );
  expect(loaded.keys).toEqual(new Map());
});

test('payments of several days are read at once', async () => {
  const intents = [0, 1, 2, 3].map((days) => freshIntent({ createdAt: Date.now() - days * 86_400_000 }));
  await store.commit(intents.map((intent) => created(intent)));
  const { payments } = await store.prefetch({
    payments: new Set(intents.map(({ paymentIntentId }) => paymentIntentId)),
    keys: new Map(),
  });
  for (const intent of intents)
    expect(payments.get(intent.paymentIntentId)).toEqual({ intent, attempts: [] });
});

test('keys are read by merchant, endpoint and key, whatever they hold', async () => {
  const [one, other] = [freshIntent(), freshIntent()];
  const [first, second] = [
    claimed(`"k, {1}" \\ ${one.orderId}`, one.paymentIntentId),
    claimed('k2', other.paymentIntentId),
  ];
  const elsewhere = { ...first.key, endpoint: 'POST /v1/payment/session' };
  await store.commit([first, created(one, true), second, created(other, true)]);
  const needs = [first.key, second.key, elsewhere];
  const { keys, payments } = await store.prefetch({
    payments: new Set(),
    keys: new Map(needs.map((key) => [keyName(key), key])),
  });
  expect(payments).toEqual(new Map());
  expect(keys.get(keyName(first.key))).toEqual({
    bodyHash: first.key.bodyHash,
    effectId: one.paymentIntentId,
    answer: first.answer,
    createdAt: expect.any(Number),
  });
  expect(keys.get(keyName(second.key))!.effectId).toBe(other.paymentIntentId);
  expect(keys.get(keyName(elsewhere))).toBeNull();
  expect(keys.size).toBe(3);
});

test('ids come back as they went', async () => {
  const intent = freshIntent();
  await store.commit([created(intent)]);
  const { payments } = await store.prefetch({ payments: new Set([intent.paymentIntentId]), keys: new Map() });
  const id = payments.get(intent.paymentIntentId)!.intent.paymentIntentId;
  expect(parseIntentId(showIntentId(id))).toBe(intent.paymentIntentId);
});
