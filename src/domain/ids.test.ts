import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  firstIdAt,
  intentIdOf,
  LOGICAL_SHARDS,
  lastTransactionIdOf,
  makeId,
  parseIntentId,
  parseTransactionId,
  shardOfId,
  shardOfMerchant,
  showIntentId,
  showTransactionId,
  timeOfId,
  transactionIdOf,
} from './ids.ts';

const anyId = fc
  .record({
    time: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    shard: fc.integer({ min: 0, max: LOGICAL_SHARDS - 1 }),
    random: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  })
  .map((parts) => ({ ...parts, id: makeId(parts.time, parts.shard, parts.random) }));

test('an id gives back its time and shard, and is a UUIDv7', () => {
  fc.assert(
    fc.property(anyId, ({ time, shard, id }) => {
      expect(id).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{14}0$/);
      expect([timeOfId(id), shardOfId(id)]).toEqual([time, shard]);
    }),
  );
});

test('a transaction and its intent compute each other and share shard and time', () => {
  fc.assert(
    fc.property(anyId, fc.integer({ min: 1, max: 15 }), ({ id, time, shard }, attempt) => {
      const transactionId = transactionIdOf(id, attempt);
      expect(intentIdOf(transactionId)).toBe(id);
      expect(transactionId.endsWith(attempt.toString(16))).toBe(true);
      expect([timeOfId(transactionId), shardOfId(transactionId)]).toEqual([time, shard]);
      expect(transactionId > id && transactionId <= lastTransactionIdOf(id)).toBe(true);
    }),
  );
});

test('ids sort by time, and the first id of a moment is not after any id of it', () => {
  fc.assert(
    fc.property(anyId, anyId, (a, b) => {
      if (a.time < b.time) expect(a.id < b.id).toBe(true);
      expect(firstIdAt(a.time) <= a.id).toBe(true);
    }),
  );
});

test('only a well-formed id of its own kind is read back', () => {
  fc.assert(
    fc.property(anyId, ({ id }) => {
      expect(parseIntentId(showIntentId(id))).toBe(id);
      expect(parseTransactionId(showTransactionId(transactionIdOf(id, 1)))).toBe(transactionIdOf(id, 1));
      expect(parseTransactionId(showTransactionId(id))).toBeNull();
      expect(parseIntentId(showIntentId(transactionIdOf(id, 1)))).toBeNull();
    }),
  );
  for (const text of [
    '',
    'pi_',
    'pi_12',
    `pi_${'0'.repeat(32)}`,
    `PI_${'a'.repeat(32)}`,
    'pi_../../etc/passwd',
  ]) {
    expect(parseIntentId(text)).toBeNull();
  }
});

test('merchants spread evenly over the logical shards', () => {
  const counts = new Array<number>(2).fill(0);
  for (let i = 0; i < 2000; i++) counts[shardOfMerchant(`merchant_${i}`) < LOGICAL_SHARDS / 2 ? 0 : 1]!++;
  expect(Math.min(...counts)).toBeGreaterThan(800);
});
