/**
 * Webhook rows: events and deliveries as they are read, and the connection they are read over, the same for the deliverer and
 * for the merchants' log.
 *
 * @module
 */

import type { DeliveryTry, MerchantEvent } from '../../domain/merchant-event.ts';
import { withoutDashes } from './commit-turn.ts';
import { createConnection } from './connection.ts';
import { failureOf, storageErrorOf } from './errors.ts';
import { PINNED_PLANS } from './shard-store.ts';

/** Rows in the order of an index, each joined row by its primary key: partitions prune, and a limit ends the walk. */
const SETTINGS = {
  ...PINNED_PLANS,
  enable_bitmapscan: 'off',
  // A statement that waited for another's row fails with 40001 instead of going on with half of it (decision 0007).
  default_transaction_isolation: 'repeatable\\ read',
};

/** A connection that was lost comes back within this, or work is refused until it does: a merchant who asks is answered quickly. */
const RECONNECT_WAIT_MS = 200;
/** Runs of a statement that others' changes undo. */
const REPEATS_MAX = 5;
/** What a delivery's log keeps. */
export const LOG_MAX = 32;
/** After every id there is. */
export const AFTER_ALL = 'f'.repeat(32);

export interface WebhookConnection {
  /** Rejects with StorageError; a deadlock or a row that changed meanwhile is tried again first. */
  rows<Row extends object>(statement: { name: string; text: string }, values: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** Opens the connection in the background. */
export function openWebhookConnection(
  connectionString: string,
  applicationName: string,
  onLost?: (error: Error) => void,
): WebhookConnection {
  const link = createConnection({
    connectionString,
    applicationName,
    settings: SETTINGS,
    ...(onLost !== undefined && { onLost }),
  });
  return {
    async rows<Row extends object>(
      statement: { name: string; text: string },
      values: unknown[],
    ): Promise<Row[]> {
      for (let run = 1; ; run++) {
        if (!link.connected()) await link.whenBack(RECONNECT_WAIT_MS);
        try {
          return (await link.query<Row>({ ...statement, values })).rows;
        } catch (error) {
          if (failureOf(error) !== 'repeat' || run === REPEATS_MAX) throw storageErrorOf(error);
        }
      }
    },
    close: link.close,
  };
}

/** Columns of an event: `o` its outbox row, `i` its intent. Attempts have amount, currency and customer from their intent. */
export const EVENT_COLUMNS = `o.event_id, o.merchant_id, o.type, o.status, o.sequence, o.payment_intent_id, o.transaction_id,
  o.failure_code, (extract(epoch from o.created_at) * 1000)::float8 as created_at,
  i.order_id, i.customer_id, i.amount::float8 as amount, i.currency`;

export interface EventRow {
  event_id: string;
  merchant_id: string;
  type: MerchantEvent['type'];
  status: MerchantEvent['status'];
  sequence: number;
  payment_intent_id: string;
  transaction_id: string | null;
  failure_code: string | null;
  created_at: number;
  order_id: string;
  customer_id: string | null;
  amount: number;
  currency: string;
}

export function merchantEventOf(row: EventRow): MerchantEvent {
  return {
    eventId: withoutDashes(row.event_id),
    merchantId: row.merchant_id,
    type: row.type,
    status: row.status,
    sequence: row.sequence,
    paymentIntentId: withoutDashes(row.payment_intent_id),
    transactionId: row.transaction_id === null ? null : withoutDashes(row.transaction_id),
    orderId: row.order_id,
    customerId: row.customer_id,
    amount: row.amount,
    currency: row.currency,
    failureCode: row.failure_code,
    // Some come with microseconds; a moment outside is whole milliseconds.
    createdAt: Math.floor(row.created_at),
  };
}

/** A delivery's own columns, `d`. */
export interface DeliveryRow extends EventRow {
  endpoint_id: string;
  state: 'waiting' | 'delivered' | 'dead';
  tries: number;
  replays: number;
  next_at: number | null;
  log: DeliveryTry[];
}
