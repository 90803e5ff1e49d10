/**
 * Inspect: how far the gateways are behind, what is parked, and sending it again. For metrics and for operators.
 *
 * @module
 */

import type { Admin, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { KafkaOptions } from '../../config/options.ts';
import type { Log } from '../../metrics/log.ts';
import { createKafka } from './connect.ts';
import { createKafkaProducer } from './producer.ts';
import { type Topics, topicsOf } from './topics.ts';

/** Of one partition. */
export interface Lag {
  topic: string;
  partition: number;
  /** Messages there that the group has not committed. */
  lag: number;
}

/** A message that could not be applied, and where it came from. */
export interface ParkedMessage {
  /** `txn_…`, or the processor's id of a callback of no transaction. */
  key: string;
  reason: string;
  topic: string;
  partition: number;
  offset: string;
  /** Milliseconds since 1970 when it was parked. */
  parkedAt: number;
}

/** A look at the topics from outside. All methods reject with the client's own error. */
export interface Inspection {
  topics: Topics;
  /** How far the gateways' group is behind, partition by partition of both topics it reads. */
  lags(): Promise<Lag[]>;
  /** Parked messages that nobody has sent again. */
  parkedWaiting(): Promise<number>;
  /** Goes through them; with `replay` each is sent to its topic again, and `onMessage` hears of it then. */
  readParked(onMessage: (message: ParkedMessage) => void, how: { replay: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** Opens it; it connects when it is first asked, and again after a failure. */
export function openInspection(options: KafkaOptions, clientId: string, log: Log): Inspection {
  const kafka = createKafka(options, clientId, log);
  const producer = createKafkaProducer(kafka);
  const admin = kafka.admin();
  const topics = topicsOf(options);
  return {
    topics,
    async lags() {
      await admin.connect();
      const { callbacks, settlements, callbackGroup } = topics;
      const both = await Promise.all(
        [callbacks, settlements].map((topic) => lagOf(admin, topic, callbackGroup)),
      );
      return both.flat();
    },
    async parkedWaiting() {
      await admin.connect();
      return await parkedWaiting(admin, topics);
    },
    async readParked(onMessage, { replay }) {
      await admin.connect();
      const send = replay ? resend : null;
      await readParked({ kafka, admin, topics, onMessage, send });
    },
    async close() {
      await Promise.all([producer.close(), admin.disconnect()]);
    },
  };

  async function resend(
    topic: string,
    message: Pick<KafkaMessage, 'key' | 'value' | 'headers'>,
  ): Promise<void> {
    await producer.send(topic, [message]);
  }
}

async function parkedWaiting(
  admin: Pick<Admin, 'fetchOffsets' | 'fetchTopicOffsets'>,
  { parked, parkedGroup }: Topics,
): Promise<number> {
  return (await lagOf(admin, parked, parkedGroup)).reduce((sum, { lag }) => sum + lag, 0);
}

async function lagOf(
  admin: Pick<Admin, 'fetchOffsets' | 'fetchTopicOffsets'>,
  topic: string,
  groupId: string,
): Promise<Lag[]> {
  const ends = await admin.fetchTopicOffsets(topic);
  const [group] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  return ends
    .map(({ partition, low, high }) => {
      // -1: the group has committed nothing. What retention has taken is not waited for.
      const from = Math.max(committed.get(partition) ?? -1, Number(low));
      return { topic, partition, lag: Math.max(0, Number(high) - from) };
    })
    .sort((a, b) => a.partition - b.partition);
}

interface ParkedDeps {
  kafka: Kafka;
  admin: Pick<Admin, 'fetchOffsets' | 'fetchTopicOffsets'>;
  topics: Topics;
  /** Hears of each message in turn. */
  onMessage(message: ParkedMessage): void;
  /** Sends it again: each message is, and counted as sent only then. Null: they are only looked at. */
  send: ((topic: string, message: Pick<KafkaMessage, 'key' | 'value' | 'headers'>) => Promise<void>) | null;
}

/** Goes through the parked messages that wait at this moment. Rejects with the client's own error. */
async function readParked({ kafka, admin, topics, onMessage, send }: ParkedDeps): Promise<void> {
  const [end] = await admin.fetchTopicOffsets(topics.parked);
  if (end === undefined || (await parkedWaiting(admin, topics)) === 0) return;
  const last = Number(end.high) - 1;
  const ended = Promise.withResolvers<void>();
  const consumer = kafka.consumer({
    groupId: topics.parkedGroup,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: 500,
    retry: { restartOnFailure: async () => false },
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => ended.reject(payload.error));

  async function takeBatch({ batch, resolveOffset, heartbeat, isRunning }: EachBatchPayload): Promise<void> {
    for (const message of batch.messages) {
      if (!isRunning() || Number(message.offset) > last) break;
      const parked = parkedMessage(message);
      if (send !== null) await send(originOf(parked, topics), withoutPlace(message));
      // The next fetch goes on after it; where nothing is sent again nothing is committed.
      resolveOffset(message.offset);
      onMessage(parked);
      await heartbeat();
    }
    // Their offsets are committed when the batch has ended.
    if (Number(batch.lastOffset()) >= last) setImmediate(ended.resolve);
  }

  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topics.parked], fromBeginning: true });
    await consumer.run({ eachBatchAutoResolve: false, autoCommit: send !== null, eachBatch: takeBatch });
    await ended.promise;
  } finally {
    await consumer.disconnect();
  }
}

function parkedMessage({ key, headers, timestamp }: KafkaMessage): ParkedMessage {
  const header = (name: string): string => String(headers?.[`sluice-parked-${name}`] ?? '');
  return {
    key: String(key ?? ''),
    reason: header('reason'),
    topic: header('topic'),
    partition: Number(header('partition')),
    offset: header('offset'),
    parkedAt: Number(timestamp),
  };
}

/** The topic a parked message is from: one of those the gateways read, whatever its header says. */
function originOf({ topic }: ParkedMessage, { callbacks, settlements }: Topics): string {
  return topic === settlements ? settlements : callbacks;
}

function withoutPlace({
  key,
  value,
  headers,
}: KafkaMessage): Pick<KafkaMessage, 'key' | 'value' | 'headers'> {
  const kept = Object.entries(headers ?? {}).filter(([name]) => !name.startsWith('sluice-parked-'));
  return { key, value, headers: Object.fromEntries(kept) };
}
