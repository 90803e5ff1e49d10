/**
 * Reconciles one file against the databases of a cluster, as `sluice reconcile` does.
 *
 * @module
 */

import { tmpdir } from 'node:os';
import { settlementFormats } from '../../src/connectors/settlement-readers.ts';
import type { ProcessorName } from '../../src/domain/processor-word.ts';
import { openReport } from '../../src/reconciliation/open-report.ts';
import { type Progress, type Reconciled, reconcile } from '../../src/reconciliation/reconcile.ts';
import type { ShardRange } from '../../src/storage/control.ts';
import { createSettlementRuns } from '../../src/storage/postgres/settlement-runs.ts';
import { createSettlementStores } from '../../src/storage/postgres/settlement-store.ts';
import { databaseOf } from '../../src/storage/shard-map.ts';
import type { Cluster } from '../support/cluster.ts';
import { DEADLINE_DAYS } from './plan.ts';

/** Everything a process needs to reconcile a file; goes to a child as JSON. */
export interface Errand {
  control: string;
  shards: readonly string[];
  ranges: readonly ShardRange[];
  processor: ProcessorName;
  day: string;
  path: string;
  /** Rows compared and posted in one commit; undefined: as in production. */
  segmentLines?: number;
}

export function errandFor(
  { services, ranges }: Pick<Cluster, 'services' | 'ranges'>,
  what: Pick<Errand, 'processor' | 'day' | 'path' | 'segmentLines'>,
): Errand {
  return { control: services.control, shards: services.shards, ranges, ...what };
}

export async function reconcileHere(
  errand: Errand,
  onProgress: (progress: Progress) => void = () => undefined,
): Promise<Reconciled> {
  const { processor, day, path, ranges, segmentLines } = errand;
  const report = await openReport(path, { formats: settlementFormats(processor), spoolDirectory: tmpdir() });
  const runs = createSettlementRuns(errand.control);
  const stores = createSettlementStores(errand.shards);
  try {
    return await reconcile(
      {
        runs,
        stores,
        databaseOf: (shard) => databaseOf(ranges, shard),
        now: Date.now,
        onProgress,
      },
      {
        scope: { processor, account: null, day },
        report,
        deadlineDays: DEADLINE_DAYS,
        startedBy: 'asha',
        ...(segmentLines !== undefined && { segmentLines }),
      },
    );
  } finally {
    await Promise.all([...stores.map((store) => store.end()), runs.close()]);
    await report.close();
  }
}
