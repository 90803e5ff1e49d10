/**
 * Get transaction: makes one real payment and reads its transaction over and over. Closed loops by autocannon.
 *
 * @module
 */

import { openLoop } from '../arrivals.ts';
import { runAutocannon } from '../autocannon-run.ts';
import type { Answer } from '../connection.ts';
import { ConnectionPool } from '../connection-pool.ts';
import { Measurement } from '../measurement.ts';
import { transactionIdOf } from '../payment-record.ts';
import { REQUEST_TIMEOUT_MS, type Scenario, type ScenarioContext, ScenarioError } from '../scenario.ts';
import { causeOf, createWire } from '../wire.ts';
import { prepareFullPayment } from './full-payment.ts';

export async function prepareGetTransaction(context: ScenarioContext): Promise<Scenario> {
  const { target, connectionsMax } = context;
  const transactionId = await payOnce(context);
  const text = createWire(target, target.apiUrl).getTransaction(transactionId);
  const hear = (answer: Answer, dueMs: number, measurement: Measurement): boolean => {
    const nowMs = performance.now();
    if (answer.status !== 200) {
      measurement.fail(causeOf('read', answer), answer.body, nowMs);
      return false;
    }
    measurement.answered('read', dueMs, nowMs);
    measurement.complete(nowMs);
    return true;
  };
  const pool = new ConnectionPool(target.apiUrl, { connectionsMax, requestTimeoutMs: REQUEST_TIMEOUT_MS });
  return {
    async run(load, options, measurement) {
      if (load.kind === 'concurrency') {
        const request = {
          url: `${target.apiUrl}/v1/payment/transaction/${transactionId}`,
          method: 'GET' as const,
          headers: { authorization: `Bearer ${target.secretKey}` },
        };
        await runAutocannon(request, load.inFlight, options, measurement, (answer, latencyMs) =>
          hear(answer, performance.now() - latencyMs, measurement),
        );
        return;
      }
      const begin = async (dueMs: number) => {
        measurement.offered += 1;
        return hear(await pool.request(text), dueMs, measurement);
      };
      await openLoop(load.perSecond, options, begin, measurement);
    },
    close: () => pool.close(),
  };
}

/** One whole payment; its transaction's id. */
async function payOnce(context: ScenarioContext): Promise<string> {
  const scenario = await prepareFullPayment(context);
  const measurement = new Measurement(performance.now());
  try {
    const once = { durationMs: 1000, signal: new AbortController().signal };
    await scenario.run({ kind: 'rate', perSecond: 1 }, once, measurement);
  } finally {
    scenario.close();
  }
  const [sample] = measurement.samples;
  if (measurement.completed !== 1) {
    throw new ScenarioError(
      `${context.target.apiUrl}: the payment to read failed: ${sample?.cause} ${sample?.body}`,
    );
  }
  return `txn_${transactionIdOf(context.record.idOf(0))}`;
}
