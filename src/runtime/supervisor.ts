/**
 * Supervisor: main's only work. It starts the threads, connects those that talk, restarts what dies, stops in order.
 *
 * ## Life of a thread
 * Started with channels to every living peer. When it ends unasked it is started anew after a growing delay, with fresh
 * channels; its peers settle what it owed by themselves (peer.ts). More than `deathsMax` deaths within `deathsWindowMs`
 * mean that restarting does not help: the process ends, and the parent starts a clean one.
 *
 * ## A thread that hangs
 * Unheard for `hungMs`, it is terminated. A thread with an open listener must never be terminated (it would abort the
 * process), so there the process ends instead. A pause of the whole process (SIGSTOP) is no hang: main notices its own gap
 * and gives every thread its time again.
 *
 * ## Stop
 * All threads are told at once, so that whoever asks for readiness is sent elsewhere; after a delay in which everything is served,
 * they drain. By drain phases, one after the other: those that take work in from outside, then those that make work themselves, then
 * the shards everyone relies on.
 *
 * @module
 */

import { MessageChannel } from 'node:worker_threads';
import type { Log } from '../metrics/log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type MetricsPart, renderMetrics } from '../metrics/registry.ts';
import { monotonicMs } from './clock.ts';
import type { AskMain, ThreadIdentity, ThreadStatus } from './control-messages.ts';
import { ThreadFailed } from './errors.ts';
import { settledWithin } from './settled-within.ts';
import { startThread, type ThreadEnd, type ThreadHost } from './thread-host.ts';

/** One kind of thread. */
export interface ThreadSpec {
  kind: string;
  /** How many; left out: one, named by its kind alone, else `kind-1`, `kind-2`, … */
  count?: number;
  entry: URL;
  /** Kinds it talks to; it is enough that one of two names the other. */
  peers: readonly string[];
  /** It opens a uWebSockets.js app. */
  holdsListener: boolean;
  /** Bound of each one's old generation in MiB; Node's own when left out. Not for listeners: there it aborts the process. */
  heapMbMax?: number;
  /** Threads of a phase are started once all of the phase before are ready. Default 0. */
  startPhase?: number;
  /** Threads of a phase are drained once all of the phase before have ended. */
  drainPhase: number;
  /** Handed to the entry; plain data. */
  options: unknown;
}

export interface SupervisorLimits {
  heartbeatMs: number;
  /** A ready thread unheard for this long hangs. */
  hungMs: number;
  /** A thread not ready in this time has failed. */
  startTimeoutMs: number;
  /** Deaths of all threads within the window that are borne. */
  deathsMax: number;
  deathsWindowMs: number;
  /** First delay before a restart; doubled with each death of the same thread within the window. */
  restartDelayMs: number;
  restartDelayMsMax: number;
  /** A terminated thread that has not ended after this is stuck in a native call. */
  terminateMs: number;
  /** How long a thread may take to hand over its metrics. */
  collectMs: number;
}

export const SUPERVISOR_LIMITS: SupervisorLimits = {
  heartbeatMs: 1000,
  hungMs: 10_000,
  startTimeoutMs: 60_000,
  deathsMax: 5,
  deathsWindowMs: 60_000,
  restartDelayMs: 100,
  restartDelayMsMax: 5000,
  terminateMs: 5000,
  collectMs: 2000,
};

export interface SupervisorOptions {
  specs: readonly ThreadSpec[];
  log: Log;
  /** Main's own metrics and how they are collected. */
  metrics: Metrics;
  collectOwn(): Promise<MetricsPart>;
  limits?: Partial<SupervisorLimits>;
  /** A thread became ready, at start or after a restart. */
  onReady?(thread: ThreadIdentity, facts: Record<string, string | number>): void;
  /** Restarting does not help: ends the process. See {@link endProcess}. */
  endProcess(exitCode: number, listenersOpen: boolean): void;
}

/** What came of a stop. */
export interface StopResult {
  /** Every thread drained and ended in time. */
  clean: boolean;
  /** Threads that did not. */
  late: string[];
  /** A listener is still open: the process must be ended by {@link endProcess}, not by process.exit. */
  listenersOpen: boolean;
}

interface Slot {
  spec: ThreadSpec;
  identity: ThreadIdentity;
  state: ThreadStatus['state'];
  host: ThreadHost | null;
  /** Monotonic times of its deaths within the window. */
  recentDeathsMs: number[];
  deaths: number;
  restart: NodeJS.Timeout | null;
  startedAtMs: number;
  terminatedAtMs: number | null;
  /** Its last thread was told to drain and has. */
  drained: boolean;
  /** Settles the wait of `start` for this thread. */
  settleStart: { resolve(): void; reject(error: Error): void } | null;
}

/** Time each later drain phase keeps for itself when an earlier one is slow. */
const PHASE_RESERVE_MS = 1000;
/** How long listeners may take to close when the process gives up. */
const GIVE_UP_CLOSE_MS = 2000;

/**
 * Ends the process now. With an open listener process.exit would abort with a core dump, after waiting for whatever hangs;
 * SIGKILL leaves nothing to wait for, and PostgreSQL is the truth (design 1.3).
 */
export function endProcess(exitCode: number, listenersOpen: boolean): void {
  if (listenersOpen) process.kill(process.pid, 'SIGKILL');
  process.exit(exitCode);
}

/** The threads of one process. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #limits: SupervisorLimits;
  readonly #slots: readonly Slot[];
  #phase: 'new' | 'running' | 'stopping' | 'giving-up' = 'new';
  #watch: NodeJS.Timeout | null = null;
  #watchedAtMs = 0;
  /** Silence before this moment is main's own. */
  #resumedAtMs = 0;
  #gathering: Promise<string> | null = null;
  #stopping: Promise<StopResult> | null = null;
  /** All threads are told that the process is about to stop. */
  #leaving = false;
  /** Every thread was ready once. */
  #started = false;
  /** Ends the delay before the drain. */
  readonly #hurried = Promise.withResolvers<void>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#limits = { ...SUPERVISOR_LIMITS, ...options.limits };
    this.#slots = options.specs.flatMap(slotsOf);
  }

  /**
   * Starts all threads, phase by phase; resolves when all are ready.
   * @throws ThreadFailed when one ends or is not ready in time, or a stop was asked for; the others are stopped by then
   */
  async start(): Promise<void> {
    this.#phase = 'running';
    this.#watchedAtMs = monotonicMs();
    this.#watch = setInterval(() => this.#watchThreads(), this.#limits.heartbeatMs);
    try {
      for (const slots of phases(this.#slots, (slot) => slot.spec.startPhase ?? 0)) {
        await Promise.all(slots.map((slot) => this.#startFirst(slot)));
        // A listener that was still opening is ready first, then drained: it is no reason to open the next.
        if (this.#leaving)
          throw new ThreadFailed(slots[0]!.identity.name, 'stopped while the process started');
      }
      this.#started = true;
    } catch (error) {
      await this.stop(GIVE_UP_CLOSE_MS + PHASE_RESERVE_MS * this.#slots.length);
      throw error;
    }
  }

  /** Every thread as it stands. */
  statuses(): ThreadStatus[] {
    return this.#slots.map(({ identity, state, deaths, host }) => ({
      ...identity,
      state,
      deaths,
      heartbeat: host?.heartbeat ?? null,
    }));
  }

  /** The metrics of all threads and of main in the Prometheus text format. Those who ask at once share one gathering. */
  gatherMetrics(): Promise<string> {
    this.#gathering ??= this.#gather().finally(() => {
      this.#gathering = null;
    });
    return this.#gathering;
  }

  /** Tells every thread that files of the options may have changed. */
  reload(): void {
    for (const { host } of this.#slots) host?.reload();
  }

  /**
   * Drains all threads by phase and ends them.
   * @param withinMs bound of the whole stop; what is late then is terminated where that may be. A second call joins the
   *   first.
   * @param delayMs of these, how long everything is still served once all threads know of the stop; none after a start that
   *   did not come to its end
   */
  stop(withinMs: number, delayMs = 0): Promise<StopResult> {
    this.#stopping ??= this.#stop(withinMs, delayMs);
    return this.#stopping;
  }

  /** Ends the delay of a stop, under way or to come. */
  hurry(): void {
    this.#hurried.resolve();
  }

  async #stop(withinMs: number, delayMs: number): Promise<StopResult> {
    const deadlineMs = monotonicMs() + withinMs;
    this.#leaving = true;
    for (const { host } of this.#slots) host?.leave();
    // A thread that dies meanwhile is started anew: it serves.
    if (this.#started && delayMs > 0) await settledWithin(this.#hurried.promise, delayMs);
    this.#phase = 'stopping';
    for (const slot of this.#slots) {
      if (slot.restart !== null) clearTimeout(slot.restart);
      slot.restart = null;
    }
    const ready = this.#slots.filter((slot) => slot.state === 'ready');
    const drainPhases = phases(this.#slots, (slot) => slot.spec.drainPhase);
    for (const [i, slots] of drainPhases.entries()) {
      const reserveMs = PHASE_RESERVE_MS * (drainPhases.length - 1 - i);
      await drain(slots, Math.max(0, deadlineMs - monotonicMs() - reserveMs));
    }
    const late = this.#slots.filter((slot) => slot.host !== null).map((slot) => slot.identity.name);
    await this.#terminateLate();
    if (this.#watch !== null) clearInterval(this.#watch);
    const clean = late.length === 0 && ready.every((slot) => slot.drained);
    return { clean, late, listenersOpen: this.#slots.some((slot) => slot.host !== null) };
  }

  async #terminateLate(): Promise<void> {
    const hosts = this.#slots.flatMap(({ host }) => (host?.mayTerminate ? [host] : []));
    for (const host of hosts) host.terminate();
    await settledWithin(Promise.all(hosts.map((host) => host.ended)), PHASE_RESERVE_MS);
  }

  #startFirst(slot: Slot): Promise<void> {
    return new Promise((resolve, reject) => {
      slot.settleStart = { resolve, reject };
      this.#launch(slot);
    });
  }

  /** Starts the thread of a slot and connects it with its living peers. */
  #launch(slot: Slot): void {
    const { spec, identity } = slot;
    slot.restart = null;
    slot.terminatedAtMs = null;
    slot.startedAtMs = monotonicMs();
    slot.drained = false;
    slot.state = 'starting';
    const host = startThread({
      entry: spec.entry,
      heapMbMax: spec.heapMbMax,
      identity,
      holdsListener: spec.holdsListener,
      heartbeatMs: this.#limits.heartbeatMs,
      options: spec.options,
      onReady: (facts) => this.#onReady(slot, facts),
      onQuestion: (question) => void this.#answer(host, question),
      onStuck: () => {
        if (this.#phase === 'running') this.#giveUp('listener_stuck', slot);
      },
      onEnd: (end) => this.#onEnd(slot, end),
    });
    slot.host = host;
    if (this.#leaving) host.leave();
    for (const other of this.#slots) {
      if (other === slot || other.host === null || !talk(spec, other.spec)) continue;
      const { port1, port2 } = new MessageChannel();
      host.connect(other.identity, port1);
      other.host.connect(identity, port2);
    }
  }

  #onReady(slot: Slot, facts: Record<string, string | number>): void {
    if (slot.state === 'starting') slot.state = 'ready';
    slot.settleStart?.resolve();
    slot.settleStart = null;
    this.#options.log('info', 'thread_ready', { childThread: slot.identity.name });
    this.#options.onReady?.(slot.identity, facts);
  }

  #onEnd(slot: Slot, end: ThreadEnd): void {
    const { log, metrics } = this.#options;
    slot.host = null;
    slot.drained = end.drained;
    if (this.#phase !== 'running') {
      slot.state = 'stopped';
      slot.settleStart?.reject(new ThreadFailed(slot.identity.name, end.reason));
      return;
    }
    const nowMs = monotonicMs();
    slot.deaths += 1;
    slot.recentDeathsMs.push(nowMs);
    metrics.threadDeaths.of(slot.identity.kind).add();
    log('error', 'thread_died', { childThread: slot.identity.name, reason: end.reason, deaths: slot.deaths });
    if (slot.settleStart !== null) {
      slot.state = 'stopped';
      slot.settleStart.reject(new ThreadFailed(slot.identity.name, end.reason));
      slot.settleStart = null;
    } else if (this.#recentDeaths(nowMs) > this.#limits.deathsMax) {
      this.#giveUp('threads_keep_dying', slot);
    } else {
      this.#restartLater(slot);
    }
  }

  /** Deaths of all threads within the window. */
  #recentDeaths(nowMs: number): number {
    let deaths = 0;
    for (const slot of this.#slots) {
      slot.recentDeathsMs = slot.recentDeathsMs.filter((atMs) => nowMs - atMs < this.#limits.deathsWindowMs);
      deaths += slot.recentDeathsMs.length;
    }
    return deaths;
  }

  #restartLater(slot: Slot): void {
    const { restartDelayMs, restartDelayMsMax } = this.#limits;
    const retryMs = Math.min(restartDelayMs * 2 ** (slot.recentDeathsMs.length - 1), restartDelayMsMax);
    slot.state = 'restarting';
    slot.restart = setTimeout(() => this.#launch(slot), retryMs);
    this.#options.log('info', 'thread_restarting', { childThread: slot.identity.name, retryMs });
  }

  /** Once a heartbeat: who has not been heard? */
  #watchThreads(): void {
    const nowMs = monotonicMs();
    if (nowMs - this.#watchedAtMs > 3 * this.#limits.heartbeatMs) this.#resumedAtMs = nowMs;
    this.#watchedAtMs = nowMs;
    if (this.#phase !== 'running') return;
    for (const slot of this.#slots) this.#watchThread(slot, nowMs);
  }

  #watchThread(slot: Slot, nowMs: number): void {
    const { host, identity } = slot;
    if (host === null || this.#phase !== 'running') return;
    if (slot.terminatedAtMs !== null) {
      if (nowMs - slot.terminatedAtMs > this.#limits.terminateMs) this.#giveUp('thread_stuck', slot);
      return;
    }
    const starting = slot.state === 'starting';
    const sinceMs = Math.max(starting ? slot.startedAtMs : host.heardAtMs, this.#resumedAtMs);
    const lagMs = Math.round(nowMs - sinceMs);
    if (lagMs <= (starting ? this.#limits.startTimeoutMs : this.#limits.hungMs)) return;
    this.#options.log('error', 'thread_hung', { childThread: identity.name, lagMs });
    if (!host.mayTerminate) {
      this.#giveUp('listener_hung', slot);
      return;
    }
    slot.terminatedAtMs = nowMs;
    host.terminate();
  }

  /** Ends the process after closing the listeners that still can. */
  #giveUp(reason: string, slot: Slot): void {
    this.#phase = 'giving-up';
    this.#options.log('fatal', 'process_gives_up', { reason, childThread: slot.identity.name });
    const listeners = this.#slots.filter(({ spec, host }) => spec.holdsListener && host !== null);
    void drain(listeners, GIVE_UP_CLOSE_MS).then(() => {
      const stuck = this.#slots.some((each) => each.terminatedAtMs !== null && each.host !== null);
      this.#options.endProcess(1, stuck || listeners.some(({ host }) => host !== null));
    });
  }

  async #answer(host: ThreadHost, { id, question }: AskMain): Promise<void> {
    try {
      const answer = question === 'metrics' ? await this.gatherMetrics() : this.statuses();
      host.answer({ type: 'main-answered', id, answer });
    } catch (error) {
      this.#options.log('error', 'metrics_failed', { errorMessage: String(error) });
      host.answer({ type: 'main-answered', id, answer: null });
    }
  }

  async #gather(): Promise<string> {
    const ready = this.#slots.filter((slot) => slot.state === 'ready');
    const collecting = ready.map(({ host }) => host?.collectMetrics(this.#limits.collectMs) ?? null);
    const parts = await Promise.all([this.#options.collectOwn(), ...collecting]);
    return await renderMetrics(parts.filter((part) => part !== null));
  }
}

function slotsOf(spec: ThreadSpec): Slot[] {
  return Array.from({ length: spec.count ?? 1 }, (_, index) => ({
    spec,
    identity: {
      name: spec.count === undefined ? spec.kind : `${spec.kind}-${index + 1}`,
      kind: spec.kind,
      index,
    },
    state: 'starting',
    host: null,
    recentDeathsMs: [],
    deaths: 0,
    restart: null,
    startedAtMs: 0,
    terminatedAtMs: null,
    drained: false,
    settleStart: null,
  }));
}

function talk(a: ThreadSpec, b: ThreadSpec): boolean {
  return a.peers.includes(b.kind) || b.peers.includes(a.kind);
}

/** Groups slots by phase, ascending. */
function phases(slots: readonly Slot[], phaseOf: (slot: Slot) => number): Slot[][] {
  const numbers = [...new Set(slots.map(phaseOf))].sort((a, b) => a - b);
  return numbers.map((number) => slots.filter((slot) => phaseOf(slot) === number));
}

/**
 * Drains the living threads of these slots; resolves when all have ended, or `withinMs` is over. One that is still
 * starting has nothing to finish and is terminated, unless it may have opened a listener: then it drains once ready.
 */
async function drain(slots: readonly Slot[], withinMs: number): Promise<void> {
  const endings: Array<Promise<void>> = [];
  for (const slot of slots) {
    if (slot.host === null) continue;
    endings.push(slot.host.ended);
    if (slot.state === 'starting' && slot.host.mayTerminate) slot.host.terminate();
    else slot.host.drain(withinMs);
    slot.state = 'draining';
  }
  await settledWithin(Promise.all(endings), withinMs);
}
