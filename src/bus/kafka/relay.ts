/**
 * Relay: puts on Kafka what the shard databases hold for it: callbacks that came past it while it was away, and what Sluice decided.
 *
 * One gateway at a time works on a database, by a lease. A page is read, sent, acknowledged and only then taken off, so that what is
 * there is there at least once, and a payment's events in the order of their number: an event is committed after the one before it,
 * and a page holds the queue's first in that order.
 *
 * @module
 */

import type { Message } from 'kafkajs';
import { showEventId, showIntentId, showTransactionId } from '../../domain/ids.ts';
import type { MerchantEvent } from '../../domain/merchant-event.ts';
import type { Log } from '../../metrics/log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Timers } from '../../runtime/clock.ts';
import type { RelayQueue, WaitingCallback } from '../../storage/relay-queue.ts';
import { callbackMessage, VERSION, VERSION_HEADER } from './callback-message.ts';
import type { KafkaProducer } from './producer.ts';
import type { Topics } from './topics.ts';

export interface RelayOptions {
  /** One for each shard database, in their order. */
  queues: readonly RelayQueue[];
  producer: Pick<KafkaProducer, 'send'>;
  topics: Pick<Topics, 'callbacks' | 'statuses'>;
  /** The value of an event's message. */
  valueOf(event: MerchantEvent): Buffer;
  /** Who holds the lease: unique to the process. */
  holder: string;
  log: Log;
  metrics: Pick<Metrics, 'busRelayed' | 'busToRelay'>;
  timers: Timers;
  /** Milliseconds between two looks at a queue that was empty. Default 500. */
  everyMs?: number;
}

export interface Relay {
  start(): void;
  /** Counts what waits, for the metrics. Rejects when a database does not answer. */
  look(): Promise<void>;
  /** Ends after the page under way, and gives the leases up. */
  stop(): Promise<void>;
}

const PAGE = 500;
/** Longer than a page takes even when brokers do not answer: then the send fails first. */
const LEASE_MS = 15_000;
const EVERY_MS = 500;
/** After a failure: doubled each time, up to this. */
const EVERY_MS_MAX = 5000;

/** Relays one page at most; false: nothing more waits. */
type RelayPage = (queue: RelayQueue, page: number) => Promise<boolean>;

/** Makes the relay of all shard databases. */
export function createRelay(options: RelayOptions): Relay {
  const { queues, producer, topics, holder, log, metrics, timers } = options;
  const stopping = Promise.withResolvers<void>();
  let stopped = false;
  let lanes: Promise<void>[] = [];

  /** Goes on with pages of one kind until it is stopped. Each kind by itself: a topic that takes nothing keeps no other waiting. */
  async function work(queue: RelayQueue, database: number, relayPage: RelayPage): Promise<void> {
    const everyMs = options.everyMs ?? EVERY_MS;
    let failures = 0;
    let page = PAGE;
    while (!stopped) {
      try {
        for (let full = true; full && !stopped && (await queue.hold(holder, LEASE_MS)); ) {
          full = await relayPage(queue, page);
          // Taken again: what has gathered is caught up with by whole pages, while more comes.
          page = Math.min(PAGE, page * 2);
        }
        failures = 0;
      } catch (error) {
        if (failures === 0) log('warn', 'bus_relay_failed', { database, errorMessage: String(error) });
        failures++;
        // A page of large messages may be more than a broker takes.
        page = Math.max(1, Math.floor(page / 2));
      }
      const ms = Math.min(everyMs * 2 ** failures, Math.max(everyMs, EVERY_MS_MAX));
      await Promise.race([pause(ms), stopping.promise]);
    }
  }

  async function workBoth(queue: RelayQueue, database: number): Promise<void> {
    await Promise.all([work(queue, database, relayCallbacks), work(queue, database, relayEvents)]);
    // Without it the next holder waits for the lease to end.
    await queue.release(holder).catch(() => undefined);
  }

  async function relayCallbacks(queue: RelayQueue, page: number): Promise<boolean> {
    const callbacks = await queue.callbacks(page);
    if (callbacks.length === 0) return false;
    await producer.send(topics.callbacks, callbacks.map(messageOfCallback));
    await queue.callbacksRelayed(callbacks);
    metrics.busRelayed.of('callbacks').add(callbacks.length);
    return callbacks.length === page;
  }

  async function relayEvents(queue: RelayQueue, page: number): Promise<boolean> {
    const events = await queue.events(page);
    if (events.length === 0) return false;
    const messages = events.flatMap(({ event }) => (event === null ? [] : [messageOfEvent(event)]));
    if (messages.length > 0) await producer.send(topics.statuses, messages);
    await queue.eventsRelayed(events);
    metrics.busRelayed.of('statuses').add(messages.length);
    return events.length === page;
  }

  /** Each by itself: a database that is away leaves the others' figures true. */
  async function lookAt(queue: RelayQueue, database: number): Promise<void> {
    const { callbacks, events } = await queue.backlog();
    metrics.busToRelay.of(String(database), 'callbacks').set(callbacks);
    metrics.busToRelay.of(String(database), 'statuses').set(events);
  }

  function messageOfEvent(event: MerchantEvent): Message {
    const { transactionId, paymentIntentId } = event;
    return {
      key: transactionId === null ? showIntentId(paymentIntentId) : showTransactionId(transactionId),
      value: options.valueOf(event),
      headers: { [VERSION_HEADER]: VERSION, 'sluice-event-id': showEventId(event.eventId) },
    };
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => timers.setTimeout(resolve, ms));
  }

  return {
    start() {
      lanes = queues.map(workBoth);
    },
    async look() {
      await Promise.all(queues.map(lookAt));
    },
    async stop() {
      stopped = true;
      stopping.resolve();
      await Promise.all(lanes);
    },
  };
}

function messageOfCallback({
  processor,
  eventId,
  transactionId,
  word,
  receivedAt,
}: WaitingCallback): Message {
  return callbackMessage({
    processor,
    callbackId: eventId,
    transactionId,
    word: JSON.parse(word),
    receivedAt,
  });
}
