import { expect, test } from 'vitest';
import { createLruCache } from './lru-cache.ts';

test('the longest unused goes first', () => {
  const cache = createLruCache<number>(3);
  for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) cache.set(key, value);
  cache.get('a');
  cache.set('d', 4);
  expect(['a', 'b', 'c', 'd'].map(cache.get)).toEqual([1, undefined, 3, 4]);
  cache.set('c', 30);
  cache.set('e', 5);
  expect(cache.size).toBe(3);
  expect(cache.get('c')).toBe(30);
  expect(cache.get('a')).toBeUndefined();
});

test('stale entries are dropped, and all of them', () => {
  const cache = createLruCache<number>(10);
  for (let n = 0; n < 10; n++) cache.set(String(n), n);
  cache.dropWhere((value) => value % 2 === 0);
  expect(cache.size).toBe(5);
  cache.clear();
  expect(cache.size).toBe(0);
});
