/**
 * Relay queue: the relay's side of one shard database, on a connection of its own.
 *
 * Events wait in `status_relay`, a narrow table beside the outbox, because nothing else writes there: a mark in the outbox would make
 * the webhooks' statements, which write the same fresh rows at the same moment, fail and run again (decision 0014).
 *
 * @module
 */

import type { CallbackRecorded } from '../../domain/facts.ts';
import type { Job } from '../job-leases.ts';
import type { RelayQueue, WaitingCallback } from '../relay-queue.ts';
import { bareArray, quotedArray } from './array-literal.ts';
import { withoutDashes } from './commit-turn.ts';
import { HOLD, RELEASE } from './job-leases.ts';
import { inBounds } from './statements/commit-turn.ts';
import { EVENT_COLUMNS, type EventRow, merchantEventOf, openWebhookConnection } from './webhook-rows.ts';

/** What is counted for the metrics at most: a count must not cost more than the work it tells of. */
const BACKLOG_MAX = 100_000;

const JOB: Job = 'relay';

const CALLBACKS = {
  name: 'relay_callbacks',
  text: `select processor, event_id, transaction_id, word::text as word,
  (extract(epoch from received_at) * 1000)::float8 as received_at
from processor_callbacks where relay order by received_at limit $1`,
};

/** Sorted by key, as a turn writes them: so the two never wait for each other in a circle. */
const CALLBACKS_RELAYED = {
  name: 'relay_callbacks_relayed',
  text: `update processor_callbacks c set relay = false
from unnest($1::text[], $2::text[], $3::float8[]) as u(processor, event_id, at)
where c.day = (to_timestamp(u.at) at time zone 'utc')::date and c.processor = u.processor and c.event_id = u.event_id and c.relay`,
};

/** Outer joins: an event that retention has taken is told as gone, so that it leaves the queue. */
const EVENTS = {
  name: 'relay_events',
  text: `select r.payment_intent_id as waiting_intent_id, r.sequence as waiting_sequence, r.event_id as waiting_event_id, ${EVENT_COLUMNS}
from (select payment_intent_id, sequence, event_id from status_relay order by payment_intent_id, sequence limit $1) r
left join outbox o on o.event_id = r.event_id
left join payment_intents i on i.payment_intent_id = o.payment_intent_id
order by r.payment_intent_id, r.sequence`,
};

const EVENTS_RELAYED = {
  name: 'relay_events_relayed',
  text: `delete from status_relay r using unnest($3::uuid[], $4::int4[], $5::uuid[]) as u(payment_intent_id, sequence, event_id)
where r.payment_intent_id = u.payment_intent_id and r.sequence = u.sequence and r.event_id = u.event_id
  and ${inBounds('r.payment_intent_id', '$1', '$2')}`,
};

const BACKLOG = {
  name: 'relay_backlog',
  text: `select
  (select count(*) from (select from processor_callbacks where relay limit ${BACKLOG_MAX}) c)::int as callbacks,
  (select count(*) from (select from status_relay limit ${BACKLOG_MAX}) e)::int as events`,
};

interface CallbackRow {
  processor: CallbackRecorded['processor'];
  event_id: string;
  transaction_id: string | null;
  word: string | null;
  received_at: number;
}

interface WaitingRow extends EventRow {
  waiting_intent_id: string;
  waiting_sequence: number;
  waiting_event_id: string;
}

/** Opens the queue; it connects in the background. */
export function createRelayQueue(
  connectionString: string,
  { onLost }: { onLost?: (error: Error) => void } = {},
): RelayQueue {
  const connection = openWebhookConnection(connectionString, 'sluice relay', onLost);
  return {
    async hold(holder, leaseMs) {
      return (await connection.rows(HOLD, [JOB, holder, leaseMs])).length === 1;
    },

    async release(holder) {
      await connection.rows(RELEASE, [JOB, holder]);
    },

    async callbacks(limit) {
      return (await connection.rows<CallbackRow>(CALLBACKS, [limit])).map((row) => ({
        processor: row.processor,
        eventId: row.event_id,
        transactionId: row.transaction_id === null ? null : withoutDashes(row.transaction_id),
        word: row.word ?? 'null',
        receivedAt: row.received_at,
      }));
    },

    async callbacksRelayed(callbacks) {
      const rows = callbacks.toSorted(
        (a, b) => compare(a.processor, b.processor) || compare(a.eventId, b.eventId),
      );
      await connection.rows(CALLBACKS_RELAYED, callbackColumns(rows));
    },

    async events(limit) {
      return (await connection.rows<WaitingRow>(EVENTS, [limit])).map((row) => ({
        paymentIntentId: withoutDashes(row.waiting_intent_id),
        sequence: row.waiting_sequence,
        eventId: withoutDashes(row.waiting_event_id),
        // Columns of an outer join: what is gone comes as null.
        event: row.event_id === null || row.order_id === null ? null : merchantEventOf(row),
      }));
    },

    async eventsRelayed(events) {
      if (events.length === 0) return;
      await connection.rows(EVENTS_RELAYED, [
        events[0]!.paymentIntentId,
        events.at(-1)!.paymentIntentId,
        bareArray(events.map(({ paymentIntentId }) => paymentIntentId)),
        bareArray(events.map(({ sequence }) => sequence)),
        bareArray(events.map(({ eventId }) => eventId)),
      ]);
    },

    async backlog() {
      const [row] = await connection.rows<{ callbacks: number; events: number }>(BACKLOG, []);
      return row!;
    },

    close: connection.close,
  };
}

function callbackColumns(rows: readonly WaitingCallback[]): string[] {
  return [
    quotedArray(rows.map(({ processor }) => processor)),
    quotedArray(rows.map(({ eventId }) => eventId)),
    bareArray(rows.map(({ receivedAt }) => receivedAt / 1000)),
  ];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
