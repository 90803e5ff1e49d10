/**
 * Placement: which lane and which thread serve a logical shard.
 *
 * A lane is a slice of the logical shards of one database: one mailbox, one turn loop, one connection. Each database
 * is cut into as many slices as give every thread work (threads / databases, rounded up), and lanes are dealt to
 * threads in turn. Every thread computes the same placement from the same map, so nobody has to be asked.
 *
 * Promises: every logical shard has exactly one lane, no lane spans two databases, every thread has a lane as long as
 * there are shards enough.
 *
 * @module
 */

import { BadSetting } from './errors.ts';

/** A range of logical shards and the index of the database it lives in. */
export interface PlacedRange {
  low: number;
  /** Inclusive. */
  high: number;
  database: number;
}

export interface Lane {
  /** 0, 1, 2, … over all threads. */
  index: number;
  /** 0, 1, 2, …: the thread that runs it. */
  thread: number;
  /** Index of its database. */
  database: number;
  /** Its logical shards, ascending. */
  shards: readonly number[];
}

export interface Placement {
  lanes: readonly Lane[];
  /** The lane of a logical shard. */
  laneOf(logicalShard: number): Lane;
  /** The thread of a logical shard. */
  threadOf(logicalShard: number): number;
  /** The lanes of a thread, ascending. */
  lanesOf(thread: number): readonly Lane[];
}

/**
 * Places the logical shards.
 * @param ranges the shard map: covers 0 to `logicalShards - 1` without gap or overlap
 * @param threads number of shard threads
 * @param logicalShards how many logical shards there are
 * @throws BadSetting when the ranges do not cover every shard once, or there is no thread
 */
export function createPlacement(
  ranges: readonly PlacedRange[],
  threads: number,
  logicalShards: number,
): Placement {
  if (!(Number.isSafeInteger(threads) && threads > 0)) {
    throw new BadSetting('there must be at least one shard thread');
  }
  const shardsOf = shardsByDatabase(ranges, logicalShards);
  const slicesEach = Math.ceil(threads / shardsOf.size);
  const lanes: Lane[] = [];
  const laneByShard = new Array<Lane>(logicalShards);
  for (const [database, shards] of shardsOf) {
    for (const slice of slicesOf(shards, slicesEach)) {
      const lane = { index: lanes.length, thread: lanes.length % threads, database, shards: slice };
      lanes.push(lane);
      for (const shard of slice) laneByShard[shard] = lane;
    }
  }

  function laneOf(logicalShard: number): Lane {
    const lane = laneByShard[logicalShard];
    if (lane === undefined) throw new RangeError(`no such logical shard: ${logicalShard}`);
    return lane;
  }
  return {
    lanes,
    laneOf,
    threadOf: (logicalShard) => laneOf(logicalShard).thread,
    lanesOf: (thread) => lanes.filter((lane) => lane.thread === thread),
  };
}

/** Database → its shards, both ascending. */
function shardsByDatabase(ranges: readonly PlacedRange[], logicalShards: number): Map<number, number[]> {
  const shardsOf = new Map<number, number[]>();
  const ascending = [...ranges].sort((a, b) => a.low - b.low);
  const databases = new Set(ascending.map((range) => range.database));
  for (const database of [...databases].sort((a, b) => a - b)) shardsOf.set(database, []);
  let next = 0;
  for (const { low, high, database } of ascending) {
    if (low !== next || high < low) {
      throw new BadSetting(`the shard map has a gap or an overlap at shard ${next}`);
    }
    for (let shard = low; shard <= high; shard++) shardsOf.get(database)!.push(shard);
    next = high + 1;
  }
  if (next !== logicalShards)
    throw new BadSetting(`the shard map ends at ${next} of ${logicalShards} shards`);
  return shardsOf;
}

/** Cuts a list into up to `count` slices whose lengths differ by one at most; none is empty. */
function slicesOf(shards: readonly number[], count: number): number[][] {
  const slices: number[][] = [];
  const used = Math.min(count, shards.length);
  for (let i = 0; i < used; i++) {
    const from = Math.floor((i * shards.length) / used);
    slices.push(shards.slice(from, Math.floor(((i + 1) * shards.length) / used)));
  }
  return slices;
}
