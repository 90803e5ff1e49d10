/**
 * The bus with Kafka: a callback is durable when the topic's copies have it, and its processor is answered then; the background role
 * applies it.
 *
 * When Kafka does not acknowledge in time the callback goes the direct way, through the actor of its transaction as without Kafka, and is
 * marked to be put on the topic when Kafka is back. What was late and arrived all the same is a duplicate, and SQL knows it. What found no
 * transaction is matched again from PostgreSQL, as without Kafka.
 *
 * A correction goes the same ways. Its row in the shard database is the durable record, so the message names it and is not believed: it is
 * applied as its row has it, once, and one that went past Kafka is not put there later: what came of it is on `payment_status` as ever.
 *
 * @module
 */

import type { Admin, Kafka } from 'kafkajs';
import type { KafkaOptions } from '../../config/options.ts';
import type { ProcessorCallback } from '../../domain/callback.ts';
import type { Log } from '../../metrics/log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Timers } from '../../runtime/clock.ts';
import type { Correction } from '../../storage/settlement-store.ts';
import type { ApplyCallback, ApplyCorrection, Bus } from '../bus.ts';
import { createBusBreaker } from './breaker.ts';
import { callbackMessage, readCallbackMessage } from './callback-message.ts';
import { type Channel, createConsumer, type MessageConsumer } from './consumer.ts';
import { correctionMessage, readCorrectionMessage } from './correction-message.ts';
import { createGroupSend, type GroupSend } from './group-send.ts';
import { createKafkaProducer } from './producer.ts';
import { ensureTopics, topicsOf } from './topics.ts';

export interface KafkaBusOptions {
  kafka: Kafka;
  settings: Pick<KafkaOptions, 'prefix' | 'partitions' | 'replication'>;
  /** The way past Kafka, marking what goes it; its `consume` matches again what found no transaction. */
  direct: Bus;
  /** Default: corrections are left to others of the group. */
  correct?: ApplyCorrection;
  log: Log;
  metrics: Pick<Metrics, 'busPublished' | 'busSends' | 'busBreakerState' | 'busConsumed' | 'busParked'>;
  /** Milliseconds, of a clock that never jumps. */
  monotonicMs(): number;
  /** Default: Node's own. */
  timers?: Timers;
  /** Milliseconds from the arrival of a callback to the way past Kafka. Default 500. */
  deadlineMs?: number;
  /** As the consumer's. */
  sessionTimeoutMs?: number;
}

/** 500 callbacks of a kilobyte are half of what a broker takes in one batch of one partition. */
const GROUP_MAX = 500;
const WAITING_MAX = 4096;
const DEADLINE_MS = 500;
/** Nobody waits for the answer to a correction. */
const CORRECTION_DEADLINE_MS = 2000;
/** A stop does not wait longer for a client that does not end. */
const CLOSE_MS_MAX = 2000;
const PREPARE_AGAIN_MS = 2000;
const BREAKER_GAUGE = { closed: 0, half_open: 1, open: 2 } as const;

/** Makes the bus of a thread. Its topics are made in the background, as soon as brokers answer. */
export function createKafkaBus(options: KafkaBusOptions): Bus {
  const { kafka, settings, direct, log, metrics, monotonicMs } = options;
  const timers = options.timers ?? globalThis;
  const topics = topicsOf(settings);
  const producer = createKafkaProducer(kafka);
  const breaker = createBusBreaker();
  const admin = createAdmin(kafka);
  const groupOptions = {
    onEnd: (ok: boolean, messages: number, error: unknown): void => {
      metrics.busSends.of(ok ? 'acknowledged' : error === null ? 'late' : 'failed').add();
      if (ok) metrics.busPublished.of('kafka').add(messages);
      tellBreaker(ok, error);
    },
    groupMax: GROUP_MAX,
    waitingMax: WAITING_MAX,
    timers,
  };
  const callbacks = createGroupSend<ProcessorCallback>({
    ...groupOptions,
    send: (group) => producer.send(topics.callbacks, group.map(callbackMessage)),
    deadlineMs: options.deadlineMs ?? DEADLINE_MS,
  });
  const corrections = createGroupSend<Correction>({
    ...groupOptions,
    send: (group) => producer.send(topics.settlements, group.map(correctionMessage)),
    deadlineMs: options.deadlineMs ?? CORRECTION_DEADLINE_MS,
  });
  let consumer: MessageConsumer | null = null;
  let closed = false;
  let preparing: unknown;
  const prepared = prepare(1);

  /** Topics that are missing are made when brokers answer, however long that takes. */
  async function prepare(tries: number): Promise<void> {
    try {
      await makeTopics();
    } catch (error) {
      if (closed) return;
      if (tries === 1) log('warn', 'bus_topics_unknown', { errorMessage: String(error) });
      preparing = timers.setTimeout(() => void prepare(tries + 1), PREPARE_AGAIN_MS);
    }
  }

  async function makeTopics(): Promise<void> {
    const made = await ensureTopics(await admin.connected(), settings);
    if (made.length > 0) log('info', 'bus_topics_made', { count: made.length, detail: made.join(', ') });
  }

  function tellBreaker(ok: boolean, error: unknown): void {
    const before = breaker.state();
    breaker.ended(ok, monotonicMs());
    const state = breaker.state();
    metrics.busBreakerState.of().set(BREAKER_GAUGE[state]);
    if (state === before) return;
    const why = ok ? undefined : error === null ? 'no acknowledgement in time' : String(error);
    log(state === 'closed' ? 'info' : 'warn', 'bus_breaker', { state, errorMessage: why });
  }

  /** Whether Kafka has acknowledged it in time. */
  async function isOnKafka<Item>(group: GroupSend<Item>, item: Item): Promise<boolean> {
    if (!breaker.enter(monotonicMs())) return false;
    const sent = group.put(item);
    if (sent === null) tellBreaker(false, null);
    return (await sent) ?? false;
  }

  function channels(apply: ApplyCallback): Channel[] {
    const { correct } = options;
    const ofCallbacks: Channel = {
      topic: topics.callbacks,
      read(value, headers) {
        const read = readCallbackMessage(value, headers);
        return read.ok ? { ok: true, apply: () => apply(read.callback) } : read;
      },
    };
    if (correct === undefined) return [ofCallbacks];
    const ofCorrections: Channel = {
      topic: topics.settlements,
      read(value, headers) {
        const read = readCorrectionMessage(value, headers);
        return read.ok ? { ok: true, apply: () => correct(read.correction) } : read;
      },
    };
    return [ofCallbacks, ofCorrections];
  }

  return {
    async publish(callback) {
      if (await isOnKafka(callbacks, callback)) return { ok: true, verdict: null };
      const applied = await direct.publish(callback);
      if (applied.ok) metrics.busPublished.of('direct').add();
      return applied;
    },

    async publishCorrection(correction) {
      if (await isOnKafka(corrections, correction)) return { ok: true, closed: false };
      const sent = await direct.publishCorrection(correction);
      if (sent.ok) metrics.busPublished.of('direct').add();
      return sent;
    },

    async consume(apply) {
      await direct.consume(apply);
      consumer = createConsumer({
        ...{ kafka, topics, channels: channels(apply), producer, log, metrics, timers },
        prepare: makeTopics,
        ...(options.sessionTimeoutMs !== undefined && { sessionTimeoutMs: options.sessionTimeoutMs }),
      });
      consumer.start();
    },

    async ping() {
      const connected = await admin.connected();
      await connected.fetchTopicMetadata({ topics: [topics.callbacks] });
      if (breaker.state() === 'open') throw new Error('sends fail; callbacks go past Kafka');
    },

    async close() {
      closed = true;
      timers.clearTimeout(preparing);
      await Promise.all([callbacks.close(), corrections.close(), consumer?.close(), direct.close()]);
      const ended = Promise.all([prepared, producer.close(), admin.close()]).catch(() => undefined);
      const late = new Promise((resolve) => timers.setTimeout(() => resolve(undefined), CLOSE_MS_MAX));
      await Promise.race([ended, late]);
    },
  };
}

/** An admin client that connects when it is asked, and again when that failed. */
function createAdmin(kafka: Kafka): { connected(): Promise<Admin>; close(): Promise<void> } {
  const admin = kafka.admin();
  let connecting: Promise<Admin> | null = null;
  return {
    connected() {
      connecting ??= admin.connect().then(
        () => admin,
        (error: unknown) => {
          connecting = null;
          throw error;
        },
      );
      return connecting;
    },
    close: () => admin.disconnect(),
  };
}
