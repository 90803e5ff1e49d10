/**
 * Door: the outbox of one shard database and what became of its events.
 *
 * One gateway at a time delivers a database's events: whoever holds the lease of that job (job-leases.ts). Every write of a deliverer
 * checks it, so that one that was paused changes nothing when it wakes. Two may still post the same event: at least once is what
 * merchants are promised, and the event's id tells them.
 *
 * @module
 */

import type { DeliveryState, DeliveryTry, MerchantEvent } from '../domain/merchant-event.ts';
import type { WebhookEndpoint } from './webhook-endpoints.ts';

/** A delivery that is due. */
export interface DueDelivery {
  event: MerchantEvent;
  /** 32 hex digits. */
  endpointId: string;
  /** Tries so far since its first dispatch or last replay: which step of the schedule comes next. */
  tries: number;
  /** Times it was replayed; with `tries`, the compare of compare-and-set. */
  replays: number;
}

/** What a try, or giving up, makes of a delivery. */
export interface DeliveryRecord {
  eventId: string;
  endpointId: string;
  /** Null: the delivery has no row yet. Else the compare of compare-and-set, which changes waiting rows only. */
  expectedTries: number | null;
  /** As it was due with, 0 for one that has no row yet: a row that was replayed meanwhile stays as the replay made it. */
  replays: number;
  state: DeliveryState;
  tries: number;
  /** Milliseconds since 1970; null unless waiting. */
  nextAt: number | null;
  /** The try to be added to the log; null when none was made (parked, disabled). */
  lastTry: DeliveryTry | null;
}

/** A delivery as its merchant may see it. */
export interface ShownDelivery {
  event: MerchantEvent;
  endpointId: string;
  state: DeliveryState;
  tries: number;
  nextAt: number | null;
  /** Oldest first, at most 32. */
  log: DeliveryTry[];
}

/** The deliverer's side. All methods reject with StorageError when the database cannot be reached. */
export interface WebhookQueue {
  /** Becomes or stays the one deliverer for `leaseMs`. False: another is. */
  hold(holder: string, leaseMs: number): Promise<boolean>;
  /** Gives the lease back. */
  release(holder: string): Promise<void>;
  /** Events that are committed and not dispatched yet, oldest first. */
  newEvents(limit: number): Promise<MerchantEvent[]>;
  /** Waiting deliveries whose time has come, by `now` in milliseconds since 1970, longest due first. */
  due(now: number, limit: number): Promise<DueDelivery[]>;
  /**
   * Writes what became of deliveries, and marks the events whose deliveries are all recorded as dispatched, in one commit. An event
   * is marked delivered when an endpoint has accepted it. False: the lease is lost and nothing was written.
   */
  record(holder: string, dispatched: readonly string[], records: readonly DeliveryRecord[]): Promise<boolean>;
  /**
   * What waits, for the metrics: events not dispatched, deliveries waiting (each counted up to 100 000), and the age of the oldest
   * event not dispatched, ms.
   */
  backlog(): Promise<{ undispatched: number; waiting: number; oldestMs: number }>;
  close(): Promise<void>;
}

/** The merchant's side: one per shard database, used by the api thread. */
export interface WebhookLog {
  /** Deliveries of an endpoint, newest event first, below `before` (an event id). */
  list(
    endpointId: string,
    query: { state: DeliveryState | null; before: string | null; limit: number },
  ): Promise<ShownDelivery[]>;
  find(endpointId: string, eventId: string): Promise<ShownDelivery | undefined>;
  /** An event by its id, whoever was told; undefined when it is not this merchant's. */
  event(merchantId: string, eventId: string): Promise<MerchantEvent | undefined>;
  /** Makes one event due at this endpoint now, whatever became of it; false when it is not the endpoint's merchant's. */
  replayOne(
    endpoint: Pick<WebhookEndpoint, 'endpointId' | 'merchantId'>,
    eventId: string,
    now: number,
  ): Promise<boolean>;
  /**
   * Makes due now the deliveries of an endpoint with events from `from` up to and with `to` (ms since 1970), oldest first, at most `limit`.
   * Tells the last event it touched, from where to go on, or null at the end.
   */
  replayRange(
    endpointId: string,
    range: {
      from: number;
      to: number;
      after: string | null;
      states: readonly DeliveryState[];
      limit: number;
    },
    now: number,
  ): Promise<{ replayed: number; next: string | null }>;
  close(): Promise<void>;
}
