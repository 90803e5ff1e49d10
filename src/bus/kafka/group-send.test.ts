/**
 * Group sends over a send that ends when the test says.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { createGroupSend, type GroupSendOptions } from './group-send.ts';

function world(over: Partial<GroupSendOptions<string>> = {}) {
  const sends: Array<{ items: string[]; ended: PromiseWithResolvers<void> }> = [];
  const timers = new Set<() => void>();
  const ends: unknown[][] = [];
  const group = createGroupSend<string>({
    async send(items) {
      const ended = Promise.withResolvers<void>();
      sends.push({ items: [...items], ended });
      await ended.promise;
    },
    onEnd: (...end) => ends.push(end),
    deadlineMs: 500,
    groupMax: 3,
    waitingMax: 6,
    timers: {
      setTimeout: (run) => {
        timers.add(run);
        return run;
      },
      clearTimeout: (timer) => timers.delete(timer as () => void),
      setImmediate,
    },
    ...over,
  });
  const expire = (): void => {
    for (const run of [...timers].slice(0, 1)) run();
  };
  return { group, sends, ends, expire, timers };
}

const settle = () => new Promise(setImmediate);

test('what waits while one send is under way goes out together, no more than a group holds, in order', async () => {
  const { group, sends, timers } = world();
  const all = ['a', 'b', 'c', 'd', 'e'].map((item) => group.put(item));
  expect(sends.map(({ items }) => items)).toEqual([['a']]);
  for (const next of [0, 1, 2]) {
    sends[next]!.ended.resolve();
    await settle();
  }
  expect(sends.map(({ items }) => items)).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
  expect(await Promise.all(all)).toEqual([true, true, true, true, true]);
  expect(timers.size).toBe(0);
});

test('a failed send fails its own group and the next goes out', async () => {
  const { group, sends, ends } = world();
  const [a, b] = [group.put('a'), group.put('b')];
  const error = new Error('away');
  sends[0]!.ended.reject(error);
  await settle();
  sends[1]!.ended.resolve();
  expect([await a, await b]).toEqual([false, true]);
  expect(ends).toEqual([
    [false, 1, error],
    [true, 1, null],
  ]);
});

test('past its deadline a group is given up, whether it is under way or waits, and its end later tells nothing', async () => {
  const { group, sends, ends, expire } = world();
  const [a, b] = [group.put('a'), group.put('b')];
  expire();
  expect(await a).toBe(false);
  expire();
  expect(await b).toBe(false);
  sends[0]!.ended.resolve();
  await settle();
  expect(sends).toHaveLength(1);
  expect(ends).toEqual([
    [false, 1, null],
    [false, 1, null],
  ]);
  const c = group.put('c');
  sends[1]!.ended.resolve();
  expect(await c).toBe(true);
});

test('what waits is bounded, there is room again when it has ended, and a closed one takes nothing', async () => {
  const { group, sends } = world({ waitingMax: 2 });
  const [a, b] = [group.put('a'), group.put('b')];
  expect(group.put('c')).toBe(null);
  sends[0]!.ended.resolve();
  await a;
  const d = group.put('d');
  expect(d).not.toBe(null);
  let closed = false;
  const closing = group.close().then(() => {
    closed = true;
  });
  expect(group.put('e')).toBe(null);
  await settle();
  expect(closed).toBe(false);
  for (const last of [1, 2]) {
    sends[last]!.ended.resolve();
    await settle();
  }
  await closing;
  expect([await b, await d]).toEqual([true, true]);
});
