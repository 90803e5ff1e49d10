/**
 * Watch open attempts: walks one database for attempts without a final word and puts them on the watch list.
 *
 * An attempt's id carries the time of its *intent*, so an attempt may begin anywhere in the last day of ids, and there
 * is no index on status (design 4). Two kinds of walk find it:
 *
 * ## rounds
 * Several walkers follow the clock at fixed distances: 5 s, 15 s … 25 h behind it. Each passes over every id once, so
 * a row is looked at some dozen times in its life, and an attempt is found at the first walker that passes after it
 * began: within seconds when the shopper paid at once, and later in proportion to how long the shopper waited.
 *
 * ## sweep
 * From the remembered progress to now: at start, and every hour after. It finds what began while no gateway ran, or
 * what found no room on the list. Progress moves only over ids that can get no more attempts (intents live a day) and
 * whose attempts are all final. The nearest hour is walked first, by the first walker.
 *
 * Every step looks at a bounded number of rows. Two gateways may walk at once: they only read.
 *
 * @module
 */

import { firstIdAt, timeOfId } from '../domain/ids.ts';
import { INTENT_LIFETIME_MS } from '../domain/payment-intent.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';

export interface WalkDeps {
  scan: Pick<RecoveryScan, 'openAttempts' | 'readProgress' | 'writeProgress'>;
  /** Hears of every open attempt, again and again. */
  watch(attempt: Attempt): void;
  now(): number;
}

export interface Walk {
  /** Walks on by a bounded number of rows. Rejects when the database cannot be read; the next step repeats it. */
  step(): Promise<void>;
  /** True once a sweep has come to its end: every attempt that was open at start has been seen. */
  swept(): boolean;
}

export const PROGRESS_NAME = 'open-attempts';
export const ZERO_ID = '0'.repeat(32);
/** An attempt this young is left to its sender. */
export const FRESH_MS = 5000;
/** After its day an intent gets no attempt; the rest is for clocks that differ. */
export const SETTLED_MS = INTENT_LIFETIME_MS + 10 * 60 * 1000;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** A session lives ten minutes, so most distances are within it. */
const DISTANCES_MS = [
  FRESH_MS,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  4 * MINUTE,
  7 * MINUTE,
  11 * MINUTE,
  16 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  9 * HOUR,
  SETTLED_MS + 5 * MINUTE,
];
const NEAREST_FIRST_MS = HOUR;
const SWEEP_EVERY_MS = HOUR;
const PAGE_ROWS = 1000;
const PAGES_PER_WALKER = 20;
const SWEEP_PAGES = 10;

interface Walker {
  distanceMs: number;
  /** Everything up to here has been looked at. */
  at: string;
}

interface Sweep {
  at: string;
  before: string;
  /** Ids below this can get no more attempts. */
  settledBefore: string;
  lowestOpen: string | null;
}

/** Makes the walk over one database. */
export function createWalk({ scan, watch, now }: WalkDeps): Walk {
  let walkers: Walker[] | null = null;
  let sweep: Sweep | null = null;
  let nextSweepAt = 0;
  let sweeps = 0;

  async function begin(): Promise<Walker[]> {
    const startedAt = now();
    const progress = (await scan.readProgress(PROGRESS_NAME)) ?? ZERO_ID;
    const nearest = firstIdAt(startedAt - NEAREST_FIRST_MS);
    return DISTANCES_MS.map((distanceMs, index) => ({
      distanceMs,
      at: index === 0 ? maxId(progress, nearest) : firstIdAt(startedAt - distanceMs),
    }));
  }

  async function page(after: string, before: string): Promise<{ rows: Attempt[]; next: string | null }> {
    const found = await scan.openAttempts(after, before, PAGE_ROWS);
    for (const attempt of found.rows) watch(attempt);
    return found;
  }

  async function follow(walker: Walker): Promise<void> {
    const before = firstIdAt(now() - walker.distanceMs);
    for (let pages = 0; pages < PAGES_PER_WALKER && walker.at < before; pages++) {
      // The ids looked for are above `at`; the bound itself is the first id of the next window.
      walker.at = (await page(walker.at, before)).next ?? before;
    }
  }

  async function beginSweep(): Promise<Sweep> {
    const startedAt = now();
    return {
      at: (await scan.readProgress(PROGRESS_NAME)) ?? ZERO_ID,
      before: firstIdAt(startedAt - FRESH_MS),
      settledBefore: firstIdAt(startedAt - SETTLED_MS),
      lowestOpen: null,
    };
  }

  async function sweepOn(): Promise<void> {
    if (sweep === null && now() < nextSweepAt) return;
    sweep ??= await beginSweep();
    for (let pages = 0; pages < SWEEP_PAGES; pages++) {
      const { rows, next } = await page(sweep.at, sweep.before);
      sweep.lowestOpen ??= rows[0]?.transactionId ?? null;
      if (next === null) return await endSweep(sweep);
      sweep.at = next;
    }
  }

  async function endSweep({ lowestOpen, settledBefore }: Sweep): Promise<void> {
    // The first id of its millisecond is below every id that really is.
    const open = lowestOpen === null ? settledBefore : firstIdAt(timeOfId(lowestOpen));
    await scan.writeProgress(PROGRESS_NAME, open < settledBefore ? open : settledBefore);
    sweep = null;
    nextSweepAt = now() + SWEEP_EVERY_MS;
    sweeps++;
  }

  return {
    async step() {
      walkers ??= await begin();
      for (const walker of walkers) await follow(walker);
      await sweepOn();
    },
    swept: () => sweeps > 0,
  };
}

function maxId(one: string, other: string): string {
  return one > other ? one : other;
}
