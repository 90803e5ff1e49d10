/**
 * Recovery: finds attempts without a final word, asks their processors until there is one, asks again about those that ended FAILED
 * and may be charged all the same, and closes intents that nobody paid.
 *
 * It lives beside the payments and owns nothing: what it finds are rows, what it does are words to the actors, and
 * each of them is a compare-and-set in SQL. So any number of gateways may run it, and it may die at any instruction.
 *
 * Bounded: questions under way, attempts watched, rows looked at per step. What finds no room is found again.
 *
 * @module
 */

import type { Log, LogFields } from '../metrics/log.ts';
import type { Timers } from '../runtime/clock.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';
import { nextQueryDelayMs } from './backoff.ts';
import { expireIntents, type Lap } from './expire-intents.ts';
import { type ResolveDeps, resolveAttempt } from './resolve-attempt.ts';
import { createTrouble } from './trouble.ts';
import { createUpkeep } from './upkeep.ts';
import { type AttemptWalk, createAttemptWalk } from './walk.ts';
import { createWatchList, type Watched } from './watch-list.ts';

export interface RecoveryDeps extends ResolveDeps {
  /** One per shard database. */
  scans: readonly RecoveryScan[];
  /** From 0 to below 1. */
  random(): number;
  log: Log;
  /** Left out: {@link RECOVERY_LIMITS}. */
  limits?: Partial<RecoveryLimits>;
  /** Left out: Node's own. */
  timers?: Timers;
}

export interface RecoveryLimits {
  /** Questions under way at once. */
  askingMax: number;
  /** Open attempts on the watch list; about 300 bytes each. */
  watchedMax: number;
  /** Attempts on it that ended FAILED and may be charged all the same. */
  lateMax: number;
  /** Between two steps of a walk. */
  walkEveryMs: number;
  /** Between two looks at what is due. */
  askEveryMs: number;
  /** Between two rounds of closing intents. */
  expireEveryMs: number;
  /** Open for longer than this: an operator should look. */
  unresolvedAfterMs: number;
}

export const RECOVERY_LIMITS: RecoveryLimits = {
  askingMax: 64,
  watchedMax: 100_000,
  lateMax: 50_000,
  walkEveryMs: 1000,
  askEveryMs: 250,
  expireEveryMs: 60_000,
  // As `sluice payments unresolved` lists them.
  unresolvedAfterMs: 15 * 60 * 1000,
};

const TROUBLE_EVERY_MS = 10_000;

export interface Recovery {
  start(): void;
  /** Begins no more questions; resolves when those under way have ended. */
  stop(): Promise<void>;
  /**
   * Open attempts `watched`, of which `unresolved` are an operator's; FAILED ones asked about for a `late` success; questions under
   * way; and how long the oldest open attempt has been open, 0 when there is none.
   */
  counters(): { watched: number; unresolved: number; late: number; asking: number; oldestMs: number };
}

/** Makes the recovery of a gateway; it rests until `start`. */
export function createRecovery(deps: RecoveryDeps): Recovery {
  const { now, log } = deps;
  const limits = { ...RECOVERY_LIMITS, ...deps.limits };
  const watchList = createWatchList(limits.watchedMax, limits.lateMax);
  const walks = deps.scans.map((scan, database) =>
    createAttemptWalk({ scan, database, watch: watchList, now, stopped: () => stopping }),
  );
  const laps = deps.scans.map((): Lap => ({ at: null, atMost: '' }));
  const trouble = createTrouble(log);
  const upkeep = createUpkeep(
    (error) => trouble.note('recovery_round_failed', failureFields(error)),
    deps.timers,
  );
  const asking = new Set<Promise<void>>();
  let stopping = false;

  /** Fills the free places with what is due. */
  function askDue(): void {
    while (!stopping && asking.size < limits.askingMax) {
      const watched = watchList.takeDue(now());
      if (watched === null) return;
      const asked: Promise<void> = askAbout(watched).finally(() => {
        asking.delete(asked);
        askDue();
      });
      asking.add(asked);
    }
  }

  async function askAbout(watched: Watched): Promise<void> {
    watched.asked++;
    let countsFrom: number | null = null;
    try {
      const resolution = await resolveAttempt(deps, watched);
      if (resolution.kind === 'settled') return watchList.drop(watched);
      if (resolution.kind === 'failed') return watchList.failed(watched, resolution.failedAt, now());
      countsFrom = resolution.countsFrom;
    } catch (error) {
      const { transactionId } = watched;
      trouble.note('recovery_query_failed', { ...failureFields(error), transactionId });
    }
    if (watched.failedAt !== null) return watchList.failed(watched, watched.failedAt, now());
    markUnresolved(watched);
    watchList.again(watched, dueAgainAt(watched, countsFrom));
  }

  function markUnresolved(watched: Watched): void {
    if (watched.unresolved || now() - watched.createdAt < limits.unresolvedAfterMs) return;
    watched.unresolved = true;
    trouble.note('attempt_unresolved', { transactionId: watched.transactionId });
  }

  /** As the backoff says; but a question that can count as proof is asked as soon as it can. */
  function dueAgainAt(watched: Watched, countsFrom: number | null): number {
    const at = now();
    const due = at + nextQueryDelayMs(watched.asked, deps.random());
    return countsFrom !== null && countsFrom > at ? Math.min(due, countsFrom) : due;
  }

  async function expire(scan: RecoveryScan, walk: AttemptWalk, database: number): Promise<void> {
    const count = await expireIntents({
      ...deps,
      scan,
      settledTo: walk.settledTo,
      oldestOpen: () => watchList.oldest(database),
      stopping: () => stopping,
      lap: laps[database]!,
    });
    if (count > 0) log('info', 'intents_expired', { count, database });
  }

  return {
    start() {
      deps.scans.forEach((scan, database) => {
        const walk = walks[database]!;
        upkeep.every(limits.walkEveryMs, () => walk.round());
        upkeep.every(limits.expireEveryMs, () => expire(scan, walk, database));
      });
      upkeep.every(limits.askEveryMs, async () => askDue());
      upkeep.every(TROUBLE_EVERY_MS, async () => trouble.tell());
    },
    async stop() {
      stopping = true;
      await upkeep.stop();
      await Promise.all(asking);
      trouble.tell();
    },
    counters() {
      const oldest = watchList.oldestCreatedAt();
      return {
        watched: watchList.size(),
        unresolved: watchList.unresolved(),
        late: watchList.late(),
        asking: asking.size,
        oldestMs: oldest === null ? 0 : Math.max(0, now() - oldest),
      };
    },
  };
}

function failureFields(error: unknown): LogFields {
  const { code, kind } = Object(error) as { code?: unknown; kind?: unknown };
  const known = [code, kind].find((word) => typeof word === 'string') as string | undefined;
  return { code: known, errorMessage: String(error) };
}
