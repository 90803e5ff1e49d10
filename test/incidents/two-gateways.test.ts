/**
 * Old and new server both ran the nightly charges (incident 21): two gateways with the same work of once-only kind, and who paid how often.
 *
 * @module
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPartitionUpkeep } from '../../src/storage/postgres/partitions.ts';
import { createShardStore } from '../../src/storage/postgres/shard-store.ts';
import { commitAsLane } from '../support/commit-as-lane.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { created, expired, freshIntent } from '../support/facts.ts';
import { bookOf, CARDS, createShop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const COUNT = 12;
const HOUR_MS = 60 * 60 * 1000;

let world: World;
let gateways: Gateway[];
let receiver: Server;
/** Ids of the events that arrived, one for each post. */
const heard: string[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    heard.push(String(request.headers['webhook-id']));
    request.resume();
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => receiver.once('listening', resolve));
  world = await startWorld();
  const env = { SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on', SLUICE_PROCESSOR_TIMEOUT_MS: '500' };
  // At the very same time, as when an old server was not switched off.
  gateways = await Promise.all([world.startGateway(env), world.startGateway(env)]);
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`;
  const made = await createShop(world, gateways[0]!).post('/v1/webhook-endpoints', { url });
  expect(made.status).toBe(201);
});
afterAll(async () => {
  receiver?.close();
  await world?.stop();
});

async function eventsOf(column: 'payment_intent_id' | 'transaction_id', ids: readonly string[]) {
  return await queryShards<{ id: string; type: string; event_id: string }>(
    world,
    `select ${column} as id, type, event_id from outbox where ${column} = any($1::uuid[])`,
    [ids],
  );
}

test('silent payments of both, asked about by whoever has the job: each is settled once, charged once, and the merchant hears of it once', async () => {
  const shops = gateways.map((gateway) => createShop(world, gateway));
  const bought = await Promise.all(
    Array.from({ length: COUNT }, (_, i) => shops[i % 2]!.buy(CARDS.successWithoutCallback)),
  );
  await Promise.all(bought.map(({ transactionId }) => shops[0]!.becomes(transactionId, 'SUCCESS', 40_000)));
  const ids = bought.map(({ transactionId }) => transactionId.slice('txn_'.length));
  const events = await eventsOf('transaction_id', ids);
  expect(events.map(({ type }) => type)).toEqual(Array(COUNT).fill('payment.succeeded'));
  expect(new Set(events.map(({ id }) => id)).size).toBe(COUNT);
  const book = await bookOf(world);
  expect(book.map(({ reference }) => reference).sort()).toEqual(
    bought.map(({ transactionId }) => transactionId).sort(),
  );
  const told = events.map(({ event_id: id }) => `evt_${id.replaceAll('-', '')}`).sort();
  await eventually(() => expect(heard.toSorted()).toEqual(told));
}, 90_000);

test('both close the same intents of yesterday: each is closed by one of them, and told of once', async () => {
  const stores = ['old', 'new'].map((applicationName) =>
    createShardStore({
      connectionString: world.cluster.services.shards[0]!,
      applicationName,
      ownShard: 0,
    }),
  );
  const createdAt = Date.now() - 24 * HOUR_MS - 6 * 60_000;
  await makePartitions(new Date(createdAt));
  const unpaid = Array.from({ length: 200 }, () => freshIntent({ createdAt }));
  await stores[0]!.commit(unpaid.map((intent) => created(intent)));
  const effects = await Promise.all(
    Array.from({ length: 10 }, (_, n) => unpaid.slice(n * 20, n * 20 + 20)).flatMap((page) =>
      stores.map((store) => commitAsLane(store, page.map(expired))),
    ),
  );
  expect(effects.flat().filter(({ effective }) => effective)).toHaveLength(unpaid.length);
  const events = await eventsOf(
    'payment_intent_id',
    unpaid.map(({ paymentIntentId }) => paymentIntentId),
  );
  expect(events.map(({ type }) => type)).toEqual(Array(unpaid.length).fill('payment.failed'));
  expect(new Set(events.map(({ id }) => id)).size).toBe(unpaid.length);
  await Promise.all(stores.map((store) => store.close()));
});

async function makePartitions(around: Date): Promise<number> {
  const upkeep = createPartitionUpkeep(world.cluster.services.shards[0]!);
  const made = await upkeep.run(around);
  await upkeep.close();
  return made;
}

test('both make the partitions of the same days: each is there once, and neither fails', async () => {
  const inAMonth = new Date(Date.now() + 30 * 24 * HOUR_MS);
  const made = await Promise.all(Array.from({ length: 4 }, () => makePartitions(inAMonth)));
  expect(made.filter((count) => count > 0)).toHaveLength(1);
});
