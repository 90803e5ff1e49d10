/**
 * Kafka world: a bus on a broker of tests.
 *
 * @module
 */

import type { KafkaServers } from '../../../test/support/kafka.ts';
import type { ProcessorCallback } from '../../domain/callback.ts';
import type { LogFields } from '../../metrics/log.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { ApplyCallback, ApplyCorrection, Bus } from '../bus.ts';
import { createKafkaBus } from '../kafka/callback-bus.ts';
import { createKafka } from '../kafka/connect.ts';
import { createPostgresBus } from '../postgres/callback-bus.ts';

export interface TestBusOptions {
  prefix: string;
  apply: ApplyCallback;
  correct?: ApplyCorrection;
  unmatched?: () => Promise<ProcessorCallback[]>;
  metrics: Metrics;
  deadlineMs?: number;
  onLog?: (event: string, fields: LogFields | undefined) => void;
}

/** Settings of topics small enough for a test. */
export function settingsOf(servers: Pick<KafkaServers, 'brokers'>, prefix: string) {
  const { brokers } = servers;
  return {
    brokers,
    prefix: `${prefix}.`,
    partitions: 6,
    replication: brokers.length,
    tls: false,
    caFile: undefined,
    sasl: undefined,
  };
}

export function openTestBus(servers: Pick<KafkaServers, 'brokers'>, options: TestBusOptions): Bus {
  const { prefix, apply, correct, unmatched, metrics, deadlineMs } = options;
  const settings = settingsOf(servers, prefix);
  const log = (_: string, event: string, fields?: LogFields): void => options.onLog?.(event, fields);
  return createKafkaBus({
    kafka: createKafka(settings, 'test', log),
    settings,
    direct: createPostgresBus({
      apply: (callback) => apply(callback, { relay: true }),
      ...(correct !== undefined && { correct }),
      ...(unmatched !== undefined && { unmatched: [unmatched] }),
      everyMs: 20,
    }),
    ...(correct !== undefined && { correct }),
    log,
    metrics,
    monotonicMs: () => performance.now(),
    ...(deadlineMs !== undefined && { deadlineMs }),
    sessionTimeoutMs: 3000,
  });
}
