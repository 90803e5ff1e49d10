/**
 * Topics: their names, how they are made, and which partition a payment's messages are in.
 *
 * A topic that is there keeps what it has, its number of partitions too.
 *
 * @module
 */

import type { Admin, ICustomPartitioner } from 'kafkajs';
import type { KafkaOptions } from '../../config/options.ts';
import {
  LOGICAL_SHARDS,
  parseIntentId,
  parseTransactionId,
  shardOfId,
  shardOfMerchant,
} from '../../domain/ids.ts';

/** The topics of an installation and its consumer groups. */
export interface Topics {
  /** What processors said. */
  callbacks: string;
  /** What settlement files said. */
  settlements: string;
  /** What Sluice decided. */
  statuses: string;
  /** Messages of `callbacks` and `settlements` that could not be applied. */
  parked: string;
  /** The gateways, who apply `callbacks` and `settlements`. */
  callbackGroup: string;
  /** Up to where an operator has sent `parked` again. */
  parkedGroup: string;
}

/** All names, behind the installation's prefix. */
export function topicsOf({ prefix }: Pick<KafkaOptions, 'prefix'>): Topics {
  return {
    callbacks: `${prefix}payment_callback_status`,
    settlements: `${prefix}payment_processor_status`,
    statuses: `${prefix}payment_status`,
    parked: `${prefix}payment_callback_status.parked`,
    callbackGroup: `${prefix}sluice-callbacks`,
    parkedGroup: `${prefix}sluice-parked`,
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Long enough for a weekend's outage of everything; PostgreSQL keeps what was said for good. */
const WORDS_DAYS = 7;
/** Readers of ours and of others that were away for weeks. */
const KEPT_DAYS = 30;
/** From this many copies on, one broker may be away and a write is still on two. */
const SAFE_REPLICATION = 3;
const ALREADY_EXISTS = 'TOPIC_ALREADY_EXISTS';

/** Makes the topics that are missing; resolves to their names. Rejects when the brokers cannot be asked. */
export async function ensureTopics(
  admin: Pick<Admin, 'listTopics' | 'createTopics'>,
  options: Pick<KafkaOptions, 'prefix' | 'partitions' | 'replication'>,
): Promise<string[]> {
  const { callbacks, settlements, statuses, parked } = topicsOf(options);
  const wanted = [
    { topic: callbacks, numPartitions: options.partitions, days: WORDS_DAYS },
    { topic: settlements, numPartitions: options.partitions, days: WORDS_DAYS },
    { topic: statuses, numPartitions: options.partitions, days: KEPT_DAYS },
    // Few, and read by one operator at a time.
    { topic: parked, numPartitions: 1, days: KEPT_DAYS },
  ];
  const there = new Set(await admin.listTopics());
  const missing = wanted.filter(({ topic }) => !there.has(topic));
  for (const { topic, numPartitions, days } of missing) {
    await createTopic(admin, {
      topic,
      numPartitions,
      replicationFactor: options.replication,
      configEntries: [
        { name: 'cleanup.policy', value: 'delete' },
        { name: 'retention.ms', value: String(days * DAY_MS) },
        { name: 'min.insync.replicas', value: options.replication >= SAFE_REPLICATION ? '2' : '1' },
      ],
    });
  }
  return missing.map(({ topic }) => topic);
}

type NewTopic = Parameters<Admin['createTopics']>[0]['topics'][number];

/** Another gateway may make it at the same moment. */
async function createTopic(admin: Pick<Admin, 'createTopics'>, topic: NewTopic): Promise<void> {
  try {
    await admin.createTopics({ topics: [topic], waitForLeaders: false });
  } catch (error) {
    const { type, errors } = error as { type?: string; errors?: Array<{ type?: string }> };
    const types = errors?.map((one) => one.type) ?? [type];
    if (!types.every((one) => one === ALREADY_EXISTS)) throw error;
  }
}

/**
 * The partition of a key, in contiguous ranges of logical shards: a shard database that is away holds back its own partitions only.
 * @param key `txn_…`, `pi_…`, or what a callback without either is called
 */
export function partitionOf(key: string, partitions: number): number {
  const id = parseTransactionId(key) ?? parseIntentId(key);
  const shard = id === null ? shardOfMerchant(key) : shardOfId(id);
  return Math.floor((shard * partitions) / LOGICAL_SHARDS);
}

/** The same for the client, which knows how many partitions a topic has. */
export const byLogicalShard: ICustomPartitioner =
  () =>
  ({ partitionMetadata, message: { key } }) =>
    partitionOf(String(key ?? ''), partitionMetadata.length);
