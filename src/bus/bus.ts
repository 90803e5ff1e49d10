/**
 * Door of the bus that carries processors' callbacks to the actors (design 10).
 *
 * Whatever carries them, a callback is durable before its processor is answered, and reaches the actor of its
 * transaction at least once.
 *
 * @module
 */

import type { ProcessorCallback } from '../domain/callback.ts';
import type { CallbackVerdict } from '../domain/facts.ts';
import type { Refusal } from '../domain/outcomes.ts';

/** Durable now. The verdict is known at once only where publishing and applying are one commit. */
export type Published = { ok: true; verdict: CallbackVerdict | null } | { ok: false; refusal: Refusal };

/** Hands a callback to the actor of its transaction and resolves when that has committed it. */
export type ApplyCallback = (callback: ProcessorCallback) => Promise<Published>;

export interface CallbackBus {
  /** Resolves once the callback is durable, or with the reason why it is not (the processor then sends it again). */
  publish(callback: ProcessorCallback): Promise<Published>;
  /** Starts handing callbacks over to `apply`. Only the background role calls this. */
  consume(apply: ApplyCallback): Promise<void>;
  close(): Promise<void>;
}
