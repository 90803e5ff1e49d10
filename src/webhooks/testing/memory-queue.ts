/**
 * Memory queue: the outbox and the deliveries of one shard database, in memory, for tests of the deliverer.
 *
 * It answers a tick later, as a database would, and keeps every compare of the door.
 *
 * @module
 */

import type { DeliveryTry, MerchantEvent } from '../../domain/merchant-event.ts';
import type { DeliveryRecord, WebhookQueue } from '../../storage/webhook-deliveries.ts';
import { deliveryKey } from '../record-writer.ts';

/** A delivery's row. */
export interface MemoryDelivery extends Omit<DeliveryRecord, 'expectedTries' | 'lastTry'> {
  event: MerchantEvent;
  log: DeliveryTry[];
}

export interface MemoryQueue extends WebhookQueue {
  /** An event is committed. */
  add(event: MerchantEvent): void;
  rows: ReadonlyMap<string, MemoryDelivery>;
  /** Events not dispatched. */
  undispatched(): number;
  /** Writes so far, and the records in them. */
  writes(): number;
  recordsWritten(): number;
  /** Whether a call has not been answered yet. */
  busy(): boolean;
  /** Makes a delivery due now, whatever became of it. */
  replay(eventId: string, endpointId: string, now: number): void;
  /** The soonest next try; undefined when nothing waits. */
  nextAt(): number | undefined;
  /** While set, every call rejects with it. */
  failWith(error: Error | null): void;
  /** Another gateway takes the lease. */
  takeLease(holder: string | null): void;
}

export function createMemoryQueue(): MemoryQueue {
  const events = new Map<string, MerchantEvent>();
  const undispatched = new Map<string, MerchantEvent>();
  const rows = new Map<string, MemoryDelivery>();
  let lease: string | null = null;
  let failure: Error | null = null;
  let writes = 0;
  let recordsWritten = 0;
  let calls = 0;

  /** An answer comes after the event loop has turned, of what was true when the question arrived. */
  async function answer<Value>(read: () => Value): Promise<Value> {
    calls++;
    try {
      await new Promise((resolve) => setImmediate(resolve));
      if (failure !== null) throw failure;
      const value = read();
      await new Promise((resolve) => setImmediate(resolve));
      return value;
    } finally {
      calls--;
    }
  }

  function write(record: DeliveryRecord): void {
    const { expectedTries, lastTry, ...state } = record;
    const key = deliveryKey(record.eventId, record.endpointId);
    const row = rows.get(key);
    if (expectedTries === null) {
      if (row === undefined)
        rows.set(key, {
          ...state,
          event: events.get(record.eventId)!,
          log: lastTry === null ? [] : [lastTry],
        });
      return;
    }
    if (row?.state !== 'waiting' || row.tries !== expectedTries || row.replays !== record.replays) return;
    Object.assign(row, state);
    if (lastTry !== null) row.log.push(lastTry);
  }

  return {
    rows,
    undispatched: () => undispatched.size,
    writes: () => writes,
    recordsWritten: () => recordsWritten,
    busy: () => calls > 0,
    add(event) {
      events.set(event.eventId, event);
      undispatched.set(event.eventId, event);
    },
    replay(eventId, endpointId, now) {
      const row = rows.get(deliveryKey(eventId, endpointId))!;
      Object.assign(row, { state: 'waiting', tries: 0, nextAt: now, replays: row.replays + 1 });
    },
    nextAt() {
      const waiting = [...rows.values()].flatMap(({ nextAt }) => nextAt ?? []);
      return waiting.length === 0 ? undefined : Math.min(...waiting);
    },
    failWith(error) {
      failure = error;
    },
    takeLease(holder) {
      lease = holder;
    },
    hold: (holder) =>
      answer(() => {
        lease ??= holder;
        return lease === holder;
      }),
    release: (holder) =>
      answer(() => {
        if (lease === holder) lease = null;
      }),
    newEvents: (limit) => answer(() => [...undispatched.values()].slice(0, limit)),
    due: (now, limit) =>
      answer(() =>
        [...rows.values()]
          .filter(({ state, nextAt }) => state === 'waiting' && nextAt! <= now)
          .sort((a, b) => a.nextAt! - b.nextAt!)
          .slice(0, limit)
          .map(({ event, endpointId, tries, replays }) => ({ event, endpointId, tries, replays })),
      ),
    record: (holder, dispatched, records) =>
      answer(() => {
        if (lease !== holder) return false;
        writes++;
        recordsWritten += records.length;
        for (const record of records) write(record);
        for (const eventId of dispatched) undispatched.delete(eventId);
        return true;
      }),
    backlog: () =>
      answer(() => ({
        undispatched: undispatched.size,
        waiting: [...rows.values()].filter(({ state }) => state === 'waiting').length,
        oldestMs: 0,
      })),
    close: async () => undefined,
  };
}
