/**
 * Publish: a verified callback is made durable before its processor is answered. One that is a hint has the processor asked then.
 *
 * @module
 */

import type { CallbackBus, Published } from '../bus/bus.ts';
import type { Confirm } from './confirm.ts';
import { type ArrivedCallback, type VerifyDeps, verifyCallback } from './verify.ts';

export interface ReceiveDeps extends VerifyDeps {
  bus: Pick<CallbackBus, 'publish'>;
  confirm: Pick<Confirm, 'onHint'>;
}

/** Verifies a callback, then publishes it. `ok` means durable; a refusal means the processor must send it again. */
export function createReceive(deps: ReceiveDeps): (arrived: ArrivedCallback) => Promise<Published> {
  return async (arrived) => {
    const verified = await verifyCallback(deps, arrived);
    if (!verified.ok) return verified;
    const { callback } = verified;
    const published = await deps.bus.publish(callback);
    // Whatever the shard made of it: one that was there before may have come before its charge was decided.
    if (published.ok && callback.hint && callback.transactionId !== null) {
      const { processor, transactionId, word } = callback;
      deps.confirm.onHint({ processor, transactionId, account: word?.processorAccount ?? null });
    }
    return published;
  };
}
