/**
 * The load of the campaign `outage`: payments by schedule, whatever becomes of those before, evenly over the databases.
 *
 * Merchants of each database have connections of their own: what hangs at one shard must not keep the others' payments in the
 * driver. A payment is written down when it is due, and what became of it when that is known.
 *
 * @module
 */

import type { TopologyUrls } from '../../deploy/processes/topology.ts';
import { arrive } from '../../load-tests/arrivals.ts';
import { CARDS_IN_DECK, makeCardNumbers } from '../../load-tests/cards.ts';
import { ClientRecord } from '../../load-tests/client-record.ts';
import type { PaymentCounts } from '../../load-tests/measurement.ts';
import { Shop } from '../../load-tests/payment-flow.ts';
import { createWire, type Merchant } from '../../load-tests/wire.ts';
import { shardOfMerchant } from '../../src/domain/ids.ts';
import { evenShardMap } from '../../src/storage/shard-map.ts';

/** One payment. Instants by `performance.now()`. */
export interface LoadPayment {
  dueMs: number;
  /** Where its merchant is. */
  database: number;
  /** Whether it is known what became of it. */
  settled: boolean;
  /** Why it did not end in SUCCESS, in the words of the load driver; null as long as nothing is wrong. */
  cause: string | null;
  /** Its slowest answer to intent, session or card, in milliseconds. */
  slowestMs: number;
}

export interface LoadPlan {
  urls: TopologyUrls;
  merchants: readonly Merchant[];
  databases: number;
  perSecond: number;
  random: () => number;
}

/** All is whole again after so many milliseconds of payments that all went well. */
const WHOLE_MS = 5000;
/** To each listener, from the merchants of one database. */
const CONNECTIONS_MAX = 512;
const FIRST_POLL_MS = 100;
/** Longer than any campaign. */
const ALL_DAY_SECONDS = 86_400;

/** A load that goes on until it is ended. */
export class SteadyLoad {
  /** What merchants and shoppers asked for and were told. */
  readonly record = new ClientRecord();
  readonly #payments: LoadPayment[] = [];
  readonly #shops: readonly Shop[];
  readonly #over = new AbortController();
  readonly #arrivals: Promise<void>;

  constructor(plan: LoadPlan) {
    this.#shops = this.#openShops(plan);
    const phases = [{ name: 'steady', seconds: ALL_DAY_SECONDS, factor: 1 }];
    this.#arrivals = arrive(
      { kind: 'rate', perSecond: plan.perSecond },
      { phases, signal: this.#over.signal },
      (dueMs) => this.#sell(dueMs),
      { begin: () => undefined, endWindow: () => undefined, overrun: (dueMs) => this.#overrun(dueMs) },
    );
  }

  /** Begins no more; resolves when what was begun has ended. */
  async end(): Promise<void> {
    this.#over.abort();
    await this.#arrivals;
    await Promise.all(this.#shops.map((shop) => shop.close()));
  }

  /** Those that were due in the span. */
  due(fromMs: number, toMs: number): LoadPayment[] {
    return this.#payments.filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs);
  }

  /**
   * When the last payment was due that went wrong, of those due from `fromMs` on; `fromMs` when none did. Null as long as it is not
   * known that all went well for a while after it.
   */
  wholeSince(fromMs: number): number | null {
    let wrongMs = fromMs;
    const first = this.#payments.findIndex(({ dueMs }) => dueMs >= fromMs);
    for (let at = first; at >= 0 && at < this.#payments.length; at++) {
      const { dueMs, settled, cause } = this.#payments[at]!;
      if (cause !== null) wrongMs = dueMs;
      else if (!settled) return null;
      else if (dueMs - wrongMs >= WHOLE_MS) return wrongMs;
    }
    return null;
  }

  #openShops({ urls, merchants, databases, random }: LoadPlan): Shop[] {
    const wire = createWire({
      apiUrl: urls.api,
      checkoutUrl: urls.checkout,
      merchants,
      cardNumbers: makeCardNumbers(CARDS_IN_DECK, random),
      keys: true,
    });
    const context = {
      apiUrl: urls.api,
      checkoutUrl: urls.checkout,
      wire,
      merchants: merchants.length,
      record: this.record,
      bank: null,
      processorTimeoutMs: 0,
      connectionsMax: CONNECTIONS_MAX,
      webhooks: null,
      firstPollMs: FIRST_POLL_MS,
      page: false,
      random,
    };
    return placesByDatabase(merchants, databases).map((places) => new Shop(context, inTurn(places)));
  }

  async #sell(dueMs: number): Promise<boolean> {
    const database = this.#payments.length % this.#shops.length;
    const payment: LoadPayment = { dueMs, database, settled: false, cause: null, slowestMs: 0 };
    this.#payments.push(payment);
    const well = await this.#shops[database]!.sell(dueMs, countsOf(payment));
    payment.settled = true;
    return well;
  }

  #overrun(dueMs: number): void {
    this.#payments.push({ dueMs, database: 0, settled: true, cause: 'driver overrun', slowestMs: 0 });
  }
}

/** Writes down what becomes of it. A status that could not be asked for is asked for again, and no fault of the payment. */
function countsOf(payment: LoadPayment): PaymentCounts {
  return {
    offer: () => undefined,
    answered(step, dueMs, nowMs) {
      if (step === 'intent' || step === 'session' || step === 'pay')
        payment.slowestMs = Math.max(payment.slowestMs, nowMs - dueMs);
    },
    polled: () => undefined,
    note: () => undefined,
    complete: () => undefined,
    fail(cause) {
      payment.cause = cause;
    },
  };
}

/** The places of the merchants in their list, database by database. @throws Error when a database has none */
function placesByDatabase(merchants: readonly Merchant[], databases: number): number[][] {
  const ranges = evenShardMap(databases);
  const places: number[][] = Array.from({ length: databases }, () => []);
  for (const [place, { merchantId }] of merchants.entries()) {
    const shard = shardOfMerchant(merchantId);
    places[ranges.findIndex(({ low, high }) => low <= shard && shard <= high)]!.push(place);
  }
  if (places.some(({ length }) => length === 0)) throw new Error('a database has no merchant');
  return places;
}

function inTurn(places: readonly number[]): () => number {
  let next = 0;
  return () => places[next++ % places.length]!;
}
