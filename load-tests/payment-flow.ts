/**
 * Payment flow: a whole payment, as a merchant's server and a shopper's browser make it. All scenarios of whole payments run it.
 *
 * Intent and session over the API, the card form posted to checkout as a browser does, the transaction's id learned from the
 * page the 303 leads to, and its status asked for until it is final. `intent` counts from the moment the payment was due, each
 * next step from the answer before it, `final` from the answer to the form until the answer that shows SUCCESS or FAILED. The
 * status is asked for after `firstPollMs`, then after twice that, and so on up to a second more: `final` is never shorter than
 * the truth, and up to twice as long.
 *
 * @module
 */

import { arrive, pause } from './arrivals.ts';
import type { ClientRecord } from './client-record.ts';
import type { Answer } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { PaymentCounts } from './measurement.ts';
import type { Mix } from './mix.ts';
import { REQUEST_TIMEOUT_MS, type Scenario, type ScenarioContext } from './scenario.ts';
import { causeOf, fieldOf, transactionOf } from './wire.ts';

const POLL_MS_MAX = 1000;
/** A payment that is not final by then is counted as an error; the audit looks at it all the same. */
const FINAL_TIMEOUT_MS = 30_000;
/** After the load, webhooks of final payments are waited for this long: the first retry is after 5 s. */
const WEBHOOKS_WAIT_MS = 15_000;
const WEBHOOKS_LOOK_MS = 50;

/** A payment whose webhook has not come. */
interface Unheard {
  readonly tally: PaymentCounts;
  /** When the card form was answered; null until then. */
  paidAtMs: number | null;
  /** The webhook was faster than the answer to the form. */
  heard: boolean;
  /** Its final status was shown: a webhook must come. */
  final: boolean;
}

/** Opens the pools of a scenario of whole payments. */
export function openPayments(context: ScenarioContext, mix: Mix): Scenario {
  const shop = new Shop(context, mix);
  return {
    run: (load, options, measurement) =>
      arrive(load, options, (dueMs) => shop.sell(dueMs, measurement.of(dueMs)), measurement),
    close: () => shop.close(),
  };
}

/** Merchant and shopper in one. */
export class Shop {
  readonly #context: ScenarioContext;
  readonly #mix: Mix;
  readonly #record: ClientRecord;
  readonly #api: ConnectionPool;
  readonly #checkout: ConnectionPool;
  /** By their place in the record. Without webhooks it stays empty. */
  readonly #unheard = new Map<number, Unheard>();

  constructor(context: ScenarioContext, mix: Mix) {
    const options = { connectionsMax: context.connectionsMax, requestTimeoutMs: REQUEST_TIMEOUT_MS };
    this.#context = context;
    this.#mix = mix;
    this.#record = context.record;
    this.#api = new ConnectionPool(context.apiUrl, options);
    this.#checkout = new ConnectionPool(context.checkoutUrl, options);
    context.webhooks?.onEvent((orderId) => this.#hear(orderId, performance.now()));
  }

  async close(): Promise<void> {
    await this.#webhooksToCome();
    this.#api.close();
    this.#checkout.close();
  }

  /** One payment, from order to final status. Never rejects for what the gateway does. */
  async sell(dueMs: number, tally: PaymentCounts): Promise<boolean> {
    const { wire, page } = this.#context;
    const merchant = this.#mix();
    const place = this.#record.begin(performance.now(), merchant);
    const order = this.#record.orderOf(place);
    tally.offer(dueMs);

    const intent = await this.#api.request(wire.createIntent(merchant, order));
    const intentAtMs = performance.now();
    if (intent.status !== 201) {
      if (isRefusal(intent)) this.#record.intentRefused(place, intentAtMs);
      return failed(tally, 'intent', intent);
    }
    tally.answered('intent', dueMs, intentAtMs);
    const intentId = fieldOf(intent.body, '"paymentIntentId":"');
    this.#record.intentOk(place, intentId.slice(3), intentAtMs);

    const session = await this.#api.request(wire.createSession(merchant, order, intentId));
    const sessionAtMs = performance.now();
    if (session.status !== 201) return failed(tally, 'session', session);
    tally.answered('session', intentAtMs, sessionAtMs);
    const sessionId = fieldOf(session.body, '"sessionId":"');

    if (page && !(await this.#openPage(sessionId, sessionAtMs, tally))) return false;
    return await this.#pay(merchant, place, sessionId, tally);
  }

  async #openPage(sessionId: string, sessionAtMs: number, tally: PaymentCounts): Promise<boolean> {
    const page = await this.#checkout.request(this.#context.wire.showCheckout(sessionId));
    if (page.status !== 200) return failed(tally, 'page', page);
    tally.answered('page', sessionAtMs, performance.now());
    return true;
  }

  async #pay(merchant: number, place: number, sessionId: string, tally: PaymentCounts): Promise<boolean> {
    const sentMs = performance.now();
    this.#record.paySent(place, sentMs);
    if (this.#context.webhooks !== null)
      this.#unheard.set(place, { tally, paidAtMs: null, heard: false, final: false });
    const paid = await this.#checkout.request(this.#context.wire.pay(sessionId, place));
    const paidAtMs = performance.now();
    if (paid.status !== 303) {
      if (isRefusal(paid)) this.#record.payRefused(place, paidAtMs);
      return failed(tally, 'pay', paid);
    }
    const transactionId = transactionOf(paid.location);
    if (!this.#record.payOk(place, transactionId, paidAtMs)) {
      tally.fail('pay 303 to another payment', paid.location, paidAtMs);
      return false;
    }
    tally.answered('pay', sentMs, paidAtMs);
    this.#paid(place, paidAtMs);
    return await this.#awaitFinal(merchant, place, transactionId, paidAtMs, tally);
  }

  async #awaitFinal(
    merchant: number,
    place: number,
    transactionId: string,
    paidAtMs: number,
    tally: PaymentCounts,
  ): Promise<boolean> {
    const { wire, firstPollMs } = this.#context;
    const text = wire.getTransaction(merchant, transactionId);
    for (let waitMs = firstPollMs; ; waitMs = Math.min(waitMs * 2, POLL_MS_MAX)) {
      await pause(waitMs);
      const pollAtMs = performance.now();
      const answer = await this.#api.request(text);
      const nowMs = performance.now();
      if (answer.status === 200) tally.polled(pollAtMs, nowMs);
      else tally.note(causeOf('poll', answer), answer.body);
      const status = answer.status === 200 ? fieldOf(answer.body, '"status":"') : '';
      if (status === 'SUCCESS' || status === 'FAILED') {
        this.#record.finalTold(place, status, nowMs);
        const unheard = this.#unheard.get(place);
        if (unheard !== undefined) unheard.final = true;
        tally.answered('final', paidAtMs, nowMs);
        if (status === 'SUCCESS') tally.complete(nowMs);
        else tally.fail(`final FAILED ${fieldOf(answer.body, '"failureCode":"')}`, answer.body, nowMs);
        return status === 'SUCCESS';
      }
      if (nowMs - paidAtMs > FINAL_TIMEOUT_MS) {
        tally.fail('final timeout', answer.body, nowMs);
        return false;
      }
    }
  }

  #paid(place: number, paidAtMs: number): void {
    const unheard = this.#unheard.get(place);
    if (unheard === undefined) return;
    unheard.paidAtMs = paidAtMs;
    if (unheard.heard) this.#told(place, unheard, paidAtMs);
  }

  #hear(orderId: string, nowMs: number): void {
    const place = this.#record.placeOf(orderId);
    if (place === null || !this.#record.webhookHeard(place)) return;
    const unheard = this.#unheard.get(place);
    if (unheard === undefined) return;
    if (unheard.paidAtMs === null) unheard.heard = true;
    else this.#told(place, unheard, nowMs);
  }

  #told(place: number, { tally, paidAtMs }: Unheard, nowMs: number): void {
    tally.answered('webhook', paidAtMs!, nowMs);
    this.#unheard.delete(place);
  }

  /** Waits for the webhooks of payments that are final; what does not come in time the audit names. */
  async #webhooksToCome(): Promise<void> {
    const untilMs = performance.now() + WEBHOOKS_WAIT_MS;
    const isOwed = (): boolean => [...this.#unheard.values()].some(({ final }) => final);
    while (isOwed() && performance.now() < untilMs) await pause(WEBHOOKS_LOOK_MS);
  }
}

/** The gateway's own no. No answer at all, or an error that no rule of the API makes, leaves open whether it acted. */
function isRefusal({ status }: Answer): boolean {
  return (status >= 400 && status < 500) || status === 503;
}

function failed(tally: PaymentCounts, step: string, answer: Answer): boolean {
  const bare = answer.status === 503 && answer.retryAfter === '' ? ' without Retry-After' : '';
  tally.fail(`${causeOf(step, answer)}${bare}`, answer.body, performance.now());
  return false;
}
