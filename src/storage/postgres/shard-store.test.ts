import pg from 'pg';
import { startCluster } from '../../../test/support/cluster.ts';
import { lastTransactionIdOf } from '../../domain/ids.ts';
import { shardStoreContract } from '../contract-suite.ts';
import { withoutDashes } from './commit-turn.ts';
import { ensurePartitions } from './partitions.ts';
import { createShardStore } from './shard-store.ts';

const HOUR_MS = 3_600_000;

shardStoreContract('PostgreSQL', async () => {
  const cluster = await startCluster(2);
  const owner = new pg.Client(cluster.owner.shards[0]);
  await owner.connect();
  // Tests look two days back.
  await ensurePartitions(owner, { now: new Date(Date.now() - 48 * HOUR_MS) });
  const stores = ['one', 'other'].map((applicationName) =>
    createShardStore({ connectionString: cluster.services.shards[0]!, applicationName, ownShard: 0 }),
  );
  return {
    stores: [stores[0]!, stores[1]!],

    async otherRows(intentId) {
      const outbox = await owner.query<{ transaction_id: string | null; type: string; sequence: number }>(
        'select transaction_id, type, sequence from outbox where payment_intent_id = $1 order by sequence',
        [intentId],
      );
      const incidents = await owner.query<{ id: string; kind: string; acknowledged: boolean }>(
        `select transaction_id as id, kind, acknowledged_at is not null as acknowledged from incidents
         where payment_intent_id = $1 order by incidents.id`,
        [intentId],
      );
      const audits = await owner.query<{ id: string; action: string; operator: string; reason: string }>(
        `select transaction_id as id, action, operator, reason from operator_audit
         where transaction_id between $1 and $2 order by operator_audit.id`,
        [intentId, lastTransactionIdOf(intentId)],
      );
      const intent = await owner.query<{ type: string | null }>(
        'select payment_method_type as type from payment_intents where payment_intent_id = $1',
        [intentId],
      );
      const named = <Row extends { id: string }>({ id, ...row }: Row) => ({
        transactionId: withoutDashes(id),
        ...row,
      });
      return {
        outbox: outbox.rows.map(({ transaction_id: id, type, sequence }) => ({
          transactionId: id === null ? null : withoutDashes(id),
          type,
          sequence,
        })),
        incidents: incidents.rows.map(named),
        audits: audits.rows.map(named),
        paymentMethodType: intent.rows[0]?.type ?? null,
      };
    },

    async verdictOf(eventId) {
      const { rows } = await owner.query<{ verdict: string }>(
        'select verdict from processor_callbacks where event_id = $1',
        [eventId],
      );
      return rows[0]?.verdict ?? null;
    },

    async ageKeys(hours) {
      await owner.query(
        `update idempotency_keys set created_at = created_at - $1 * interval '1 hour',
           day = ((created_at - $1 * interval '1 hour') at time zone 'utc')::date`,
        [hours],
      );
    },

    async close() {
      await Promise.all(stores.map((store) => store.close()));
      await owner.end();
      await cluster.stop();
    },
  };
});
