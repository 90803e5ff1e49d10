/**
 * The bus without Kafka: a callback's row is its record and its dedupe in one (design 10).
 *
 * Publishing hands the callback to the actor of its transaction, which commits its row together with what it says; so it is
 * durable, and mostly applied, before its processor is answered. What found no transaction stays as an unmatched row, and
 * the consumer offers it again until it does.
 *
 * @module
 */

import type { ProcessorCallback } from '../../domain/callback.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { ApplyCallback, CallbackBus } from '../bus.ts';

export interface PostgresBusOptions {
  apply: ApplyCallback;
  /** Callbacks whose transaction was not found, oldest first. Needed to consume only. */
  unmatched?(): Promise<ProcessorCallback[]>;
  /** Hears why a round of matching failed. */
  onFailed?(error: unknown): void;
  /** Milliseconds between two rounds. Default 5000. */
  everyMs?: number;
  /** Callbacks being applied at once. Default 4096. */
  inFlightMax?: number;
}

/** Makes the bus of a thread. */
export function createPostgresBus(options: PostgresBusOptions): CallbackBus {
  const inFlightMax = options.inFlightMax ?? 4096;
  let inFlight = 0;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let closed = false;

  async function matchAgain(apply: ApplyCallback): Promise<void> {
    try {
      for (const callback of (await options.unmatched?.()) ?? []) await apply(callback);
    } catch (error) {
      options.onFailed?.(error);
    }
    if (!closed) {
      timer = setTimeout(() => {
        round = matchAgain(apply);
      }, options.everyMs ?? 5000);
    }
  }

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
    async consume(apply) {
      round = matchAgain(apply);
      await round;
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await round;
    },
  };
}
