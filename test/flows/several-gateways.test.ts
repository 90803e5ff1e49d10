/**
 * Two gateways on the same databases: any request at any of them, jobs done by one of them, and taken over when that one stops, dies or
 * is paused.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queryShards } from '../support/databases.ts';
import { eventually, pause } from '../support/eventually.ts';
import { createRelay, type Receiver, type Relay, startReceiver } from '../support/relay.ts';
import { bookOf, CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

let world: World;
/** Of the control database and of each shard database. */
let jobs: string[];
let gateways: [Gateway, Gateway];
let relay: Relay;
let receiver: Receiver;

beforeAll(async () => {
  world = await startWorld();
  jobs = ['sweep control', ...world.cluster.services.shards.map((_, database) => `recovery ${database}`)];
  jobs.sort();
  receiver = await startReceiver();
  const env = { SLUICE_ALLOW_PRIVATE_WEBHOOKS: 'on', SLUICE_PROCESSOR_TIMEOUT_MS: '500' };
  const first = await world.startOne(env);
  gateways = [first, await world.startOne({ ...env, SLUICE_PUBLIC_CHECKOUT_URL: first.checkoutUrl })];
  let steps = 0;
  // No two steps of a payment that follow each other are at one gateway.
  const next = (): Gateway => gateways[steps++ % 2]!;
  relay = await createRelay(world, { api: () => next().apiUrl, checkout: () => next().checkoutUrl });
  const made = await createShop(world, gateways[1]).post('/v1/webhook-endpoints', { url: receiver.url });
  expect(made.status).toBe(201);
});
afterAll(async () => {
  receiver?.close();
  await world?.stop();
});

describe('each step of a payment at another gateway than the one before', () => {
  test('by card, read and told of', async () => {
    const transactionId = await relay.byCard();
    await eventually(() => expect(receiver.heard).toEqual([`${transactionId} payment.succeeded`]));
  });
  test('by card whose answer is lost', () => relay.byCard(CARDS.answerLost));
  test('by UPI', () => relay.byUpi());
  test('by 3-D Secure, with the way back', () => relay.by3dSecure());
  test('by a one-time password, wrong and then right', () => relay.byPassword());
});

/** The jobs a gateway has. */
async function jobsOf(gateway: Gateway): Promise<string[]> {
  const page = await (await fetch(`${gateway.opsUrl}/metrics`)).text();
  const held = page.matchAll(/^sluice_job_held\{(.*)\} 1$/gm);
  return [...held].map(([, labels]) => `${label(labels!, 'job')} ${label(labels!, 'database')}`);
}

function label(labels: string, name: string): string {
  return new RegExp(`${name}="([^"]*)"`).exec(labels)![1]!;
}

/** Index of the gateway that has all the jobs. */
async function worker(): Promise<number> {
  const [first, second] = await Promise.all(gateways.map(jobsOf));
  expect([...first!, ...second!].sort()).toEqual(jobs);
  return first!.length > 0 ? 0 : 1;
}

/** Three payments that the bank has charged, and of which this gateway has not heard. */
async function leaveThreeUnheard(shop: Shop): Promise<{ transactionId: string }[]> {
  const left = await Promise.all([1, 2, 3].map(() => shop.buy(CARDS.answerLost)));
  for (const { transactionId } of left)
    await eventually(async () => expect(await bookOf(world, transactionId)).toHaveLength(1));
  return left;
}

test('only who has the job of a database asks its processors', async () => {
  const shops = gateways.map((gateway) => createShop(world, gateway));
  const bought = await Promise.all(Array.from({ length: 6 }, (_, i) => shops[i % 2]!.buy(CARDS.answerLost)));
  await Promise.all(bought.map(({ transactionId }) => shops[0]!.becomes(transactionId, 'SUCCESS', 40_000)));
  const at = await worker();
  const asked = await Promise.all(
    gateways.map(async ({ opsUrl }) => {
      const page = await (await fetch(`${opsUrl}/metrics`)).text();
      // Result pages ask too, in the pci thread.
      const counts = page.matchAll(
        /^sluice_recovery_queries_total\{[^}]*thread="background"[^}]*\} (\d+)$/gm,
      );
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    }),
  );
  expect(asked[at]).toBeGreaterThanOrEqual(bought.length);
  expect(asked[1 - at]).toBe(0);
});

test('who stops gives its jobs back: the other has them within two renewals', async () => {
  const at = await worker();
  expect(await gateways[at]!.stop()).toBe(0);
  const from = performance.now();
  await eventually(async () => expect((await jobsOf(gateways[1 - at]!)).sort()).toEqual(jobs));
  expect(performance.now() - from).toBeLessThan(4000);
  gateways[at] = await gateways[at]!.again();
}, 120_000);

test('who dies has its jobs taken over within seconds, with what it had left open', async () => {
  const at = await worker();
  const shop = createShop(world, gateways[at]!);
  const left = await leaveThreeUnheard(shop);
  gateways[at]!.kill('SIGKILL');
  await gateways[at]!.ended;
  const other = gateways[1 - at]!;
  await eventually(async () => expect((await jobsOf(other)).sort()).toEqual(jobs), {
    withinMs: 10_000,
  });
  const there = createShop(world, other);
  await Promise.all(left.map(({ transactionId }) => there.becomes(transactionId, 'SUCCESS', 40_000)));
  gateways[at] = await gateways[at]!.again();
}, 120_000);

test('who is paused loses its jobs, and when it wakes it has none and does no harm', async () => {
  const at = await worker();
  const shop = createShop(world, gateways[at]!);
  const left = await leaveThreeUnheard(shop);
  gateways[at]!.kill('SIGSTOP');
  const other = gateways[1 - at]!;
  try {
    await eventually(async () => expect((await jobsOf(other)).sort()).toEqual(jobs), {
      withinMs: 10_000,
    });
  } finally {
    gateways[at]!.kill('SIGCONT');
  }
  await eventually(async () => expect(await worker()).toBe(1 - at));
  const there = createShop(world, other);
  await Promise.all(left.map(({ transactionId }) => there.becomes(transactionId, 'SUCCESS', 40_000)));
  const ids = left.map(({ transactionId }) => transactionId.slice('txn_'.length));
  const told = await queryShards<{ id: string }>(
    world,
    'select transaction_id as id from outbox where transaction_id = any($1::uuid[])',
    [ids],
  );
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
  // It stays so: a renewal of who woke late takes nothing from who has it.
  await pause(2000);
  expect(await worker()).toBe(1 - at);
}, 120_000);
