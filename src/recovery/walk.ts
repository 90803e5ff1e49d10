/**
 * Walk: finds the open attempts of one shard database by walking its primary key in pages.
 *
 * An attempt has its intent's id, and an intent can be paid for a day. So a new attempt may appear at an id that is a
 * day old, and only what is 25 hours old (an hour for clocks and commits) can be done with. Reading 25 hours of rows
 * each second is too much, so there are two walks:
 * - the recent one goes over the ids of the last 15 minutes, where shoppers usually pay, at up to 20,000 rows a round,
 *   and over them again once it is through;
 * - the full one goes from `settledTo` to now at 2,000 rows a round and starts over. The first lap of a process is ten
 *   times as fast, because what an outage left open may be older than 15 minutes when the gateway is back; so is a lap
 *   whose start is an hour behind, because the rows come faster than it goes.
 *
 * `settledTo` is how far every row was looked at when no new one could appear there any more. It moves at the beginning
 * of a lap, page after page, up to the first row that was too young when it was read. It lives in memory and relies on
 * the watch list for what was open; the persisted watermark stays below the oldest open attempt as well, so everything
 * up to it is final.
 *
 * Both also find the attempts that ended FAILED and may be charged all the same; they move neither mark. Those are asked about for days
 * after the watermark has gone past them, and whoever had them on a list may be gone: once, after its first lap, a process goes over what
 * was settled before it began as well.
 *
 * @module
 */

import { firstIdAt } from '../domain/ids.ts';
import { INTENT_LIFETIME_MS } from '../domain/payment-intent.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';
import { BEFORE_ALL, earlier, idBeforePayment, later } from './id-order.ts';
import { ASKED_FOR_MS } from './late-success.ts';
import type { WatchList } from './watch-list.ts';

const MINUTE_MS = 60_000;

/** Younger ids are left to their senders. */
const YOUNG_MS = 5000;
const RECENT_MS = 15 * MINUTE_MS;
/** No attempt appears at an id this old. */
export const SETTLED_AGE_MS = INTENT_LIFETIME_MS + 60 * MINUTE_MS;

/** Whoever ended FAILED at a younger id may still be asked about. */
const LATE_AGE_MS = SETTLED_AGE_MS + ASKED_FOR_MS;

/** How much one round looks at. */
export interface WalkPace {
  /** Rows one call looks at: 2,000 are some 3 ms of the database. */
  pageRows: number;
  /** Pages of the recent walk. */
  recentPages: number;
  /** Pages of a full walk that is in its first lap or behind. */
  fastLapPages: number;
  /** Pages of a full walk otherwise. */
  lapPages: number;
}

/** A lap that takes longer goes at the fast pace. */
const LAP_MS_MAX = 60 * MINUTE_MS;

const PACE: WalkPace = { pageRows: 2000, recentPages: 10, fastLapPages: 10, lapPages: 1 };

const PROGRESS = 'open-attempts';

export interface AttemptWalk {
  /** One round of both walks. Rejects when the database cannot be read; the next round goes on where this one stopped. */
  round(): Promise<void>;
  /**
   * Every attempt up to this id is final or on the watch list, and no new one appears. It may lie between two attempts
   * of one intent.
   */
  settledTo(): string;
}

interface Looked {
  /** Everything up to this id was looked at, and what was open is on the watch list. */
  to: string;
  state: 'more' | 'end' | 'full';
}

/** Walks one database. Open attempts go to the watch list under the index `database`. */
export function createAttemptWalk({
  scan,
  database,
  watch,
  now,
  stopped,
  pace = PACE,
}: {
  scan: RecoveryScan;
  database: number;
  watch: WatchList;
  now(): number;
  stopped(): boolean;
  pace?: WalkPace | undefined;
}): AttemptWalk {
  /** Null until it was read. */
  let persisted: string | null = null;
  let settledTo = BEFORE_ALL;
  /** Where the walks go on; null: at their start. */
  let recentAt: string | null = null;
  let lapAt: string | null = null;
  let firstLap = true;
  /** Between these may be attempts that ended before this process began and are still asked about. */
  let [lateAt, lateTo] = [BEFORE_ALL, BEFORE_ALL];

  async function round(): Promise<void> {
    if (persisted === null) {
      persisted = (await scan.readProgress(PROGRESS)) ?? BEFORE_ALL;
      settledTo = persisted;
      [lateAt, lateTo] = [firstIdAt(now() - LATE_AGE_MS), persisted];
    }
    await walkRecent();
    await walkAll();
    if (!firstLap) await walkLate();
    await persist(persisted);
  }

  async function walkRecent(): Promise<void> {
    for (let page = 0; page < pace.recentPages && !stopped(); page++) {
      const at = now();
      const { to, state } = await look(recentAt ?? firstIdAt(at - RECENT_MS), at);
      recentAt = state === 'end' ? null : to;
      if (state !== 'more') return;
    }
  }

  async function walkAll(): Promise<void> {
    const behind = settledTo < firstIdAt(now() - SETTLED_AGE_MS - LAP_MS_MAX);
    const pages = firstLap || behind ? pace.fastLapPages : pace.lapPages;
    for (let page = 0; page < pages && !stopped(); page++) {
      const at = now();
      const from = lapAt ?? settledTo;
      const { to, state } = await look(from, at);
      lapAt = state === 'end' ? null : to;
      // Only a page that begins where all is settled settles more. Pages between here and there were read earlier in
      // the lap, when their ids were young, and attempts may have appeared behind it since.
      if (from === settledTo) settledTo = later(settledTo, earlier(to, firstIdAt(at - SETTLED_AGE_MS)));
      if (state === 'end') firstLap = false;
      if (state !== 'more') return;
    }
  }

  async function walkLate(): Promise<void> {
    for (let page = 0; page < pace.fastLapPages && lateAt < lateTo && !stopped(); page++) {
      const { to, state } = await look(lateAt, now());
      lateAt = to;
      if (state === 'full') return;
    }
  }

  async function look(after: string, at: number): Promise<Looked> {
    const before = firstIdAt(at - YOUNG_MS);
    const { rows, next } = await scan.unsettledAttempts(after, before, pace.pageRows);
    let to = after;
    for (const attempt of rows) {
      // What has ended is asked about as far as there is room; what is open holds the walk until there is.
      if (attempt.status === 'FAILED') watch.putFailed(attempt, database, at);
      else if (!watch.put(attempt, database)) return { to, state: 'full' };
      to = attempt.transactionId;
    }
    return next === null ? { to: before, state: 'end' } : { to: next, state: 'more' };
  }

  async function persist(before: string): Promise<void> {
    const oldest = watch.oldest(database);
    const upTo = oldest === null ? settledTo : earlier(settledTo, idBeforePayment(oldest));
    if (upTo <= before) return;
    await scan.writeProgress(PROGRESS, upTo);
    persisted = upTo;
  }

  return { round, settledTo: () => settledTo };
}
