/**
 * Retirement: the embedded profile's old partitions are dropped once it is up, and daily from then on.
 *
 * @module
 */
import type { Databases } from '../config/options.ts';
import { type Retention, retireShards } from '../setup/retention.ts';

/** A retirement that goes on. */
export interface Retirement {
  /** Starts no further round; resolves when the round under way has ended, which it does at the latest with its database. */
  stop(): Promise<void>;
}

const INTERVAL_MS = 24 * 60 * 60 * 1000;

/** Begins with a round at once. `owner`: connection strings of the role that owns the tables. */
export function startRetirement(
  owner: Databases,
  { retentionDays, relays }: Omit<Retention, 'now'>,
  say: (text: string) => void,
): Retirement {
  let stopping = false;
  let round = Promise.resolve();
  // A round that a stop cuts short has nothing to tell: the next start finishes it.
  const tell = (text: string): void => {
    if (!stopping) say(text);
  };
  const begin = (): void => {
    round = round.then(() => retireShards(owner, { now: new Date(), retentionDays, relays }, tell));
  };
  begin();
  const timer = setInterval(begin, INTERVAL_MS).unref();
  return {
    async stop() {
      stopping = true;
      clearInterval(timer);
      await round;
    },
  };
}
