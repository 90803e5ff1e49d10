/**
 * Bus: the one of this gateway's settings, for a thread that publishes or consumes, and what Kafka needs besides.
 *
 * Kafka's client is four hundred files: a thread loads it only where brokers are named.
 *
 * @module
 */

import type { ApplyCallback, ApplyCorrection, Bus } from '../bus/bus.ts';
import { createPostgresBus } from '../bus/postgres/callback-bus.ts';
import type { UnmatchedPage } from '../bus/postgres/match-again.ts';
import type { GatewayThread } from './gateway.ts';

/** What the background thread has and others have not: it consumes. */
export interface Consuming {
  correct: ApplyCorrection;
  /** Of each database. */
  unmatched: readonly UnmatchedPage[];
  /** Hears of failed matching. */
  onFailed(error: unknown): void;
}

export interface BusUpkeep {
  /** Looks at what waits, for the metrics. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the bus: in Kafka where brokers are named, else in PostgreSQL. */
export async function openBus(
  guest: GatewayThread,
  apply: ApplyCallback,
  consuming?: Consuming,
): Promise<Bus> {
  if (!isOnKafka(guest)) return createPostgresBus({ apply, ...consuming });
  const direct = createPostgresBus({ apply: (callback) => apply(callback, { relay: true }), ...consuming });
  const { openKafkaBus } = await import('./kafka.ts');
  return openKafkaBus(guest, direct, consuming?.correct);
}

/** Starts to put on Kafka what the shard databases hold for it; null where no brokers are named. */
export async function startRelay(guest: GatewayThread): Promise<BusUpkeep | null> {
  return isOnKafka(guest) ? (await import('./kafka.ts')).startKafkaRelay(guest) : null;
}

function isOnKafka(guest: GatewayThread): boolean {
  return guest.options.options.kafka.brokers.length > 0;
}
