/**
 * Webhook log: the merchants' side of the deliveries of one shard database, on a connection of its own.
 *
 * An endpoint's deliveries lie in its part of the primary key, day by day: a page is read from its end of the days on, and ends at
 * its limit. Those that are not delivered have an index of their own, so that one dead among a million is found as quickly.
 *
 * @module
 */

import { firstIdAt } from '../../domain/ids.ts';
import type { DeliveryState } from '../../domain/merchant-event.ts';
import type { ShownDelivery, WebhookLog } from '../webhook-deliveries.ts';
import { bareArray } from './array-literal.ts';
import { withoutDashes } from './commit-turn.ts';
import { inBounds } from './statements/commit-turn.ts';
import {
  AFTER_ALL,
  type DeliveryRow,
  EVENT_COLUMNS,
  type EventRow,
  merchantEventOf,
  openWebhookConnection,
} from './webhook-rows.ts';

const SHOWN = `select d.endpoint_id, d.state, d.tries, d.replays, (extract(epoch from d.next_at) * 1000)::float8 as next_at, d.log, ${EVENT_COLUMNS}
from webhook_deliveries d
join outbox o on o.event_id = d.event_id
join payment_intents i on i.payment_intent_id = o.payment_intent_id`;

/** One statement per state: a state that is a parameter finds no partial index. */
const LISTS: Readonly<Record<DeliveryState | 'all', { name: string; text: string }>> = {
  all: listOf('all', ''),
  waiting: listOf('waiting', "and d.state = 'waiting' and d.state <> 'delivered'"),
  dead: listOf('dead', "and d.state = 'dead' and d.state <> 'delivered'"),
  delivered: listOf('delivered', "and d.state = 'delivered'"),
};

function listOf(name: string, state: string): { name: string; text: string } {
  return {
    name: `webhook_list_${name}`,
    text: `${SHOWN}
where d.endpoint_id = $1::uuid and d.event_id < $2::uuid ${state} order by d.event_id desc limit $3`,
  };
}

const FIND = {
  name: 'webhook_find',
  text: `${SHOWN} where d.endpoint_id = $1::uuid and d.event_id = $2::uuid`,
};

const EVENT = {
  name: 'webhook_event',
  text: `select ${EVENT_COLUMNS} from outbox o join payment_intents i on i.payment_intent_id = o.payment_intent_id
where o.event_id = $2::uuid and o.merchant_id = $1`,
};

/** What a replay makes of a row: its schedule begins anew, its log stays, and what the deliverer has under way no longer fits. */
const REPLAYED =
  "state = 'waiting', tries = 0, replays = d.replays + 1, next_at = to_timestamp($1::float8 / 1000), updated_at = now()";

const REPLAY_ONE = {
  name: 'webhook_replay_one',
  text: `insert into webhook_deliveries as d (endpoint_id, event_id, merchant_id, state, tries, replays, next_at, log, created_at, updated_at)
select $2::uuid, o.event_id, o.merchant_id, 'waiting', 0, 0, to_timestamp($1::float8 / 1000), '[]', now(), now()
from outbox o where o.event_id = $3::uuid and o.merchant_id = $4
on conflict (endpoint_id, event_id) do update set ${REPLAYED} where d.merchant_id = $4
returning d.event_id`,
};

/** Ranges that leave delivered ones out find the rest by their index. */
const REPLAY_RANGES = {
  open: replayRangeOf('open', "and d.state <> 'delivered'"),
  any: replayRangeOf('any', ''),
};

function replayRangeOf(name: string, state: string): { name: string; text: string } {
  return {
    name: `webhook_replay_${name}`,
    text: `with picked as materialized (
  select d.endpoint_id, d.event_id from webhook_deliveries d
  where d.endpoint_id = $2::uuid and d.event_id >= $3::uuid and d.event_id < $4::uuid and d.event_id > $5::uuid
    and d.state = any ($6::text[]) ${state}
  order by d.event_id limit $7),
replayed as (
  update webhook_deliveries d set ${REPLAYED} from picked p
  where p.event_id between $3::uuid and $4::uuid and d.endpoint_id = p.endpoint_id and d.event_id = p.event_id
    and ${inBounds('d.event_id', '$3', '$4')})
select event_id from picked order by event_id`,
  };
}

/** Opens the log; it connects in the background. */
export function createWebhookLog(
  connectionString: string,
  { onLost }: { onLost?: (error: Error) => void } = {},
): WebhookLog {
  const connection = openWebhookConnection(connectionString, 'sluice webhook log', onLost);
  return {
    async list(endpointId, { state, before, limit }) {
      const rows = await connection.rows<DeliveryRow>(LISTS[state ?? 'all'], [
        endpointId,
        before ?? AFTER_ALL,
        limit,
      ]);
      return rows.map(shownOf);
    },

    async find(endpointId, eventId) {
      const [row] = await connection.rows<DeliveryRow>(FIND, [endpointId, eventId]);
      return row && shownOf(row);
    },

    async event(merchantId, eventId) {
      const [row] = await connection.rows<EventRow>(EVENT, [merchantId, eventId]);
      return row && merchantEventOf(row);
    },

    async replayOne({ endpointId, merchantId }, eventId, now) {
      return (await connection.rows(REPLAY_ONE, [now, endpointId, eventId, merchantId])).length === 1;
    },

    async replayRange(endpointId, { from, to, after, states, limit }, now) {
      const range = states.includes('delivered') ? REPLAY_RANGES.any : REPLAY_RANGES.open;
      const picked = await connection.rows<{ event_id: string }>(range, [
        now,
        endpointId,
        firstIdAt(from),
        // Up to and including the millisecond `to`.
        firstIdAt(to + 1),
        after ?? '0'.repeat(32),
        bareArray(states),
        limit,
      ]);
      const next = picked.length === limit ? withoutDashes(picked.at(-1)!.event_id) : null;
      return { replayed: picked.length, next };
    },

    close: connection.close,
  };
}

function shownOf(row: DeliveryRow): ShownDelivery {
  return {
    event: merchantEventOf(row),
    endpointId: withoutDashes(row.endpoint_id),
    state: row.state,
    tries: row.tries,
    nextAt: row.next_at,
    log: row.log,
  };
}
