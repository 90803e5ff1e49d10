/**
 * The bus without Kafka: a callback's row is its record and its dedupe in one (design 10).
 *
 * Publishing hands the callback to the actor of its transaction, which commits its row together with what it says; so it is
 * durable, and mostly applied, before its processor is answered. What found no transaction stays as an unmatched row, and
 * the consumer offers it again, ever more rarely, until it does. A correction is applied when it is published: it waits in its database
 * already.
 *
 * @module
 */

import { refusal } from '../../domain/outcomes.ts';
import type { Timers } from '../../runtime/clock.ts';
import type { ApplyCallback, ApplyCorrection, Bus } from '../bus.ts';
import { startMatching, type UnmatchedPage } from './match-again.ts';

export interface PostgresBusOptions {
  apply: ApplyCallback;
  /** Default: corrections are not published here. */
  correct?: ApplyCorrection;
  /** Of each database. Needed to consume only. */
  unmatched?: readonly UnmatchedPage[];
  /** Hears why a round of matching, or one callback in it, failed. */
  onFailed?(error: unknown): void;
  /** Milliseconds between two rounds. Default 5000. */
  everyMs?: number;
  /** Callbacks being published at once; more are refused. Default 4096. */
  inFlightMax?: number;
  /** Default: Node's own. */
  timers?: Timers;
}

/** Makes the bus of a thread. */
export function createPostgresBus(options: PostgresBusOptions): Bus {
  const { inFlightMax = 4096, everyMs = 5000, onFailed = () => undefined, correct = notHere } = options;
  const timers = options.timers ?? globalThis;
  const matchings: ReturnType<typeof startMatching>[] = [];
  let inFlight = 0;

  return {
    async publish(callback) {
      if (inFlight >= inFlightMax) {
        return { ok: false, refusal: refusal('overloaded', 'Too many callbacks are being applied') };
      }
      inFlight++;
      try {
        return await options.apply(callback);
      } finally {
        inFlight--;
      }
    },
    async publishCorrection(correction) {
      const corrected = await correct(correction);
      return corrected.ok ? { ok: true, closed: true } : corrected;
    },
    async consume(apply) {
      for (const unmatched of options.unmatched ?? [])
        matchings.push(startMatching({ unmatched, apply, onFailed, everyMs, timers }));
    },
    async ping() {
      // It is away when its actors are, and that is asked elsewhere.
    },
    async close() {
      await Promise.all(matchings.map((matching) => matching.stop()));
    },
  };
}

const notHere: ApplyCorrection = () =>
  Promise.reject(new Error('corrections are published by the background role'));
