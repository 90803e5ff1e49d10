/**
 * Watch: looks at payments that browsers wait for, and tells what changed.
 *
 * Promises: one question at a time per payment, however many browsers wait for it, and none once nobody does; the pauses
 * grow, so the rate is bounded by the listener's streams; who joins is never told a state older than the one he knows; one payment
 * has a few streams, so that nobody can take all of a listener's with one.
 *
 * @module
 */

/** A browser that waits. */
export interface Waiting {
  /** A state other than the last it knows. */
  tell(state: string): void;
  /** Others have come after it, and it must go. It may come again. */
  end(): void;
}

export interface Watch {
  /**
   * Tells whenever the state changes.
   * @param known the state now
   * @returns how to stop
   */
  begin(name: string, known: string, waiting: Waiting): () => void;
}

export interface WatchDeps {
  /** The state of what has this name; null when it cannot be known now. Never rejects. */
  look(name: string): Promise<string | null>;
  /** Calls after a while; returns how not to. */
  later(call: () => void, ms: number): () => void;
}

const PAUSE_FIRST_MS = 200;
const PAUSE_MAX_MS = 5000;
const PAUSE_GROWTH = 1.4;
/** Browsers per payment: a shopper has a tab or two. Of more the oldest ends. */
const WAITING_MAX = 8;

interface Watched {
  /** The oldest first, each with the state it knows. */
  waiting: Map<Waiting, string>;
  pauseMs: number;
  stop: () => void;
}

/** Makes the watch of one thread. */
export function createWatch({ look, later }: WatchDeps): Watch {
  const watched = new Map<string, Watched>();

  const lookLater = (name: string, entry: Watched): void => {
    entry.stop = later(() => void lookAt(name, entry), entry.pauseMs);
    entry.pauseMs = Math.min(PAUSE_MAX_MS, entry.pauseMs * PAUSE_GROWTH);
  };
  const lookAt = async (name: string, entry: Watched): Promise<void> => {
    const state = await look(name);
    if (watched.get(name) !== entry) return;
    if (state !== null) {
      for (const [one, known] of [...entry.waiting]) {
        if (known === state) continue;
        entry.waiting.set(one, state);
        one.tell(state);
      }
    }
    lookLater(name, entry);
  };

  return {
    begin(name, known, waiting) {
      const entry = watched.get(name) ?? {
        waiting: new Map(),
        pauseMs: PAUSE_FIRST_MS,
        stop: () => undefined,
      };
      entry.waiting.set(waiting, known);
      if (!watched.has(name)) {
        watched.set(name, entry);
        lookLater(name, entry);
      }
      if (entry.waiting.size > WAITING_MAX) {
        const [oldest] = entry.waiting.keys();
        oldest!.end();
      }
      return () => {
        entry.waiting.delete(waiting);
        if (entry.waiting.size > 0 || watched.get(name) !== entry) return;
        entry.stop();
        watched.delete(name);
      };
    },
  };
}
