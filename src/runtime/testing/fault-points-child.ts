/**
 * Child of the fault point test: passes two points three times in a worker thread, as the gateway's threads do.
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { FAULT_POINTS, type FaultPoint } from '../../domain/fault-points.ts';
import { armFaultPoints, createPassPoint } from '../fault-points.ts';

const STDOUT = 1;

if (isMainThread) {
  const { armed, begin } = armFaultPoints(FAULT_POINTS, process.argv[2], 'test');
  begin();
  const start = (): Worker => new Worker(new URL(import.meta.url), { workerData: armed });
  // As the supervisor does: a thread that dies is started anew.
  start().on('error', start);
} else {
  const at = createPassPoint<FaultPoint>(FAULT_POINTS, workerData, (error) => {
    throw error;
  });
  for (let round = 1; round <= 3; round++) {
    for (const point of ['before-send', 'after-send'] as const) {
      at(point);
      writeSync(STDOUT, `${point} ${round}\n`);
    }
  }
}
