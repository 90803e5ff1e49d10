/**
 * Peer: this thread's end of the channel to one other thread. It asks, and it answers what is asked.
 *
 * Neither side ever throws over the channel. A question past its deadline is refused before it is begun; a handler
 * that fails becomes `internal_error`; when the other thread is gone, everything it owed is settled with
 * `thread_died`. The port tells of that death itself: Node closes it when its thread ends, after the replies that
 * had already been posted were delivered.
 *
 * @module
 */

import type { MessagePort } from 'node:worker_threads';
import { refusal } from '../domain/outcomes.ts';
import { decode } from '../messages/codec.ts';
import type { Ask, Envelope } from '../messages/envelope.ts';
import { monotonicMs } from './clock.ts';
import { type Answer, createPendingReplies } from './pending-replies.ts';
import { createPost, type Schedule } from './post.ts';

export interface PeerOptions {
  /** Name of the other thread, for refusals: `shard-1`. */
  name: string;
  limits: {
    /** Asks that may be without an answer. */
    pendingRepliesMax: number;
    /** Envelopes that may wait for the end of the tick. */
    postBatchMessagesMax: number;
  };
  /**
   * Answers an ask of the other thread; what it returns is the body of the reply. It need not look at the deadline
   * unless it lets the ask wait. A throw is a bug: the asker hears `internal_error`.
   */
  handle(ask: Ask): Promise<unknown> | unknown;
  /** Hears of a handler that failed, and of an answer nobody waits for. */
  onFailure(error: unknown): void;
  /** The other thread is gone and all it owed is settled. */
  onGone?(): void;
  /** Left out: the process's own clock, and a post at the end of each tick. */
  timing?: { monotonicMs(): number; schedule: Schedule };
}

export interface Peer {
  readonly name: string;
  /**
   * Asks the other thread. Never rejects.
   * @param service which of its services
   * @param shard logical shard the ask belongs to; 0 where there is none
   * @param deadlineMs how long from now the ask may wait to begin
   */
  ask(service: string, shard: number, body: unknown, deadlineMs: number): Promise<Answer>;
  /** Asks without an answer yet. */
  readonly pending: number;
  /** True once the other thread is gone. */
  readonly gone: boolean;
  /** Sends what waits and closes the channel; what the other thread still owes is settled with `thread_died`. */
  close(): void;
}

/** Begins to ask and to answer over `port`. */
export function createPeer(port: MessagePort, options: PeerOptions): Peer {
  const { name, limits } = options;
  const clock = options.timing ?? { monotonicMs };
  const post = createPost(port, { batchMessagesMax: limits.postBatchMessagesMax }, options.timing?.schedule);
  const pending = createPendingReplies(limits.pendingRepliesMax);
  let gone = false;

  function answer(ask: Ask, body: unknown): void {
    post.send({ kind: 'reply', id: ask.id, body });
  }

  function fail(ask: Ask, error: unknown): void {
    options.onFailure(error);
    const detail = 'The gateway met an error of its own while it worked on this request.';
    post.send({ kind: 'failure', id: ask.id, refusal: refusal('internal_error', detail) });
  }

  function handle(ask: Ask): void {
    if (clock.monotonicMs() > ask.deadline) {
      const detail = 'The request waited longer than it may before it could begin.';
      post.send({ kind: 'failure', id: ask.id, refusal: refusal('deadline_passed', detail) });
      return;
    }
    try {
      const body = options.handle(ask);
      if (body instanceof Promise) {
        body.then(
          (settled) => answer(ask, settled),
          (error) => fail(ask, error),
        );
      } else {
        answer(ask, body);
      }
    } catch (error) {
      fail(ask, error);
    }
  }

  function receive(envelope: Envelope): void {
    if (envelope.kind === 'ask') {
      handle(envelope);
      return;
    }
    const { id } = envelope;
    const known =
      envelope.kind === 'reply'
        ? pending.settle(id, { ok: true, body: envelope.body })
        : pending.settle(id, { ok: false, refusal: envelope.refusal });
    if (!known) options.onFailure(new Error(`thread ${name} answered ask ${id}, for which nobody waits`));
  }

  port.on('message', (bytes: Uint8Array) => {
    for (const envelope of decode(bytes)) receive(envelope);
  });
  port.on('close', () => {
    gone = true;
    post.close();
    pending.rejectAll(died(name));
    options.onGone?.();
  });

  return {
    name,
    ask(service, shard, body, deadlineMs) {
      if (gone) return Promise.resolve({ ok: false, refusal: died(name) });
      const waiter = pending.add();
      if (waiter === null) {
        const detail = `Too many requests wait for thread ${name}.`;
        return Promise.resolve({ ok: false, refusal: refusal('overloaded', detail) });
      }
      const deadline = clock.monotonicMs() + deadlineMs;
      post.send({ kind: 'ask', id: waiter.id, service, shard, deadline, body });
      return waiter.answer;
    },
    get pending() {
      return pending.size;
    },
    get gone() {
      return gone;
    },
    close() {
      post.close();
    },
  };
}

function died(name: string) {
  return refusal('thread_died', `Thread ${name} of the gateway ended; it is being started anew.`);
}
