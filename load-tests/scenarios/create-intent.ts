/**
 * Create intent: POST /v1/payment/intent alone, each with its own amount and order id. Closed loops by autocannon.
 *
 * @module
 */

import { openLoop } from '../arrivals.ts';
import { runAutocannon } from '../autocannon-run.ts';
import type { Answer } from '../connection.ts';
import { ConnectionPool } from '../connection-pool.ts';
import type { Measurement } from '../measurement.ts';
import { newRunId, REQUEST_TIMEOUT_MS, type Scenario, type ScenarioContext } from '../scenario.ts';
import { causeOf, createWire, fieldOf } from '../wire.ts';

const AMOUNT_FIRST = 1000;

export function prepareCreateIntent({ target, record, connectionsMax }: ScenarioContext): Scenario {
  const wire = createWire(target, target.apiUrl);
  const runId = newRunId();
  let orders = 0;
  const next = () => {
    const order = orders++;
    return [AMOUNT_FIRST + order, `load-${runId}-${order}`] as const;
  };
  const hear = (answer: Answer, dueMs: number, measurement: Measurement): boolean => {
    const nowMs = performance.now();
    if (answer.status !== 201) {
      measurement.fail(causeOf('intent', answer), answer.body, nowMs);
      return false;
    }
    measurement.answered('intent', dueMs, nowMs);
    measurement.complete(nowMs);
    record.add(fieldOf(answer.body, '"paymentIntentId":"').slice(3), 0);
    return true;
  };
  const pool = new ConnectionPool(target.apiUrl, { connectionsMax, requestTimeoutMs: REQUEST_TIMEOUT_MS });
  return {
    async run(load, options, measurement) {
      if (load.kind === 'concurrency') {
        const request = {
          url: `${target.apiUrl}/v1/payment/intent`,
          method: 'POST' as const,
          headers: { authorization: `Bearer ${target.secretKey}`, 'content-type': 'application/json' },
          body: () => wire.intentBody(...next()),
        };
        await runAutocannon(request, load.inFlight, options, measurement, (answer, latencyMs) =>
          hear(answer, performance.now() - latencyMs, measurement),
        );
        return;
      }
      const begin = async (dueMs: number) => {
        measurement.offered += 1;
        return hear(await pool.request(wire.createIntent(...next())), dueMs, measurement);
      };
      await openLoop(load.perSecond, options, begin, measurement);
    },
    close: () => pool.close(),
  };
}
