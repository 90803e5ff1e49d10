/**
 * Our references as PayU takes them.
 *
 * @module
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeId, transactionIdOf } from '../../domain/ids.ts';
import { parseTxnid, txnidOf } from './txnid.ts';

const ids = fc
  .record({
    time: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    shard: fc.integer({ min: 0, max: 1023 }),
    random: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    attempt: fc.integer({ min: 1, max: 15 }),
  })
  .map(({ time, shard, random, attempt }) => transactionIdOf(makeId(time, shard, random), attempt));

test('every transaction’s id is 25 characters PayU takes, and is read back from them exactly', () => {
  fc.assert(
    fc.property(ids, (transactionId) => {
      const txnid = txnidOf(transactionId);
      expect(txnid).toMatch(/^[0-9a-z]{25}$/);
      expect(parseTxnid(txnid)).toBe(transactionId);
    }),
    { numRuns: 2000 },
  );
});

test('different transactions have different references, and these sort as they do', () => {
  fc.assert(
    fc.property(ids, ids, (a, b) => {
      expect(txnidOf(a) < txnidOf(b)).toBe(a < b);
      expect(txnidOf(a) === txnidOf(b)).toBe(a === b);
    }),
  );
});

test('whatever is read back is written the same: no two texts are one transaction', () => {
  const text = fc.string({
    unit: fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyz'),
    minLength: 25,
    maxLength: 25,
  });
  fc.assert(
    fc.property(text, (txnid) => {
      const transactionId = parseTxnid(txnid);
      expect(transactionId === null || txnidOf(transactionId) === txnid).toBe(true);
    }),
  );
});

test.each(['', '3123', 'z'.repeat(25), 'A'.repeat(25), '0'.repeat(25), `${'0'.repeat(24)} `, '0'.repeat(26)])(
  '%j is none of ours',
  (txnid) => {
    expect(parseTxnid(txnid)).toBeNull();
  },
);
