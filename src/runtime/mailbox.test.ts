import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMailbox } from './mailbox.ts';

test('items leave in the order they came, and what is over the bound is refused', () => {
  const mailbox = createMailbox<number>(3);
  expect([1, 2, 3, 4].map((item) => mailbox.offer(item))).toEqual([true, true, true, false]);
  expect(mailbox.drain(2)).toEqual([1, 2]);
  expect(mailbox.offer(5)).toBe(true);
  expect(mailbox.size).toBe(2);
  expect(mailbox.drain(10)).toEqual([3, 5]);
  expect(mailbox.drain(10)).toEqual([]);
});

test('the oldest wait is that of the first item', () => {
  let nowMs = 100;
  const mailbox = createMailbox<string>(2, () => nowMs);
  expect(mailbox.oldestWaitMs()).toBe(0);
  mailbox.offer('a');
  nowMs = 130;
  mailbox.offer('b');
  nowMs = 150;
  expect(mailbox.oldestWaitMs()).toBe(50);
  mailbox.drain(1);
  expect(mailbox.oldestWaitMs()).toBe(20);
});

test('it behaves like a bounded array under any sequence', () => {
  const step = fc.oneof(fc.constant('offer' as const), fc.nat({ max: 5 }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (slots, steps) => {
      const mailbox = createMailbox<number>(slots);
      const model: number[] = [];
      for (const [i, action] of steps.entries()) {
        if (action === 'offer') {
          const fits = model.length < slots;
          if (fits) model.push(i);
          expect(mailbox.offer(i)).toBe(fits);
        } else {
          expect(mailbox.drain(action)).toEqual(model.splice(0, action));
        }
        expect(mailbox.size).toBe(model.length);
      }
    }),
    { verbose: 1 },
  );
});
