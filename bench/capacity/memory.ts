/**
 * Memory: bytes of heap of what a gateway keeps of a payment. Needs `gc`, so it is measured with V8's own switched on.
 *
 * @module
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createPaymentMemory } from '../../src/actors/payment-memory.ts';
import { createWatchList } from '../../src/recovery/watch-list.ts';
import { attemptFor, freshIntent } from '../../test/support/facts.ts';

const KEPT = 50_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Of a payment with one attempt in a lane's memory. */
export function bytesPerPaymentInMemory(): number {
  const memory = createPaymentMemory(KEPT);
  return bytesPer(() => {
    const intent = freshIntent();
    memory.propose({ intent, attempts: [attemptFor(intent)] });
    memory.settle();
    return memory;
  });
}

/** Of an attempt that recovery watches. */
export function bytesPerWatchedAttempt(): number {
  const list = createWatchList(KEPT);
  return bytesPer(() => {
    list.put(attemptFor(freshIntent()), 0);
    return list;
  });
}

function bytesPer(keepOne: () => object): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  let holder: object = {};
  for (let n = 0; n < KEPT; n++) holder = keepOne();
  collectGarbage();
  const used = process.memoryUsage().heapUsed - before;
  // Read after the collection, so that it was not collected.
  return Object.keys(holder).length > 0 ? Math.round(used / KEPT) : Number.NaN;
}
