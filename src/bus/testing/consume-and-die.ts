/**
 * Consume and die: a consumer whose process is killed between the commit of its first callback and the commit of the offset. It is run as a
 * process of its own, and writes the callback's id first.
 *
 * @module
 */

import { writeSync } from 'node:fs';
import { createMetrics } from '../../metrics/metrics.ts';
import { createMetricRegistry } from '../../metrics/registry.ts';
import { openTestBus } from './kafka-world.ts';

const STDOUT = 1;
const [brokers = '', prefix = ''] = process.argv.slice(2);

const bus = openTestBus(
  { brokers: brokers.split(',') },
  {
    prefix,
    metrics: createMetrics(createMetricRegistry('test')),
    apply: () => Promise.reject(new Error('nothing is published here')),
  },
);
await bus.consume(async ({ callbackId }) => {
  writeSync(STDOUT, `${callbackId}\n`);
  process.kill(process.pid, 'SIGKILL');
  // It does not get here.
  return { ok: true, verdict: 'applied' };
});
