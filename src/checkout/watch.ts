/**
 * Watch: looks at payments that browsers wait for, and tells what changed.
 *
 * Promises: one question at a time per payment, however many browsers wait for it, and none once nobody does; the pauses
 * grow, so the rate is bounded by the listener's streams.
 *
 * @module
 */

/** Tells a browser the newest state. */
export type Tell = (state: string) => void;

export interface Watch {
  /** Tells the state now and whenever it changes. Returns how to stop. */
  begin(name: string, tell: Tell): () => void;
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

interface Watched {
  listeners: Set<Tell>;
  state: string | null;
  pauseMs: number;
  stop: () => void;
}

/** Makes the watch of one thread. */
export function createWatch({ look, later }: WatchDeps): Watch {
  const watched = new Map<string, Watched>();

  const lookAt = async (name: string, entry: Watched): Promise<void> => {
    const state = await look(name);
    if (watched.get(name) !== entry) return;
    if (state !== null && state !== entry.state) {
      entry.state = state;
      for (const tell of [...entry.listeners]) tell(state);
    }
    entry.stop = later(() => void lookAt(name, entry), entry.pauseMs);
    entry.pauseMs = Math.min(PAUSE_MAX_MS, entry.pauseMs * PAUSE_GROWTH);
  };

  return {
    begin(name, tell) {
      let entry = watched.get(name);
      const isNew = entry === undefined;
      entry ??= { listeners: new Set(), state: null, pauseMs: PAUSE_FIRST_MS, stop: () => undefined };
      const mine = entry;
      mine.listeners.add(tell);
      if (mine.state !== null) tell(mine.state);
      if (isNew) {
        watched.set(name, mine);
        void lookAt(name, mine);
      }
      return () => {
        mine.listeners.delete(tell);
        if (mine.listeners.size > 0 || watched.get(name) !== mine) return;
        mine.stop();
        watched.delete(name);
      };
    },
  };
}
