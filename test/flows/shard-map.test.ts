/**
 * Gateways against the shard map: a start on other databases than those of the map is refused by name, a gateway with a map that is no
 * longer true changes nothing, and `sluice shards` and `sluice migrate` say how things stand.
 *
 * @module
 */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { sluice } from '../../src/cli/sluice.ts';
import { shardOfMerchant } from '../../src/domain/ids.ts';
import { SERVICE_ROLES } from '../../src/embedded/databases.ts';
import { migrateAll } from '../../src/setup/migrations.ts';
import { query } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { CARDS, createShop } from '../support/shop.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
let first: string;
let second: string;

beforeAll(async () => {
  world = await startWorld({ shards: 2, cluster: { servers: 'one' } });
  [first, second] = world.cluster.services.shards as [string, string];
});
afterAll(() => world?.stop());

/** Runs a command on the world's databases. */
async function run(words: readonly string[], shards = [first, second]) {
  let out = '';
  let err = '';
  const { control, vault } = world.cluster.services;
  const code = await sluice(words, {
    env: {
      SLUICE_CONTROL_DATABASE_URL: control,
      SLUICE_VAULT_DATABASE_URL: vault,
      SLUICE_SHARD_DATABASE_URLS: shards.join(','),
    },
    out: (text) => (out += text),
    err: (text) => (err += `${text}\n`),
  });
  return { code, out, err };
}

test.each<[string, (urls: [string, string]) => string[], string]>([
  [
    'one that the map names is missing',
    ([one]) => [one],
    'database 2, and SLUICE_SHARD_DATABASE_URLS names 1',
  ],
  [
    'they come in another order',
    ([one, two]) => [two, one],
    'database 1 of SLUICE_SHARD_DATABASE_URLS owns 512..1023',
  ],
  [
    'one comes twice',
    ([one]) => [one, one.replace('127.0.0.1', 'localhost')],
    'database 1 and 2 of SLUICE_SHARD_DATABASE_URLS are the same',
  ],
  ['one is no shard database', ([one]) => [one, world.cluster.services.control], 'control failed'],
])('a gateway does not start when %s', async (_, urls, fault) => {
  const shards = urls([first, second]);
  await expect(world.startGateway({ SLUICE_SHARD_DATABASE_URLS: shards.join(',') })).rejects.toThrow(fault);
});

test('nor does it start with a map that leaves shards out', async () => {
  const { control } = world.cluster.owner;
  await query(control, 'update shard_map set low = 513 where low = 512');
  await expect(world.startGateway()).rejects.toThrow('logical shards 512..512 are in no range');
  await query(control, 'update shard_map set low = 512 where low = 513');
});

test('shards: the map, what each database owns, its clock and its size; one that is away or is another is said, and fails', async () => {
  const well = await run(['shards']);
  expect(well).toMatchObject({ code: 0, err: '' });
  expect(well.out).toMatch(/^1 {2}127\.0\.0\.1:\d+\/shard_1\n {3}map 0\.\.511, owns 0\.\.511\n/m);
  expect(well.out).toMatch(/^ {3}this host’s clock is \d+ ms (ahead|behind)$/m);
  expect(well.out).toMatch(/^ {3}transactions {2,}\d+(\.\d)? [kM]?B/m);
  expect(well.out).not.toContain(new URL(first).password);

  const away = new URL(second);
  away.port = '1';
  const gone = await run(['shards'], [first, away.href]);
  expect(gone).toMatchObject({ code: 1 });
  expect(gone.out).toMatch(/^2 {2}127\.0\.0\.1:1\/shard_2\n {3}map 512\.\.1023, cannot be reached$/m);
  expect(gone.err).toContain('127.0.0.1:1/shard_2 failed (ECONNREFUSED)');

  const swapped = await run(['shards'], [second, first]);
  expect(swapped).toMatchObject({ code: 1 });
  expect(swapped.err).toContain('database 1 of SLUICE_SHARD_DATABASE_URLS owns 512..1023');
});

test('a gateway with a stale map answers 503 and writes nothing; one that is started after the move serves', async () => {
  const merchantId = Array.from({ length: 64 }, (_, n) => `m_${n}`).find(
    (name) => shardOfMerchant(name) < 256,
  )!;
  const secretKey = await world.addMerchant(merchantId);
  const stale = await world.startGateway();
  const old = createShop(world, stale, secretKey, merchantId);
  const { sessionId } = await old.session(await old.intent());

  // Nothing of 0..255 is to be kept: its rows stay behind.
  const { control, shards } = world.cluster.owner;
  const [from, to] = shards as [string, string];
  await query(from, 'update owned_ranges set low = 256');
  await query(to, 'insert into owned_ranges (low, high) values (0, 255)');
  await query(control, 'update shard_map set low = 256 where low = 0');
  await query(control, 'insert into shard_map (low, high, database) values (0, 255, 1)');

  const rows = (url: string) =>
    query(
      url,
      'select (select count(*) from payment_intents) as intents, (select count(*) from transactions) as attempts, (select count(*) from outbox) as events, (select count(*) from idempotency_keys) as keys',
    );
  const before = await rows(from);
  const fields = { merchantId, amount: 100, currency: 'INR', orderId: 'o', customerId: 'c' };
  for (const headers of [undefined, { 'idempotency-key': 'of_a_stale_gateway' }]) {
    const answer = await old.post('/v1/payment/intent', fields, headers);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 503, code: 'shard_moved' });
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  expect((await old.pay(sessionId, CARDS.success)).status).toBe(503);
  expect(await rows(from)).toEqual(before);

  const fresh = await world.startGateway();
  const shop = createShop(world, fresh, secretKey, merchantId);
  const { transactionId } = await shop.buy(CARDS.success);
  await shop.becomes(transactionId, 'SUCCESS');
  await eventually(async () => expect(await rows(from)).toEqual(before));
  expect(await Promise.all([stale.stop(), fresh.stop()])).toEqual([0, 0]);
  // Two gateways start in it.
}, 120_000);

test('migrate gives a database that comes after the map nothing, and leaves the map as it is', async () => {
  await query(world.cluster.postgres.adminUrl('postgres'), 'create database shard_3 owner sluice_owner');
  const { control, vault, shards } = world.cluster.owner;
  const third = new URL(shards[0]!);
  third.pathname = '/shard_3';
  const map = () => query(control, 'select low, high, database from shard_map order by low');
  const before = await map();
  await migrateAll({ control, vault, shards: [...shards, third.href] }, SERVICE_ROLES);
  expect(await query(third.href, 'select low from owned_ranges')).toEqual([]);
  expect(await map()).toEqual(before);
});

test('migrate names a database that it cannot reach', async () => {
  const { control, vault, shards } = world.cluster.owner;
  const away = new URL(shards[1]!);
  away.port = '1';
  const migrated = migrateAll({ control, vault, shards: [shards[0]!, away.href] }, SERVICE_ROLES);
  await expect(migrated).rejects.toThrow('the shard database 127.0.0.1:1/shard_2 failed (ECONNREFUSED)');
});
