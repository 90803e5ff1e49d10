import { expect, test } from 'vitest';
import { leastKey, Ordered } from './ordered.ts';

async function* pagesOf(...pages: string[][]): AsyncGenerator<readonly string[]> {
  yield* pages;
}

const letter = (item: string): string => item[0]!;

test('takes what has one key across pages, and passes over empty ones', async () => {
  const stream = new Ordered(pagesOf([], ['a1'], ['a2', 'b1'], [], ['c1']), letter);
  await stream.load();
  expect(stream.key).toBe('a');
  expect(await stream.take('a')).toEqual(['a1', 'a2']);
  expect(await stream.take('a')).toEqual([]);
  expect(stream.key).toBe('b');
  expect(stream.item).toBe('b1');
  expect(await stream.take('b')).toEqual(['b1']);
  expect(await stream.take('c')).toEqual(['c1']);
  expect(stream.key).toBeNull();
});

test('the least key of several streams leads a join; there is none when all have ended', async () => {
  const streams = [pagesOf(['b']), pagesOf(['a', 'c']), pagesOf()].map((pages) => new Ordered(pages, letter));
  for (const stream of streams) await stream.load();
  expect(leastKey(streams)).toBe('a');
  await streams[1]!.take('a');
  expect(leastKey(streams)).toBe('b');
  await streams[0]!.take('b');
  expect(leastKey(streams)).toBe('c');
  await streams[1]!.take('c');
  expect(leastKey(streams)).toBeNull();
});

test('a stream that is not sorted is an error: joining it would miss what belongs together', async () => {
  const within = new Ordered(pagesOf(['b', 'a']), letter);
  await within.load();
  expect(() => within.advance()).toThrow('a comes after b');
  const across = new Ordered(pagesOf(['b'], ['a']), letter);
  await across.load();
  await expect(across.advance()).rejects.toThrow('a comes after b');
});

test('closing ends what the pages are read from', async () => {
  let closed = false;
  async function* endless(): AsyncGenerator<readonly string[]> {
    try {
      for (;;) yield ['a'];
    } finally {
      closed = true;
    }
  }
  const stream = new Ordered(endless(), letter);
  await stream.load();
  await stream.close();
  expect(closed).toBe(true);
});
