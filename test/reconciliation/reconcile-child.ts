/**
 * Reconciles in a process of its own, which can be killed: `node reconcile-child.ts ERRAND`, the errand as JSON.
 *
 * Each line it writes is JSON: how far it is, and at last what it has used. Exit codes: 0 done, 1 failed (the reason on stderr).
 *
 * @module
 */

import { writeSync } from 'node:fs';
import type { Progress } from '../../src/reconciliation/reconcile.ts';
import { type Errand, reconcileHere } from './reconcile-here.ts';

/** A line while it works. */
export interface ToldProgress extends Progress {
  rssMb: number;
  /** Milliseconds since it began. */
  ms: number;
}

/** Its last line. */
export interface ToldEnd {
  again: boolean;
  seconds: number;
  cpuSeconds: number;
  peakRssMb: number;
}

const startedAt = performance.now();

function tell(line: ToldProgress | ToldEnd): void {
  // At once: whoever kills this process at a step must hear of it before the next.
  writeSync(1, `${JSON.stringify(line)}\n`);
}

const { again } = await reconcileHere(JSON.parse(process.argv[2]!) as Errand, (progress) =>
  tell({
    ...progress,
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
    ms: Math.round(performance.now() - startedAt),
  }),
);
const { user, system } = process.cpuUsage();
tell({
  again,
  seconds: (performance.now() - startedAt) / 1000,
  cpuSeconds: (user + system) / 1_000_000,
  peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
});
