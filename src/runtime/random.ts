/**
 * Random bytes for ids and nonces, drawn from the system 4 KiB at a time: a draw for each id costs more than all else about it.
 *
 * What was handed out is erased from the pool.
 *
 * @module
 */

import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;

const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;

/** @param length 1 to 4096 */
export function randomBytes(length: number): Buffer {
  if (used + length > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + length));
  pool.fill(0, used, used + length);
  used += length;
  return bytes;
}
