/**
 * The bus without Kafka: a callback's row is its record and its dedupe in one (design 10).
 *
 * Publishing hands the callback to the actor of its transaction, which commits its row together with what it says; so it is
 * durable, and mostly applied, before its processor is answered. What found no transaction stays as an unmatched row, and
 * the consumer offers it again, ever more rarely, until it does.
 *
 * @module
 */

import type { ProcessorCallback } from '../../domain/callback.ts';
import { refusal } from '../../domain/outcomes.ts';
import type { Timers } from '../../runtime/clock.ts';
import type { ApplyCallback, CallbackBus } from '../bus.ts';

export interface PostgresBusOptions {
  apply: ApplyCallback;
  /** One bounded page of callbacks whose transaction was not found, oldest first. Needed to consume only. */
  unmatched?(): Promise<ProcessorCallback[]>;
  /** Hears why a round of matching, or one callback in it, failed. */
  onFailed?(error: unknown): void;
  /** Milliseconds between two rounds. Default 5000. */
  everyMs?: number;
  /** Callbacks being published at once; more are refused. Default 4096. */
  inFlightMax?: number;
  /** Default: Node's own. */
  timers?: Timers;
}

/** Callbacks offered again at once: what arrives anew goes first. */
const MATCHING_MAX = 16;
/** A callback offered in vain waits 1, 2, 4 … rounds; at 5 s a round this is about an hour. */
const ROUNDS_MAX = 720;

/** How often a callback was offered in vain, and the round in which it is offered next. */
interface Waiting {
  offers: number;
  dueRound: number;
}

/** Makes the bus of a thread. */
export function createPostgresBus(options: PostgresBusOptions): CallbackBus {
  const inFlightMax = options.inFlightMax ?? 4096;
  const timers = options.timers ?? globalThis;
  let inFlight = 0;
  /** By processor and callback id; only those of the last page, so it is as bounded as the page. */
  let waiting = new Map<string, Waiting>();
  let rounds = 0;
  let timer: unknown;
  let round: Promise<void> = Promise.resolve();
  let closed = false;

  async function matchAgain(apply: ApplyCallback): Promise<void> {
    rounds++;
    try {
      const page = (await options.unmatched?.()) ?? [];
      const due = page.filter((callback) => (waiting.get(nameOf(callback))?.dueRound ?? 0) <= rounds);
      const next = new Map(page.map((callback) => [nameOf(callback), waitingOf(callback)]));
      await Promise.all(Array.from({ length: MATCHING_MAX }, () => offer(due, next, apply)));
      waiting = next;
    } catch (error) {
      options.onFailed?.(error);
    }
    if (closed) return;
    timer = timers.setTimeout(() => {
      round = matchAgain(apply);
    }, options.everyMs ?? 5000);
  }

  function waitingOf(callback: ProcessorCallback): Waiting {
    return waiting.get(nameOf(callback)) ?? { offers: 0, dueRound: 0 };
  }

  /** One of several that take from the same list until it is empty. */
  async function offer(
    due: ProcessorCallback[],
    next: Map<string, Waiting>,
    apply: ApplyCallback,
  ): Promise<void> {
    for (let callback = due.shift(); callback !== undefined && !closed; callback = due.shift()) {
      const { offers } = waitingOf(callback);
      next.set(nameOf(callback), {
        offers: offers + 1,
        dueRound: rounds + Math.min(2 ** offers, ROUNDS_MAX),
      });
      try {
        await apply(callback);
      } catch (error) {
        // Its row stays unmatched; one that breaks must not stand before the others.
        options.onFailed?.(error);
      }
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
    },
    async close() {
      closed = true;
      timers.clearTimeout(timer);
      await round;
    },
  };
}

function nameOf({ processor, callbackId }: ProcessorCallback): string {
  return `${processor} ${callbackId}`;
}
