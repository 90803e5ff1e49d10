/**
 * Shard survey: what a shard database says of itself, for the check at a gateway's start and for `sluice shards`.
 *
 * @module
 */

import pg from 'pg';
import type { OwnRange, ShardSurvey, TableSize } from '../shard-map.ts';
import { connectOnce } from './connection.ts';
import { explained } from './operator-desk.ts';

/** One running server's database, whatever URL led to it: two servers never start in the same microsecond with the same history. */
const IDENTITY = `select extract(epoch from pg_postmaster_start_time())::text || '/' || oid as identity,
  (extract(epoch from clock_timestamp()) * 1000)::float8 as clock
from pg_database where datname = current_database()`;

const OWNED = 'select low, high from owned_ranges order by low';

/** A partition's size counts as its table's; rows are as the last ANALYZE counted them. */
const SIZES = `select coalesce(parent.relname, c.relname) as name, sum(pg_total_relation_size(c.oid))::float8 as bytes,
  sum(greatest(c.reltuples, 0))::float8 as rows
from pg_class c left join pg_inherits i on i.inhrelid = c.oid left join pg_class parent on parent.oid = i.inhparent
where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
group by 1 order by 2 desc, 1`;

/** Classes of SQLSTATE that pass: no connection, no room, shutting down or starting. */
const OUTAGE = /^(08|53|55|57)/;

/** What a database says, or why it could not be asked now. */
export type Surveyed = { reached: true; survey: ShardSurvey } | { reached: false; detail: string };

/**
 * Asks one shard database over a connection of its own. Rejects when it answers that it is none of ours: no such database, no such
 * role, no tables; the message names it and never its password.
 */
export async function surveyShard(connectionString: string): Promise<Surveyed> {
  try {
    return { reached: true, survey: await survey(connectionString) };
  } catch (error) {
    const said = explained(connectionString, error);
    if (error instanceof pg.DatabaseError && !OUTAGE.test(error.code ?? '')) throw said;
    return { reached: false, detail: said.message };
  }
}

async function survey(connectionString: string): Promise<ShardSurvey> {
  const client = await connectOnce({ connectionString, applicationName: 'sluice shard survey' });
  try {
    const askedAt = Date.now();
    const { rows } = await client.query<{ identity: string; clock: number }>(IDENTITY);
    const { identity, clock } = rows[0]!;
    // Of the instant between question and answer.
    const hostAheadMs = (askedAt + Date.now()) / 2 - clock;
    const owned = await client.query<OwnRange>(OWNED);
    const sizes = await client.query<TableSize>(SIZES);
    return { identity, hostAheadMs, owned: owned.rows, tables: sizes.rows };
  } finally {
    await client.end().catch(() => undefined);
  }
}
