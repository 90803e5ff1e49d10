/**
 * Create session: POST /v1/payment/session alone, over intents made first, one a merchant. An intent may have many sessions.
 *
 * @module
 */

import { ConnectionPool } from '../connection-pool.ts';
import {
  REQUEST_TIMEOUT_MS,
  type ScenarioContext,
  type ScenarioDefinition,
  ScenarioError,
  steady,
} from '../scenario.ts';
import { openRequests } from '../single-request.ts';
import { causeOf, fieldOf } from '../wire.ts';

export const createSession: ScenarioDefinition = {
  name: 'create-session',
  pays: false,
  summary: 'POST /v1/payment/session, answered 201, of intents made first',
  loads: ['concurrency', 'rate', 'max'],
  secondsDefault: 10,
  phases: steady,
  async prepare(context) {
    const intentIds = await makeIntents(context);
    const { record, wire } = context;
    let sent = 0;
    const of = (n: number) => {
      const merchant = n % intentIds.length;
      // Each is a request of its own, so each has its own key.
      return [merchant, { orderId: `${record.runId}-${n}`, amount: 0 }, intentIds[merchant]!] as const;
    };
    return openRequests(context, {
      step: 'session',
      method: 'POST',
      status: 201,
      begin: () => sent++,
      text: (n) => wire.createSession(...of(n)),
      loose: (n) => wire.looseSession(...of(n)),
      heard: () => undefined,
    });
  },
};

/** An intent of each merchant, by place. */
async function makeIntents({ apiUrl, wire, record, merchants }: ScenarioContext): Promise<string[]> {
  const pool = new ConnectionPool(apiUrl, { connectionsMax: 16, requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const make = async (merchant: number): Promise<string> => {
    const place = record.begin(performance.now(), merchant);
    const answer = await pool.request(wire.createIntent(merchant, record.orderOf(place)));
    if (answer.status !== 201)
      throw new ScenarioError(`${apiUrl}: ${causeOf('intent', answer)} ${answer.body}`);
    const intentId = fieldOf(answer.body, '"paymentIntentId":"');
    record.intentOk(place, intentId.slice(3), performance.now());
    return intentId;
  };
  try {
    return await Promise.all(Array.from({ length: merchants }, (_, merchant) => make(merchant)));
  } finally {
    pool.close();
  }
}
