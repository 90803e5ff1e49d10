/**
 * The bus on Kafka against the contract of all buses, on a broker, over pretended shards.
 *
 * @module
 */

import { test } from 'vitest';
import { startKafka } from '../../../test/support/kafka.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import { createMetrics } from '../../metrics/metrics.ts';
import { createMetricRegistry } from '../../metrics/registry.ts';
import { type BusUnderTest, callbackBusContract } from '../contract-suite.ts';
import { openTestBus } from '../testing/kafka-world.ts';

if (canRun('kafka', 'the contract of the bus on Kafka is')) callbackBusContract('Kafka', open);
else test.skip('the contract of the bus on Kafka', () => undefined);

async function open(): Promise<BusUnderTest> {
  const servers = await startKafka();
  const metrics = createMetrics(createMetricRegistry('test'));
  return {
    openPublisher: (name, apply) => openTestBus(servers, { prefix: name, apply, metrics }),
    openConsumer: (name, shards) =>
      openTestBus(servers, {
        prefix: name,
        apply: shards.apply,
        correct: shards.correct,
        unmatched: shards.unmatched,
        metrics,
      }),
    close: () => servers.stop(),
  };
}
