/**
 * Bus: the one of this gateway's settings, for a thread that publishes or consumes, and what Kafka needs besides.
 *
 * @module
 */

import type { ApplyCallback, ApplyCorrection, Bus } from '../bus/bus.ts';
import { createKafkaBus } from '../bus/kafka/callback-bus.ts';
import { createKafka } from '../bus/kafka/connect.ts';
import { openInspection } from '../bus/kafka/inspect.ts';
import { createKafkaProducer } from '../bus/kafka/producer.ts';
import { createRelay } from '../bus/kafka/relay.ts';
import { createPostgresBus } from '../bus/postgres/callback-bus.ts';
import type { UnmatchedPage } from '../bus/postgres/match-again.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { randomBytes } from '../runtime/random.ts';
import { createRelayQueue } from '../storage/postgres/relay-queue.ts';
import { messageOf } from '../webhooks/message.ts';
import type { GatewayThread } from './gateway.ts';

/** What the background thread has and others have not: it consumes. */
export interface Consuming {
  correct: ApplyCorrection;
  /** Of each database. */
  unmatched: readonly UnmatchedPage[];
  /** Hears of failed matching. */
  onFailed(error: unknown): void;
}

/** Opens the bus: in Kafka where brokers are named, else in PostgreSQL. */
export function openBus(guest: GatewayThread, apply: ApplyCallback, consuming?: Consuming): Bus {
  const { options } = guest.options;
  const { log, metrics } = guest;
  if (options.kafka.brokers.length === 0) return createPostgresBus({ apply, ...consuming });
  return createKafkaBus({
    kafka: createKafka(options.kafka, `sluice-${guest.name}`, log),
    settings: options.kafka,
    direct: createPostgresBus({ apply: (callback) => apply(callback, { relay: true }), ...consuming }),
    ...(consuming !== undefined && { correct: consuming.correct }),
    log,
    metrics,
    monotonicMs,
  });
}

export interface BusUpkeep {
  /** Looks at what waits, for the metrics. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** Starts to put on Kafka what the shard databases hold for it; null where no brokers are named. */
export function startRelay(guest: GatewayThread): BusUpkeep | null {
  const { options } = guest.options;
  const { log, metrics } = guest;
  if (options.kafka.brokers.length === 0) return null;
  const producer = createKafkaProducer(createKafka(options.kafka, 'sluice-relay', log));
  const inspection = openInspection(options.kafka, 'sluice-inspection', log);
  const { topics } = inspection;
  const onLost = (error: Error): void =>
    log('warn', 'relay_connection_lost', { errorMessage: error.message });
  const queues = options.databases.shards.map((connectionString) =>
    createRelayQueue(connectionString, { onLost }),
  );
  const relay = createRelay({
    ...{ queues, producer, topics, log, metrics },
    valueOf: (event) => messageOf(event).body,
    holder: randomBytes(16).toString('hex'),
    timers: globalThis,
  });
  relay.start();

  async function lookAtTopics(): Promise<void> {
    const lags = await inspection.lags();
    for (const read of [topics.callbacks, topics.settlements]) {
      const ofTopic = lags.filter(({ topic }) => topic === read);
      metrics.busLag.of(read).set(ofTopic.reduce((sum, { lag }) => sum + lag, 0));
    }
    metrics.busParkedWaiting.of().set(await inspection.parkedWaiting());
  }

  return {
    async look() {
      // Brokers that are away are told of by the bus: the figures stay as they were.
      await Promise.all([relay.look(), lookAtTopics().catch(() => undefined)]);
    },
    async close() {
      await relay.stop();
      await Promise.allSettled([producer.close(), inspection.close()]);
      await Promise.all(queues.map((queue) => queue.close()));
    },
  };
}
