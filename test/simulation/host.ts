/**
 * Host: the machine of one gateway, and the threads on it. Everything that reaches a thread comes through its `enter`:
 * a dead thread is never entered again, so whatever it was waiting for stays unheard, as with a real one; a paused host
 * keeps what comes and hands it over when it goes on, as after SIGSTOP and SIGCONT.
 *
 * @module
 */

import type { Timers } from '../../src/runtime/clock.ts';
import type { Scheduler } from './scheduler.ts';

/** The wall clock at the start of a run. */
export const EPOCH = Date.UTC(2026, 0, 21, 10);

export interface Host {
  readonly name: string;
  /** Wall clock of this machine, milliseconds since 1970. */
  now(): number;
  monotonicMs(): number;
  /** How far its wall clock is from the true one. */
  wallOffsetMs: number;
  /** As SIGSTOP does: nothing runs here until `resume`, and what comes is kept in its order. */
  pause(): void;
  resume(): void;
  readonly paused: boolean;
  /** Runs an entry at once, or when those kept before it have run. */
  enter(entry: () => void): void;
}

export interface Thread {
  readonly name: string;
  readonly host: Host;
  readonly alive: boolean;
  readonly timers: Timers;
  /** Runs something in this thread: now, later when the host is paused, never when it is dead. */
  enter(run: () => void): void;
  /** As a network or a disk would: after a while. */
  enterAfter(ms: number, run: () => void): void;
  /** All its memory is gone. */
  die(): void;
  /** Hears of its death, unless it has stopped listening: what is returned ends that. */
  onDeath(heard: () => void): () => void;
}

/** A machine that runs. */
export function createHost(name: string, scheduler: Scheduler): Host {
  const held: Array<() => void> = [];
  let paused = false;
  let catchingUp = false;

  /** Runs what was kept, one entry an event; what comes meanwhile is kept behind it. */
  function catchUp(): void {
    catchingUp = !paused && held.length > 0;
    if (!catchingUp) return;
    scheduler.after(0, () => {
      if (!paused) held.shift()?.();
      catchUp();
    });
  }

  const host: Host = {
    name,
    now: () => EPOCH + Math.floor(scheduler.now()) + host.wallOffsetMs,
    monotonicMs: () => scheduler.now(),
    wallOffsetMs: 0,
    get paused() {
      return paused;
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      if (!catchingUp) catchUp();
    },
    enter(entry) {
      if (paused || catchingUp) held.push(entry);
      else entry();
    },
  };
  return host;
}

/** Starts a thread on a host. */
export function createThread(name: string, host: Host, scheduler: Scheduler): Thread {
  const mourners = new Set<() => void>();
  let alive = true;

  function enter(run: () => void): void {
    if (!alive) return;
    host.enter(() => {
      if (alive) run();
    });
  }

  function enterAfter(ms: number, run: () => void) {
    return scheduler.after(ms, () => enter(run));
  }

  return {
    name,
    host,
    get alive() {
      return alive;
    },
    timers: {
      setTimeout(run, ms) {
        const timer = { cancelled: false };
        enterAfter(Math.max(1, ms), () => {
          if (!timer.cancelled) run();
        });
        return timer;
      },
      clearTimeout(timer) {
        if (timer !== undefined) (timer as { cancelled: boolean }).cancelled = true;
      },
      setImmediate: (run) => enterAfter(0, run),
    },
    enter,
    enterAfter,
    die() {
      alive = false;
      for (const heard of mourners) heard();
      mourners.clear();
    },
    onDeath(heard) {
      mourners.add(heard);
      return () => mourners.delete(heard);
    },
  };
}
