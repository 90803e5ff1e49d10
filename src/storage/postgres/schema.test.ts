import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../../test/support/cluster.ts';
import { dumpSchema } from './dump-schema.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster(1);
});
afterAll(() => cluster?.stop());

test('schema.sql is what the migrations make (npm run schema writes it anew)', async () => {
  const { control, vault, shards } = cluster.owner;
  const text = [
    '-- What the migrations make, read back from PostgreSQL by dump-schema.ts. Written by `npm run schema`; not to be edited.',
    `-- Database: control\n\n${await dumpSchema(control)}`,
    `-- Database: vault\n\n${await dumpSchema(vault)}`,
    `-- Database: shard_1 to shard_N\n\n${await dumpSchema(shards[0]!)}`,
  ].join('\n\n\n');
  await expect(`${text}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'schema.sql'));
});
