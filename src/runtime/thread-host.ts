/**
 * Thread host: main's end of one worker thread, from its start to its end.
 *
 * It turns the worker's events and messages into one life: starting, ready, ended with a reason. It decides nothing;
 * the supervisor does.
 *
 * @module
 */

import { setFlagsFromString } from 'node:v8';
import { type MessagePort, Worker } from 'node:worker_threads';
import type { MetricsPart } from '../metrics/registry.ts';
import { monotonicMs } from './clock.ts';
import type { AskMain, Heartbeat, MainAnswered, ThreadStart, ToMain, ToThread } from './control-messages.ts';
import { InvariantBroken } from './errors.ts';
import { settledWithin } from './settled-within.ts';

export interface ThreadHostOptions extends ThreadStart {
  entry: URL;
  /** Bound of its old generation in MiB; Node's own when undefined. Over it the thread dies, not the process. */
  heapMbMax: number | undefined;
  onReady(facts: Record<string, string | number>): void;
  /** The thread asks main something; answered with `answer`. */
  onQuestion(question: AskMain): void;
  /** It failed and could not close its listeners, so it can neither go on nor be terminated. */
  onStuck(): void;
  /** The worker has ended; nothing of it is left. */
  onEnd(end: ThreadEnd): void;
}

/** How a thread ended. */
export interface ThreadEnd {
  /** `Error: …`, `exit code 1`, or `stopped` after a drain. */
  reason: string;
  /** It was told to drain and said that it has. */
  drained: boolean;
}

export interface ThreadHost {
  readonly identity: ThreadStart['identity'];
  readonly heartbeat: Heartbeat | null;
  /** When the thread was last heard, by the monotonic clock; its start counts. */
  readonly heardAtMs: number;
  /** It has no open listener: it never had one, or said that it is closed. Only then may it be terminated. */
  readonly mayTerminate: boolean;
  /** Resolves when the worker has ended. */
  readonly ended: Promise<void>;
  /** Hands the thread its end of a channel to a peer. */
  connect(peer: ThreadStart['identity'], port: MessagePort): void;
  /** Tells it that the process is about to stop. */
  leave(): void;
  /** Tells it to drain. It ends by itself afterwards. */
  drain(withinMs: number): void;
  /** Tells it that files of the options may have changed. */
  reload(): void;
  /** Its metrics; null when it does not answer within `withinMs`. */
  collectMetrics(withinMs: number): Promise<MetricsPart | null>;
  answer(answered: MainAnswered): void;
  /** Ends it at once. Never while it may hold an open uWebSockets.js app. */
  terminate(): void;
}

/**
 * Requests live for tens of milliseconds: with V8's small default they are copied about by the garbage collector before they
 * die, which cost a tenth of the CPU under load. Not beside a bounded heap: what cannot be promoted into it ends the whole process.
 */
const YOUNG_GENERATION_MB = 96;

// Each thread has Node strip the types of what it loads, by a WebAssembly module of which it needs little: compiled whole in every
// thread it was a seventh of a gateway's start.
setFlagsFromString('--wasm-lazy-compilation');

/** How long a thread that has let go of everything may take to end by itself. */
const END_MS = 1000;

/** Starts a thread. */
export function startThread(options: ThreadHostOptions): ThreadHost {
  const { identity, holdsListener, heartbeatMs } = options;
  const workerData: ThreadStart = { identity, holdsListener, heartbeatMs, options: options.options };
  const resourceLimits =
    options.heapMbMax === undefined
      ? { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB }
      : { maxOldGenerationSizeMb: options.heapMbMax };
  const worker = new Worker(options.entry, { workerData, name: identity.name, resourceLimits });
  const tell = (message: ToThread, transfer: MessagePort[] = []) => worker.postMessage(message, transfer);
  const collections = new Map<number, (part: MetricsPart | null) => void>();
  let lastCollection = 0;
  let heartbeat: Heartbeat | null = null;
  let heardAtMs = monotonicMs();
  let reason: string | null = null;
  let closed = false;
  let drained = false;

  let resolveEnded: () => void;
  const ended = new Promise<void>((resolve) => {
    resolveEnded = resolve;
  });

  function mayTerminate(): boolean {
    return closed || !holdsListener;
  }

  /** It says that it has let go of everything; something a library left behind may still keep it alive. */
  async function awaitEnd(): Promise<void> {
    if (!(await settledWithin(ended, END_MS))) terminate();
  }

  function terminate(): void {
    void worker.terminate();
  }

  worker.on('message', (message: ToMain) => {
    heardAtMs = monotonicMs();
    switch (message.type) {
      case 'ready':
        options.onReady(message.facts);
        break;
      case 'heartbeat':
        heartbeat = message;
        break;
      case 'metrics-collected':
        collections.get(message.id)?.(message.part);
        collections.delete(message.id);
        break;
      case 'ask-main':
        options.onQuestion(message);
        break;
      case 'failed':
        reason = message.detail;
        closed = message.closed;
        if (mayTerminate()) void awaitEnd();
        else options.onStuck();
        break;
      case 'stopped':
        reason = message.failure ?? 'stopped';
        drained = message.failure === null;
        closed = drained;
        if (mayTerminate()) void awaitEnd();
        break;
      default:
        throw new InvariantBroken(`${identity.name} sent a message of no known type`);
    }
  });
  worker.on('messageerror', (error) => {
    reason ??= `a message could not be read: ${error.message}`;
  });
  worker.on('error', (error) => {
    reason ??= error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  });
  worker.on('exit', (code) => {
    for (const settle of collections.values()) settle(null);
    collections.clear();
    resolveEnded();
    options.onEnd({ reason: reason ?? `exit code ${code}`, drained });
  });

  return {
    identity,
    get heartbeat() {
      return heartbeat;
    },
    get heardAtMs() {
      return heardAtMs;
    },
    get mayTerminate() {
      return mayTerminate();
    },
    ended,
    connect: (peer, port) => tell({ type: 'connect', peer, port }, [port]),
    reload: () => tell({ type: 'reload' }),
    leave: () => tell({ type: 'leave' }),
    drain: (withinMs) => tell({ type: 'drain', withinMs }),
    async collectMetrics(withinMs) {
      lastCollection += 1;
      const id = lastCollection;
      let collected: MetricsPart | null = null;
      const collecting = new Promise<MetricsPart | null>((resolve) => collections.set(id, resolve));
      tell({ type: 'collect-metrics', id });
      await settledWithin(
        collecting.then((part) => {
          collected = part;
        }),
        withinMs,
      );
      collections.delete(id);
      return collected;
    },
    answer: (answered) => tell(answered),
    terminate,
  };
}
