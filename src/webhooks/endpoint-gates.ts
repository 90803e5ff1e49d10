/**
 * Endpoint gates: how many tries may be under way, at each endpoint and in all, so that one endpoint's trouble delays no other.
 *
 * An endpoint's share adapts: it grows while tries succeed, and is one after a timeout. What is over it waits here, a bounded number and
 * only while the endpoint is well; the rest is told when to come again, a place later each, and is kept in the database meanwhile.
 * Endpoints in trouble (the last try failed, or one has been running for long) are given no slot while they hold half of all between
 * them.
 *
 * @module
 */

import type { Timers } from '../runtime/clock.ts';
import type { SendResult } from './send.ts';

export interface GateLimits {
  /** Tries under way in all. */
  slotsMax: number;
  /** Of which endpoints in trouble may hold so many. */
  troubledSlotsMax: number;
  /** Share of an endpoint nothing is known of. */
  shareStart: number;
  shareMax: number;
  /** Tries that wait in memory for a slot of their endpoint. */
  waitingMax: number;
  /** A try that runs for longer shows trouble. */
  slowMs: number;
  /** Endpoints remembered; those at rest are forgotten first. */
  gatesMax: number;
}

export const GATE_LIMITS: GateLimits = {
  slotsMax: 2048,
  troubledSlotsMax: 1024,
  shareStart: 8,
  shareMax: 64,
  waitingMax: 512,
  slowMs: 2000,
  gatesMax: 20_000,
};

/** A try that wants a slot. */
export interface GatedTry {
  /** Null: it could not be made at all, which says nothing of the endpoint. Never rejects. */
  run(): Promise<SendResult | null>;
  /** The endpoint fell into trouble before its turn came: again at `at`, ms since 1970. */
  put(at: number): void;
}

/** `endpoint` is whatever tells one server of one endpoint from another: its id and URL. */
export interface EndpointGates {
  /** Null: it runs or waits here, and one of its two functions will be called. Else the moment to come again, ms since 1970. */
  offer(endpoint: string, one: GatedTry): number | null;
  /** When one that could not be made is to come again, ms since 1970: a place behind the one before, as those sent away. */
  later(endpoint: string): number;
  /** Whether any try at all could start now. */
  room(): boolean;
  /** Tries under way. */
  running(): number;
  /** Sends what waits away; nothing starts any more. */
  close(): void;
}

interface Gate {
  share: number;
  running: number;
  /** Tries under way for longer than `slowMs`. */
  slow: number;
  failures: number;
  /** Since when it is in trouble, ms since 1970; null when it is not. */
  troubledSince: number | null;
  waiting: GatedTry[];
  pausedUntil: number;
  /** The place of the next try that is sent away. */
  nextPlaceAt: number;
  /** About what a try takes, ms. */
  typicalMs: number;
}

/** What is sent away comes again no sooner, so that it is not read in each round. */
const AWAY_MS_MIN = 1000;
/**
 * Beyond this, places are only PLACE_MS_MIN apart. In trouble it is as long as the trouble has lasted, within these bounds: when the
 * endpoint is well again nobody waits for longer than that for a place far behind. And yet a hundred thousand events that wait cost
 * the database no more than a hundred rows a second.
 */
const AWAY_MS_MAX = 5 * 60 * 1000;
const AWAY_IN_TROUBLE_MS_MIN = 5000;
const PLACE_MS_MIN = 10;
/** Of an endpoint nothing is known of: it may have nearly all its waiting places, and a few slow answers take them away. */
const TYPICAL_MS_START = 25;
/** What would wait longer than this in memory waits in the database: an endpoint that is well and slow must not fill the lanes. */
const WAITING_MS_MAX = 1500;
const PAUSE_MS_MIN = 5000;
const PAUSE_MS_MAX = 5 * 60 * 1000;
/** A failure that was quick is no reason to fear for slots. */
const SHARE_AFTER_FAILURE_MIN = 4;
const OVERLOADED_STATUSES = new Set([429, 502, 503, 504]);

export interface GateDeps {
  now(): number;
  timers: Timers;
  limits?: Partial<GateLimits>;
}

export function createEndpointGates({ now, timers, limits: over = {} }: GateDeps): EndpointGates {
  const limits = { ...GATE_LIMITS, ...over };
  const gates = new Map<string, Gate>();
  let running = 0;
  let troubledRunning = 0;
  let closed = false;

  function gateOf(endpoint: string): Gate {
    const known = gates.get(endpoint);
    if (known !== undefined) return known;
    if (gates.size >= limits.gatesMax) forgetOne();
    const gate: Gate = {
      share: limits.shareStart,
      running: 0,
      slow: 0,
      failures: 0,
      troubledSince: null,
      waiting: [],
      pausedUntil: 0,
      nextPlaceAt: 0,
      typicalMs: TYPICAL_MS_START,
    };
    gates.set(endpoint, gate);
    return gate;
  }

  function forgetOne(): void {
    for (const [endpoint, gate] of gates) {
      if (gate.running > 0) continue;
      gates.delete(endpoint);
      return;
    }
  }

  function admits(gate: Gate): boolean {
    if (closed || gate.running >= gate.share || running >= limits.slotsMax) return false;
    if (gate.pausedUntil > now()) return false;
    return gate.troubledSince === null || troubledRunning < limits.troubledSlotsMax;
  }

  function waitingMax(gate: Gate): number {
    return Math.min(limits.waitingMax, Math.ceil((gate.share * WAITING_MS_MAX) / gate.typicalMs));
  }

  /** In order: each a place behind the one before, as far apart as the endpoint's tries end while that is not too far away. */
  function placeFor(gate: Gate): number {
    const from = Math.max(now() + AWAY_MS_MIN, gate.pausedUntil);
    const at = Math.max(from, gate.nextPlaceAt);
    const apart = at < from + awayMs(gate) ? gate.typicalMs / gate.share : 0;
    gate.nextPlaceAt = at + Math.max(PLACE_MS_MIN, apart);
    return Math.round(at);
  }

  function awayMs({ troubledSince }: Gate): number {
    if (troubledSince === null) return AWAY_MS_MAX;
    return Math.min(Math.max(now() - troubledSince, AWAY_IN_TROUBLE_MS_MIN), AWAY_MS_MAX);
  }

  /** Changes a gate and keeps the count of slots in trouble right. What waits stays only where the end of a try will let it in. */
  function change(gate: Gate, apply: () => void): void {
    if (gate.troubledSince !== null) troubledRunning -= gate.running;
    apply();
    const troubled = gate.failures > 0 || gate.slow > 0;
    if (troubled) {
      gate.troubledSince ??= now();
      troubledRunning += gate.running;
    } else if (gate.troubledSince !== null) {
      // Places given in its trouble are no measure any more.
      gate.nextPlaceAt = 0;
      gate.troubledSince = null;
    }
    if (!troubled && gate.pausedUntil <= now()) return;
    for (const one of gate.waiting.splice(0)) one.put(placeFor(gate));
  }

  function start(gate: Gate, one: GatedTry): void {
    let slow = false;
    running++;
    change(gate, () => gate.running++);
    const timer = timers.setTimeout(() => {
      slow = true;
      change(gate, () => gate.slow++);
    }, limits.slowMs);
    void one.run().then((result) => {
      timers.clearTimeout(timer);
      running--;
      change(gate, () => {
        gate.running--;
        if (slow) gate.slow--;
        if (result !== null) learn(gate, result);
      });
      while (gate.waiting.length > 0 && admits(gate)) start(gate, gate.waiting.shift()!);
    });
  }

  function learn(gate: Gate, { failure, status, retryAfterMs, durationMs }: SendResult): void {
    // What tries took in trouble says nothing of those after it.
    const isWellAgain = failure === null && gate.failures > 0;
    gate.typicalMs = isWellAgain ? durationMs : (gate.typicalMs * 3 + durationMs) / 4;
    if (failure === null) {
      gate.failures = 0;
      gate.share = Math.min(gate.share + 1, limits.shareMax);
    } else {
      gate.failures++;
      if (failure === 'timeout') gate.share = 1;
      else gate.share = Math.min(gate.share, Math.max(SHARE_AFTER_FAILURE_MIN, gate.share >> 1));
    }
    const overloaded = status !== null && OVERLOADED_STATUSES.has(status);
    const pause = Math.max(overloaded ? pauseMs(gate.failures) : 0, retryAfterMs ?? 0);
    gate.pausedUntil = Math.max(gate.pausedUntil, now() + pause);
  }

  return {
    offer(endpoint, one) {
      const gate = gateOf(endpoint);
      if (gate.waiting.length === 0 && admits(gate)) {
        start(gate, one);
        return null;
      }
      // Without a try under way nobody would call what waits.
      const mayWait = !closed && gate.running > 0 && gate.pausedUntil <= now() && gate.troubledSince === null;
      if (!mayWait || gate.waiting.length >= waitingMax(gate)) return placeFor(gate);
      gate.waiting.push(one);
      return null;
    },
    later: (endpoint) => placeFor(gateOf(endpoint)),
    room: () => !closed && running < limits.slotsMax,
    running: () => running,
    close() {
      closed = true;
      for (const gate of gates.values()) for (const one of gate.waiting.splice(0)) one.put(placeFor(gate));
    },
  };
}

function pauseMs(failures: number): number {
  return Math.min(PAUSE_MS_MIN * 2 ** Math.min(failures - 1, 10), PAUSE_MS_MAX);
}
