/**
 * Thread guest: what a thread's entry holds of the machinery around it.
 *
 * An entry calls {@link enterThread} first, wires its rooms, says `ready` and from then on lives by its peers and
 * listeners. The guest beats its heart to main, takes in channels, runs the drain, and turns an uncaught error into an
 * orderly end: `onFatal` closes what is open, main is told why, the thread ends.
 *
 * A thread that holds a uWebSockets.js app must never be terminated nor call process.exit while the app is open: either
 * would abort the whole process. So a listener thread closes its app in `onDrain` and `onFatal`, and ends by having
 * nothing left to do; main terminates it only once it has said that it is closed.
 *
 * @module
 */

import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createLog, errorFields, type Log } from '../metrics/log.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { createMetricRegistry, type MetricRegistry } from '../metrics/registry.ts';
import type {
  AskMain,
  Connect,
  MainAnswered,
  ThreadIdentity,
  ThreadStart,
  ThreadStatus,
  ToMain,
  ToThread,
} from './control-messages.ts';
import { InvariantBroken, NotAThread } from './errors.ts';
import { monitorLoopLag } from './loop-lag.ts';
import { settledWithin } from './settled-within.ts';

/** How long `onFatal` may take to close listeners. */
const FATAL_CLOSE_MS = 2000;
/** Questions to main without an answer yet; /metrics and /readyz are asked a few times a second. */
const MAIN_QUESTIONS_MAX = 64;

export interface ThreadGuest<Options> extends ThreadIdentity {
  options: Options;
  log: Log;
  registry: MetricRegistry;
  metrics: Metrics;
  /**
   * Hears of every channel to a peer, also of those that came before this call. A second port of the same peer means
   * that its thread died and was started anew; the first port is closed by then.
   */
  onPeer(listener: (peer: ThreadIdentity, port: MessagePort) => void): void;
  /** Hears, once, that the process is about to stop: tell whoever asks, and go on serving until the drain. */
  onLeave(leave: () => void): void;
  /** What to do when main says drain: take in no more, finish, close. The thread ends after it. */
  onDrain(drain: (withinMs: number) => Promise<void>): void;
  /** What to do when main says that files of the options may have changed. Left out: nothing. */
  onReload(reload: () => void): void;
  /** What to do when something broke: close listeners, at once. The thread ends after it. */
  onFatal(close: () => Promise<void> | void): void;
  /** What each heartbeat carries besides the loop lag. */
  onHeartbeat(counters: () => Record<string, number>): void;
  /** Tells main that the thread can do its work; `facts` as the port it listens on. */
  ready(facts?: Record<string, string | number>): void;
  /** Ends the thread because of an error, as an uncaught one would. */
  fail(error: unknown): void;
  /** The metrics of all threads in the Prometheus text format; null when main could not gather them. */
  gatherMetrics(): Promise<string | null>;
  /** The status of all threads; null when main could not be asked. */
  threadStatuses(): Promise<ThreadStatus[] | null>;
}

/**
 * Enters the thread. Called once, first thing, by its entry.
 * @throws NotAThread on the main thread
 */
export function enterThread<Options>(): ThreadGuest<Options> {
  if (isMainThread || parentPort === null) throw new NotAThread('a thread entry was run on the main thread');
  const main = parentPort;
  const { identity, holdsListener, heartbeatMs, options } = workerData as ThreadStart;
  const log = createLog(identity.name);
  const registry = createMetricRegistry(identity.name);
  const metrics = createMetrics(registry);
  const tell = (message: ToMain) => main.postMessage(message);
  const peers = createPeerPorts();
  const questions = createQuestions(tell);
  const lag = monitorLoopLag();
  let drain: (withinMs: number) => Promise<void> = () => Promise.resolve();
  let reload: () => void = () => undefined;
  let leave: () => void = () => undefined;
  let isLeaving = false;
  let close: () => Promise<void> | void = () => undefined;
  let counters: () => Record<string, number> = () => ({});
  let isReady = false;
  /** A drain that came while the entry was still opening things: it waits until they can be closed. */
  let drainAsked: number | null = null;
  let ending = false;

  const heart = setInterval(() => {
    const loopLag = lag.read();
    metrics.loopLagSeconds.of('0.5').set(loopLag.p50Ms / 1000);
    metrics.loopLagSeconds.of('0.99').set(loopLag.p99Ms / 1000);
    const heapUsedBytes = process.memoryUsage().heapUsed;
    tell({ type: 'heartbeat', loopLag, heapUsedBytes, counters: counters() });
  }, heartbeatMs);

  /** Lets go of all that keeps the thread alive. */
  function letGo(): void {
    clearInterval(heart);
    lag.stop();
    peers.closeAll();
    main.close();
  }

  function fail(error: unknown): void {
    if (ending) {
      log('error', 'error_while_ending', errorFields(error));
      return;
    }
    ending = true;
    log('fatal', 'thread_failed', errorFields(error));
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    void closed(close).then((isClosed) => {
      tell({ type: 'failed', detail, closed: isClosed });
      letGo();
      if (!holdsListener) process.exit(1);
    });
  }

  async function runDrain(withinMs: number): Promise<void> {
    if (ending) return;
    ending = true;
    const failure = await drain(withinMs).then(
      () => null,
      (error: unknown) => {
        log('error', 'drain_failed', errorFields(error));
        return error instanceof Error ? error.message : String(error);
      },
    );
    tell({ type: 'stopped', failure });
    letGo();
  }

  main.on('message', (message: ToThread) => {
    switch (message.type) {
      case 'connect':
        peers.take(message);
        break;
      case 'leave':
        isLeaving = true;
        leave();
        break;
      case 'drain':
        if (isReady) void runDrain(message.withinMs);
        else drainAsked = message.withinMs;
        break;
      case 'reload':
        reload();
        break;
      case 'collect-metrics':
        void registry.collect().then(
          (part) => tell({ type: 'metrics-collected', id: message.id, part }),
          (error) => {
            log('error', 'metrics_failed', errorFields(error));
            tell({ type: 'metrics-collected', id: message.id, part: null });
          },
        );
        break;
      case 'main-answered':
        questions.settle(message);
        break;
      default:
        throw new InvariantBroken(`main sent a message of no known type: ${JSON.stringify(message)}`);
    }
  });
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);

  return {
    ...identity,
    options: options as Options,
    log,
    registry,
    metrics,
    onPeer: peers.listen,
    onLeave(run) {
      leave = run;
      if (isLeaving) leave();
    },
    onDrain(run) {
      drain = run;
    },
    onReload(run) {
      reload = run;
    },
    onFatal(run) {
      close = run;
    },
    onHeartbeat(read) {
      counters = read;
    },
    ready(facts = {}) {
      isReady = true;
      tell({ type: 'ready', facts });
      if (drainAsked !== null) void runDrain(drainAsked);
    },
    fail,
    gatherMetrics: async () => (await questions.ask('metrics')) as string | null,
    threadStatuses: async () => (await questions.ask('threads')) as ThreadStatus[] | null,
  };
}

/** Runs `close`; true when it came to a good end in time. */
async function closed(close: () => Promise<void> | void): Promise<boolean> {
  let well = false;
  const closing = (async () => {
    await close();
    well = true;
  })();
  return (await settledWithin(closing, FATAL_CLOSE_MS)) && well;
}

/** The channels to peers, one each. */
function createPeerPorts() {
  const connected = new Map<string, Connect>();
  let listener: ((peer: ThreadIdentity, port: MessagePort) => void) | undefined;

  return {
    take(connect: Connect): void {
      connected.get(connect.peer.name)?.port.close();
      connected.set(connect.peer.name, connect);
      listener?.(connect.peer, connect.port);
    },
    listen(onPeer: (peer: ThreadIdentity, port: MessagePort) => void): void {
      listener = onPeer;
      for (const { peer, port } of connected.values()) onPeer(peer, port);
    },
    closeAll(): void {
      for (const { port } of connected.values()) port.close();
    },
  };
}

/** Questions to main, by id. */
function createQuestions(tell: (question: AskMain) => void) {
  const waiting = new Map<number, (answer: MainAnswered['answer']) => void>();
  let lastId = 0;

  return {
    ask(question: AskMain['question']): Promise<MainAnswered['answer']> {
      if (waiting.size >= MAIN_QUESTIONS_MAX) return Promise.resolve(null);
      lastId += 1;
      const id = lastId;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        tell({ type: 'ask-main', id, question });
      });
    },
    settle({ id, answer }: MainAnswered): void {
      waiting.get(id)?.(answer);
      waiting.delete(id);
    },
  };
}
