/**
 * Looks into the databases of a world as their owner, past the program.
 *
 * @module
 */

import pg from 'pg';
import type { Cluster } from './cluster.ts';

/** Runs a statement in every shard database and joins the rows. */
export async function queryShards<Row extends pg.QueryResultRow>(
  world: { cluster: Pick<Cluster, 'owner'> },
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const rows = await Promise.all(world.cluster.owner.shards.map((url) => query<Row>(url, text, values)));
  return rows.flat();
}

/** Runs a statement in one database. */
export async function query<Row extends pg.QueryResultRow>(
  connectionString: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
