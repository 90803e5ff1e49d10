/**
 * Record writer: what became of deliveries, gathered and written in one commit, one write after the other.
 *
 * @module
 */

import type { Timers } from '../runtime/clock.ts';
import type { DeliveryRecord, WebhookQueue } from '../storage/webhook-deliveries.ts';

export interface RecordWriter {
  /**
   * Has it written. A record of a delivery whose record before is still unwritten takes its place.
   * @param last false for a record that another will follow: its delivery stays in hand
   */
  put(dispatched: readonly string[], records: readonly DeliveryRecord[], last: boolean): void;
  /** Records and events not written yet. */
  size(): number;
}

export interface RecordWriterDeps {
  queue: WebhookQueue;
  holder: string;
  timers: Timers;
  /** These events, and the deliveries with their last record, are written, or the lease is lost and they are not ours any more. */
  onSettled(eventIds: readonly string[], deliveries: readonly string[], written: boolean): void;
  onFailed(error: unknown): void;
}

/** So long a write waits for company: a tenth of what a merchant would notice, and fifty commits a second at most. */
const LINGER_MS = 20;
const BATCH_MAX = 1000;
const BACKOFF_MS_MAX = 5000;

/** A delivery's name while it is in hand. */
export function deliveryKey(eventId: string, endpointId: string): string {
  return `${eventId}/${endpointId}`;
}

interface Unwritten {
  record: DeliveryRecord;
  last: boolean;
}

export function createRecordWriter(deps: RecordWriterDeps): RecordWriter {
  const { queue, holder, timers } = deps;
  const records = new Map<string, Unwritten>();
  const events = new Set<string>();
  let underWay = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || records.size + events.size === 0) return;
    scheduled = true;
    timers.setTimeout(() => void flush(), LINGER_MS);
  }

  async function flush(): Promise<void> {
    const batch = [...records.values()].slice(0, BATCH_MAX);
    for (const { record } of batch) records.delete(deliveryKey(record.eventId, record.endpointId));
    // An event is dispatched with its last record or after it, never before.
    const unwritten = new Set([...records.values()].map(({ record }) => record.eventId));
    const dispatched = [...events].filter((eventId) => !unwritten.has(eventId));
    for (const eventId of dispatched) events.delete(eventId);
    underWay = batch.length + dispatched.length;
    const written = await write(dispatched, batch);
    underWay = 0;
    const ended = batch
      .filter(({ last }) => last)
      .map(({ record }) => deliveryKey(record.eventId, record.endpointId));
    deps.onSettled(dispatched, ended, written);
    scheduled = false;
    schedule();
  }

  /** Until the database has answered: the same batch again changes nothing that it has changed already. */
  async function write(dispatched: readonly string[], batch: readonly Unwritten[]): Promise<boolean> {
    for (let failures = 0; ; failures++) {
      try {
        return await queue.record(
          holder,
          dispatched,
          batch.map(({ record }) => record),
        );
      } catch (error) {
        deps.onFailed(error);
        const pauseMs = Math.min(100 * 2 ** Math.min(failures, 10), BACKOFF_MS_MAX);
        await new Promise<void>((resolve) => timers.setTimeout(resolve, pauseMs));
      }
    }
  }

  return {
    put(dispatched, fresh, last) {
      for (const eventId of dispatched) events.add(eventId);
      for (const record of fresh) {
        const key = deliveryKey(record.eventId, record.endpointId);
        const before = records.get(key);
        const expectedTries = before === undefined ? record.expectedTries : before.record.expectedTries;
        records.set(key, { record: { ...record, expectedTries }, last });
      }
      schedule();
    },
    size: () => records.size + events.size + underWay,
  };
}
