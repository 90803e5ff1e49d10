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

/** Logical shards, both ends included. */
export type OwnRange = Pick<ShardRange, 'low' | 'high'>;

/** What a table takes with its indexes, and its rows as last counted. */
export interface TableSize {
  name: string;
  bytes: number;
  rows: number;
}

/** What a shard database says of itself. */
export interface ShardSurvey {
  /** The same for two URLs that lead to one database. */
  identity: string;
  /** How far this host's clock is ahead of the database's; negative: behind. */
  hostAheadMs: number;
  /** The logical shards it takes writes for (`owned_ranges`). */
  owned: readonly OwnRange[];
  /** Largest first. */
  tables: readonly TableSize[];
}

/** Which database has a logical shard, by a map without a fault: it has every shard. */
export function databaseOf(ranges: readonly ShardRange[], shard: number): number {
  return ranges.find(({ low, high }) => low <= shard && shard <= high)!.database;
}

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

/**
 * What the databases that are listed say against the map, one sentence each; none when every one of them has what the map gives it.
 * @param surveys in the order of SLUICE_SHARD_DATABASE_URLS; null: it cannot be reached now, and its fence still protects it
 */
export function placementFaults(
  ranges: readonly ShardRange[],
  surveys: ReadonlyArray<ShardSurvey | null>,
): string[] {
  const unlisted = ranges.filter(({ database }) => database >= surveys.length);
  const first = new Map<string, number>();
  const faults = unlisted.map(
    ({ low, high, database }) =>
      `the shard map has ${low}..${high} in database ${database + 1}, and SLUICE_SHARD_DATABASE_URLS names ${surveys.length}`,
  );
  for (const [database, survey] of surveys.entries()) {
    if (survey === null) continue;
    const twin = first.get(survey.identity);
    first.set(survey.identity, twin ?? database);
    if (twin !== undefined) {
      faults.push(`database ${twin + 1} and ${database + 1} of SLUICE_SHARD_DATABASE_URLS are the same`);
      continue;
    }
    const given = showRanges(ranges.filter((range) => range.database === database));
    const owned = showRanges(survey.owned);
    if (owned !== given)
      faults.push(
        `database ${database + 1} of SLUICE_SHARD_DATABASE_URLS owns ${owned}, and the shard map gives it ${given}`,
      );
  }
  return faults;
}

/** Ranges as people write them, neighbours as one: `0..255, 512..767`, or `nothing`. */
export function showRanges(ranges: readonly OwnRange[]): string {
  const joined: OwnRange[] = [];
  for (const { low, high } of [...ranges].sort((a, b) => a.low - b.low)) {
    const last = joined.at(-1);
    if (last !== undefined && last.high + 1 === low) last.high = high;
    else joined.push({ low, high });
  }
  return joined.map(({ low, high }) => `${low}..${high}`).join(', ') || 'nothing';
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
