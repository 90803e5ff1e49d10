/**
 * Consumer: applies what lies on the topics of what processors said, each message at least once, and moves on only past what is applied.
 *
 * - Messages of one transaction are applied in order, different transactions at once. An offset is resolved, and later committed, when
 *   everything up to it is committed in the database. A gateway that dies or loses a partition in between leaves duplicates to the next.
 * - A shard that is away holds back its own partitions: they are paused and tried again, ever more rarely, and nothing is passed over. One
 *   that is silent does not keep the client from fetching the others.
 * - What cannot be applied, ever, is parked: copied to the parked topic with reason and place, acknowledged there, counted, logged, and
 *   passed over.
 * - The client gives up at some failures: then a new one is made, with a pause that grows.
 *
 * @module
 */

import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import { OUTCOMES, type Refusal } from '../../domain/outcomes.ts';
import type { Log } from '../../metrics/log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Timers } from '../../runtime/clock.ts';
import type { KafkaProducer } from './producer.ts';
import type { Topics } from './topics.ts';

/** What is read of a message: how it is applied, or a stable word for why it never can be. */
export type ReadMessage =
  | { ok: true; apply(): Promise<{ ok: true } | { ok: false; refusal: Refusal }> }
  | { ok: false; reason: string };

/** A topic, and how its messages are read. */
export interface Channel {
  topic: string;
  read(value: Buffer | null, headers: IHeaders | undefined): ReadMessage;
}

export interface ConsumerOptions {
  kafka: Kafka;
  topics: Pick<Topics, 'callbackGroup' | 'parked'>;
  channels: readonly Channel[];
  producer: Pick<KafkaProducer, 'send'>;
  /** Makes the topics that are missing, before each start. */
  prepare(): Promise<unknown>;
  log: Log;
  metrics: Pick<Metrics, 'busConsumed' | 'busParked'>;
  timers: Timers;
  /** Milliseconds without a heartbeat after which the group gives its partitions to others. Default 10 000. */
  sessionTimeoutMs?: number;
}

export interface MessageConsumer {
  start(): void;
  /** Finishes what is being applied and leaves the group, within the time a stop may take. */
  close(): Promise<void>;
}

/** Partitions worked on at once, beside those that are slow. */
const PARTITIONS_AT_ONCE = 8;
/** Messages of a partition that are applied at once. */
const SLICE_MAX = 128;
/** What takes longer keeps its own partition waiting only; well below the session's timeout. */
const SLICE_MS_MAX = 500;
const HEARTBEAT_MS = 1000;
const SESSION_TIMEOUT_MS = 10_000;
/** A fetch waits for messages this long: a stop waits for it. */
const FETCH_WAIT_MS = 500;
const HOLD_MS = 250;
const HOLD_MS_MAX = 2000;
const RESTART_MS = 500;
const RESTART_MS_MAX = 2000;
const LEAVE_MS_MAX = 5000;
/** Before a message is parked for what became of it, not for what it is. */
const TRIES = 2;

type Taken = 'done' | 'again';

/** Where a batch is from. */
type Place = Pick<EachBatchPayload['batch'], 'topic' | 'partition'>;

/** Makes the consumer of the gateways' group. */
export function createConsumer(options: ConsumerOptions): MessageConsumer {
  const { kafka, topics, log, metrics, timers } = options;
  const closing = Promise.withResolvers<void>();
  let closed = false;
  let running: Promise<void> = Promise.resolve();
  const channels = new Map(options.channels.map((channel) => [channel.topic, channel]));
  /** By topic and partition: how often in a row it was held back. */
  const held = new Map<string, number>();
  let restartMs = RESTART_MS;
  /** How often the group was joined. */
  let joins = 0;

  async function run(): Promise<void> {
    while (!closed) {
      const consumer = kafka.consumer({
        groupId: topics.callbackGroup,
        allowAutoTopicCreation: false,
        sessionTimeout: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
        heartbeatInterval: HEARTBEAT_MS,
        maxWaitTimeInMs: FETCH_WAIT_MS,
        // A crash is ours to heal: the client restarts itself after some failures only.
        retry: { restartOnFailure: async () => false },
      });
      await consumeUntilItEnds(consumer);
      await within(consumer.disconnect(), LEAVE_MS_MAX);
      if (closed) return;
      await Promise.race([pause(restartMs), closing.promise]);
      restartMs = Math.min(restartMs * 2, RESTART_MS_MAX);
    }
  }

  /** Resolves when the client has crashed, or the consumer is closed. */
  async function consumeUntilItEnds(consumer: Consumer): Promise<void> {
    const crashed = Promise.withResolvers<Error>();
    consumer.on(consumer.events.CRASH, ({ payload }) => crashed.resolve(payload.error));
    consumer.on(consumer.events.GROUP_JOIN, () => {
      joins++;
      restartMs = RESTART_MS;
    });
    try {
      await options.prepare();
      await consumer.connect();
      // A group that is new must find what was put there before it.
      await consumer.subscribe({ topics: [...channels.keys()], fromBeginning: true });
      await consumer.run({
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
        eachBatch: takeBatch,
      });
      const error = await Promise.race([crashed.promise, closing.promise]);
      if (error !== undefined) tellStopped(error);
    } catch (error) {
      tellStopped(error);
    }
  }

  function tellStopped(error: unknown): void {
    // Of a row of failures the first says why.
    if (!closed && restartMs === RESTART_MS)
      log('warn', 'bus_consumer_stopped', { errorMessage: String(error) });
  }

  async function takeBatch(payload: EachBatchPayload): Promise<void> {
    const { batch, resolveOffset, isRunning, isStale } = payload;
    for (let from = 0; from < batch.messages.length; from += SLICE_MAX) {
      // Somebody else's now: it has an offset of its own.
      if (!isRunning() || isStale()) return;
      const slice = batch.messages.slice(from, from + SLICE_MAX);
      const taking = takeSlice(slice, batch);
      if (!(await endsInTime(taking))) {
        void takeAside(taking, slice, payload);
        return;
      }
      const done = await taking;
      if (done > 0) resolveOffset(slice[done - 1]!.offset);
      if (done < slice.length) {
        holdBack(batch, payload.pause());
        return;
      }
      held.delete(nameOf(batch));
      await payload.heartbeat();
    }
  }

  /**
   * Lets a slow slice go on while its partition waits: the client fetches from a broker again only when all it has from there is taken, so
   * that others would wait for a database that is silent. Never rejects.
   */
  async function takeAside(
    taking: Promise<number>,
    slice: readonly KafkaMessage[],
    payload: EachBatchPayload,
  ): Promise<void> {
    const { batch } = payload;
    const resume = payload.pause();
    const membership = joins;
    const done = await taking;
    // After another join the offset begun from may be another: what is done is found to be a duplicate then.
    if (done > 0 && joins === membership && payload.isRunning()) {
      payload.resolveOffset(slice[done - 1]!.offset);
      // What cannot be committed now is with the next batch.
      await payload.commitOffsetsIfNecessary(payload.uncommittedOffsets()).catch(() => undefined);
    }
    if (done < slice.length) {
      holdBack(batch, resume);
      return;
    }
    held.delete(nameOf(batch));
    resume();
  }

  /** How many, counted from the first, are done: committed or parked. */
  async function takeSlice(slice: readonly KafkaMessage[], place: Place): Promise<number> {
    const byKey = new Map<string, Promise<Taken>>();
    const results = slice.map((message) => {
      const key = String(message.key);
      const taken = (byKey.get(key) ?? Promise.resolve('done')).then((before) =>
        before === 'done' ? take(message, place) : 'again',
      );
      byKey.set(key, taken);
      return taken;
    });
    const firstNot = (await Promise.all(results)).indexOf('again');
    return firstNot === -1 ? slice.length : firstNot;
  }

  /** Never rejects. */
  async function take(message: KafkaMessage, place: Place): Promise<Taken> {
    const read = channels.get(place.topic)!.read(message.value, message.headers);
    if (!read.ok) return await park(message, place, read.reason);
    let reason = '';
    for (let tries = 1; tries <= TRIES; tries++) {
      try {
        const applied = await read.apply();
        if (applied.ok) {
          metrics.busConsumed.of().add();
          return 'done';
        }
        const { code } = applied.refusal;
        // A part of the gateway or a database is away, and back one day.
        if (OUTCOMES[code][0] === 503) return 'again';
        reason = code;
      } catch (error) {
        reason = 'apply_failed';
        log('error', 'bus_apply_failed', { errorMessage: String(error) });
      }
    }
    return await park(message, place, reason);
  }

  async function park(message: KafkaMessage, place: Place, reason: string): Promise<Taken> {
    try {
      await options.producer.send(topics.parked, [
        { key: message.key, value: message.value, headers: parkedHeaders(message, place, reason) },
      ]);
    } catch (error) {
      log('warn', 'bus_parking_failed', { reason, errorMessage: String(error) });
      return 'again';
    }
    metrics.busParked.of(reason).add();
    log('error', 'bus_message_parked', {
      reason,
      detail: `${nameOf(place)} ${message.offset}`,
    });
    return 'done';
  }

  function holdBack(place: Place, resume: () => void): void {
    const name = nameOf(place);
    const times = held.get(name) ?? 0;
    held.set(name, times + 1);
    const ms = Math.min(HOLD_MS * 2 ** times, HOLD_MS_MAX);
    if (times === 0)
      log('warn', 'bus_partition_held_back', { detail: place.topic, index: place.partition, retryMs: ms });
    timers.setTimeout(resume, ms);
  }

  async function endsInTime(taking: Promise<unknown>): Promise<boolean> {
    const late = Promise.withResolvers<boolean>();
    const timer = timers.setTimeout(() => late.resolve(false), SLICE_MS_MAX);
    const inTime = await Promise.race([taking.then(() => true), late.promise]);
    timers.clearTimeout(timer);
    return inTime;
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => timers.setTimeout(resolve, ms));
  }

  return {
    start() {
      running = run();
    },
    async close() {
      closed = true;
      closing.resolve();
      await running;
    },
  };

  async function within(ending: Promise<void>, ms: number): Promise<void> {
    await Promise.race([ending.catch(() => undefined), pause(ms)]);
  }
}

function nameOf({ topic, partition }: Place): string {
  return `${topic} ${partition}`;
}

function parkedHeaders(message: KafkaMessage, { topic, partition }: Place, reason: string): IHeaders {
  return {
    ...message.headers,
    'sluice-parked-reason': reason,
    'sluice-parked-topic': topic,
    'sluice-parked-partition': String(partition),
    'sluice-parked-offset': message.offset,
  };
}
