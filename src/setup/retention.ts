/**
 * Retention: drops the daily partitions of the shard databases that are older than `SLUICE_RETENTION_DAYS`.
 *
 * Only the owner of the tables may, so it is done where the owner's URLs are: by the embedded profile at start and daily, and by
 * `sluice migrate`. Old partitions in the way cost disk, never a payment: a failure is said and the next run tries again.
 *
 * @module
 */
import type { Databases } from '../config/options.ts';
import { retirePartitions } from '../storage/postgres/partitions.ts';

/** Which partitions are old. */
export interface Retention {
  readonly now: Date;
  /** Days, 7 or more. */
  readonly retentionDays: number;
  /** Kafka is configured: what is still to be put there is kept. */
  readonly relays: boolean;
}

/** Goes through all shard databases of `owner`; tells `say` of each that changed, keeps something old, or failed. Never rejects. */
export async function retireShards(
  owner: Databases,
  retention: Retention,
  say: (text: string) => void,
): Promise<void> {
  for (const [index, connectionString] of owner.shards.entries()) {
    const database = `shard ${index + 1}`;
    try {
      const { dropped, kept } = await retirePartitions(connectionString, retention);
      if (dropped.length > 0) say(`database ${database}: dropped ${dropped.length} old partitions`);
      if (kept.length > 0) {
        const reasons = kept.map(({ partition, reason }) => `${partition} (${reason})`);
        say(`database ${database}: kept old partitions that are still needed: ${reasons.join(', ')}`);
      }
    } catch (error) {
      say(`database ${database}: old partitions were not dropped: ${(error as Error).message}`);
    }
  }
}
