/**
 * Baseline: the requirements document implemented the usual way, well, as what Sluice is an alternative to.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import type { Rival } from '../rival/rival.ts';

/**
 * On two cores that it shares with databases, bank and driver a second worker brought no more payments and cost more for each. Set
 * BENCH_BASELINE_WORKERS to try, and on a machine with more cores.
 */
const WORKERS_DEFAULT = '1';

export const baseline: Rival = {
  name: 'baseline',
  parts: { redis: true, databases: ['payments'] },
  env: { BENCH_BASELINE_WORKERS: process.env.BENCH_BASELINE_WORKERS ?? WORKERS_DEFAULT },
  server: fileURLToPath(new URL('./server.ts', import.meta.url)),
};
