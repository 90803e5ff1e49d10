/**
 * Publish: a verified callback is made durable before its processor is answered.
 *
 * @module
 */

import type { CallbackBus, Published } from '../bus/bus.ts';
import { type ArrivedCallback, type VerifyDeps, verifyCallback } from './verify.ts';

export interface ReceiveDeps extends VerifyDeps {
  bus: Pick<CallbackBus, 'publish'>;
}

/** Verifies a callback, then publishes it. `ok` means durable; a refusal means the processor must send it again. */
export function createReceive(deps: ReceiveDeps): (arrived: ArrivedCallback) => Promise<Published> {
  return async (arrived) => {
    const verified = await verifyCallback(deps, arrived);
    return verified.ok ? deps.bus.publish(verified.callback) : verified;
  };
}
