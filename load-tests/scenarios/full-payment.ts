/**
 * Full payment: intent, session, pay, then asking until the payment is final, as a merchant and a shopper do.
 *
 * `intent` counts from the moment the payment was due, `session` and `pay` from the answer before them, `final` from the pay answer to
 * the answer that shows SUCCESS or FAILED. The status is asked for after 5 ms, then after 10, 20, 40 … up to 1000 ms more: `final`
 * is never shorter than the truth, and up to twice as long.
 *
 * @module
 */

import { closedLoop, openLoop, pause } from '../arrivals.ts';
import type { Answer } from '../connection.ts';
import { ConnectionPool } from '../connection-pool.ts';
import type { Measurement } from '../measurement.ts';
import { FAILED, FOUND, PAID, SUCCESS, UNKNOWN } from '../payment-record.ts';
import {
  newRunId,
  REQUEST_TIMEOUT_MS,
  type Scenario,
  type ScenarioContext,
  ScenarioError,
} from '../scenario.ts';
import { causeOf, createWire, fieldOf, type Wire } from '../wire.ts';

const POLL_MS_MAX = 1000;
/** A payment that is not final by then is counted as an error; the audit asks once more. */
const FINAL_TIMEOUT_MS = 30_000;
/** Of the first order. All amounts differ, so that a mix-up would show in the audit. */
const AMOUNT_FIRST = 1000;

/** Opens the pools; learns the address of checkout from a first session where it is unknown. */
export async function prepareFullPayment(context: ScenarioContext): Promise<Scenario> {
  const options = { connectionsMax: context.connectionsMax, requestTimeoutMs: REQUEST_TIMEOUT_MS };
  const api = new ConnectionPool(context.target.apiUrl, options);
  let checkoutUrl = context.target.checkoutUrl;
  try {
    checkoutUrl ??= await learnCheckoutUrl(context, api);
  } catch (error) {
    api.close();
    throw error;
  }
  const checkout = new ConnectionPool(checkoutUrl, options);
  const shop = new Shop(context, api, checkout, createWire(context.target, checkoutUrl));
  return {
    async run(load, options, measurement) {
      const begin = (dueMs: number) => shop.sell(dueMs, measurement);
      if (load.kind === 'concurrency') await closedLoop(load.inFlight, options, begin, measurement);
      else await openLoop(load.perSecond, options, begin, measurement);
    },
    close() {
      api.close();
      checkout.close();
    },
  };
}

async function learnCheckoutUrl({ target }: ScenarioContext, api: ConnectionPool): Promise<string> {
  const wire = createWire(target, target.apiUrl);
  const intent = await api.request(wire.createIntent(AMOUNT_FIRST, `load-${newRunId()}-first`));
  if (intent.status !== 201)
    throw new ScenarioError(`${target.apiUrl}: ${causeOf('intent', intent)} ${intent.body}`);
  const session = await api.request(wire.createSession(fieldOf(intent.body, '"paymentIntentId":"')));
  const redirectUrl = URL.parse(fieldOf(session.body, '"redirectUrl":"'));
  if (redirectUrl === null)
    throw new ScenarioError(`${target.apiUrl}: ${causeOf('session', session)} ${session.body}`);
  return redirectUrl.origin;
}

/** Merchant and shopper in one. */
class Shop {
  readonly #context: ScenarioContext;
  readonly #api: ConnectionPool;
  readonly #checkout: ConnectionPool;
  readonly #wire: Wire;
  readonly #runId = newRunId();
  #orders = 0;

  constructor(context: ScenarioContext, api: ConnectionPool, checkout: ConnectionPool, wire: Wire) {
    this.#context = context;
    this.#api = api;
    this.#checkout = checkout;
    this.#wire = wire;
  }

  /** One payment, from order to final status. Never rejects for what the gateway does. */
  async sell(dueMs: number, measurement: Measurement): Promise<boolean> {
    const order = this.#orders++;
    const amount = AMOUNT_FIRST + order;
    measurement.offered += 1;

    const intent = await this.#api.request(this.#wire.createIntent(amount, `load-${this.#runId}-${order}`));
    if (intent.status !== 201) return failed(measurement, 'intent', intent);
    const intentAtMs = performance.now();
    measurement.answered('intent', dueMs, intentAtMs);
    const intentId = fieldOf(intent.body, '"paymentIntentId":"');
    const place = this.#context.record.add(intentId.slice(3), amount);

    const session = await this.#api.request(this.#wire.createSession(intentId));
    if (session.status !== 201) return failed(measurement, 'session', session);
    const sessionAtMs = performance.now();
    measurement.answered('session', intentAtMs, sessionAtMs);

    const paid = await this.#checkout.request(this.#wire.pay(fieldOf(session.body, '"sessionId":"')));
    if (paid.status !== 202) {
      if (paid.status === 0 || paid.status >= 500) this.#context.record.mark(place, UNKNOWN);
      return failed(measurement, 'pay', paid);
    }
    const paidAtMs = performance.now();
    measurement.answered('pay', sessionAtMs, paidAtMs);
    this.#context.record.mark(place, PAID);
    return this.#awaitFinal(fieldOf(paid.body, '"transactionId":"'), place, paidAtMs, measurement);
  }

  async #awaitFinal(
    transactionId: string,
    place: number,
    paidAtMs: number,
    measurement: Measurement,
  ): Promise<boolean> {
    const { record, firstPollMs } = this.#context;
    for (let waitMs = firstPollMs; ; waitMs = Math.min(waitMs * 2, POLL_MS_MAX)) {
      await pause(waitMs);
      const pollAtMs = performance.now();
      const answer = await this.#api.request(this.#wire.getTransaction(transactionId));
      const nowMs = performance.now();
      if (answer.status === 200) measurement.polled(pollAtMs, nowMs);
      else measurement.note(causeOf('poll', answer), answer.body);
      const status = answer.status === 200 ? fieldOf(answer.body, '"status":"') : '';
      if (status === 'SUCCESS') {
        record.mark(place, SUCCESS | FOUND);
        measurement.answered('final', paidAtMs, nowMs);
        measurement.complete(nowMs);
        return true;
      }
      if (status === 'FAILED') {
        record.mark(place, FAILED | FOUND);
        measurement.answered('final', paidAtMs, nowMs);
        measurement.fail(`final FAILED ${fieldOf(answer.body, '"failureCode":"')}`, answer.body, nowMs);
        return false;
      }
      if (nowMs - paidAtMs > FINAL_TIMEOUT_MS) {
        measurement.fail('final timeout', answer.body, nowMs);
        return false;
      }
    }
  }
}

function failed(measurement: Measurement, step: string, answer: Answer): boolean {
  measurement.fail(causeOf(step, answer), answer.body, performance.now());
  return false;
}
