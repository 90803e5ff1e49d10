/**
 * Recovery scan: walks over the primary keys of one shard database, for what still needs a final word.
 *
 * A walk looks at the next `limit` rows of a window of ids, whatever their status, and tells where to go on; so one call
 * costs the same on a full day as on an empty one, and no index on status is needed.
 *
 * @module
 */

import type { CallbackRecorded } from '../../domain/facts.ts';
import type { TransactionStatus } from '../../domain/transaction.ts';
import type { RecoveryScan, WalkedAttempt } from '../recovery-scan.ts';
import { withoutDashes } from './commit-turn.ts';
import { createConnection } from './connection.ts';
import { storageErrorOf } from './errors.ts';

/** The rows of a window in the order of their primary key: partitions one after the other, and never more than the limit. */
const PINNED_PLANS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
};

/** A connection that was lost comes back within this, or the scan is refused and tried at the next round. */
const RECONNECT_WAIT_MS = 3000;

/**
 * `edge` is the last row a full window looked at: it is returned for its id even when nothing is to be done about it. No more of a
 * row than this is read: nearly all are settled, and whole rows of them were a sixth of PostgreSQL's work under load.
 */
const UNSETTLED_ATTEMPTS = {
  name: 'unsettled_attempts',
  text: `with looked as materialized (
  select transaction_id, status, created_at, completed_at,
    status not in ('SUCCESS', 'FAILED') or status = 'FAILED' and not reopenable as unsettled
  from transactions where transaction_id > $1::uuid and transaction_id < $2::uuid
  order by transaction_id limit $3),
edge as (select transaction_id from looked offset $3 - 1)
select l.transaction_id, l.status, l.unsettled, (extract(epoch from l.created_at) * 1000)::float8 as created_at,
  (extract(epoch from l.completed_at) * 1000)::float8 as completed_at, l.transaction_id = (select transaction_id from edge) as edge
from looked l
where l.unsettled or l.transaction_id = (select transaction_id from edge)
order by l.transaction_id`,
};

/** Attempts of an intent have its id with another last digit. */
const PENDING_INTENTS = {
  name: 'pending_intents',
  text: `with looked as materialized (
  select payment_intent_id, status from payment_intents
  where payment_intent_id > $1::uuid and payment_intent_id < $2::uuid
  order by payment_intent_id limit $3),
edge as (select payment_intent_id from looked offset $3 - 1),
judged as (
  select i.payment_intent_id, i.status = 'PENDING' and not exists (
    select from transactions t
    where t.transaction_id between i.payment_intent_id and (left(i.payment_intent_id::text, 35) || 'f')::uuid
      and t.status not in ('SUCCESS', 'FAILED')) as pending
  from looked i)
select j.payment_intent_id, j.pending, j.payment_intent_id = (select payment_intent_id from edge) as edge
from judged j
where j.pending or j.payment_intent_id = (select payment_intent_id from edge)
order by j.payment_intent_id`,
};

const UNMATCHED_CALLBACKS = {
  name: 'unmatched_callbacks',
  text: `select processor, event_id, transaction_id, word::text as word,
  (extract(epoch from received_at) * 1000)::float8 as received_at
from processor_callbacks where verdict = 'unmatched' order by received_at limit $1`,
};

const READ_PROGRESS = {
  name: 'read_progress',
  text: 'select up_to from recovery_progress where name = $1',
};

/** Several gateways walk: the one that came furthest is believed. */
const WRITE_PROGRESS = {
  name: 'write_progress',
  text: `insert into recovery_progress (name, up_to) values ($1, $2::uuid)
on conflict (name) do update set up_to = excluded.up_to, updated_at = now()
where recovery_progress.up_to < excluded.up_to`,
};

interface WalkedRow {
  transaction_id: string;
  status: TransactionStatus;
  unsettled: boolean;
  created_at: number;
  completed_at: number | null;
  edge: boolean | null;
}

interface CallbackRow {
  processor: CallbackRecorded['processor'];
  event_id: string;
  transaction_id: string | null;
  word: string;
  received_at: number;
}

/** Opens the scan on a connection of its own; it connects in the background. Rejects with StorageError. */
export function createRecoveryScan(
  connectionString: string,
  { onLost }: { onLost?: (error: Error) => void } = {},
): RecoveryScan {
  const link = createConnection({
    connectionString,
    applicationName: 'sluice recovery',
    settings: PINNED_PLANS,
    ...(onLost !== undefined && { onLost }),
  });

  async function rowsOf<Row extends object>(
    statement: { name?: string; text: string },
    values: unknown[],
  ): Promise<Row[]> {
    if (!link.connected()) await link.whenConnected(RECONNECT_WAIT_MS);
    try {
      return (await link.query<Row>({ ...statement, values })).rows;
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  return {
    async unsettledAttempts(after, before, limit) {
      const found = await rowsOf<WalkedRow>(UNSETTLED_ATTEMPTS, [after, before, limit]);
      const rows = found.filter(({ unsettled }) => unsettled).map(walkedOf);
      const last = found.at(-1);
      return { rows, next: last?.edge ? withoutDashes(last.transaction_id) : null };
    },

    async pendingIntents(after, before, limit) {
      const found = await rowsOf<{ payment_intent_id: string; pending: boolean; edge: boolean | null }>(
        PENDING_INTENTS,
        [after, before, limit],
      );
      const rows = found.filter(({ pending }) => pending).map((row) => withoutDashes(row.payment_intent_id));
      const last = found.at(-1);
      return { rows, next: last?.edge ? withoutDashes(last.payment_intent_id) : null };
    },

    async unmatchedCallbacks(limit) {
      const found = await rowsOf<CallbackRow>(UNMATCHED_CALLBACKS, [limit]);
      return found.map((row) => ({
        processor: row.processor,
        eventId: row.event_id,
        transactionId: row.transaction_id === null ? null : withoutDashes(row.transaction_id),
        word: row.word,
        receivedAt: row.received_at,
      }));
    },

    async readProgress(name) {
      const [row] = await rowsOf<{ up_to: string }>(READ_PROGRESS, [name]);
      return row === undefined ? null : withoutDashes(row.up_to);
    },

    async writeProgress(name, upTo) {
      await rowsOf(WRITE_PROGRESS, [name, upTo]);
    },

    close: link.close,
  };
}

function walkedOf(row: WalkedRow): WalkedAttempt {
  return {
    transactionId: withoutDashes(row.transaction_id),
    status: row.status,
    createdAt: row.created_at,
    completedAt: row.completed_at,
  };
}
