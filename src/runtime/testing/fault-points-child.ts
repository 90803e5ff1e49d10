/**
 * Child of the fault point test: passes two points three times in a worker thread, as the gateway's threads do.
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { isMainThread, Worker } from 'node:worker_threads';
import { FAULT_POINTS } from '../../domain/fault-points.ts';
import { createFaultPoints } from '../fault-points.ts';

const STDOUT = 1;

if (isMainThread) {
  new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
} else {
  const at = createFaultPoints(FAULT_POINTS, process.argv[2], 'test');
  for (let round = 1; round <= 3; round++) {
    for (const point of ['before-send', 'after-send'] as const) {
      at(point);
      writeSync(STDOUT, `${point} ${round}\n`);
    }
  }
}
