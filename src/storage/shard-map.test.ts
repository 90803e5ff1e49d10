import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOGICAL_SHARDS } from '../domain/ids.ts';
import { evenShardMap, placementFaults, type ShardSurvey, shardMapFault, showRanges } from './shard-map.ts';

test('an even map has no fault and gives each shard one database, none more than one shard ahead', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), (databases) => {
      const ranges = evenShardMap(databases);
      expect(shardMapFault(ranges)).toBeNull();
      const held = ranges.map(({ low, high }) => high - low + 1);
      expect(held).toHaveLength(databases);
      expect(held.reduce((sum, shards) => sum + shards)).toBe(LOGICAL_SHARDS);
      expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(1);
    }),
  );
});

test.each([
  [
    'in order',
    [
      [0, 511],
      [512, 1023],
    ],
    null,
  ],
  [
    'in any order',
    [
      [512, 1023],
      [0, 511],
    ],
    null,
  ],
  ['nothing', [], 'logical shards 0..1023 are in no range'],
  ['a gap at the front', [[1, 1023]], 'logical shards 0..0 are in no range'],
  [
    'a gap within',
    [
      [0, 10],
      [12, 1023],
    ],
    'logical shards 11..11 are in no range',
  ],
  ['a gap at the end', [[0, 1022]], 'logical shards 1023..1023 are in no range'],
  [
    'an overlap',
    [
      [0, 512],
      [512, 1023],
    ],
    'logical shard 512 is in two ranges',
  ],
  [
    'twice the same',
    [
      [0, 1023],
      [0, 1023],
    ],
    'logical shard 0 is in two ranges',
  ],
  ['upside down', [[0, -1]], 'range 0..-1 ends before it begins'],
  ['too far', [[0, 1024]], 'logical shard 1024 does not exist'],
  ['a fraction', [[0, 1.5]], 'a bound or a database is not a whole number'],
] as Array<[string, Array<[number, number]>, string | null]>)('%s', (_, bounds, fault) => {
  expect(shardMapFault(bounds.map(([low, high]) => ({ low, high, database: 0 })))).toBe(fault);
});

test('a negative database, and no database, are refused', () => {
  expect(shardMapFault([{ low: 0, high: 1023, database: -1 }])).toMatch('negative');
  expect(() => evenShardMap(0)).toThrow(RangeError);
});

function survey(identity: string, ...owned: Array<[number, number]>): ShardSurvey {
  return { identity, hostAheadMs: 0, owned: owned.map(([low, high]) => ({ low, high })), tables: [] };
}

test.each<[string, Array<ShardSurvey | null>, string[]]>([
  ['as the map says', [survey('a', [0, 511]), survey('b', [512, 1023])], []],
  ['in pieces', [survey('a', [0, 99], [100, 511]), survey('b', [512, 1023])], []],
  ['one out of reach', [survey('a', [0, 511]), null], []],
  ['one more that has nothing', [survey('a', [0, 511]), survey('b', [512, 1023]), survey('c')], []],
  [
    'one not listed',
    [survey('a', [0, 511])],
    ['the shard map has 512..1023 in database 2, and SLUICE_SHARD_DATABASE_URLS names 1'],
  ],
  [
    'the other way round',
    [survey('a', [512, 1023]), survey('b', [0, 511])],
    [
      'database 1 of SLUICE_SHARD_DATABASE_URLS owns 512..1023, and the shard map gives it 0..511',
      'database 2 of SLUICE_SHARD_DATABASE_URLS owns 0..511, and the shard map gives it 512..1023',
    ],
  ],
  [
    'one twice',
    [survey('a', [0, 511]), survey('a', [0, 511])],
    ['database 1 and 2 of SLUICE_SHARD_DATABASE_URLS are the same'],
  ],
  [
    'an empty one',
    [survey('a', [0, 511]), survey('b')],
    ['database 2 of SLUICE_SHARD_DATABASE_URLS owns nothing, and the shard map gives it 512..1023'],
  ],
  [
    'one that owns what the map gives to nobody there',
    [survey('a', [0, 511]), survey('b', [512, 1023]), survey('c', [512, 1023])],
    ['database 3 of SLUICE_SHARD_DATABASE_URLS owns 512..1023, and the shard map gives it nothing'],
  ],
])('databases against an even map of two: %s', (_, surveys, faults) => {
  expect(placementFaults(evenShardMap(2), surveys)).toEqual(faults);
});

test('ranges are shown in order, neighbours as one', () => {
  const shown = showRanges([
    { low: 512, high: 767 },
    { low: 100, high: 255 },
    { low: 0, high: 99 },
  ]);
  expect([shown, showRanges([])]).toEqual(['0..255, 512..767', 'nothing']);
});
