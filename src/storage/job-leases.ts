/**
 * Door: who does the jobs of a database that one gateway at a time is to do.
 *
 * A job is whoever's holds its lease, by the database's clock. All that a job changes is a compare-and-set of its own or checks the
 * lease in the same statement; so a holder that was paused, and does a little more when it wakes, does no harm.
 *
 * @module
 */

/**
 * - `recovery`: asking processors about open attempts, closing unpaid intents, matching callbacks, corrections out of settlement
 *   reports, partitions; of a shard database
 * - `webhooks`: telling merchants; of a shard database
 * - `relay`: putting on Kafka what waits for it; of a shard database
 * - `sweep`: deleting sessions and keys that are over; of the control database
 * - `reconciliation`: fetching settlement reports where a schedule is set; of the control database
 */
export type Job = 'recovery' | 'webhooks' | 'relay' | 'sweep' | 'reconciliation';

/** The lease of one job in one database. Both methods reject with StorageError when the database cannot be reached. */
export interface JobLease {
  /** Becomes or stays the holder for `leaseMs`. False: another is. */
  hold(holder: string, leaseMs: number): Promise<boolean>;
  /** Gives the lease back; nothing happens when another has it. */
  release(holder: string): Promise<void>;
  close(): Promise<void>;
}
