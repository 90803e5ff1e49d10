/**
 * Job leases in PostgreSQL: one row a job in the database the job is about.
 *
 * @module
 */

import type { Job, JobLease } from '../job-leases.ts';
import { createConnection } from './connection.ts';
import { storageErrorOf } from './errors.ts';

/** Of job $1 for holder $2; a row is returned when it is the holder's now. */
export const HOLD = {
  name: 'job_hold',
  text: `insert into job_leases as l (job, holder, until) values ($1, $2, clock_timestamp() + $3 * interval '1 ms')
on conflict (job) do update set holder = excluded.holder, until = excluded.until
where l.holder = excluded.holder or l.until <= clock_timestamp()
returning holder`,
};

export const RELEASE = {
  name: 'job_release',
  text: 'update job_leases set until = clock_timestamp() where job = $1 and holder = $2 and until > clock_timestamp()',
};

/** A connection that was lost comes back within this, or the call is refused. */
const RECONNECT_WAIT_MS = 1000;

/** Opens the lease on a connection of its own; it connects in the background. */
export function createJobLease(
  connectionString: string,
  job: Job,
  { onLost }: { onLost?: (error: Error) => void } = {},
): JobLease {
  const link = createConnection({
    connectionString,
    applicationName: `sluice lease ${job}`,
    ...(onLost !== undefined && { onLost }),
  });

  async function rowsOf(statement: typeof HOLD, values: unknown[]): Promise<object[]> {
    if (!link.connected()) await link.whenConnected(RECONNECT_WAIT_MS);
    try {
      return (await link.query({ ...statement, values })).rows;
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  return {
    hold: async (holder, leaseMs) => (await rowsOf(HOLD, [job, holder, leaseMs])).length === 1,
    async release(holder) {
      await rowsOf(RELEASE, [job, holder]);
    },
    close: link.close,
  };
}
