/**
 * Kafka of this gateway's settings: the bus in front of the one in PostgreSQL, and the relay of what was decided.
 *
 * @module
 */

import type { ApplyCorrection, Bus } from '../bus/bus.ts';
import { createKafkaBus } from '../bus/kafka/callback-bus.ts';
import { createKafka } from '../bus/kafka/connect.ts';
import { openInspection } from '../bus/kafka/inspect.ts';
import { createKafkaProducer } from '../bus/kafka/producer.ts';
import { createRelay } from '../bus/kafka/relay.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { randomBytes } from '../runtime/random.ts';
import { createRelayQueue } from '../storage/postgres/relay-queue.ts';
import { messageOf } from '../webhooks/message.ts';
import type { BusUpkeep } from './bus.ts';
import type { GatewayThread } from './gateway.ts';

/**
 * @param direct takes what Kafka does not
 * @param correct of the thread that consumes
 */
export function openKafkaBus(guest: GatewayThread, direct: Bus, correct: ApplyCorrection | undefined): Bus {
  const { log, metrics } = guest;
  const settings = guest.options.options.kafka;
  return createKafkaBus({
    kafka: createKafka(settings, `sluice-${guest.name}`, log),
    ...{ settings, direct, log, metrics, monotonicMs },
    ...(correct !== undefined && { correct }),
  });
}

/** Starts to put on Kafka what the shard databases hold for it. */
export function startKafkaRelay(guest: GatewayThread): BusUpkeep {
  const { options } = guest.options;
  const { log, metrics } = guest;
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
