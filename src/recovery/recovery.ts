/**
 * Recovery: finds attempts without a final word, asks their processors until there is one, asks again about those that ended FAILED
 * and may be charged all the same, and closes intents that nobody paid.
 *
 * It lives beside the payments and owns nothing: what it finds are rows, what it does are words to the actors, and
 * each of them is a compare-and-set in SQL. So any number of gateways may run it, and it may die at any instruction. That processors
 * are not asked by all of them, each works on the databases whose job it has; who comes to have it begins with a walk over all that may
 * be open. Who is unsure of it rests, and who hears that it is another's forgets what it watched.
 *
 * Bounded: questions under way, attempts watched, rows looked at per step. What finds no room is found again.
 *
 * @module
 */

import type { Log, LogFields } from '../metrics/log.ts';
import type { Timers } from '../runtime/clock.ts';
import type { DutyState } from '../runtime/duty.ts';
import type { RecoveryScan } from '../storage/recovery-scan.ts';
import { nextQueryDelayMs } from './backoff.ts';
import { expireIntents, type Lap } from './expire-intents.ts';
import { BEFORE_ALL } from './id-order.ts';
import { type ResolveDeps, resolveAttempt } from './resolve-attempt.ts';
import { createTrouble } from './trouble.ts';
import { createUpkeep } from './upkeep.ts';
import { type AttemptWalk, createAttemptWalk } from './walk.ts';
import { createWatchList, type Watched } from './watch-list.ts';

export interface RecoveryDeps extends ResolveDeps {
  /** One per shard database. */
  scans: readonly RecoveryScan[];
  /** Whose the job of a database is now. Left out: ours, always. */
  jobOf?(database: number): DutyState;
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

/** Our work on a database from the moment its job is ours until it is not. */
interface Tenure {
  walk: AttemptWalk;
  lap: Lap;
  /** Nothing was done yet. */
  fresh: boolean;
  /** The job was lost, and what was watched is forgotten. */
  over: boolean;
  /** The lowest id of an attempt known to be open; null: there is none. */
  oldestOpen(): string | null;
}

/** Makes the recovery of a gateway; it rests until `start`. */
export function createRecovery(deps: RecoveryDeps): Recovery {
  const { now, log, jobOf = () => 'ours' } = deps;
  const limits = { ...RECOVERY_LIMITS, ...deps.limits };
  const watchList = createWatchList(limits.watchedMax, limits.lateMax);
  const tenures = deps.scans.map((_, database) => begin(database));
  const trouble = createTrouble(log);
  const upkeep = createUpkeep(
    (error) => trouble.note('recovery_round_failed', failureFields(error)),
    deps.timers,
  );
  const asking = new Set<Promise<void>>();
  let stopping = false;

  function begin(database: number): Tenure {
    // Once it is over any attempt may be open: nothing that still runs may take what is not watched for final.
    const oldestOpen = (): string | null => (tenure.over ? BEFORE_ALL : watchList.oldest(database));
    const walk = createAttemptWalk({
      scan: deps.scans[database]!,
      database,
      watch: { ...watchList, oldest: oldestOpen },
      now,
      stopped: () => stopping || tenure.over,
    });
    const tenure: Tenure = { walk, lap: { at: null, atMost: '' }, fresh: true, over: false, oldestOpen };
    return tenure;
  }

  function lose(database: number): void {
    tenures[database]!.over = true;
    watchList.forget(database);
    tenures[database] = begin(database);
  }

  async function walkRound(database: number): Promise<void> {
    const tenure = tenures[database]!;
    const job = jobOf(database);
    if (job === 'ours') {
      tenure.fresh = false;
      await tenure.walk.round();
    } else if (job === 'anothers' && !tenure.fresh) {
      lose(database);
    }
  }

  /** Fills the free places with what is due. */
  function askDue(): void {
    while (!stopping && asking.size < limits.askingMax) {
      const watched = watchList.takeDue(now());
      if (watched === null) return;
      if (jobOf(watched.database) !== 'ours') {
        watchList.again(watched, now() + limits.walkEveryMs);
        continue;
      }
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

  async function expire(scan: RecoveryScan, database: number): Promise<void> {
    if (jobOf(database) !== 'ours') return;
    const tenure = tenures[database]!;
    const count = await expireIntents({
      ...deps,
      scan,
      settledTo: tenure.walk.settledTo,
      oldestOpen: tenure.oldestOpen,
      stopping: () => stopping || tenure.over,
      lap: tenure.lap,
    });
    if (count > 0) log('info', 'intents_expired', { count, database });
  }

  return {
    start() {
      deps.scans.forEach((scan, database) => {
        upkeep.every(limits.walkEveryMs, () => walkRound(database));
        upkeep.every(limits.expireEveryMs, () => expire(scan, database));
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
