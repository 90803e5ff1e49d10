import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BadSetting } from './errors.ts';
import { createPlacement, type PlacedRange } from './placement.ts';

const SHARDS = 1024;

/** Any map: cut the shards at random places and deal the pieces to databases, each at least once. */
const shardMap: fc.Arbitrary<PlacedRange[]> = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: SHARDS - 1 }), { maxLength: 12 }),
    fc.integer({ min: 1, max: 5 }),
  )
  .map(([cuts, databases]) => {
    const starts = [0, ...cuts.sort((a, b) => a - b)];
    return starts.map((low, i) => ({ low, high: (starts[i + 1] ?? SHARDS) - 1, database: i % databases }));
  });

test('every logical shard has exactly one lane, in its own database', () => {
  fc.assert(
    fc.property(shardMap, fc.integer({ min: 1, max: 9 }), (ranges, threads) => {
      const placement = createPlacement(ranges, threads, SHARDS);
      const placed = placement.lanes.flatMap((lane) => lane.shards).sort((a, b) => a - b);
      expect(placed).toEqual(Array.from({ length: SHARDS }, (_, shard) => shard));
      for (const { low, high, database } of ranges) {
        for (const shard of [low, high]) {
          expect(placement.laneOf(shard).database).toBe(database);
          expect(placement.laneOf(shard).shards).toContain(shard);
          expect(placement.threadOf(shard)).toBe(placement.laneOf(shard).thread);
        }
      }
      const dealt = Array.from({ length: threads }, (_, thread) => placement.lanesOf(thread)).flat();
      expect(dealt).toHaveLength(placement.lanes.length);
    }),
    { verbose: 1 },
  );
});

const HALVES = [
  { low: 0, high: 511, database: 0 },
  { low: 512, high: 1023, database: 1 },
];

test.each([
  [1, [2]],
  [2, [1, 1]],
  [3, [2, 1, 1]],
  [4, [1, 1, 1, 1]],
])('two databases on %i threads: lanes per thread %j', (threads, lanesEach) => {
  const placement = createPlacement(HALVES, threads, SHARDS);
  expect(lanesEach.map((_, thread) => placement.lanesOf(thread).length)).toEqual(lanesEach);
});

test.each([
  ['a gap', [{ low: 0, high: 1000, database: 0 }]],
  ['an overlap', [HALVES[0]!, { low: 500, high: 1023, database: 1 }]],
  ['too many shards', [{ low: 0, high: 1024, database: 0 }]],
  ['nothing', []],
])('a map with %s is refused', (_, ranges) => {
  expect(() => createPlacement(ranges, 1, SHARDS)).toThrow(BadSetting);
});

test('no thread is refused', () => {
  expect(() => createPlacement(HALVES, 0, SHARDS)).toThrow(BadSetting);
});
