/**
 * Old partitions go from every shard database that can be reached, and the rest is said.
 *
 * @module
 */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../../test/support/cluster.ts';
import { readStartOptions } from '../config/from-env.ts';
import { ensurePartitions, RETENTION_DAYS_MIN } from '../storage/postgres/partitions.ts';
import { retireShards } from './retention.ts';

const NOW = new Date('2026-11-24T00:00:00Z');
const LONG_AGO = new Date('2025-03-01T00:00:00Z');

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster(1);
}, 60_000);

afterAll(() => cluster.stop());

it('drops what is old, and a database that cannot be reached stops neither the others nor the caller', async () => {
  const [shard = ''] = cluster.owner.shards;
  const owner = new pg.Client(shard);
  await owner.connect();
  const made = await ensurePartitions(owner, { now: LONG_AGO, daysAhead: 0 });
  expect(made).toBeGreaterThan(0);
  const nowhere = new URL(shard);
  nowhere.pathname = '/nowhere';
  const databases = { ...cluster.owner, shards: [nowhere.href, shard] };
  const said: string[] = [];
  await retireShards(databases, { now: NOW, retentionDays: 400, relays: false }, (text) => said.push(text));
  expect(said).toEqual([
    expect.stringMatching(/^database shard 1: old partitions were not dropped: .*nowhere/),
    `database shard 2: dropped ${made} old partitions`,
  ]);
  const { rowCount } = await owner.query("select from pg_class where relname ~ '_202503..$'");
  expect(rowCount).toBe(0);
  await owner.end();
});

it('the setting takes what the function takes', () => {
  const read = (days: number) => readStartOptions({ SLUICE_RETENTION_DAYS: String(days) }).ok;
  expect([read(RETENTION_DAYS_MIN), read(RETENTION_DAYS_MIN - 1)]).toEqual([true, false]);
});
