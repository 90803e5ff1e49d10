/**
 * How long the bank takes: a fixed time, or one that differs from charge to charge as real banks' does.
 *
 * Lognormal, since that is what response times of card networks look like: most near the median, a long tail, never below zero.
 * A share of the answers may come later still, beyond any caller's patience. The same seed gives the same delays in the same order.
 * @module
 */
import { DELAY_MAX_MS, isIntegerWithin } from './faults.ts';
import { isRecord, type Refusal } from './json.ts';

/** Answers take `p50Ms` in the middle and `p99Ms` at the 99th percentile; `lateShare` of all take `lateMs` instead. */
export interface Lognormal {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lateShare: number;
  readonly lateMs: number;
  readonly seed: number;
}

/** What `POST /_bank/delay` orders and `GET /_bank/delay` shows. */
export type DelayOrder = {
  readonly callbackMs: number;
  /** How long the shopper may take, of charges booked from now on. */
  readonly challengeMs: number;
} & ({ readonly ms: number } | { readonly lognormal: Lognormal });

/** How long one charge's answer waits, and how long after the charge its callback leaves. */
export interface Wait {
  readonly answerMs: number;
  readonly callbackMs: number;
}

/** The normal distribution's 99th percentile. */
const Z99 = 2.326_347_874_040_841;
const SEED_MAX = 2 ** 32 - 1;

/** The delays of the moment; the operator may change them. */
export class Delays {
  #order: DelayOrder;
  #random = seeded(0);

  constructor(order: DelayOrder) {
    this.#order = order;
  }

  get order(): DelayOrder {
    return this.#order;
  }

  /** A lognormal that is ordered begins anew with its seed; one that was left as it is goes on. */
  set(order: DelayOrder): void {
    const before = this.#order;
    this.#order = order;
    if (!('lognormal' in order)) return;
    if ('lognormal' in before && before.lognormal === order.lognormal) return;
    this.#random = seeded(order.lognormal.seed);
  }

  /** The wait of the next charge. A bank that takes its time to answer takes it before it calls back, too. */
  next(): Wait {
    const order = this.#order;
    if ('ms' in order) return { answerMs: order.ms, callbackMs: order.callbackMs };
    const answerMs = draw(order.lognormal, this.#random);
    return { answerMs, callbackMs: answerMs + order.callbackMs };
  }
}

/** Checks the body of `POST /_bank/delay`; what it does not name stays as it is `now`. It must name something. */
export function readDelay(
  body: unknown,
  now: DelayOrder,
): { readonly ok: true; readonly order: DelayOrder } | Refusal {
  const named = isRecord(body) ? body : {};
  const { ms, lognormal, callbackMs = now.callbackMs, challengeMs = now.challengeMs } = named;
  if (!isIntegerWithin(callbackMs, 0, DELAY_MAX_MS)) return outside('callbackMs', 0, DELAY_MAX_MS);
  if (!isIntegerWithin(challengeMs, 0, DELAY_MAX_MS)) return outside('challengeMs', 0, DELAY_MAX_MS);
  const others = { callbackMs, challengeMs };
  if (ms !== undefined && lognormal !== undefined) return refuse('ms', 'either ms or lognormal');
  if (lognormal !== undefined) {
    const read = readLognormal(lognormal);
    return read.ok ? { ok: true, order: { lognormal: read.lognormal, ...others } } : read;
  }
  if (isIntegerWithin(ms, 0, DELAY_MAX_MS)) return { ok: true, order: { ms, ...others } };
  const namesAnother = named.callbackMs !== undefined || named.challengeMs !== undefined;
  if (ms !== undefined || !namesAnother) return outside('ms', 0, DELAY_MAX_MS);
  return { ok: true, order: { ...now, ...others } };
}

function readLognormal(value: unknown): { readonly ok: true; readonly lognormal: Lognormal } | Refusal {
  if (!isRecord(value)) return refuse('lognormal', 'lognormal must be an object');
  const { p50Ms, p99Ms, lateShare = 0, lateMs = 0, seed = 0 } = value;
  if (!isIntegerWithin(p50Ms, 1, DELAY_MAX_MS)) return outside('p50Ms', 1, DELAY_MAX_MS);
  if (!isIntegerWithin(p99Ms, p50Ms, DELAY_MAX_MS)) return outside('p99Ms', p50Ms, DELAY_MAX_MS);
  if (typeof lateShare !== 'number' || !(lateShare >= 0 && lateShare <= 1)) return outside('lateShare', 0, 1);
  if (!isIntegerWithin(lateMs, 0, DELAY_MAX_MS)) return outside('lateMs', 0, DELAY_MAX_MS);
  if (!isIntegerWithin(seed, 0, SEED_MAX)) return outside('seed', 0, SEED_MAX);
  return { ok: true, lognormal: { p50Ms, p99Ms, lateShare, lateMs, seed } };
}

function draw({ p50Ms, p99Ms, lateShare, lateMs }: Lognormal, random: () => number): number {
  if (random() < lateShare) return lateMs;
  const sigma = Math.log(p99Ms / p50Ms) / Z99;
  // Box and Muller: two even numbers make a normal one. 1 - random() is never 0.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(DELAY_MAX_MS, Math.round(p50Ms * Math.exp(sigma * normal)));
}

/** Numbers from 0 to below 1 (a Weyl sequence, mixed twice). */
function seeded(seed: number): () => number {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let bits = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
}

function outside(field: string, min: number, max: number): Refusal {
  return refuse(field, `${field} must be from ${min} to ${max}`);
}

function refuse(field: string, detail: string): Refusal {
  return { ok: false, code: 'field_value', field, detail };
}
