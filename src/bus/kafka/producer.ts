/**
 * Producer: puts messages on a topic, acknowledged by every copy in sync.
 *
 * @module
 */

import type { Kafka, Message, Producer } from 'kafkajs';
import { byLogicalShard } from './topics.ts';

export interface KafkaProducer {
  /** Resolves when all are acknowledged; after a rejection none, some or all of them may be there. */
  send(topic: string, messages: Message[]): Promise<void>;
  close(): Promise<void>;
}

/** The broker gives its copies this long. */
const COPIES_TIMEOUT_MS = 2000;
const ALL_IN_SYNC = -1;

/**
 * Makes a producer; it connects with the first send, and anew with the next after one that failed. Without retries of its own a client
 * (2.2.4, `sendMessages.js`) does not ask who leads its partitions after a broker was silent, and goes on for ever with one whose
 * connection is gone: after a minute without brokers it said "Broker not connected" to every send. Another client asks when it begins.
 * Whoever sends rests after a failure (`breaker.ts`, `relay.ts`), so that clients are not made without end.
 */
export function createKafkaProducer(kafka: Kafka): KafkaProducer {
  let client = createClient(kafka);
  return {
    async send(topic, messages) {
      const used = client;
      try {
        await used.connect();
        await used.producer.send({ topic, messages, acks: ALL_IN_SYNC, timeout: COPIES_TIMEOUT_MS });
      } catch (error) {
        if (client === used) {
          client = createClient(kafka);
          // It ends when what is under way on it has.
          void used.close().catch(() => undefined);
        }
        throw error;
      }
    },
    close: () => client.close(),
  };
}

interface Client {
  producer: Producer;
  connect(): Promise<void>;
  close(): Promise<void>;
}

function createClient(kafka: Kafka): Client {
  const producer = kafka.producer({
    createPartitioner: byLogicalShard,
    allowAutoTopicCreation: false,
    // Its own retries lose messages: see connect.ts.
    retry: { retries: 0 },
  });
  let connected: Promise<void> | null = null;
  return {
    producer,
    connect() {
      connected ??= producer.connect();
      return connected;
    },
    async close() {
      await connected?.catch(() => undefined);
      await producer.disconnect();
    },
  };
}
