/**
 * Mailbox: the bounded first-in-first-out queue in front of a turn loop.
 *
 * A ring of fixed size: nothing is allocated or moved per item, and what is over the bound is told so at once.
 * Whoever offers answers `overloaded` (503); waiting longer would only make every later answer late too.
 *
 * @module
 */

import { assert } from './assert.ts';
import { monotonicMs } from './clock.ts';

export interface Mailbox<Item> {
  /** Takes an item in; false when every slot is taken. */
  offer(item: Item): boolean;
  /** Takes out up to `itemsMax` items in the order they came. */
  drain(itemsMax: number): Item[];
  /** Items waiting. */
  readonly size: number;
  /** How long the oldest item has waited, in milliseconds; 0 when empty. */
  oldestWaitMs(): number;
}

/**
 * Makes an empty mailbox.
 * @param slots items it can hold
 * @param clock milliseconds of a clock that never jumps
 */
export function createMailbox<Item>(slots: number, clock: () => number = monotonicMs): Mailbox<Item> {
  assert(Number.isSafeInteger(slots) && slots > 0, 'a mailbox has at least one slot');
  const items = new Array<Item | undefined>(slots).fill(undefined);
  const arrivedMs = new Float64Array(slots);
  let first = 0;
  let size = 0;

  return {
    offer(item) {
      if (size === slots) return false;
      const slot = (first + size) % slots;
      items[slot] = item;
      arrivedMs[slot] = clock();
      size += 1;
      return true;
    },
    drain(itemsMax) {
      const count = Math.min(itemsMax, size);
      const drained = new Array<Item>(count);
      for (let i = 0; i < count; i++) {
        drained[i] = items[first] as Item;
        items[first] = undefined;
        first = first + 1 === slots ? 0 : first + 1;
      }
      size -= count;
      return drained;
    },
    get size() {
      return size;
    },
    oldestWaitMs() {
      return size === 0 ? 0 : clock() - arrivedMs[first]!;
    },
  };
}
