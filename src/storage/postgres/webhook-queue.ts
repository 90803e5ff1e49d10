/**
 * Webhook queue: the deliverer's side of one shard database, on a connection of its own.
 *
 * A batch is one statement in one commit. Measured on two cores with the server beside the client, 60 000 events in the outbox and
 * batches of 200, whole round trips: `newEvents` 20 to 25 microseconds an event, `record` of first tries 75 to 80, of later ones 55 to
 * 60 while 10 000 deliveries wait, `due` 22. In rows, an event to one endpoint is one insert and one update of its outbox row.
 *
 * @module
 */

import type { Job } from '../job-leases.ts';
import type { DeliveryRecord, WebhookQueue } from '../webhook-deliveries.ts';
import { bareArray, jsonArray } from './array-literal.ts';
import { withoutDashes } from './commit-turn.ts';
import { HOLD, RELEASE } from './job-leases.ts';
import { inBounds } from './statements/commit-turn.ts';
import {
  type DeliveryRow,
  EVENT_COLUMNS,
  type EventRow,
  LOG_MAX,
  merchantEventOf,
  openWebhookConnection,
} from './webhook-rows.ts';

/** What is counted for the metrics at most: a count must not cost more than the work it tells of. */
const BACKLOG_MAX = 100_000;

const JOB: Job = 'webhooks';

/** The join stands beside the limit: an event whose payment is gone is passed over and does not block those after it. */
const NEW_EVENTS = {
  name: 'webhook_new_events',
  text: `select ${EVENT_COLUMNS}
from outbox o join payment_intents i on i.payment_intent_id = o.payment_intent_id
where o.dispatched_at is null order by o.event_id limit $1`,
};

const DUE = {
  name: 'webhook_due',
  text: `select d.endpoint_id, d.tries, d.replays, ${EVENT_COLUMNS}
from webhook_deliveries d
join outbox o on o.event_id = d.event_id
join payment_intents i on i.payment_intent_id = o.payment_intent_id
where d.state = 'waiting' and d.next_at <= to_timestamp($1::float8 / 1000) order by d.next_at limit $2`,
};

/**
 * All under the lease's row: who holds it no more writes nothing. Rows come sorted by key. An event is marked delivered also when its
 * row was replayed meanwhile: the endpoint did accept it. Rows that wait are those with a `next_at`: asked for by their state, the
 * planner would read all that wait by their index, for every row of the batch.
 */
const RECORD = {
  name: 'webhook_record',
  text: `with lease as materialized (
  select from job_leases where job = '${JOB}' and holder = $1 and until > clock_timestamp() for share),
told as materialized (
  select u.* from unnest($4::uuid[], $5::uuid[], $6::int4[], $7::int4[], $8::text[], $9::int4[], $10::float8[], $11::jsonb[])
    as u(endpoint_id, event_id, expected_tries, replays, state, tries, next_at, last_try) cross join lease),
begun as (
  insert into webhook_deliveries (endpoint_id, event_id, merchant_id, state, tries, replays, next_at, log, created_at, updated_at)
  select u.endpoint_id, u.event_id, o.merchant_id, u.state, u.tries, 0, to_timestamp(u.next_at / 1000),
    case when u.last_try is null then '[]' else jsonb_build_array(u.last_try) end, now(), now()
  from told u join outbox o on o.event_id = u.event_id and ${inBounds('o.event_id', '$2', '$3')}
  where u.expected_tries is null
  on conflict do nothing),
gone_on as (
  update webhook_deliveries d set state = u.state, tries = u.tries, next_at = to_timestamp(u.next_at / 1000), updated_at = now(),
    log = case when u.last_try is null then d.log
      else case when jsonb_array_length(d.log) >= ${LOG_MAX} then d.log - 0 else d.log end || u.last_try end
  from told u
  where u.event_id between $2::uuid and $3::uuid and d.endpoint_id = u.endpoint_id and d.event_id = u.event_id
    and ${inBounds('d.event_id', '$2', '$3')} and d.next_at is not null and d.tries = u.expected_tries and d.replays = u.replays),
marked as (
  update outbox o set dispatched_at = case when m.dispatched then coalesce(o.dispatched_at, now()) else o.dispatched_at end,
    delivered_at = case when m.delivered then coalesce(o.delivered_at, now()) else o.delivered_at end
  from unnest($12::uuid[], $13::bool[], $14::bool[]) as m(event_id, dispatched, delivered) cross join lease
  where o.event_id = m.event_id and ${inBounds('o.event_id', '$2', '$3')}
    and (m.dispatched and o.dispatched_at is null or m.delivered and o.delivered_at is null))
select count(*)::int as held from lease`,
};

const BACKLOG = {
  name: 'webhook_backlog',
  text: `select
  (select count(*) from (select from outbox where dispatched_at is null limit ${BACKLOG_MAX}) o)::int as undispatched,
  (select count(*) from (select from webhook_deliveries where state = 'waiting' limit ${BACKLOG_MAX}) d)::int as waiting,
  coalesce((select greatest(0, extract(epoch from clock_timestamp() - created_at) * 1000)
    from outbox where dispatched_at is null order by event_id limit 1), 0)::float8 as oldest_ms`,
};

/** Opens the queue; it connects in the background. */
export function createWebhookQueue(
  connectionString: string,
  { onLost }: { onLost?: (error: Error) => void } = {},
): WebhookQueue {
  const connection = openWebhookConnection(connectionString, 'sluice webhooks', onLost);
  return {
    async hold(holder, leaseMs) {
      return (await connection.rows(HOLD, [JOB, holder, leaseMs])).length === 1;
    },

    async release(holder) {
      await connection.rows(RELEASE, [JOB, holder]);
    },

    async newEvents(limit) {
      return (await connection.rows<EventRow>(NEW_EVENTS, [limit])).map(merchantEventOf);
    },

    async due(now, limit) {
      const rows = await connection.rows<DeliveryRow>(DUE, [now, limit]);
      return rows.map((row) => ({
        event: merchantEventOf(row),
        endpointId: withoutDashes(row.endpoint_id),
        tries: row.tries,
        replays: row.replays,
      }));
    },

    async record(holder, dispatched, records) {
      const [row] = await connection.rows<{ held: number }>(RECORD, [
        holder,
        ...columnsOf(dispatched, records),
      ]);
      return row!.held === 1;
    },

    async backlog() {
      const [row] = await connection.rows<{ undispatched: number; waiting: number; oldest_ms: number }>(
        BACKLOG,
        [],
      );
      return { undispatched: row!.undispatched, waiting: row!.waiting, oldestMs: row!.oldest_ms };
    },

    close: connection.close,
  };
}

const NO_ID = '0'.repeat(32);

/** Bounds of the events, then the columns of the deliveries and of the events. */
function columnsOf(dispatched: readonly string[], records: readonly DeliveryRecord[]): string[] {
  const told = records.toSorted(
    (a, b) => compare(a.endpointId, b.endpointId) || compare(a.eventId, b.eventId),
  );
  const isDispatched = new Set(dispatched);
  const isDelivered = new Set(
    records.filter(({ state }) => state === 'delivered').map(({ eventId }) => eventId),
  );
  const marked = [...new Set([...isDispatched, ...isDelivered])].sort();
  const events = [...new Set([...marked, ...records.map(({ eventId }) => eventId)])].sort();
  return [
    events[0] ?? NO_ID,
    events.at(-1) ?? NO_ID,
    bareArray(told.map(({ endpointId }) => endpointId)),
    bareArray(told.map(({ eventId }) => eventId)),
    bareArray(told.map(({ expectedTries }) => expectedTries)),
    bareArray(told.map(({ replays }) => replays)),
    bareArray(told.map(({ state }) => state)),
    bareArray(told.map(({ tries }) => tries)),
    bareArray(told.map(({ nextAt }) => nextAt)),
    jsonArray(told.map(({ lastTry }) => (lastTry === null ? null : JSON.stringify(lastTry)))),
    bareArray(marked),
    bareArray(marked.map((id) => isDispatched.has(id))),
    bareArray(marked.map((id) => isDelivered.has(id))),
  ];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
