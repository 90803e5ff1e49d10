/**
 * Network: between clients and gateways, where requests and answers are lost, late and doubled; and the channels between
 * the threads of one process, which only death ends.
 *
 * @module
 */

import type { MessagePort } from 'node:worker_threads';
import type { Thread } from './host.ts';
import type { World } from './world.ts';

/** What a client knows of a request: its answer, or nothing. */
export type Called<Answer> = { kind: 'answered'; answer: Answer } | { kind: 'unknown' };

const TRAVEL_MS = [0.2, 3] as const;
const DELAY_MS = [50, 8000] as const;
/** A client waits no longer. */
const CLIENT_TIMEOUT_MS = 20_000;
/** Between two threads of a process. */
const CHANNEL_MS = 0.05;

/**
 * Sends a request to a thread and waits for the answer.
 * @param find the thread as it is when the request arrives; null: nobody listens
 * @param serve works on the request inside the thread
 */
export function call<Answer>(
  world: World,
  find: () => Thread | null,
  serve: () => Promise<Answer>,
): Promise<Called<Answer>> {
  const { scheduler, faults } = world;
  return new Promise((resolve) => {
    const timeout = scheduler.after(CLIENT_TIMEOUT_MS, () => settle({ kind: 'unknown' }));
    function settle(called: Called<Answer>): void {
      timeout.run = null;
      resolve(called);
    }

    function arrive(): void {
      const thread = find();
      if (thread === null) {
        settle({ kind: 'unknown' });
        return;
      }
      const stopListening = thread.onDeath(() => settle({ kind: 'unknown' }));
      thread.enter(() => {
        serve().then(
          (answer) => {
            stopListening();
            if (world.happens(faults.answerLost)) return;
            scheduler.after(travelMs(world), () => settle({ kind: 'answered', answer }));
          },
          (error: unknown) => world.checker.violate(`${thread.name} threw ${describe(error)}`),
        );
      });
    }

    if (!world.happens(faults.requestLost)) scheduler.after(travelMs(world), arrive);
    if (world.happens(faults.requestDuplicated)) scheduler.after(travelMs(world), arrive);
  });
}

function travelMs(world: World): number {
  return world.between(world.happens(world.faults.requestDelayed) ? DELAY_MS : TRAVEL_MS);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.stack}` : String(error);
}

/** The two ends of a channel between two threads. What was posted before a death arrives, then the end does. */
export function createChannel(left: Thread, right: Thread): [MessagePort, MessagePort] {
  const ends = [end(), end()] as const;
  const threads = [left, right] as const;
  let open = true;

  function end() {
    return {
      message: (_: unknown): void => undefined,
      close: (): void => undefined,
    };
  }

  function close(): void {
    if (!open) return;
    open = false;
    for (const side of [0, 1] as const) threads[side].enterAfter(CHANNEL_MS, () => ends[side].close());
  }

  left.onDeath(close);
  right.onDeath(close);

  function port(side: 0 | 1): MessagePort {
    const other = side === 0 ? 1 : 0;
    const simulated = {
      on(event: 'message' | 'close', hear: (value?: unknown) => void) {
        ends[side][event] = hear;
      },
      postMessage(message: unknown) {
        if (open) threads[other].enterAfter(CHANNEL_MS, () => ends[other].message(message));
      },
      close,
    };
    return simulated as unknown as MessagePort;
  }
  return [port(0), port(1)];
}
