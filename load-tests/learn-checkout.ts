/**
 * Learn checkout: where the checkout of a gateway is of which only the API is known, from a first session's redirectUrl.
 *
 * @module
 */

import { ClientRecord } from './client-record.ts';
import { ConnectionPool } from './connection-pool.ts';
import { REQUEST_TIMEOUT_MS, ScenarioError } from './scenario.ts';
import { causeOf, createWire, fieldOf, type Merchant } from './wire.ts';

const MERCHANT = 0;

/**
 * Scheme, host and port of checkout. The intent is no part of the run's record.
 * @throws ScenarioError when the gateway grants no session
 */
export async function learnCheckoutUrl(apiUrl: string, merchants: readonly Merchant[]): Promise<string> {
  const api = new ConnectionPool(apiUrl, { connectionsMax: 1, requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const wire = createWire({ apiUrl, checkoutUrl: apiUrl, merchants, cardNumbers: [], keys: false });
  const record = new ClientRecord();
  const order = { ...record.orderOf(0), orderId: `load-${record.runId}-first` };
  try {
    const intent = await api.request(wire.createIntent(MERCHANT, order));
    if (intent.status !== 201)
      throw new ScenarioError(`${apiUrl}: ${causeOf('intent', intent)} ${intent.body}`);
    const intentId = fieldOf(intent.body, '"paymentIntentId":"');
    const session = await api.request(wire.createSession(MERCHANT, order, intentId));
    const redirectUrl = URL.parse(fieldOf(session.body, '"redirectUrl":"'));
    if (redirectUrl === null)
      throw new ScenarioError(`${apiUrl}: ${causeOf('session', session)} ${session.body}`);
    return redirectUrl.origin;
  } finally {
    api.close();
  }
}
