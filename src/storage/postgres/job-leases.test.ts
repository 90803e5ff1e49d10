/**
 * Job leases of a shard database, by the service role.
 *
 * @module
 */

import { startCluster } from '../../../test/support/cluster.ts';
import { jobLeasesContract } from '../job-leases-contract.ts';
import { createJobLease } from './job-leases.ts';

jobLeasesContract('postgres', 'recovery', 'webhooks', async () => {
  const cluster = await startCluster(1);
  return {
    open: (job) => createJobLease(cluster.services.shards[0]!, job),
    breakServer: () => cluster.postgres.stop(),
    close: () => cluster.stop(),
  };
});
