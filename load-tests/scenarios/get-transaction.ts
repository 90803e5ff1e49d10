/**
 * Get transaction: makes one real payment and reads its transaction over and over.
 *
 * @module
 */

import { Measurement } from '../measurement.ts';
import { Shop } from '../payment-flow.ts';
import { type ScenarioContext, type ScenarioDefinition, ScenarioError, steady } from '../scenario.ts';
import { openRequests } from '../single-request.ts';

const MERCHANT = 0;

export const getTransaction: ScenarioDefinition = {
  name: 'get-transaction',
  pays: false,
  summary: 'GET /v1/payment/transaction/{id}, answered 200, of a payment made first',
  loads: ['concurrency', 'rate', 'max'],
  secondsDefault: 10,
  phases: steady,
  async prepare(context) {
    const transactionId = await payOnce(context);
    const text = context.wire.getTransaction(MERCHANT, transactionId);
    const loose = context.wire.looseTransaction(MERCHANT, transactionId);
    return openRequests(context, {
      step: 'read',
      method: 'GET',
      status: 200,
      begin: () => 0,
      text: () => text,
      loose: () => loose,
      heard: () => undefined,
    });
  },
};

/** One whole payment; its transaction's id. */
async function payOnce(context: ScenarioContext): Promise<string> {
  const shop = new Shop(context, () => MERCHANT);
  const { counted } = new Measurement();
  try {
    const place = context.record.size;
    if (await shop.sell(performance.now(), counted)) return context.record.transactionIdOf(place);
    const [sample] = counted.samples;
    throw new ScenarioError(
      `${context.apiUrl}: the payment to read failed: ${sample?.cause} ${sample?.body}`,
    );
  } finally {
    await shop.close();
  }
}
