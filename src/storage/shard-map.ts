/**
 * Shard map: which database holds which logical shards.
 *
 * Pure rules over the ranges that the control database keeps. A map that leaves a shard out, or gives it to two
 * databases, is refused as a whole: half a map would send payments to a database that does not know them.
 *
 * @module
 */

import { LOGICAL_SHARDS } from '../domain/ids.ts';
import type { ShardRange } from './control.ts';

/** What is wrong with a map, in one sentence; null when every logical shard is in exactly one range. */
export function shardMapFault(ranges: readonly ShardRange[]): string | null {
  let next = 0;
  for (const { low, high, database } of sorted(ranges)) {
    if (![low, high, database].every(Number.isSafeInteger))
      return 'a bound or a database is not a whole number';
    if (database < 0) return `database ${database} of range ${low}..${high} is negative`;
    if (high < low) return `range ${low}..${high} ends before it begins`;
    if (low < next) return `logical shard ${low} is in two ranges`;
    if (low > next) return `logical shards ${next}..${low - 1} are in no range`;
    next = high + 1;
  }
  if (next < LOGICAL_SHARDS) return `logical shards ${next}..${LOGICAL_SHARDS - 1} are in no range`;
  if (next > LOGICAL_SHARDS) return `logical shard ${next - 1} does not exist`;
  return null;
}

/** The map of a new installation: the logical shards in equal runs over `databases` databases. */
export function evenShardMap(databases: number): ShardRange[] {
  if (!(Number.isSafeInteger(databases) && databases >= 1 && databases <= LOGICAL_SHARDS)) {
    throw new RangeError(`databases out of range: ${databases}`);
  }
  return Array.from({ length: databases }, (_, database) => ({
    low: Math.floor((LOGICAL_SHARDS * database) / databases),
    high: Math.floor((LOGICAL_SHARDS * (database + 1)) / databases) - 1,
    database,
  }));
}

function sorted(ranges: readonly ShardRange[]): ShardRange[] {
  return [...ranges].sort((a, b) => a.low - b.low);
}
