/**
 * Door of the bus that carries to the actors what processors say: at once, by callbacks, and the day after, by their settlement reports
 * (design 10).
 *
 * Whatever carries them, a callback is durable before its processor is answered, a correction waits in its shard database until it is
 * closed there, and both reach the actor of their transaction at least once.
 *
 * @module
 */

import type { ProcessorCallback } from '../domain/callback.ts';
import type { CallbackVerdict } from '../domain/facts.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { Refusal } from '../domain/outcomes.ts';
import type { Correction } from '../storage/settlement-store.ts';

/** Durable now. The verdict is known at once only where publishing and applying are one commit. */
export type Published = { ok: true; verdict: CallbackVerdict | null } | { ok: false; refusal: Refusal };

/**
 * Hands a callback to the actor of its transaction and resolves when that has committed it. With `relay` it is marked to be put on
 * the bus later. Default: it is not.
 */
export type ApplyCallback = (callback: ProcessorCallback, how?: { relay: boolean }) => Promise<Published>;

export interface CallbackBus {
  /** Resolves once the callback is durable, or with the reason why it is not (the processor then sends it again). */
  publish(callback: ProcessorCallback): Promise<Published>;
  /** Starts handing callbacks over to `apply`. Only the background role calls this. */
  consume(apply: ApplyCallback): Promise<void>;
  /** Rejects when the bus is away. Callbacks are then taken all the same. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A correction by its name: enough to find it where it waits. */
export interface CorrectionName {
  /** The number of its break within the database of its transaction. */
  id: number;
  transactionId: TransactionId;
}

/** It is closed in its database, or why it still waits there. */
export type Corrected = { ok: true } | { ok: false; refusal: Refusal };

/** Has the actor apply a correction that waits in its shard database, and closes it there. One that does not wait is done. */
export type ApplyCorrection = (correction: CorrectionName) => Promise<Corrected>;

/** `closed`: in its database. Not closed: it is on the bus, and whoever consumes applies it. */
export type CorrectionSent = { ok: true; closed: boolean } | { ok: false; refusal: Refusal };

/** A bus that carries corrections too. They are published and consumed by the background role only. */
export interface Bus extends CallbackBus {
  /** Sends a correction on its way; what is refused still waits in its database, and is to be published again. */
  publishCorrection(correction: Correction): Promise<CorrectionSent>;
}
