/**
 * Line: who waits for one server, and whether it is worth waiting.
 *
 * It is away when a call meets it dead or not in service, or the oldest call has waited `silentMs`: then all who wait are refused together,
 * and those who come after at once. Away, it is probed until it answers.
 *
 * @module
 */

import { isAway, RedisAway } from './errors.ts';

const PROBE_MS_MIN = 50;
const PROBE_MS_MAX = 1000;

export interface LineOptions {
  /** The oldest call has waited so long without an answer: the server is silent. */
  silentMs: number;
  /** Calls under way; over it the next is refused. */
  waitingMax: number;
  /** A small command; rejects while the server cannot serve. */
  probe(): Promise<void>;
  /** The server is away now, or no more. */
  onAway(away: boolean): void;
}

export interface Line {
  readonly away: boolean;
  /** Nobody waits and nothing is probed. */
  readonly idle: boolean;
  /** Rejects with {@link RedisAway} when the server is away or goes away meanwhile, else with the server's own error. */
  run<Answer>(ask: () => Promise<Answer>): Promise<Answer>;
  close(): void;
}

/** One call under way. */
interface Waiting {
  /** Monotonic milliseconds. */
  since: number;
  giveUp(why: RedisAway): void;
}

/** Makes the line of a server that is thought to be there. */
export function createLine(options: LineOptions): Line {
  /** Oldest first. */
  const waiting = new Set<Waiting>();
  let away = false;
  let closed = false;
  let watch: NodeJS.Timeout | null = null;
  let probing: NodeJS.Timeout | null = null;

  function goAway(why: RedisAway): void {
    if (away || closed) return;
    away = true;
    options.onAway(true);
    for (const call of waiting) call.giveUp(why);
    probeIn(PROBE_MS_MIN);
  }

  function probeIn(delayMs: number): void {
    if (closed) return;
    probing = setTimeout(async () => {
      try {
        await options.probe();
      } catch (error) {
        // A word about the probe itself, as where it may not write: the server is in service.
        if (isAway(error)) return probeIn(Math.min(delayMs * 2, PROBE_MS_MAX) * (0.75 + Math.random() / 4));
      }
      if (closed) return;
      away = false;
      options.onAway(false);
    }, delayMs);
    probing.unref();
  }

  function watchIn(delayMs: number): void {
    watch = setTimeout(() => {
      watch = null;
      // Answers that arrived while this thread was busy are read first: they are no silence.
      setImmediate(lookAtOldest);
    }, delayMs);
    watch.unref();
  }

  function lookAtOldest(): void {
    const [oldest] = waiting;
    if (oldest === undefined || watch !== null || closed) return;
    const leftMs = oldest.since + options.silentMs - performance.now();
    if (leftMs > 0) watchIn(leftMs);
    else goAway(new RedisAway(`Redis has said nothing for ${options.silentMs} ms`));
  }

  function run<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (away || closed) return Promise.reject(new RedisAway('Redis is away'));
    if (waiting.size >= options.waitingMax)
      return Promise.reject(new RedisAway(`${waiting.size} calls to Redis are under way`));
    return new Promise((resolve, reject) => {
      const call: Waiting = { since: performance.now(), giveUp: reject };
      waiting.add(call);
      if (watch === null) watchIn(options.silentMs);
      attempt(ask).then(
        (answer) => {
          waiting.delete(call);
          resolve(answer);
        },
        (error: unknown) => {
          waiting.delete(call);
          if (!isAway(error)) return reject(error);
          const why = new RedisAway('Redis cannot be reached', error);
          reject(why);
          goAway(why);
        },
      );
    });
  }

  return {
    get away() {
      return away;
    },
    get idle() {
      return !away && waiting.size === 0;
    },
    run,
    close: () => {
      closed = true;
      if (watch !== null) clearTimeout(watch);
      if (probing !== null) clearTimeout(probing);
    },
  };
}

/** Some of the client's refusals are thrown before there is a promise. */
function attempt<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return ask();
  } catch (error) {
    return Promise.reject(error);
  }
}
