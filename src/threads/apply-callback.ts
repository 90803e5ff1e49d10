/**
 * Apply callback: hands a verified callback to the actor of its transaction, which commits its row and what it says at once.
 *
 * @module
 */

import type { ApplyCallback } from '../bus/bus.ts';
import { LIMITS } from '../config/limits.ts';
import { makeId, shardOfId, shardOfMerchant } from '../domain/ids.ts';
import type { AskShard } from '../messages/ask.ts';
import { randomBytes } from '../runtime/random.ts';
import type { GatewayThread } from './gateway.ts';

/** What an event's id is made of. */
const SOURCES = { now: Date.now, randomBytes };

/** The way of a callback into the shard of its transaction. */
export function applyCallback(
  guest: Pick<GatewayThread, 'metrics'>,
  ask: AskShard,
  { now: readClock, randomBytes: draw }: { now(): number; randomBytes(length: number): Uint8Array } = SOURCES,
): ApplyCallback {
  return async (callback, { relay } = { relay: false }) => {
    const { processor, callbackId, transactionId, word, receivedAt } = callback;
    const shard = transactionId === null ? shardOfMerchant(callbackId) : shardOfId(transactionId);
    const now = readClock();
    const eventId = makeId(now, shard, draw(8));
    const reply = await ask(
      shard,
      { type: 'hear-callback', processor, callbackId, transactionId, word, receivedAt, relay, eventId, now },
      LIMITS.replyTimeoutMs,
    );
    if (reply.type === 'callback-heard') {
      guest.metrics.callbacks.of(processor, reply.verdict).add();
      return { ok: true, verdict: reply.verdict };
    }
    if (reply.type === 'refused') return { ok: false, refusal: reply.refusal };
    throw new Error(`hear-callback was answered ${reply.type}`);
  };
}
