/**
 * Post: the outgoing side of a channel to another thread, one post per event-loop tick.
 *
 * A post costs about as much as the ten envelopes it could carry, so all that is sent within a tick leaves together. The
 * tick ends with setImmediate, after every socket of the poll phase was read; microtasks run after each socket. Measured
 * with 64 envelopes sent from 64 tasks (bench/post.bench.ts, two cores): setImmediate 1 post and 6 to 7 µs a message there
 * and back, queueMicrotask 64 posts and 10 to 21 µs.
 *
 * Promises: envelopes arrive in the order they were sent; at the bound a batch leaves at once, so at most
 * `batchMessagesMax` wait here. What waits on the other side is bounded by the asker's pending replies.
 *
 * @module
 */

import type { MessagePort } from 'node:worker_threads';
import { encode } from '../messages/codec.ts';
import type { Envelope } from '../messages/envelope.ts';

export interface Post {
  /** Sends an envelope with the others of this tick. After `close` it is dropped. */
  send(envelope: Envelope): void;
  /** Posts what waits, now. */
  flush(): void;
  /** Posts what waits and closes the port. */
  close(): void;
}

/** When a batch leaves that is not full; setImmediate unless measured. */
export type Schedule = (flush: () => void) => void;

/**
 * Opens the outgoing side of `port`.
 * @param limits `batchMessagesMax`: envelopes that may wait for the end of the tick
 */
export function createPost(
  port: MessagePort,
  limits: { batchMessagesMax: number },
  schedule: Schedule = setImmediate,
): Post {
  let batch: Envelope[] = [];
  let closed = false;

  function flush(): void {
    if (batch.length === 0) return;
    const bytes = encode(batch);
    batch = [];
    port.postMessage(bytes, [bytes.buffer]);
  }

  return {
    send(envelope) {
      if (closed) return;
      if (batch.length === 0) schedule(flush);
      batch.push(envelope);
      if (batch.length >= limits.batchMessagesMax) flush();
    },
    flush,
    close() {
      if (closed) return;
      flush();
      closed = true;
      port.close();
    },
  };
}
