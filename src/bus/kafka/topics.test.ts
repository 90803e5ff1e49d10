/**
 * Topics over a pretended admin client.
 *
 * @module
 */

import type { Admin } from 'kafkajs';
import { expect, test } from 'vitest';
import { LOGICAL_SHARDS, makeId, transactionIdOf } from '../../domain/ids.ts';
import { ensureTopics, partitionOf } from './topics.ts';

type Made = Parameters<Admin['createTopics']>[0]['topics'][number];

function admin(there: string[], fail?: object) {
  const made: Made[] = [];
  return {
    made,
    listTopics: async () => there,
    createTopics: async ({ topics }: { topics: Made[] }) => {
      if (fail !== undefined) throw fail;
      made.push(...topics);
      return true;
    },
  };
}

const SETTINGS = { prefix: 'p.', partitions: 24, replication: 3 };

test('only what is missing is made, with the partitions and copies of the settings', async () => {
  const client = admin(['p.payment_callback_status', 'payment_status']);
  expect(await ensureTopics(client, SETTINGS)).toEqual([
    'p.payment_processor_status',
    'p.payment_status',
    'p.payment_callback_status.parked',
  ]);
  expect(
    client.made.map(({ numPartitions, replicationFactor }) => [numPartitions, replicationFactor]),
  ).toEqual([
    [24, 3],
    [24, 3],
    [1, 3],
  ]);
  for (const { configEntries } of client.made)
    expect(configEntries).toContainEqual({ name: 'min.insync.replicas', value: '2' });
  const alone = admin([]);
  await ensureTopics(alone, { ...SETTINGS, replication: 1 });
  for (const { configEntries } of alone.made)
    expect(configEntries).toContainEqual({ name: 'min.insync.replicas', value: '1' });
});

test('one that another gateway has made meanwhile is there; any other failure is told', async () => {
  const exists = { type: 'TOPIC_ALREADY_EXISTS' };
  await ensureTopics(admin([], { errors: [exists] }), SETTINGS);
  await ensureTopics(admin([], exists), SETTINGS);
  await expect(
    ensureTopics(admin([], { errors: [{ type: 'POLICY_VIOLATION' }] }), SETTINGS),
  ).rejects.toBeDefined();
  await expect(ensureTopics(admin([], new Error('away')), SETTINGS)).rejects.toThrow('away');
});

test('partitions are contiguous ranges of logical shards, all used, and one for a payment with all its attempts', () => {
  const idOf = (shard: number): string => makeId(Date.now(), shard, new Uint8Array(8));
  for (const partitions of [1, 5, 24, 1024]) {
    const used = Array.from({ length: LOGICAL_SHARDS }, (_, shard) =>
      partitionOf(`pi_${idOf(shard)}`, partitions),
    );
    expect(used).toEqual(used.toSorted((a, b) => a - b));
    expect([new Set(used).size, used[0], used.at(-1)]).toEqual([partitions, 0, partitions - 1]);
  }
  const intent = idOf(777);
  const keys = [`pi_${intent}`, ...[1, 2, 15].map((attempt) => `txn_${transactionIdOf(intent, attempt)}`)];
  expect(new Set(keys.map((key) => partitionOf(key, 100))).size).toBe(1);
  expect(partitionOf('evt_stray', 7)).toBeLessThan(7);
});
