import { expect, test } from 'vitest';
import { randomBytes } from './random.ts';

test('bytes have the asked length, never repeat over many pools, and are the receiver’s own', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 5000; i++) seen.add(randomBytes(8).toString('hex'));
  expect(seen.size).toBe(5000);
  expect(randomBytes(4096)).toHaveLength(4096);
  const first = randomBytes(16);
  const text = first.toString('hex');
  randomBytes(4096);
  expect(first.toString('hex')).toBe(text);
});

test('every bit is set about half the time', () => {
  const ones = new Array<number>(64).fill(0);
  for (let i = 0; i < 4000; i++) {
    const bytes = randomBytes(8);
    for (let bit = 0; bit < 64; bit++) ones[bit]! += (bytes[bit >> 3]! >> (bit & 7)) & 1;
  }
  for (const count of ones) expect(Math.abs(count - 2000)).toBeLessThan(250);
});
