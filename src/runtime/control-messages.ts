/**
 * Control messages: what main and its threads say to each other.
 *
 * One interface each with a literal `type`, the unions at the end. Requests of payments do not travel here but on the
 * channels between threads (peer.ts); these are few a second, so they go as structured clones.
 *
 * @module
 */

import type { MessagePort } from 'node:worker_threads';
import type { MetricsPart } from '../metrics/registry.ts';
import type { LoopLag } from './loop-lag.ts';

/** Which thread. */
export interface ThreadIdentity {
  /** `api`, or `shard-1` where there are several of a kind: for people, labels and refusals. */
  name: string;
  kind: string;
  /** 0, 1, 2, … within its kind. */
  index: number;
}

/** What a thread is started with. */
export interface ThreadStart {
  identity: ThreadIdentity;
  /** It may open a uWebSockets.js app: then it must end by itself. */
  holdsListener: boolean;
  heartbeatMs: number;
  options: unknown;
}

/** A thread's life as main sees it. */
export interface ThreadStatus extends ThreadIdentity {
  state: 'starting' | 'ready' | 'restarting' | 'draining' | 'stopped';
  /** How often it ended unasked. */
  deaths: number;
  heartbeat: Heartbeat | null;
}

// Main to thread

/** The channel to a peer; a second one for the same peer replaces the first, whose thread has died. */
export interface Connect {
  type: 'connect';
  peer: ThreadIdentity;
  port: MessagePort;
}

/** The process is about to stop: say so to whoever asks, and serve until the drain. Also sent right before a drain. */
export interface Leave {
  type: 'leave';
}

/** Take in no more, finish what is under way, close what is open. Answered by `Stopped`. */
export interface Drain {
  type: 'drain';
  withinMs: number;
}

/** Files that the options name may have changed: read them anew. Not answered. */
export interface Reload {
  type: 'reload';
}

/** Hand over your metrics. Answered by `MetricsCollected`. */
export interface CollectMetrics {
  type: 'collect-metrics';
  id: number;
}

/** Answers `AskMain`. Null: main could not. */
export interface MainAnswered {
  type: 'main-answered';
  id: number;
  answer: string | ThreadStatus[] | null;
}

// Thread to main

/** The entry has done all it must before others may rely on it. */
export interface Ready {
  type: 'ready';
  /** What it has to tell main, as the port it listens on. */
  facts: Record<string, string | number>;
}

/** The thread ends because something broke in it. */
export interface Failed {
  type: 'failed';
  detail: string;
  /** Its listeners are closed: it may be terminated. */
  closed: boolean;
}

/** The drain is over and the listeners are closed: the thread may be terminated. */
export interface Stopped {
  type: 'stopped';
  /** Null, or why the drain could not be finished. */
  failure: string | null;
}

/** Once a second. */
export interface Heartbeat {
  type: 'heartbeat';
  loopLag: LoopLag;
  heapUsedBytes: number;
  /** What the entry counts. */
  counters: Record<string, number>;
}

/** Answers `CollectMetrics`. Null: the collection failed. */
export interface MetricsCollected {
  type: 'metrics-collected';
  id: number;
  part: MetricsPart | null;
}

/** `metrics`: the page of all threads as text. `threads`: the status of all threads. Answered by `MainAnswered`. */
export interface AskMain {
  type: 'ask-main';
  id: number;
  question: 'metrics' | 'threads';
}

export type ToThread = Connect | Leave | Drain | Reload | CollectMetrics | MainAnswered;
export type ToMain = Ready | Failed | Stopped | Heartbeat | MetricsCollected | AskMain;
